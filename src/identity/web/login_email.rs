//! `/konto/epost`: a new address to sign in with. `/inloggningsadress/{lank}`: its reader says that it is right.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;

use super::{
    address::{self, OLD_LINK, Said},
    password::{OwnWay, confirm_own, own_way},
};
use crate::{
    app::App,
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Link, Person, extract::Source, see_other,
        session::with_cookie,
    },
    identity::{
        Email,
        login_email::{self, Asked},
        queries,
        token::Token,
    },
};

/// The new one, and the account's password, which never comes back.
#[derive(Debug, Default, Deserialize)]
pub struct EmailForm {
    #[serde(default)]
    ny: String,
    #[serde(default)]
    losenord: String,
}

#[derive(Template)]
#[template(path = "identity/login_email.html")]
struct EmailPage {
    chrome: Chrome,
    errors: Errors,
    email: String,
    new: String,
    own: OwnWay,
}

/// The address there is; somebody who signs in with e-legitimation alone has none.
async fn login_email(cx: &mut Cx<Person>) -> Result<String, AppError> {
    queries::login_email(&mut cx.tx, &cx.token).await?.ok_or(AppError::NotFound)
}

const HERE: &str = "/konto/epost";

async fn page(
    headers: &HeaderMap,
    mut cx: Cx<Person>,
    (email, new): (String, String),
    errors: Errors,
) -> Result<Response, AppError> {
    let (status, title) = if errors.is_empty() {
        (StatusCode::OK, "Byt inloggningsadress")
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, "Fel: Byt inloggningsadress")
    };
    let own = own_way(&mut cx, (headers, HERE)).await?;
    let page = EmailPage { chrome: cx.chrome(title), errors, email, new, own };
    cx.show_as(status, page).await
}

/// `GET /konto/epost`
pub async fn edit(headers: HeaderMap, mut cx: Cx<Person>) -> Result<Response, AppError> {
    let email = login_email(&mut cx).await?;
    page(&headers, cx, (email, String::new()), Errors::none()).await
}

/// `POST /konto/epost`
pub async fn update(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Form(form): Form<EmailForm>,
) -> Result<Response, AppError> {
    let now = login_email(&mut cx).await?;
    let mut errors = Errors::none();
    let new = match Email::parse_lower(&form.ny) {
        Ok(email) => email.as_str().to_owned(),
        Err(bad) => {
            errors.add("ny", bad.0);
            String::new()
        }
    };
    if errors.is_empty() && new == now {
        errors.add("ny", "Det är adressen du loggar in med nu");
    }
    let at = (&headers, HERE);
    confirm_own(&mut cx, at, (&form.losenord, "Skriv ditt lösenord"), &mut errors).await?;
    if !errors.is_empty() {
        return page(&headers, cx, (now, form.ny), errors).await;
    }
    let app = cx.app.clone();
    let token = cx.token.clone();
    cx.tx.end().await?;
    match login_email::ask(app.db(), app.keys(), &token, &new, app.clock().now()).await? {
        Asked::Sent => {
            let cookie = app.cookie().clear_visit();
            Ok(with_cookie(Flash::LoginAddressAsked.on("/konto"), cookie))
        }
        Asked::SignedOut => Ok(see_other("/logga-in")),
        Asked::TooMany => Err(AppError::Conflict(
            "Du har bett om många nya adresser i dag. Vänta till i morgon.".to_owned(),
        )),
        // Changed meanwhile, in another tab.
        Asked::Same | Asked::NoAddress => Ok(see_other("/konto")),
    }
}

fn link_page(app: &App, link: &str, claim: Option<(String, bool)>) -> Result<Response, AppError> {
    let said = match claim {
        Some((_, true)) => Said::Gone(
            "Adressen används redan för att logga in på ett annat konto.",
            "Är det också ditt? Kontakta Kundservice, så slår de ihop kontona.",
        ),
        Some((email, false)) => Said::Asks(
            format!("{email} blir den adress du loggar in med i Kundportalen."),
            "Har du inte bett om det gör du ingenting. Då ändras inget.".to_owned(),
        ),
        None => Said::Gone(OLD_LINK, "Är adressen inte bytt anger du den igen på Mitt konto."),
    };
    address::page(app, format!("/inloggningsadress/{link}"), said)
}

/// What a link leads to: a new address, or the old one that it takes back.
enum Leads {
    To(Option<(String, bool)>),
    Back(String),
}

async fn leads(app: &App, link: &Token) -> Result<Leads, AppError> {
    let at = app.clock().now();
    Ok(match login_email::before(app.db(), link, at).await? {
        Some(email) => Leads::Back(email),
        None => Leads::To(login_email::claimed(app.db(), link, at).await?),
    })
}

/// `GET /inloggningsadress/{lank}`
pub async fn show_link(State(app): State<App>, Link(link): Link) -> Result<Response, AppError> {
    match leads(&app, &link).await? {
        Leads::To(claim) => link_page(&app, link.expose(), claim),
        Leads::Back(email) => {
            let said = Said::Undo(
                format!("Du loggar åter in med {email}."),
                "Alla loggas ut från kontot, och det som har lagts till efter bytet tas bort. Du väljer sedan ett nytt lösenord.".to_owned(),
            );
            address::page(&app, format!("/inloggningsadress/{}", link.expose()), said)
        }
    }
}

/// `POST /inloggningsadress/{lank}`
pub async fn confirm_link(
    State(app): State<App>,
    Source(from): Source,
    Link(link): Link,
) -> Result<Response, AppError> {
    address::limit(&app, &from).await?;
    let leads = leads(&app, &link).await?;
    let at = app.clock().now();
    let here = format!("/inloggningsadress/{}", link.expose());
    match leads {
        Leads::To(Some((email, false))) if login_email::confirm(app.db(), app.keys(), &link, at).await? => {
            let said = Said::Done(format!("Du loggar nu in i Kundportalen med {email}. Logga in igen."));
            address::page(&app, here, said)
        }
        Leads::To(claim) => link_page(&app, link.expose(), claim.filter(|(_, is_taken)| *is_taken)),
        Leads::Back(email) => match login_email::undo(app.db(), app.keys(), &link, at).await? {
            Some(to_password) => {
                let said = Said::Undone(
                    format!("Du loggar åter in med {email}, och alla är utloggade."),
                    format!("/losenord/{}", to_password.expose()),
                );
                address::page(&app, here, said)
            }
            None => link_page(&app, link.expose(), None),
        },
    }
}
