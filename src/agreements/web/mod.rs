//! Pages about agreements.

pub mod own;
pub mod sign;
pub mod staff;
pub(crate) mod view;

use serde::Deserialize;

use super::actions::{Refused, rule_text};
use crate::http::AppError;

/// The agreement's number in an address.
#[derive(Debug, Deserialize)]
pub struct AgreementPath {
    /// KA2-10482.
    nummer: String,
}

/// What is left when the rules have been answered on the page.
pub(crate) fn fault(why: Refused) -> AppError {
    match why {
        Refused::Denied(denied) => AppError::Forbidden(denied.0),
        Refused::WrongPerson => AppError::Forbidden("E-legitimationen tillhör en annan person."),
        Refused::WrongState | Refused::AlreadySent(_) => {
            AppError::Conflict("Avtalet har ändrats sedan du öppnade sidan.".to_owned())
        }
        Refused::Rule(key) => AppError::Conflict(rule_text(&key).to_owned()),
        Refused::Key(error) => AppError::Internal(error.to_string()),
        Refused::Db(error) => error.into(),
    }
}
