//! `/konto/tvasteg`: the second step after the password, on the account's own pages.

use askama::Template;
use axum::{
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    login::own_path,
    password::{OwnWay, confirm_own, has_password, own_way},
};
use crate::{
    calendar::long_time,
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Person, Query, form::line, layers::encode, see_other,
        session::with_cookie,
    },
    identity::{
        first_step,
        passkey::{Question, Refused},
        queries,
        second::{self, AddError, Added, Factor, Kind, New},
        totp::AppSecret,
    },
};

impl From<AddError> for AppError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Db(error) => error.into(),
            AddError::Key(error) => Self::Internal(error.to_string()),
        }
    }
}

/// Where to go afterwards; somebody who must have a second step has been sent here with it.
#[derive(Debug, Default, Deserialize)]
pub struct AfterQuery {
    #[serde(default)]
    till: String,
}

/// A second step as listed.
pub(super) struct FactorView {
    id: Uuid,
    pub(super) name: String,
    pub(super) what: String,
}

impl FactorView {
    pub(super) fn new(factor: Factor) -> Self {
        let since = long_time(factor.created_at);
        let used = factor
            .used_at
            .map_or_else(|| "inte använd än".to_owned(), |at| format!("senast använd {}", long_time(at)));
        let what = format!("{}, tillagd {since}, {used}", factor.kind.label());
        Self { id: factor.id, name: factor.name, what }
    }
}

#[derive(Template)]
#[template(path = "identity/second.html")]
struct HubPage {
    chrome: Chrome,
    factors: Vec<FactorView>,
    codes: String,
    few: bool,
    demanded: bool,
    /// Is there an address to sign in with, and not e-legitimation alone?
    local: bool,
    own: OwnWay,
    passkeys: bool,
    providers: Vec<(String, String)>,
    after: String,
    /// The address a link goes to first.
    mail_first: Option<String>,
}

/// `?till=…` for a link that goes on with it.
fn after(till: &str) -> String {
    let till = own_path(till);
    if till.is_empty() { till } else { format!("?till={}", encode(&till)) }
}

/// "8 reservkoder kvar".
pub(super) fn codes_left(left: i64) -> String {
    match left {
        0 => "Inga reservkoder kvar".to_owned(),
        1 => "1 reservkod kvar".to_owned(),
        left => format!("{left} reservkoder kvar"),
    }
}

/// `GET /konto/tvasteg`
pub async fn show(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Query(query): Query<AfterQuery>,
) -> Result<Response, AppError> {
    let factors = second::factors(&mut cx.tx, &cx.token).await?;
    let own = own_way(&mut cx, (&headers, "/konto/tvasteg")).await?;
    let address = queries::login_email(&mut cx.tx, &cx.token).await?;
    let till = own_path(&query.till);
    let left = factors.first().map_or(0, |factor| factor.codes_left);
    let mail_first =
        if first_step::needs_mail(&mut cx.tx, &cx.token).await? { address.clone() } else { None };
    let page = HubPage {
        mail_first,
        chrome: cx.chrome("Tvåstegsverifiering"),
        codes: codes_left(left),
        few: left < 3,
        demanded: factors.is_empty() && !query.till.is_empty(),
        factors: factors.into_iter().map(FactorView::new).collect(),
        local: address.is_some(),
        own,
        passkeys: cx.app.passkeys().are_on(),
        providers: super::eid::offered(&cx.app)
            .into_iter()
            .map(|(code, name)| (name, format!("/legitimera/{code}{}", after(&till))))
            .collect(),
        after: after(&till),
    };
    cx.show(page).await
}

/// Name, code and the account's password, which never comes back.
#[derive(Debug, Default, Deserialize)]
pub struct AppForm {
    #[serde(default)]
    namn: String,
    #[serde(default)]
    hemlig: String,
    #[serde(default)]
    kod: String,
    #[serde(default)]
    losenord: String,
    #[serde(default)]
    till: String,
}

#[derive(Template)]
#[template(path = "identity/second_app.html")]
struct AppPage {
    chrome: Chrome,
    errors: Errors,
    name: String,
    secret: String,
    groups: String,
    qr: String,
    side: usize,
    own: OwnWay,
    till: String,
    after: String,
}

pub(super) fn status_of(errors: &Errors) -> (StatusCode, &'static str) {
    (errors.status(), errors.title_prefix())
}

/// What an authenticator app writes beside the code.
fn account(cx: &Cx<Person>) -> String {
    let email = cx.actor.email();
    if email.is_empty() { cx.actor.name().to_owned() } else { email.to_owned() }
}

