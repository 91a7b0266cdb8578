//! `/e-postadress/{lank}`: whoever reads an organisation's new common address says that it is right.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    app::App,
    http::{AppError, Chrome, Path, extract::Source},
    identity::{sign_in, token::Token},
    organisation::actions,
};

/// Tries from one address in a quarter of an hour.
const TRIES: i32 = 60;

/// The link.
#[derive(Debug, Deserialize)]
pub struct LinkPath {
    lank: String,
}

#[derive(Template)]
#[template(path = "organisation/email.html")]
struct EmailPage {
    chrome: Chrome,
    here: String,
    /// Organisation and address; `None` when the link can't be used.
    claim: Option<(String, String)>,
    done: bool,
}

fn page(app: &App, link: &str, claim: Option<(String, String)>, done: bool) -> Result<Response, AppError> {
    let (status, title) = match (&claim, done) {
        (_, true) => (StatusCode::OK, "E-postadressen är bekräftad"),
        (Some(_), _) => (StatusCode::OK, "Bekräfta e-postadressen"),
        (None, _) => (StatusCode::GONE, "Länken går inte att använda"),
    };
    let chrome = Chrome::public(app, title).for_guest();
    let page = EmailPage { chrome, here: format!("/e-postadress/{link}"), claim, done };
    Ok((status, Html(page.render()?)).into_response())
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
    let wait = sign_in::limit(app.db(), &format!("address:{from}"), TRIES, 900).await?;
    if wait > 0 {
        return Err(AppError::TooMany(wait));
    }
    let link = Token::from_cookie(&path.lank).ok_or(AppError::BadLink)?;
    let at = app.clock().now();
    let claim = actions::claimed(app.db(), &link, at).await?;
    let done = claim.is_some() && actions::confirm_email(app.db(), &link, at).await?;
    page(&app, &path.lank, claim.filter(|_| done), done)
}
