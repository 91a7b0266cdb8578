//! `/konto/losenord`: a new password.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use crate::{
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Person, error::waiting, see_other},
    identity::{
        confirmation::{self, NotConfirmed},
        password,
        sign_in::{self, ChangeError},
    },
};

/// The old and the new. None of it ever comes back.
#[derive(Debug, Default, Deserialize)]
pub struct PasswordForm {
    #[serde(default)]
    losenord: String,
    #[serde(default)]
    nytt: String,
    #[serde(default)]
    igen: String,
}

#[derive(Template)]
#[template(path = "identity/password.html")]
struct PasswordPage {
    chrome: Chrome,
    errors: Errors,
    email: String,
}

async fn page(cx: Cx<Person>, errors: Errors) -> Result<Response, AppError> {
    let status = errors.status();
    let title = if errors.is_empty() { "Byt lösenord" } else { "Fel: Byt lösenord" };
    let page = PasswordPage { chrome: cx.chrome(title), errors, email: cx.actor.email().to_owned() };
    cx.show_as(status, page).await
}

/// What to say when the account's password was not confirmed.
pub(crate) fn refused_password(why: NotConfirmed) -> Result<Errors, AppError> {
    match why {
        NotConfirmed::Wrong | NotConfirmed::AnotherEid => {
            Ok(Errors::one("losenord", "Lösenordet stämmer inte"))
        }
        NotConfirmed::Wait(seconds) => Ok(Errors::one(
            "losenord",
            format!("För många försök. Vänta {} och försök igen", waiting(seconds)),
        )),
        NotConfirmed::Db(error) => Err(error.into()),
        NotConfirmed::Hash(error) => Err(error.into()),
    }
}

/// `GET /konto/losenord`
pub async fn edit(cx: Cx<Person>) -> Result<Response, AppError> {
    page(cx, Errors::none()).await
}

/// `POST /konto/losenord`
pub async fn update(mut cx: Cx<Person>, Form(form): Form<PasswordForm>) -> Result<Response, AppError> {
    let mut errors = Errors::none();
    if form.losenord.is_empty() {
        errors.add("losenord", "Skriv ditt nuvarande lösenord");
    }
    if let Err(problem) = password::acceptable(&form.nytt, &[cx.actor.name(), cx.actor.email()]) {
        errors.add("nytt", problem);
    } else if form.nytt == form.losenord {
        errors.add("nytt", "Välj ett annat lösenord än det du har");
    } else if form.igen != form.nytt {
        errors.add("igen", "Skriv samma nya lösenord en gång till");
    }
    if !errors.is_empty() {
        return page(cx, errors).await;
    }
    let app = cx.app.clone();
    let who = (&cx.token, cx.actor.person());
    if let Err(why) = confirmation::of_account(app.db(), &mut cx.tx, who, &form.losenord).await {
        return page(cx, refused_password(why)?).await;
    }
    cx.tx.end().await?;
    match sign_in::change_password(app.db(), &cx.token, form.nytt).await {
        Ok(true) => Ok(Flash::PasswordChanged.on("/konto")),
        Ok(false) => Ok(see_other("/logga-in")),
        Err(ChangeError::Db(error)) => Err(error.into()),
        Err(ChangeError::Hash(error)) => Err(error.into()),
    }
}
