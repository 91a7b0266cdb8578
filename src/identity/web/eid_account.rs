//! `/konto/e-legitimation`: connecting an e-legitimation to the account, and disconnecting one.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    eid::{Found, found, not_connected},
    password::{has_password, with_password},
};
use crate::{
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Person, see_other, session::with_cookie},
    identity::sign_in::{self, Connected},
    text::unhex,
};

#[derive(Template)]
#[template(path = "identity/eid_connect.html")]
struct ConnectPage {
    chrome: Chrome,
    errors: Errors,
    found: Found,
    account: String,
    /// The provider gives another name than the account has.
    another_name: bool,
    password: bool,
}

/// `GET /konto/e-legitimation`: is it yours?
pub async fn connect_new(headers: HeaderMap, cx: Cx<Person>) -> Result<Response, AppError> {
    if let Some(found) = found(&cx.app, &headers) {
        return connect_page(cx, found, Errors::none()).await;
    }
    cx.tx.end().await?;
    Ok(see_other("/konto"))
}

async fn connect_page(mut cx: Cx<Person>, found: Found, errors: Errors) -> Result<Response, AppError> {
    let status = errors.status();
    let title = if errors.is_empty() { "Koppla e-legitimation" } else { "Fel: Koppla e-legitimation" };
    let password = has_password(&mut cx).await?;
    let page = ConnectPage {
        chrome: cx.chrome(title),
        errors,
        password,
        another_name: !found.name.is_empty() && found.name.to_lowercase() != cx.actor.name().to_lowercase(),
        found,
        account: format!("{}, {}", cx.actor.name(), cx.actor.email()),
    };
    cx.show_as(status, page).await
}

/// The account's password.
#[derive(Debug, Default, Deserialize)]
pub struct ConnectForm {
    #[serde(default)]
    losenord: String,
}

/// `POST /konto/e-legitimation`: yes.
pub async fn connect(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Form(form): Form<ConnectForm>,
) -> Result<Response, AppError> {
    let Some(found) = found(&cx.app, &headers) else {
        cx.tx.end().await?;
        return Err(AppError::Conflict(
            "Det har gått för lång tid sedan du legitimerade dig. Börja om från Mitt konto.".to_owned(),
        ));
    };
    let app = cx.app.clone();
    let mut errors = Errors::none();
    with_password(&mut cx, (&form.losenord, "Skriv ditt lösenord"), &mut errors).await?;
    if !errors.is_empty() {
        return connect_page(cx, found, errors).await;
    }
    let chrome = cx.chrome("E-legitimationen är inte kopplad");
    cx.tx.end().await?;
    let mark = unhex(&found.mark).unwrap_or_default();
    let what = (mark.as_slice(), found.provider.as_str(), found.provider_name.as_str());
    match sign_in::connect(app.db(), &cx.token, what).await? {
        Connected::Own => Ok(with_cookie(Flash::EidConnected.on("/konto"), app.cookie().clear_visit())),
        Connected::Taken => {
            let what = "E-legitimationen är redan kopplad till ett annat konto.".to_owned();
            let now = "Är båda kontona dina? Be Kundservice slå ihop dem. Ingenting har ändrats.";
            not_connected(&app, chrome, ("E-legitimationen är redan kopplad", what, now))
        }
        Connected::Full => {
            let what = "Ditt konto har redan fem e-legitimationer.".to_owned();
            let now = "Ta bort en på Mitt konto och försök igen. Ingenting har ändrats.";
            not_connected(&app, chrome, ("Det gick inte att koppla e-legitimationen", what, now))
        }
        Connected::SignedOut => Ok(see_other("/logga-in")),
    }
}

/// One of the account's.
#[derive(Debug, Deserialize)]
pub struct EidPath {
    id: Uuid,
}

/// `POST /konto/e-legitimation/{id}/ta-bort`
pub async fn disconnect(cx: Cx<Person>, Path(path): Path<EidPath>) -> Result<Response, AppError> {
    let (app, token) = (cx.app.clone(), cx.token.clone());
    cx.tx.end().await?;
    if !sign_in::disconnect(app.db(), &token, path.id).await? {
        return Err(AppError::NotFound);
    }
    Ok(Flash::EidDisconnected.on("/konto"))
}