async fn app_page(
    headers: &HeaderMap,
    mut cx: Cx<Person>,
    secret: &AppSecret,
    (name, till): (String, &str),
    errors: Errors,
) -> Result<Response, AppError> {
    let internal = |error: crate::keys::KeyError| AppError::Internal(error.to_string());
    let sealed = secret.sealed(cx.app.keys(), cx.actor.person(), cx.app.clock().now()).map_err(internal)?;
    let (qr, side) =
        secret.qr(&account(&cx)).ok_or_else(|| AppError::Internal("the secret has no QR code".to_owned()))?;
    let (status, prefix) = status_of(&errors);
    let page = AppPage {
        chrome: cx.chrome(&format!("{prefix}Lägg till en kodapp")),
        errors,
        name,
        secret: sealed,
        groups: secret.groups().join(" "),
        qr,
        side,
        own: own_way(&mut cx, (headers, APP)).await?,
        till: own_path(till),
        after: after(till),
    };
    cx.show_as(status, page).await
}

/// `GET /konto/tvasteg/kodapp`
pub async fn app_new(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Query(query): Query<AfterQuery>,
) -> Result<Response, AppError> {
    if let Some(elsewhere) = elsewhere(&mut cx, &query.till).await? {
        return Ok(elsewhere);
    }
    app_page(&headers, cx, &AppSecret::fresh(), (String::new(), &query.till), Errors::none()).await
}

/// What its owner calls it, or what it is.
fn named(typed: &str, kind: Kind, errors: &mut Errors) -> Option<String> {
    let name = errors.take("namn", line(typed, 60))?;
    Some(if name.is_empty() { kind.label().to_owned() } else { name })
}

/// The account's own confirmation, for a change of how one signs in.
pub(super) async fn confirm(
    cx: &mut Cx<Person>,
    at: (&HeaderMap, &str),
    typed: &str,
    errors: &mut Errors,
) -> Result<(), AppError> {
    confirm_own(cx, at, (typed, "Skriv ditt lösenord"), errors).await
}

const APP: &str = "/konto/tvasteg/kodapp";
const PASSKEY: &str = "/konto/tvasteg/passnyckel";

/// Where somebody who is to begin elsewhere is sent: a link in the mail comes first, or there is no password for a second
/// step to stand beside.
async fn elsewhere(cx: &mut Cx<Person>, till: &str) -> Result<Option<Response>, AppError> {
    let first = first_step::needs_mail(&mut cx.tx, &cx.token).await?
        || queries::login_email(&mut cx.tx, &cx.token).await?.is_none();
    Ok(first.then(|| see_other(&format!("/konto/tvasteg{}", after(till)))))
}

/// `POST /konto/tvasteg/kodapp`
pub async fn app_create(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Form(form): Form<AppForm>,
) -> Result<Response, AppError> {
    if let Some(elsewhere) = elsewhere(&mut cx, &form.till).await? {
        return Ok(elsewhere);
    }
    let at = cx.app.clock().now();
    let Some(secret) = AppSecret::opened(cx.app.keys(), cx.actor.person(), &form.hemlig, at) else {
        let why = "Sidan hann bli för gammal. Läs in den nya koden i appen, och ta bort den gamla där";
        let typed = (form.namn, form.till.as_str());
        return app_page(&headers, cx, &AppSecret::fresh(), typed, Errors::one("kod", why)).await;
    };
    let mut errors = Errors::none();
    let name = named(&form.namn, Kind::Totp, &mut errors);
    let step = secret.step_of(&form.kod, at);
    if step.is_none() {
        errors.add("kod", "Koden stämmer inte. Skriv de sex siffror som appen visar just nu");
    }
    confirm(&mut cx, (&headers, APP), &form.losenord, &mut errors).await?;
    match (name, step) {
        (Some(name), Some(step)) if errors.is_empty() => {
            add(cx, (&name, New::App(secret, step)), &form.till).await
        }
        _ => app_page(&headers, cx, &secret, (form.namn, &form.till), errors).await,
    }
}

/// Name, the browser's answer and the account's password, which never comes back.
#[derive(Debug, Default, Deserialize)]
pub struct PasskeyForm {
    #[serde(default)]
    namn: String,
    #[serde(default)]
    fraga: String,
    #[serde(default)]
    svar: String,
    #[serde(default)]
    losenord: String,
    #[serde(default)]
    till: String,
}

#[derive(Template)]
#[template(path = "identity/second_passkey.html")]
struct PasskeyPage {
    chrome: Chrome,
    errors: Errors,
    name: String,
    question: Question,
    own: OwnWay,
    till: String,
    after: String,
}

