//! Pages without a context of their own: start, help, the law's pages, and what machines ask.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse, Response},
};

use super::{AppError, Chrome};
use crate::{app::App, db::Mode, identity::Actor};

macro_rules! text_page {
    ($($(#[$doc:meta])* $handler:ident, $page:ident, $template:literal, $title:literal;)*) => {$(
        #[derive(Template)]
        #[template(path = $template)]
        struct $page { chrome: Chrome }

        $(#[$doc])*
        pub async fn $handler(State(app): State<App>, headers: HeaderMap) -> Result<Response, AppError> {
            let page = $page { chrome: chrome(&app, &headers, $title).await? };
            Ok(Html(page.render()?).into_response())
        }
    )*};
}

text_page! {
    /// `GET /`
    home, HomePage, "http/home.html", "Beställ nationella e-hälsotjänster";
    /// `GET /hjalp`
    help, HelpPage, "http/help.html", "Hjälp och kontakt";
    /// `GET /tillganglighet`: the statement the law asks for (DOS-lagen 2018:1937).
    accessibility, AccessibilityPage, "http/accessibility.html", "Tillgänglighetsredogörelse";
    /// `GET /personuppgifter`
    privacy, PrivacyPage, "http/privacy.html", "Personuppgifter";
    /// `GET /kakor`
    cookies, CookiesPage, "http/cookies.html", "Kakor";
}

/// The frame for somebody signed in when there is a live session, else a visitor's.
async fn chrome(app: &App, headers: &HeaderMap, title: &str) -> Result<Chrome, AppError> {
    let Some(token) = app.cookie().read(headers) else { return Ok(Chrome::public(app, title)) };
    // These pages are read when the database is away too.
    let Ok(Some((entered, tx))) = app.db().enter(&token.hash(), None, 0, Mode::Read).await else {
        return Ok(Chrome::public(app, title));
    };
    tx.end().await?;
    Ok(match Actor::new(entered, None) {
        Some(actor) => Chrome::signed_in(app, &actor, &token, title, "", None),
        None => Chrome::public(app, title),
    })
}

/// `GET /halsa`: the process answers.
pub async fn live() -> &'static str {
    "ok"
}

/// `GET /redo`: the database answers, its schema fits, and the program is not on its way out.
pub async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining");
    }
    match app.db().is_ready().await {
        Ok(true) => (StatusCode::OK, "ready"),
        Ok(false) => (StatusCode::SERVICE_UNAVAILABLE, "the schema is older than the program"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
        }
    }
}
