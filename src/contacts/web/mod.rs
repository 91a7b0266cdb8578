//! Pages about contacts.

pub mod accept;
pub mod agents;
pub mod ask;
pub mod details;
pub mod first;
pub mod insight;
pub mod invite;
pub mod joining;
pub mod list;
pub mod member;
pub mod merging;
pub mod remove;
pub mod rights;
pub mod roles;
pub mod staff;
mod staff_act;
pub mod substitute;
mod view;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    actions::{Refused, rule_text},
    queries::{self, Contact},
};
use crate::{
    http::{
        AppError, Chrome, Cx, Errors,
        context::For,
        form::{impersonal, line},
    },
    identity::web::confirm::{brought, confirmed, identified_as},
    ids::{MembershipId, OrgId},
};

/// Whose place it is about.
#[derive(Debug, Deserialize)]
pub struct MemberPath {
    id: Uuid,
}

/// A contact of an organisation.
async fn one_of<S: For>(cx: &mut Cx<S>, org: OrgId, id: Uuid) -> Result<Contact, AppError> {
    let today = cx.app.clock().today();
    let found = queries::contacts(&mut cx.tx, org, Some(MembershipId(id)), today).await?;
    found.into_iter().next().ok_or(AppError::NotFound)
}

/// The contact an address names, when it is the acting organisation's.
async fn load<S: For>(cx: &mut Cx<S>, path: &MemberPath) -> Result<Contact, AppError> {
    one_of(cx, cx.actor.org(), path.id).await
}

/// The same, and still there.
async fn load_present<S: For>(cx: &mut Cx<S>, path: &MemberPath) -> Result<Contact, AppError> {
    present(cx, cx.actor.org(), path.id).await
}

/// A contact of an organisation that is still there.
async fn present<S: For>(cx: &mut Cx<S>, org: OrgId, id: Uuid) -> Result<Contact, AppError> {
    let contact = one_of(cx, org, id).await?;
    if contact.ended_at.is_some() {
        return Err(AppError::Conflict(
            "Kontakten är borttagen. Bara Kundservice kan återställa den.".to_owned(),
        ));
    }
    Ok(contact)
}

/// Why Kundservice does it, at least three characters: `missing` says what to write.
fn reason(typed: &str, missing: &str, errors: &mut Errors) -> String {
    said("anledning", typed, missing, errors)
}

/// What Kundservice says in a field, as the database asks: 3 to 300 characters in one line.
fn said(field: &str, typed: &str, missing: &str, errors: &mut Errors) -> String {
    let said = errors.take(field, impersonal(line(typed, 300))).unwrap_or_default();
    if said.chars().count() < 3 && errors.of(field).is_none() {
        errors.add(field, missing);
    }
    said
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
