//! `/konto/tvasteg/reservkoder` and `/konto/tvasteg/{id}/ta-bort`: what is confirmed with nothing more to fill in.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    password::{OwnWay, has_password, own_way},
    second::{CODES, FactorView, codes_page, confirm, status_of},
};
use crate::{
    db::DbError,
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Person, session::with_cookie},
    identity::{
        queries,
        second::{self, Kind},
    },
};

/// The account's password, which never comes back.
#[derive(Debug, Default, Deserialize)]
pub struct ConfirmForm {
    #[serde(default)]
    losenord: String,
}

#[derive(Template)]
#[template(path = "identity/second_confirm.html")]
struct ConfirmPage {
    chrome: Chrome,
    errors: Errors,
    heading: String,
    /// Which one.
    what: String,
    text: &'static str,
    button: &'static str,
    here: String,
    own: OwnWay,
    /// There is nothing to confirm: why.
    stays: bool,
}

/// What is to be confirmed.
enum Ask {
    Codes,
    Removal { id: Uuid, name: String, what: String, last: bool, only_way: bool },
}

async fn confirm_page(
    headers: &HeaderMap,
    mut cx: Cx<Person>,
    ask: &Ask,
    errors: Errors,
) -> Result<Response, AppError> {
    let (status, prefix) = status_of(&errors);
    let (heading, text, button, here) = match ask {
        Ask::Codes => (
            "Skapa nya reservkoder".to_owned(),
            "De reservkoder du har slutar att fungera när du skapar nya.",
            "Skapa nya reservkoder",
            "/konto/tvasteg/reservkoder".to_owned(),
        ),
        Ask::Removal { id, name, last, only_way, .. } => (
            format!("Ta bort {name}"),
            if *only_way {
                ONLY_WAY
            } else if *last {
                "Det är ditt enda andra steg. Reservkoderna försvinner också, och du loggas ut överallt utom här. Om din roll kräver tvåstegsverifiering får du lägga till en ny nästa gång du loggar in med lösenord."
            } else {
                "Du kan inte längre logga in med den, och du loggas ut överallt utom här. Dina andra sätt finns kvar."
            },
            "Ta bort",
            format!("/konto/tvasteg/{id}/ta-bort"),
        ),
    };
    let chrome = cx.chrome(&format!("{prefix}{heading}"));
    let what = if let Ask::Removal { what, .. } = ask { what.clone() } else { String::new() };
    let stays = matches!(ask, Ask::Removal { only_way: true, .. });
    let own = own_way(&mut cx, (headers, &here)).await?;
    cx.show_as(status, ConfirmPage { chrome, errors, heading, what, text, button, here, own, stays }).await
}

/// `GET /konto/tvasteg/reservkoder`
pub async fn codes_new(headers: HeaderMap, mut cx: Cx<Person>) -> Result<Response, AppError> {
    if second::factors(&mut cx.tx, &cx.token).await?.is_empty() {
        return Err(AppError::NotFound);
    }
    confirm_page(&headers, cx, &Ask::Codes, Errors::none()).await
}

/// `POST /konto/tvasteg/reservkoder`
pub async fn codes_create(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Form(form): Form<ConfirmForm>,
) -> Result<Response, AppError> {
    let mut errors = Errors::none();
    let at = (&headers, "/konto/tvasteg/reservkoder");
    confirm(&mut cx, at, &form.losenord, &mut errors).await?;
    if !errors.is_empty() {
        return confirm_page(&headers, cx, &Ask::Codes, errors).await;
    }
    let beside_password = has_password(&mut cx).await?;
    let (app, chrome, token) = (cx.app.clone(), cx.chrome(CODES), cx.token.clone());
    cx.tx.end().await?;
    let codes = second::new_codes(app.db(), &token, app.clock().now()).await?.ok_or(AppError::NotFound)?;
    let page = codes_page(chrome, codes, ("", beside_password), "")?;
    Ok(with_cookie(page, app.cookie().clear_visit()))
}

/// One of the account's.
#[derive(Debug, Deserialize)]
pub struct FactorPath {
    id: Uuid,
}

/// Why it can't be removed.
const ONLY_WAY: &str = "Det är ditt enda sätt att logga in. Lägg först till en passnyckel till, välj ett lösenord eller koppla en e-legitimation.";

async fn removal(cx: &mut Cx<Person>, id: Uuid) -> Result<Ask, AppError> {
    let all = second::factors(&mut cx.tx, &cx.token).await?;
    let last = all.len() == 1;
    let passkeys = all.iter().filter(|factor| factor.kind == Kind::Passkey && factor.id != id).count();
    let own = all.into_iter().find(|factor| factor.id == id).ok_or(AppError::NotFound)?;
    let only_way =
        passkeys == 0 && !has_password(cx).await? && queries::eids(&mut cx.tx, &cx.token).await?.is_empty();
    let FactorView { name, what, .. } = FactorView::new(own);
    Ok(Ask::Removal { id, name, what, last, only_way })
}

/// `GET /konto/tvasteg/{id}/ta-bort`
pub async fn remove_new(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Path(path): Path<FactorPath>,
) -> Result<Response, AppError> {
    let ask = removal(&mut cx, path.id).await?;
    confirm_page(&headers, cx, &ask, Errors::none()).await
}

/// `POST /konto/tvasteg/{id}/ta-bort`
pub async fn remove_create(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Path(path): Path<FactorPath>,
    Form(form): Form<ConfirmForm>,
) -> Result<Response, AppError> {
    let ask = removal(&mut cx, path.id).await?;
    let mut errors = Errors::none();
    let here = format!("/konto/tvasteg/{}/ta-bort", path.id);
    confirm(&mut cx, (&headers, &here), &form.losenord, &mut errors).await?;
    if !errors.is_empty() {
        return confirm_page(&headers, cx, &ask, errors).await;
    }
    let (app, token) = (cx.app.clone(), cx.token.clone());
    cx.tx.end().await?;
    match second::remove(app.db(), &token, path.id, app.clock().now()).await {
        Ok(true) => Ok(with_cookie(Flash::StepRemoved.on("/konto/tvasteg"), app.cookie().clear_visit())),
        Ok(false) => Err(AppError::NotFound),
        Err(DbError::Rule(key)) if key == "last_way_in" => Err(AppError::Conflict(ONLY_WAY.to_owned())),
        Err(error) => Err(error.into()),
    }
}