async fn passkey_page(
    headers: &HeaderMap,
    mut cx: Cx<Person>,
    (name, till): (String, &str),
    errors: Errors,
) -> Result<Response, AppError> {
    let known = second::factors(&mut cx.tx, &cx.token).await?;
    let known = known.into_iter().filter_map(|factor| factor.credential).collect();
    let account = account(&cx);
    let who = (cx.actor.person(), account.as_str(), cx.actor.name());
    let at = cx.app.clock().now().unix_timestamp();
    let question = match cx.app.passkeys().ask_new(cx.app.keys(), who, known, at) {
        Ok(question) => question,
        Err(Refused::Off) => return Err(AppError::NotFound),
        Err(why) => return Err(AppError::Internal(why.to_string())),
    };
    let (status, prefix) = status_of(&errors);
    let page = PasskeyPage {
        chrome: cx.chrome(&format!("{prefix}Lägg till en passnyckel")),
        errors,
        name,
        question,
        own: own_way(&mut cx, (headers, PASSKEY)).await?,
        till: own_path(till),
        after: after(till),
    };
    cx.show_as(status, page).await
}

/// `GET /konto/tvasteg/passnyckel`
pub async fn passkey_new(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Query(query): Query<AfterQuery>,
) -> Result<Response, AppError> {
    if let Some(elsewhere) = elsewhere(&mut cx, &query.till).await? {
        return Ok(elsewhere);
    }
    passkey_page(&headers, cx, (String::new(), &query.till), Errors::none()).await
}

/// `POST /konto/tvasteg/passnyckel`
pub async fn passkey_create(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Form(form): Form<PasskeyForm>,
) -> Result<Response, AppError> {
    if let Some(elsewhere) = elsewhere(&mut cx, &form.till).await? {
        return Ok(elsewhere);
    }
    let at = cx.app.clock().now().unix_timestamp();
    let mut errors = Errors::none();
    let name = named(&form.namn, Kind::Passkey, &mut errors);
    confirm(&mut cx, (&headers, PASSKEY), &form.losenord, &mut errors).await?;
    let taken = if errors.is_empty() {
        let answer = (form.fraga.as_str(), form.svar.as_str(), at);
        cx.app.passkeys().take_new(cx.app.keys(), cx.actor.person(), answer).map_err(|why| {
            tracing::info!(target: "security", why = why.kind(), "a new passkey was refused");
            errors.add(
                "svar",
                "Passnyckeln kunde inte läggas till. Försök igen, eller välj en kodapp i stället",
            );
        })
    } else {
        Err(())
    };
    match (name, taken) {
        (Some(name), Ok(kept)) => add(cx, (&name, New::Passkey(kept, form.fraga)), &form.till).await,
        _ => passkey_page(&headers, cx, (form.namn, &form.till), errors).await,
    }
}

#[derive(Template)]
#[template(path = "identity/second_codes.html")]
struct CodesPage {
    chrome: Chrome,
    codes: Vec<String>,
    copied: String,
    /// What has been reached with them.
    done: &'static str,
    /// Is there a password for a code to stand beside?
    beside_password: bool,
    next: String,
}

/// What the page is called.
pub(crate) const CODES: &str = "Dina reservkoder";

/// The codes, this once.
pub(crate) fn codes_page(
    chrome: Chrome,
    codes: Vec<String>,
    (done, beside_password): (&'static str, bool),
    till: &str,
) -> Result<Response, AppError> {
    let till = own_path(till);
    let page = CodesPage {
        chrome,
        copied: codes.join("\n"),
        codes,
        done,
        beside_password,
        next: if till.is_empty() { "/konto/tvasteg".to_owned() } else { till },
    };
    Ok(Html(page.render()?).into_response())
}

async fn add(mut cx: Cx<Person>, (name, new): (&str, New), till: &str) -> Result<Response, AppError> {
    let (app, at) = (cx.app.clone(), cx.app.clock().now());
    let (mut chrome, token, person) = (cx.chrome(CODES), cx.token.clone(), cx.actor.person());
    let beside = has_password(&mut cx).await?;
    // One connection at a time.
    cx.tx.end().await?;
    let why = match second::add((app.db(), app.keys()), (&token, person), (name, new), at).await? {
        Added::First(codes, fresh) => {
            let cookie = fresh.as_ref().and_then(|token| app.cookie().set(token));
            if let Some(fresh) = fresh {
                chrome.form_token = fresh.form_token();
            }
            return Ok(with_cookie(
                codes_page(chrome, codes, ("Tvåstegsverifieringen är på", beside), till)?,
                cookie,
            ));
        }
        Added::More => {
            return Ok(with_cookie(Flash::StepAdded.on("/konto/tvasteg"), app.cookie().clear_visit()));
        }
        Added::SignedOut => return Ok(see_other("/logga-in")),
        Added::Full => "Du har redan tio. Ta bort någon som du inte använder först.",
        Added::MailFirst | Added::NoAddress => return Ok(see_other("/konto/tvasteg")),
        Added::Known => "Passnyckeln är redan tillagd.",
        Added::Replayed => return Ok(Flash::StepAlready.on("/konto/tvasteg")),
    };
    Err(AppError::Conflict(why.to_owned()))
}
