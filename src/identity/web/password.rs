//! `/konto/losenord`: a new password.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::Deserialize;

use super::eid;
use crate::{
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Person, error::waiting, layers::encode, see_other,
        session::with_cookie,
    },
    identity::{
        confirmation::{self, NotConfirmed},
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

/// How the person confirms something about the account, on one of its pages.
pub(crate) enum OwnWay {
    /// With the account's password.
    Password,
    /// There is none, and the passkey has just been shown for this page.
    Shown,
    /// There is none, and the passkey is shown first: where.
    Ask(String),
    /// There is neither: a password comes by mail.
    Mail,
}

impl OwnWay {
    /// Is the password asked for?
    pub(crate) fn is_password(&self) -> bool {
        matches!(self, Self::Password)
    }

    /// Is something else to be done first?
    pub(crate) fn is_first(&self) -> bool {
        matches!(self, Self::Ask(_) | Self::Mail)
    }

    /// Has the passkey been shown?
    pub(crate) fn is_shown(&self) -> bool {
        matches!(self, Self::Shown)
    }

    /// Where the passkey is shown, if there is one.
    pub(crate) fn ask(&self) -> Option<&str> {
        if let Self::Ask(href) = self { Some(href) } else { None }
    }
}

/// Has the account a password?
pub(crate) async fn has_password(cx: &mut Cx<Person>) -> Result<bool, AppError> {
    Ok(confirmation::has_password(&mut cx.tx, (&cx.token, cx.actor.person())).await?)
}

/// How the person confirms something on this page of the account's.
pub(crate) async fn own_way(
    cx: &mut Cx<Person>,
    (headers, here): (&HeaderMap, &str),
) -> Result<OwnWay, AppError> {
    if has_password(cx).await? {
        return Ok(OwnWay::Password);
    }
    let app = cx.app.clone();
    if let Some(proof) = eid::proof(&app, headers, here)
        && confirmation::is_own(&mut cx.tx, &cx.actor, &proof).await?
    {
        return Ok(OwnWay::Shown);
    }
    let has_passkey = cx.actor.has_second_step() && app.passkeys().are_on();
    Ok(if has_passkey { OwnWay::Ask(format!("/bekrafta?till={}", encode(here))) } else { OwnWay::Mail })
}

/// Confirms something about the account itself, unless something else is wrong; what is wrong stands at `losenord`.
pub(crate) async fn confirm_own(
    cx: &mut Cx<Person>,
    at: (&HeaderMap, &str),
    (typed, missing): (&str, &str),
    errors: &mut Errors,
) -> Result<(), AppError> {
    match own_way(cx, at).await? {
        OwnWay::Shown => {}
        OwnWay::Ask(_) | OwnWay::Mail => errors.add("losenord", "Bekräfta först att det är du"),
        OwnWay::Password => with_password(cx, (typed, missing), errors).await?,
    }
    Ok(())
}

/// The same with the account's password and nothing else.
pub(crate) async fn with_password(
    cx: &mut Cx<Person>,
    (typed, missing): (&str, &str),
    errors: &mut Errors,
) -> Result<(), AppError> {
    if typed.is_empty() {
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
        Err(NotConfirmed::Wait(seconds)) => {
            errors.add("losenord", format!("För många försök. Vänta {} och försök igen", waiting(seconds)));
        }
        Err(NotConfirmed::Db(error)) => return Err(error.into()),
        Err(NotConfirmed::Hash(error)) => return Err(error.into()),
    }
    Ok(())
}

const HERE: &str = "/konto/losenord";

async fn page(headers: &HeaderMap, mut cx: Cx<Person>, errors: Errors) -> Result<Response, AppError> {
    let email = queries::login_email(&mut cx.tx, &cx.token).await?.ok_or(AppError::NotFound)?;
    let status = errors.status();
    let own = own_way(&mut cx, (headers, HERE)).await?;
    let title = if own.is_password() { "Byt lösenord" } else { "Välj ett lösenord" };
    let chrome = cx.chrome(&format!("{}{title}", errors.title_prefix()));
    cx.show_as(status, PasswordPage { chrome, errors, email, title, own }).await
}

/// `GET /konto/losenord`
pub async fn edit(headers: HeaderMap, cx: Cx<Person>) -> Result<Response, AppError> {
    page(&headers, cx, Errors::none()).await
}

/// `POST /konto/losenord`
pub async fn update(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Form(form): Form<PasswordForm>,
) -> Result<Response, AppError> {
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
    let at = (&headers, HERE);
    confirm_own(&mut cx, at, (&form.losenord, "Skriv ditt nuvarande lösenord"), &mut errors).await?;
    if !errors.is_empty() {
        return page(&headers, cx, errors).await;
    }
    let app = cx.app.clone();
    cx.tx.end().await?;
    match sign_in::change_password(app.db(), &cx.token, form.nytt).await {
        Ok(true) => Ok(with_cookie(Flash::PasswordChanged.on("/konto"), app.cookie().clear_visit())),
        Ok(false) => Ok(see_other("/logga-in")),
        Err(ChangeError::Db(error)) => Err(error.into()),
        Err(ChangeError::Hash(error)) => Err(error.into()),
    }
}
