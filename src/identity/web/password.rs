//! `/konto/losenord`: a new password.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use crate::{
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Person, error::waiting, see_other},
    identity::{
        confirmation::{self, NotConfirmed, OwnWay},
        password, queries,
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
    title: &'static str,
    own: OwnWay,
}

async fn page(mut cx: Cx<Person>, errors: Errors) -> Result<Response, AppError> {
    let email = queries::login_email(&mut cx.tx, &cx.token).await?.ok_or(AppError::NotFound)?;
    let status = errors.status();
    let own = own_way(&mut cx).await?;
    let title = if own == OwnWay::Password { "Byt lösenord" } else { "Välj ett lösenord" };
    let chrome = cx.chrome(&format!("{}{title}", errors.title_prefix()));
    cx.show_as(status, PasswordPage { chrome, errors, email, title, own }).await
}

/// How the person confirms something about the account on its pages.
pub(crate) async fn own_way(cx: &mut Cx<Person>) -> Result<OwnWay, AppError> {
    Ok(confirmation::own_way(&mut cx.tx, (&cx.token, cx.actor.person())).await?)
}

/// Confirms something about the account itself, unless something else is wrong; what is wrong stands at `losenord`.
pub(crate) async fn confirm_own(
    cx: &mut Cx<Person>,
    (typed, missing): (&str, &str),
    errors: &mut Errors,
) -> Result<(), AppError> {
    if typed.is_empty() && own_way(cx).await? == OwnWay::Password {
        errors.add("losenord", missing);
    }
    if !errors.is_empty() {
        return Ok(());
    }
    let app = cx.app.clone();
    let who = (&cx.token, cx.actor.person());
    match confirmation::of_account(app.db(), &mut cx.tx, who, typed).await {
        Ok(()) => {}
        Err(NotConfirmed::Wrong | NotConfirmed::AnotherEid) => {
            errors.add("losenord", "Lösenordet stämmer inte");
        }
        Err(NotConfirmed::SignInAnew) => errors.add("losenord", "Logga in igen först"),
        Err(NotConfirmed::Wait(seconds)) => {
            errors.add("losenord", format!("För många försök. Vänta {} och försök igen", waiting(seconds)));
        }
        Err(NotConfirmed::Db(error)) => return Err(error.into()),
        Err(NotConfirmed::Hash(error)) => return Err(error.into()),
    }
    Ok(())
}

/// `GET /konto/losenord`
pub async fn edit(cx: Cx<Person>) -> Result<Response, AppError> {
    page(cx, Errors::none()).await
}

/// `POST /konto/losenord`
pub async fn update(mut cx: Cx<Person>, Form(form): Form<PasswordForm>) -> Result<Response, AppError> {
    // With e-legitimation alone there is no address to sign in with.
    if queries::login_email(&mut cx.tx, &cx.token).await?.is_none() {
        return Err(AppError::NotFound);
    }
    let mut errors = Errors::none();
    if let Err(problem) = password::acceptable(&form.nytt, &[cx.actor.name(), cx.actor.email()]) {
        errors.add("nytt", problem);
    } else if form.nytt == form.losenord {
        errors.add("nytt", "Välj ett annat lösenord än det du har");
    } else if form.igen != form.nytt {
        errors.add("igen", "Skriv samma nya lösenord en gång till");
    }
    confirm_own(&mut cx, (&form.losenord, "Skriv ditt nuvarande lösenord"), &mut errors).await?;
    if !errors.is_empty() {
        return page(cx, errors).await;
    }
    let app = cx.app.clone();
    cx.tx.end().await?;
    match sign_in::change_password(app.db(), &cx.token, form.nytt).await {
        Ok(true) => Ok(Flash::PasswordChanged.on("/konto")),
        Ok(false) => Ok(see_other("/logga-in")),
        Err(ChangeError::Db(error)) => Err(error.into()),
        Err(ChangeError::Hash(error)) => Err(error.into()),
    }
}
