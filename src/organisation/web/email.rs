//! `/e-postadress/{lank}`: whoever reads an organisation's new common address says that it is right.

use axum::{extract::State, response::Response};

use crate::{
    app::App,
    http::{AppError, Link, extract::Source},
    identity::web::address::{self, OLD_LINK, Said},
    organisation::actions,
};

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
pub async fn show(State(app): State<App>, Link(link): Link) -> Result<Response, AppError> {
    let claim = actions::claimed(app.db(), &link, app.clock().now()).await?;
    page(&app, link.expose(), claim, false)
}

/// `POST /e-postadress/{lank}`
pub async fn confirm(
    State(app): State<App>,
    Source(from): Source,
    Link(link): Link,
) -> Result<Response, AppError> {
    address::limit(&app, &from).await?;
    let at = app.clock().now();
    let claim = actions::claimed(app.db(), &link, at).await?;
    let done = claim.is_some() && actions::confirm_email(app.db(), &link, at).await?;
    page(&app, link.expose(), claim.filter(|_| done), done)
}
