//! `/e-postadress/{lank}`: whoever reads an organisation's new common address says that it is right.

use axum::{extract::State, response::Response};
use serde::Deserialize;

use crate::{
    app::App,
    http::{AppError, Path, extract::Source},
    identity::{
        token::Token,
        web::address::{self, OLD_LINK, Said},
    },
    organisation::actions,
};

/// The link.
#[derive(Debug, Deserialize)]
pub struct LinkPath {
    lank: String,
}

fn page(app: &App, link: &str, claim: Option<(String, String)>, is_done: bool) -> Result<Response, AppError> {
    let said = match claim {
        Some((org, email)) if is_done => {
            Said::Done(format!("{email} är nu den gemensamma adressen för {org} i Kundportalen."))
        }
        Some((org, email)) => Said::Asks(
            format!("{org} vill använda {email} som sin gemensamma adress i Kundportalen."),
            format!("Hör adressen inte till {org} gör du ingenting. Då ändras inget."),
        ),
        None => Said::Gone(
            OLD_LINK,
            "Är adressen inte ändrad ber du organisationens administratör ange den igen under Uppgifter.",
        ),
    };
    address::page(app, format!("/e-postadress/{link}"), said)
}

/// `GET /e-postadress/{lank}`
pub async fn show(State(app): State<App>, Path(path): Path<LinkPath>) -> Result<Response, AppError> {
    let link = Token::from_cookie(&path.lank).ok_or(AppError::BadLink)?;
    let claim = actions::claimed(app.db(), &link, app.clock().now()).await?;
    page(&app, &path.lank, claim, false)
}

/// `POST /e-postadress/{lank}`
pub async fn confirm(
    State(app): State<App>,
    Source(from): Source,
    Path(path): Path<LinkPath>,
) -> Result<Response, AppError> {
    address::limit(&app, &from).await?;
    let link = Token::from_cookie(&path.lank).ok_or(AppError::BadLink)?;
    let at = app.clock().now();
    let claim = actions::claimed(app.db(), &link, at).await?;
    let done = claim.is_some() && actions::confirm_email(app.db(), &link, at).await?;
    page(&app, &path.lank, claim.filter(|_| done), done)
}
