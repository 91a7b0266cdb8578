//! e-legitimation: who a provider says that somebody is.
//!
//! The demo's made-up one is the only method so far, and exists only there. A provider over OpenID Connect will be
//! another way to the same [`Identified`].

use super::domain::{BadInput, PersonalNumber};
use crate::{app::App, demo::people, ids};

/// Somebody identified by an e-legitimation just now.
#[derive(Debug)]
#[must_use]
pub struct Identified {
    number: PersonalNumber,
    name: String,
    method: &'static str,
    reference: String,
}

impl Identified {
    /// Whose e-legitimation it is.
    pub fn number(&self) -> &PersonalNumber {
        &self.number
    }

    /// The name the provider gave.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The method's name in the evidence.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The provider's own number for this identification.
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

/// Can anybody be identified here at all?
pub fn is_on(app: &App) -> bool {
    app.is_demo()
}

/// The demo's e-legitimation: it believes what is typed, and is refused everywhere else, by the database too.
///
/// # Errors
/// What is wrong with the number.
pub fn by_test(app: &App, typed: &str) -> Result<Identified, BadInput> {
    if !is_on(app) {
        return Err(BadInput("Det går inte att legitimera sig här. Kontakta Kundservice"));
    }
    let number = PersonalNumber::parse(typed)?;
    let known = people::SIGNATORIES.iter().find(|(_, of)| PersonalNumber::parse(of).as_ref() == Ok(&number));
    Ok(Identified {
        name: known.map_or("Testperson", |(name, _)| name).to_owned(),
        number,
        method: "test_eid",
        reference: format!("TEST-{}", ids::fresh().simple()),
    })
}
