//! Pages about organisations.

pub mod contact;
pub mod decide;
pub mod email;
pub mod ends;
pub mod invoicing;
pub mod invoicing_edit;
pub mod review;
pub mod show;
pub mod units;
pub(crate) mod words;

use axum::http::StatusCode;
use serde::Deserialize;
use time::Date;

use super::actions::{Refused, rule_text};
use crate::{
    calendar::{days_between, parse_date},
    contacts,
    http::{AppError, Cx, Errors, Staff, context::For},
    ids::OrgId,
};

/// Whose data a page shows.
#[derive(Clone, Debug)]
struct Whose {
    org: OrgId,
    /// Where the organisation's pages start for the reader.
    base: String,
    /// The organisation's name, when the reader works for another.
    seen_from: Option<String>,
}

/// The reader's own organisation.
fn own<S: For>(cx: &Cx<S>) -> Whose {
    Whose { org: cx.actor.org(), base: cx.actor.base(), seen_from: None }
}

/// A customer's or an agent's number in an address of Inera's.
#[derive(Debug, Deserialize)]
pub struct StaffPath {
    #[serde(default)]
    kundnr: Option<i64>,
    #[serde(default)]
    agentnr: Option<i64>,
}

/// The organisation a member of Inera's staff looks at.
async fn named(cx: &mut Cx<Staff>, path: &StaffPath) -> Result<Whose, AppError> {
    let found = contacts::queries::by_number(&mut cx.tx, path.kundnr, path.agentnr).await?;
    let (org, name) = found.ok_or(AppError::NotFound)?;
    let base = match (path.kundnr, path.agentnr) {
        (Some(no), _) => format!("/inera/kunder/{no}"),
        (None, no) => format!("/inera/agenter/{}", no.unwrap_or_default()),
    };
    Ok(Whose { org, base, seen_from: Some(name) })
}

/// What is said when somebody else was first; the form comes back with what was typed.
const STALE: &str = "Någon har ändrat uppgifterna sedan du öppnade sidan. Kontrollera dem här och spara igen";

/// 200, 409 when `field` says that somebody else was first, 422 for any other fault.
fn status(errors: &Errors, field: &str) -> StatusCode {
    match errors.of(field) {
        _ if errors.is_empty() => StatusCode::OK,
        Some(STALE) => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// The first day of a change as typed: today or later, at most two years ahead.
fn first_day(typed: &str, today: Date, errors: &mut Errors) -> Option<Date> {
    match parse_date(typed.trim()) {
        None => errors.add("fran", "Skriv en dag som finns, som ÅÅÅÅ-MM-DD"),
        Some(day) if day < today => errors.add("fran", rule_text("past_day")),
        Some(day) if days_between(today, day) > 731 => errors.add("fran", rule_text("far_day")),
        Some(day) => return Some(day),
    }
    None
}

/// What can't be answered on the page.
fn fault(why: Refused) -> AppError {
    match why {
        Refused::Stale => AppError::Conflict("Uppgifterna har ändrats sedan du öppnade sidan.".to_owned()),
        Refused::Rule(key) => AppError::Conflict(rule_text(&key).to_owned()),
        Refused::Db(error) => error.into(),
    }
}
