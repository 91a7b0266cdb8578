//! Pages about contacts.

pub mod accept;
pub mod ask;
pub mod invite;
pub mod list;
pub mod member;
pub mod remove;
pub mod rights;
pub mod roles;
pub mod staff;
pub mod substitute;
mod view;

use askama::Template;
use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    actions::{Refused, rule_text},
    queries::{self, Contact},
};
use crate::{
    http::{AppError, Chrome, Cx, Errors, context::For},
    identity::{
        Confirmed,
        confirmation::{EidProof, Subject},
        web::confirm::{Identified, NOT_YOURS, Seen, confirm, identified},
    },
    ids::MembershipId,
};

/// Whose place it is about.
#[derive(Debug, Deserialize)]
pub struct MemberPath {
    id: Uuid,
}

/// The contact an address names, when it is the acting organisation's.
async fn load<S: For>(cx: &mut Cx<S>, path: &MemberPath) -> Result<Contact, AppError> {
    let today = cx.app.clock().today();
    let found = queries::contacts(&mut cx.tx, cx.actor.org(), Some(MembershipId(path.id)), today).await?;
    found.into_iter().next().ok_or(AppError::NotFound)
}

/// The same, and still there.
async fn load_present<S: For>(cx: &mut Cx<S>, path: &MemberPath) -> Result<Contact, AppError> {
    let contact = load(cx, path).await?;
    if contact.ended_at.is_some() {
        return Err(AppError::Conflict(
            "Kontakten är borttagen. Bara Kundservice kan återställa den.".to_owned(),
        ));
    }
    Ok(contact)
}

/// What can't be answered on the page.
fn fault(why: Refused) -> AppError {
    match why {
        Refused::Denied(denied) => AppError::Forbidden(denied.0),
        Refused::Stale => AppError::Conflict("Kontakten har ändrats sedan du öppnade sidan.".to_owned()),
        Refused::Rule(key) => AppError::Conflict(rule_text(&key).to_owned()),
        Refused::Db(error) => error.into(),
    }
}

const CHANGED: &str = "Något har ändrats medan du legitimerade dig. Läs sidan igen";

/// The identification the browser has brought to the page, or, when it comes straight from the visit, why it is of no use.
pub(crate) fn brought(identified: Identified, is_return: bool, errors: &mut Errors) -> Option<EidProof> {
    match identified {
        Identified::Own(proof) => return Some(proof),
        _ if !is_return => {}
        Identified::Not => {}
        Identified::Another => errors.add("losenord", NOT_YOURS),
        Identified::Outdated => errors.add("losenord", CHANGED),
    }
    None
}

/// Confirms a change by the password that was typed, or else by the identification that has been made for the page. Without
/// either the faults say why, and an identification that is still good goes back to the page.
pub(crate) async fn confirmed<S: For>(
    cx: &mut Cx<S>,
    headers: &HeaderMap,
    at: (&str, &Seen),
    (password, provider): (&str, &str),
    what: (Subject, &str),
    errors: &mut Errors,
) -> Result<Result<Confirmed, Option<EidProof>>, AppError> {
    let eid = match identified(cx, headers, at).await? {
        _ if !password.is_empty() || !provider.is_empty() => None,
        Identified::Own(proof) => Some(proof),
        Identified::Another => {
            errors.add("losenord", NOT_YOURS);
            None
        }
        Identified::Not | Identified::Outdated => {
            errors.add("losenord", "Skriv ditt lösenord");
            None
        }
    };
    if errors.is_empty()
        && let Some(proof) = confirm(cx, what, (password, eid.as_ref()), errors).await?
    {
        return Ok(Ok(proof));
    }
    Ok(Err(eid.filter(|_| errors.of("losenord").is_none())))
}

/// "Samira Haddad, BankID": who has been identified, for the page.
pub(crate) fn identified_as(proof: Option<&EidProof>) -> Option<String> {
    proof.map(|proof| format!("{}, {}", proof.name, proof.provider))
}

#[derive(Template)]
#[template(path = "contacts/changed.html")]
struct ChangedPage {
    chrome: Chrome,
    what: &'static str,
    href: String,
    label: &'static str,
}

/// Somebody else was first: nothing is changed, and the way on is to look again.
async fn changed<S: For>(cx: Cx<S>, href: String) -> Result<Response, AppError> {
    let page = ChangedPage {
        chrome: cx.chrome("Har ändrats").focused(),
        what: "Kontakten har ändrats sedan du öppnade sidan. Inget du gjorde har sparats.",
        href,
        label: "Se hur det är nu",
    };
    cx.show_as(StatusCode::CONFLICT, page).await
}
