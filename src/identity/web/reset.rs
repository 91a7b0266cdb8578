//! `/losenord/glomt` and `/losenord/{lank}`: a new password for somebody who has forgotten theirs.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    app::App,
    http::{AppError, Chrome, Errors, Flash, Form, Link, error::waiting, extract::Source},
    identity::{
        Email, password, reset,
        sign_in::{self, ChangeError},
    },
};

/// Times one address is asked for in an hour, and times one source asks in a quarter of an hour.
const OF_ADDRESS: (i32, i32) = (3, 3_600);
const FROM_SOURCE: (i32, i32) = (20, 900);

/// Whose.
#[derive(Debug, Default, Deserialize)]
pub struct AskForm {
    #[serde(default)]
    epost: String,
}

#[derive(Template)]
#[template(path = "identity/forgotten.html")]
struct ForgottenPage {
    chrome: Chrome,
    errors: Errors,
    email: String,
    sent: bool,
}

fn forgotten(app: &App, email: String, sent: bool, errors: Errors) -> Result<Response, AppError> {
    let status = errors.status();
    let title = match (errors.is_empty(), sent) {
        (false, _) => "Fel: Glömt lösenordet",
        (true, true) => "Titta i din mejl",
        (true, false) => "Glömt lösenordet",
    };
    let page = ForgottenPage { chrome: Chrome::public(app, title), errors, email, sent };
    Ok((status, Html(page.render()?)).into_response())
}

/// `GET /losenord/glomt`
pub async fn new(State(app): State<App>) -> Result<Response, AppError> {
    forgotten(&app, String::new(), false, Errors::none())
}

/// `POST /losenord/glomt`: the answer is the same whoever has the address.
pub async fn create(
    State(app): State<App>,
    Source(from): Source,
    Form(form): Form<AskForm>,
) -> Result<Response, AppError> {
    let email = match Email::parse_lower(&form.epost) {
        Ok(email) => email.as_str().to_owned(),
        Err(bad) => return forgotten(&app, form.epost, false, Errors::one("epost", bad.0)),
    };
    for (what, (most, span)) in
        [(format!("reset from:{from}"), FROM_SOURCE), (format!("reset of:{email}"), OF_ADDRESS)]
    {
        let wait = sign_in::limit(app.db(), &what, most, span).await?;
        if wait > 0 {
            let why = format!("För många försök. Vänta {} och försök igen", waiting(wait));
            return forgotten(&app, form.epost, false, Errors::one("epost", why));
        }
    }
    reset::ask(app.db(), app.keys(), &email, app.clock().now()).await?;
    forgotten(&app, form.epost, true, Errors::none())
}

/// The new one, twice. It never comes back.
#[derive(Debug, Default, Deserialize)]
pub struct NewForm {
    #[serde(default)]
    nytt: String,
    #[serde(default)]
    igen: String,
}

#[derive(Template)]
#[template(path = "identity/new_password.html")]
struct NewPage {
    chrome: Chrome,
    errors: Errors,
    here: String,
    email: String,
}

#[derive(Template)]
#[template(path = "identity/old_link.html")]
struct OldPage {
    chrome: Chrome,
}

fn old(app: &App) -> Result<Response, AppError> {
    let page = OldPage { chrome: Chrome::public(app, "Länken går inte att använda") };
    Ok((StatusCode::GONE, Html(page.render()?)).into_response())
}

fn page(app: &App, link: &str, email: String, errors: Errors) -> Result<Response, AppError> {
    let status = errors.status();
    let title = if errors.is_empty() { "Välj nytt lösenord" } else { "Fel: Välj nytt lösenord" };
    let here = format!("/losenord/{link}");
    let page = NewPage { chrome: Chrome::public(app, title).for_guest(), errors, here, email };
    Ok((status, Html(page.render()?)).into_response())
}

/// `GET /losenord/{lank}`
pub async fn choose(State(app): State<App>, Link(link): Link) -> Result<Response, AppError> {
    match reset::whose(app.db(), &link, app.clock().now()).await? {
        Some((_, email)) => page(&app, link.expose(), email, Errors::none()),
        None => old(&app),
    }
}

/// `POST /losenord/{lank}`
pub async fn set(
    State(app): State<App>,
    Link(link): Link,
    Form(form): Form<NewForm>,
) -> Result<Response, AppError> {
    let at = app.clock().now();
    let Some((name, email)) = reset::whose(app.db(), &link, at).await? else { return old(&app) };
    let mut errors = Errors::none();
    if let Err(problem) = password::acceptable(&form.nytt, &[&name, &email]) {
        errors.add("nytt", problem);
    } else if form.igen != form.nytt {
        errors.add("igen", "Skriv samma nya lösenord en gång till");
    }
    if !errors.is_empty() {
        return page(&app, link.expose(), email, errors);
    }
    match reset::set(app.db(), &link, form.nytt, at).await {
        Ok(true) => Ok(Flash::PasswordReset.on("/logga-in")),
        Ok(false) => old(&app),
        Err(ChangeError::Db(error)) => Err(error.into()),
        Err(ChangeError::Hash(error)) => Err(error.into()),
    }
}
