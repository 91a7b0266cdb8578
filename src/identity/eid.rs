//! e-legitimation: who a provider says that somebody is.
//!
//! Two ways lead to the same [`Identified`]: a provider over OpenID Connect (`oidc.rs`), and the demo's made-up one, which
//! exists only there.

use super::domain::{BadInput, PersonalNumber};
use crate::{app::App, demo::people, ids, keys::Keys};

/// What a provider knows somebody by.
#[derive(Debug)]
pub enum Holder {
    /// The personal number: the same person with whichever provider.
    Number(PersonalNumber),
    /// The provider's own name for one who has none, and which provider that is.
    Subject {
        /// The issuer's address.
        issuer: String,
        /// Its name for the person.
        subject: String,
    },
}

/// Somebody identified by an e-legitimation just now.
#[derive(Debug)]
#[must_use]
pub struct Identified {
    holder: Holder,
    name: String,
    method: &'static str,
    reference: String,
}

impl Identified {
    /// By a provider over OpenID Connect.
    pub(super) fn by_provider(holder: Holder, name: String, reference: String) -> Self {
        Self { holder, name, method: "oidc", reference }
    }

    /// Whose e-legitimation it is; `None` when the provider gives no personal number.
    pub fn number(&self) -> Option<&PersonalNumber> {
        match &self.holder {
            Holder::Number(number) => Some(number),
            Holder::Subject { .. } => None,
        }
    }

    /// The name the provider gave.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The method's name in the evidence.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The provider's code, when it was not the demo's own.
    pub fn provider(&self) -> Option<&str> {
        self.reference.split_once(':').map(|(code, _)| code)
    }

    /// What this identification is found by in the provider's log.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// What the person is found by.
    pub fn mark(&self, keys: &Keys) -> Vec<u8> {
        match &self.holder {
            Holder::Number(number) => mark_of(keys, number),
            Holder::Subject { issuer, subject } => keys.mark(&format!("eid subject:{issuer} {subject}")),
        }
    }
}

/// What somebody with this number is found by, whichever provider vouches for it.
pub fn mark_of(keys: &Keys, number: &PersonalNumber) -> Vec<u8> {
    keys.mark(&format!("eid number:{}", number.digits()))
}

/// What an answer of a provider is known by, so that it counts once whatever it is used for.
pub(super) fn answer_mark(keys: &Keys, answer: &str) -> Vec<u8> {
    keys.mark(&format!("eid answer:{answer}"))
}

/// Is the demo's made-up e-legitimation here?
pub fn test_is_on(app: &App) -> bool {
    app.is_demo()
}

/// The demo's e-legitimation: it believes what is typed, and is refused everywhere else, by the database too.
///
/// # Errors
/// What is wrong with the number.
pub fn by_test(app: &App, typed: &str) -> Result<Identified, BadInput> {
    if !test_is_on(app) {
        return Err(BadInput("Det går inte att legitimera sig här. Kontakta Kundservice"));
    }
    let number = PersonalNumber::parse(typed)?;
    let known = people::numbers().find(|(_, of)| PersonalNumber::parse(of).as_ref() == Ok(&number));
    Ok(Identified {
        name: known.map_or("Testperson", |(name, _)| name).to_owned(),
        holder: Holder::Number(number),
        method: "test_eid",
        reference: format!("TEST-{}", ids::fresh().simple()),
    })
}
