//! The only ways a round of signing moves (portal.md 2.3). The database holds the same table (`signing_transition_rule`),
//! and a test compares the two.
//!
//! Signing needs a declaration of somebody identified; a reason is no signature:
//! ```compile_fail,E0308
//! use kundportal::{agreements::{domain::Signatory, lifecycle::*}, http::form::Motive};
//! fn sign(open: Open<'_>, who: &Signatory, reason: Motive) -> Transition {
//!     open.sign(who, 0, reason)
//! }
//! ```
//! Recalling needs the officer's permit:
//! ```compile_fail,E0061
//! use kundportal::{agreements::lifecycle::*, http::form::Motive};
//! fn recall(open: Open<'_>, reason: Motive) -> Transition {
//!     open.recall(reason)
//! }
//! ```

use sha2::{Digest, Sha256};

use super::domain::{By, Signatory, Signing, SigningState};
use crate::{
    http::form::Motive,
    identity::{confirmation::EidProof, policy::AgreementsPermit},
    ids::{PersonId, SignatoryId},
    text::hex,
};

/// Every legal move: from, to, by whom.
pub const EDGES: &[(SigningState, SigningState, By)] = {
    use By::{Inera, Signatory, System};
    use SigningState::{Awaiting, Expired, PartlySigned, Recalled, Rejected, Signed};
    &[
        (Awaiting, PartlySigned, Signatory),
        (Awaiting, Signed, Signatory),
        (Awaiting, Rejected, Signatory),
        (Awaiting, Recalled, Inera),
        (Awaiting, Expired, System),
        (PartlySigned, PartlySigned, Signatory),
        (PartlySigned, Signed, Signatory),
        (PartlySigned, Rejected, Signatory),
        (PartlySigned, Recalled, Inera),
        (PartlySigned, Expired, System),
    ]
};

/// Somebody identified declares something about a text: what shows later who did it, and to what.
#[derive(Debug)]
#[must_use]
pub struct Evidence {
    pub(super) method: String,
    pub(super) reference: String,
    pub(super) name: String,
    pub(super) mark: Vec<u8>,
    pub(super) statement: String,
    pub(super) body_sha256: Vec<u8>,
}

impl Evidence {
    /// `mark` is the keyed mark of the identified person's number.
    pub fn new(identified: &EidProof, mark: Vec<u8>, statement: String, signing: &Signing) -> Self {
        Self {
            method: identified.method().to_owned(),
            reference: identified.reference().to_owned(),
            name: identified.name.clone(),
            mark,
            statement,
            body_sha256: signing.body_sha256.clone(),
        }
    }

    /// A hash of all of it, for the audit chain: the row can't be changed without the chain telling.
    pub(super) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for part in [&self.method, &self.reference, &self.name, &hex(&self.mark), &self.statement] {
            digest.update(part);
            digest.update("\n");
        }
        hex(&digest.finalize())
    }
}

/// One legal move of one round, not yet made.
#[derive(Debug)]
#[must_use]
pub struct Transition {
    pub(super) from: SigningState,
    pub(super) to: SigningState,
    pub(super) by: By,
    pub(super) signatory: Option<SignatoryId>,
    pub(super) person: Option<PersonId>,
    pub(super) note: String,
    pub(super) evidence: Option<Evidence>,
}

/// A round that waits for signatures.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a>(&'a Signing);

impl Signing {
    /// The handle, while it waits for signatures.
    pub fn open(&self) -> Option<Open<'_>> {
        self.state.is_open().then_some(Open(self))
    }
}

impl Open<'_> {
    fn to(self, to: SigningState, by: By) -> Transition {
        Transition {
            from: self.0.state,
            to,
            by,
            signatory: None,
            person: None,
            note: String::new(),
            evidence: None,
        }
    }

    /// A signatory signs; `signed` have signed before.
    pub fn sign(self, who: &Signatory, signed: usize, evidence: Evidence) -> Transition {
        let last = i32::try_from(signed).is_ok_and(|signed| signed + 1 >= self.0.needed);
        let to = if last { SigningState::Signed } else { SigningState::PartlySigned };
        Transition { signatory: Some(who.id), evidence: Some(evidence), ..self.to(to, By::Signatory) }
    }

    /// A signatory refuses, with a reason.
    pub fn reject(self, who: &Signatory, reason: Motive, evidence: Evidence) -> Transition {
        Transition {
            signatory: Some(who.id),
            note: reason.into_text(),
            evidence: Some(evidence),
            ..self.to(SigningState::Rejected, By::Signatory)
        }
    }

    /// Inera takes it back, with a reason.
    pub fn recall(self, permit: AgreementsPermit, reason: Motive) -> Transition {
        Transition {
            person: Some(permit.person()),
            note: reason.into_text(),
            ..self.to(SigningState::Recalled, By::Inera)
        }
    }

    /// Nobody finished it in time.
    pub fn expire(self) -> Transition {
        self.to(SigningState::Expired, By::System)
    }
}
