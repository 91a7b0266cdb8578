//! `/utloggad`: signed out here, and the way to sign out at the provider of e-legitimation too (OpenID Connect RP-Initiated
//! Logout 1.0).

use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    app::App,
    http::{AppError, Chrome, Path},
};

/// Where providers send people back to when they have signed out there; each must know the address.
pub const SIGNED_OUT: &str = "/utloggad";

/// Which provider.
#[derive(Debug, Deserialize)]
pub struct ProviderPath {
    leverantor: String,
}

#[derive(Template)]
#[template(path = "identity/signed_out.html")]
struct SignedOutPage {
    chrome: Chrome,
    /// The provider's name and where to sign out there.
    there: Option<(String, String)>,
}

/// `GET /utloggad`
pub async fn show(State(app): State<App>) -> Result<Response, AppError> {
    let page = SignedOutPage { chrome: Chrome::public(&app, "Du är utloggad"), there: None };
    Ok(Html(page.render()?).into_response())
}

/// `GET /utloggad/{leverantor}`
pub async fn of_provider(
    State(app): State<App>,
    Path(path): Path<ProviderPath>,
) -> Result<Response, AppError> {
    let provider = app.providers().get(&path.leverantor).ok_or(AppError::NotFound)?;
    let there = provider.end_session(&format!("{}{SIGNED_OUT}", app.base_url())).await;
    let there = there.map(|url| (provider.name().to_owned(), url.to_string()));
    let page = SignedOutPage { chrome: Chrome::public(&app, "Du är utloggad"), there };
    Ok(Html(page.render()?).into_response())
}
