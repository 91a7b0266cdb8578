//! `/logga-in/passnyckel`: signing in with a passkey and nothing else.

use askama::Template;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::login::{LoginQuery, device, leave, network, own_path};
use crate::{
    app::App,
    http::{
        AppError, Chrome, Errors, Form, Query,
        error::{too_many, waiting},
        extract::Source,
        layers::encode,
        see_other,
        session::with_cookie,
    },
    identity::{
        passkey::{Question, Refused},
        passkey_sign_in::{self, Entry},
    },
};

/// What is said when nothing came with the form.
pub(super) const LACKING: &str =
    "Webbläsaren skickade ingen passnyckel. Försök igen eller välj ett annat sätt";
/// What is said when it does not hold.
pub(super) const WRONG: &str = "Passnyckeln kunde inte kontrolleras. Försök igen eller välj ett annat sätt";

#[derive(Template)]
#[template(path = "identity/passkey_sign_in.html")]
struct PasskeyPage {
    chrome: Chrome,
    errors: Errors,
    question: Question,
    till: String,
    /// The other ways in, with where to go afterwards.
    others: String,
}

fn page(app: &App, till: &str, errors: Errors) -> Result<Response, AppError> {
    let till = own_path(till);
    let question = match app.passkeys().ask_anybody(app.keys(), app.clock().now().unix_timestamp()) {
        Ok(question) => question,
        Err(Refused::Off) => return Err(AppError::NotFound),
        Err(why) => return Err(AppError::Internal(why.to_string())),
    };
    let status = errors.status();
    let title = format!("{}Logga in med passnyckel", errors.title_prefix());
    let others =
        if till.is_empty() { "/logga-in".to_owned() } else { format!("/logga-in?till={}", encode(&till)) };
    let page =
        PasskeyPage { chrome: Chrome::public(app, &title).for_guest(), errors, question, till, others };
    Ok((status, Html(page.render()?)).into_response())
}

/// `GET /logga-in/passnyckel`
pub async fn new(State(app): State<App>, Query(query): Query<LoginQuery>) -> Result<Response, AppError> {
    page(&app, &query.till, Errors::none())
}

/// The browser's answer, and where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct PasskeyForm {
    #[serde(default)]
    fraga: String,
    #[serde(default)]
    svar: String,
    #[serde(default)]
    till: String,
}

/// `POST /logga-in/passnyckel`
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    Source(from): Source,
    Form(form): Form<PasskeyForm>,
) -> Result<Response, AppError> {
    if form.svar.trim().is_empty() {
        return page(&app, &form.till, Errors::one("svar", LACKING));
    }
    let parts = (app.db(), app.keys(), app.passkeys());
    let answer = (form.fraga.as_str(), form.svar.as_str());
    let whence = (network(from), device(&headers));
    match passkey_sign_in::enter(parts, answer, (whence.0, &whence.1), app.clock().now()).await? {
        Entry::In(token) => {
            leave(&app, &headers).await?;
            let till = own_path(&form.till);
            let to = if till.is_empty() { "/valj-organisation" } else { &till };
            Ok(with_cookie(see_other(to), app.cookie().set(&token)))
        }
        Entry::Wrong => page(&app, &form.till, Errors::one("svar", WRONG)),
        Entry::Blocked => super::eid::blocked(&app),
        Entry::Wait(seconds) => {
            let why = format!("För många försök. Vänta {} och försök igen", waiting(seconds));
            Ok(too_many(page(&app, &form.till, Errors::one("svar", why))?, seconds))
        }
    }
}
