//! `/logga-in/tvasteg`: the second step of a sign-in, when the password has been right.

use askama::Template;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    login::{device, leave},
    passkey_sign_in::{LACKING, WRONG},
};
use crate::{
    app::App,
    http::{
        AppError, Chrome, Errors, Flash, Form,
        error::{too_many, waiting},
        see_other,
        session::with_cookie,
    },
    identity::{
        passkey::Question,
        second::{self, Halfway, Outcome, Shown, Ways},
    },
    ids::PersonId,
};

/// What it is sealed for.
const HALFWAY: &str = "sign-in: halfway";

/// In the cookie between the password and the second step.
#[derive(Deserialize, Serialize)]
struct Visit {
    halfway: Halfway,
    till: String,
}

/// Off to the second step.
pub(super) fn depart(app: &App, halfway: Halfway, till: String) -> Result<Response, AppError> {
    let internal = |error: &dyn std::error::Error| AppError::Internal(error.to_string());
    let text = serde_json::to_string(&Visit { halfway, till }).map_err(|error| internal(&error))?;
    let sealed = app.keys().seal(HALFWAY, &text).map_err(|error| internal(&error))?;
    Ok(with_cookie(see_other("/logga-in/tvasteg"), app.cookie().set_step(&sealed)))
}

#[derive(Template)]
#[template(path = "identity/second_sign_in.html")]
struct StepPage {
    chrome: Chrome,
    errors: Errors,
    app: bool,
    providers: Vec<(String, String)>,
    question: Option<Question>,
}

fn over(app: &App) -> Response {
    with_cookie(Flash::SignInAnew.on("/logga-in"), app.cookie().clear_step())
}

fn visit(app: &App, headers: &HeaderMap) -> Option<Visit> {
    let sealed = app.cookie().read_step(headers)?;
    let visit: Visit = serde_json::from_str(&app.keys().open(HALFWAY, &sealed).ok()?).ok()?;
    (!visit.halfway.is_over(app.clock().now())).then_some(visit)
}

/// What the browser is asked for one of the person's passkeys; `None` when there is none to ask for.
pub(super) fn question(app: &App, who: (PersonId, &str), ways: &Ways) -> Result<Option<Question>, AppError> {
    if ways.passkeys.is_empty() || !app.passkeys().are_on() {
        return Ok(None);
    }
    let at = app.clock().now().unix_timestamp();
    let asked = app.passkeys().ask(app.keys(), who, &ways.passkeys, at);
    asked.map(Some).map_err(|why| AppError::Internal(why.to_string()))
}

fn page(app: &App, halfway: &Halfway, ways: &Ways, errors: Errors) -> Result<Response, AppError> {
    let status = errors.status();
    let title = if errors.is_empty() { "Bekräfta att det är du" } else { "Fel: Bekräfta att det är du" };
    let question = question(app, (halfway.person(), second::AT_SIGN_IN), ways)?;
    let page = StepPage {
        chrome: Chrome::public(app, title).for_guest(),
        errors,
        app: ways.app,
        providers: super::eid::offered(app),
        question,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// `GET /logga-in/tvasteg`
pub async fn new(State(app): State<App>, headers: HeaderMap) -> Result<Response, AppError> {
    let Some(Visit { halfway, .. }) = visit(&app, &headers) else { return Ok(over(&app)) };
    match second::ways(app.db(), app.keys(), &halfway).await? {
        Some(ways) => page(&app, &halfway, &ways, Errors::none()),
        None => Ok(over(&app)),
    }
}

/// One of the three.
#[derive(Debug, Default, Deserialize)]
pub struct StepForm {
    #[serde(default)]
    satt: String,
    #[serde(default)]
    kod: String,
    #[serde(default)]
    reservkod: String,
    #[serde(default)]
    fraga: String,
    #[serde(default)]
    svar: String,
}

/// `POST /logga-in/tvasteg`
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    Form(form): Form<StepForm>,
) -> Result<Response, AppError> {
    let Some(Visit { halfway, till }) = visit(&app, &headers) else { return Ok(over(&app)) };
    let Some(ways) = second::ways(app.db(), app.keys(), &halfway).await? else { return Ok(over(&app)) };
    let (field, lacking, wrong, shown) = match form.satt.as_str() {
        "passnyckel" => {
            ("svar", LACKING, WRONG, Shown::Passkey { question: &form.fraga, answer: &form.svar })
        }
        "reservkod" => (
            "reservkod",
            "Skriv en av dina reservkoder",
            "Reservkoden stämmer inte, eller så är den redan använd",
            Shown::Recovery(&form.reservkod),
        ),
        _ => (
            "kod",
            "Skriv de sex siffror som appen visar",
            "Koden stämmer inte, eller så är den redan använd. Skriv den som appen visar just nu",
            Shown::App(&form.kod),
        ),
    };
    let typed = match shown {
        Shown::App(text) | Shown::Recovery(text) | Shown::Passkey { answer: text, .. } => text,
    };
    if typed.trim().is_empty() {
        return page(&app, &halfway, &ways, Errors::one(field, lacking));
    }
    let at = app.clock().now();
    let parts = (app.db(), app.keys(), app.passkeys());
    match second::finish(parts, &halfway, shown, (&device(&headers), at)).await? {
        Outcome::In(token, left) => {
            leave(&app, &headers).await?;
            let to = if till.is_empty() { "/valj-organisation" } else { &till };
            let response = match left {
                // The day one code was needed is the day to see to the others.
                Some(_) => Flash::CodeUsed.on("/konto/tvasteg"),
                None => see_other(to),
            };
            let response = with_cookie(response, app.cookie().set(&token));
            Ok(with_cookie(response, app.cookie().clear_step()))
        }
        Outcome::Wrong => page(&app, &halfway, &ways, Errors::one(field, wrong)),
        Outcome::Wait(seconds) => {
            let why = format!("För många försök. Vänta {} och försök igen", waiting(seconds));
            Ok(too_many(page(&app, &halfway, &ways, Errors::one(field, why))?, seconds))
        }
        Outcome::Over => Ok(over(&app)),
    }
}
