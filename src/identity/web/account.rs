//! `/valj-organisation`, `/konto` and `/arende/{ref}`: pages of the person alone.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    calendar::long_time,
    http::{AppError, Chrome, Cx, Flash, Path, Person, see_other},
    identity::{queries, second, sign_in},
    text::and_list,
};

#[derive(Template)]
#[template(path = "identity/choose.html")]
struct ChoosePage {
    chrome: Chrome,
}

/// `GET /valj-organisation`; with one hat there is nothing to choose.
pub async fn choose(cx: Cx<Person>) -> Result<Response, AppError> {
    let chrome = cx.chrome("Välj organisation");
    if let [only] = chrome.orgs.as_slice() {
        let href = only.href.clone();
        cx.tx.end().await?;
        return Ok(chrome.flash.map_or_else(|| see_other(&href), |flash| flash.on(&href)));
    }
    cx.show(ChoosePage { chrome }).await
}

/// A session as listed.
struct SessionView {
    id: Uuid,
    device: String,
    since: String,
    seen: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "identity/account.html")]
struct AccountPage {
    chrome: Chrome,
    name: String,
    email: String,
    password: bool,
    passkey: bool,
    /// A new one that waits to be confirmed, and until when it can be.
    waits: Option<(String, String)>,
    sessions: Vec<SessionView>,
    second: String,
    second_on: bool,
    eids: Vec<EidView>,
    providers: Vec<(String, String)>,
}

/// An e-legitimation as listed.
struct EidView {
    id: Uuid,
    provider: String,
    when: String,
}

/// `GET /konto`
pub async fn show(mut cx: Cx<Person>) -> Result<Response, AppError> {
    let sessions = queries::sessions(&mut cx.tx, &cx.token).await?;
    let eids = queries::eids(&mut cx.tx, &cx.token).await?;
    let steps = second::factors(&mut cx.tx, &cx.token).await?;
    let login_email = queries::login_email(&mut cx.tx, &cx.token).await?;
    let waits = queries::login_email_waits(&mut cx.tx, &cx.token, cx.app.clock().now()).await?;
    let providers = super::eid::offered(&cx.app);
    let password = super::password::has_password(&mut cx).await?;
    let passkey = steps.iter().any(|step| step.kind == second::Kind::Passkey);
    let page = AccountPage {
        waits: waits.map(|(email, until)| (email, long_time(until))),
        chrome: cx.chrome("Mitt konto"),
        name: cx.actor.name().to_owned(),
        // With e-legitimation alone there is none to sign in with, and each organisation has its own.
        email: login_email.unwrap_or_default(),
        password,
        passkey,
        second: match steps.first() {
            None => {
                "Någon kan få tag i ditt lösenord. Med tvåstegsverifiering räcker det inte för att logga in som du."
                    .to_owned()
            }
            Some(first) => {
                let names: Vec<String> = steps.iter().map(|step| step.name.clone()).collect();
                format!("På, med {}. {}.", and_list(&names), super::second::codes_left(first.codes_left))
            }
        },
        second_on: !steps.is_empty(),
        eids: eids
            .into_iter()
            .map(|eid| EidView {
                id: eid.id,
                when: eid.used_at.map_or_else(
                    || format!("Kopplad {}", long_time(eid.linked_at)),
                    |at| format!("Kopplad {}, senast använd {}", long_time(eid.linked_at), long_time(at)),
                ),
                provider: eid.provider,
            })
            .collect(),
        providers,
        sessions: sessions
            .into_iter()
            .map(|session| SessionView {
                id: session.id,
                device: if session.device.is_empty() {
                    "Okänd webbläsare".to_owned()
                } else {
                    device(&session.device)
                },
                since: long_time(session.created_at),
                seen: long_time(session.seen_at),
                current: session.current,
            })
            .collect(),
    };
    cx.show(page).await
}

/// "Firefox på Windows" from what a browser says of itself.
fn device(agent: &str) -> String {
    let first = |names: &[(&'static str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    let browser =
        first(&[("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]);
    let system = first(&[
        ("Windows", "Windows"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} på {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => "Okänd webbläsare".to_owned(),
    }
}

/// A session's id.
#[derive(Debug, Deserialize)]
pub struct SessionPath {
    id: Uuid,
}

/// `POST /konto/inloggningar/{id}/avsluta`
pub async fn end_session(cx: Cx<Person>, Path(path): Path<SessionPath>) -> Result<Response, AppError> {
    let (app, token, person) = (cx.app.clone(), cx.token.clone(), cx.actor.person());
    cx.tx.end().await?;
    if !sign_in::end_other(app.db(), (&token, person), path.id).await? {
        return Err(AppError::NotFound);
    }
    Ok(Flash::SessionEnded.on("/konto"))
}

/// A reference.
#[derive(Debug, Deserialize)]
pub struct CasePath {
    referens: String,
}

/// `GET /arende/{referens}`: the address in every mail, for whichever hat may see it.
pub async fn case(cx: Cx<Person>, Path(path): Path<CasePath>) -> Result<Response, AppError> {
    let (app, token) = (cx.app.clone(), cx.token.clone());
    cx.tx.end().await?;
    let number = path.referens.trim().to_uppercase();
    if number.len() > 40 || !number.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(AppError::NotFound);
    }
    let href = match queries::order_page(app.db(), &token, &number).await? {
        Some(href) => href,
        None => queries::agreement_page(app.db(), &token, &number).await?.ok_or(AppError::NotFound)?,
    };
    Ok(see_other(&href))
}
