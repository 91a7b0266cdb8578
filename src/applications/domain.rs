//! States of an application, and what it holds (portal.md 2.2 and 3.1).

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::agreements::SigningState;

/// Where an application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(type_name = "application_state", rename_all = "snake_case")]
pub enum State {
    /// Being filled in.
    Draft,
    /// Waits for an officer.
    Submitted,
    /// An officer has taken it.
    UnderReview,
    /// Waits for the applicant.
    CompletionAsked,
    /// The agreement waits for signatures.
    Approved,
    /// The organisation is a customer.
    Signed,
    /// Inera has said no.
    Rejected,
    /// The applicant has taken it back.
    Withdrawn,
    /// Nobody signed in time.
    Lapsed,
}

impl State {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Draft,
        Self::Submitted,
        Self::UnderReview,
        Self::CompletionAsked,
        Self::Approved,
        Self::Signed,
        Self::Rejected,
        Self::Withdrawn,
        Self::Lapsed,
    ];

    /// The name in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::UnderReview => "under_review",
            Self::CompletionAsked => "completion_asked",
            Self::Approved => "approved",
            Self::Signed => "signed",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Lapsed => "lapsed",
        }
    }

    /// The state with this name in the database.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Kind of tag and its words.
    pub fn tag(self) -> (&'static str, &'static str) {
        match self {
            Self::Draft => ("plain", "Utkast"),
            Self::Submitted => ("info", "Inskickad"),
            Self::UnderReview => ("info", "Under granskning"),
            Self::CompletionAsked => ("warn", "Komplettering begärd"),
            Self::Approved => ("info", "Godkänd, väntar på signering"),
            Self::Signed => ("ok", "Avtalet är signerat"),
            Self::Rejected => ("danger", "Avslagen"),
            Self::Withdrawn => ("neutral", "Återkallad av sökanden"),
            Self::Lapsed => ("late", "Signerades inte i tid"),
        }
    }

    /// May the applicant change the form?
    pub fn is_editable(self) -> bool {
        matches!(self, Self::Draft | Self::CompletionAsked)
    }

    /// May the applicant take it back?
    pub fn may_withdraw(self) -> bool {
        matches!(self, Self::Submitted | Self::UnderReview | Self::CompletionAsked)
    }
}

/// Who makes a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(type_name = "application_by", rename_all = "snake_case")]
pub enum By {
    /// Whoever has the link.
    Applicant,
    /// An agreements officer.
    Inera,
    /// The clock, or the last signature.
    System,
}

/// Every legal move; the database holds the same (`application_rule`).
pub const EDGES: &[(State, State, By)] = {
    use By::{Applicant, Inera, System};
    use State::{
        Approved, CompletionAsked, Draft, Lapsed, Rejected, Signed, Submitted, UnderReview, Withdrawn,
    };
    &[
        (Draft, Submitted, Applicant),
        (Submitted, UnderReview, Inera),
        (UnderReview, CompletionAsked, Inera),
        (CompletionAsked, UnderReview, Applicant),
        (UnderReview, Approved, Inera),
        (UnderReview, Rejected, Inera),
        (CompletionAsked, Rejected, Inera),
        (Approved, Rejected, Inera),
        (Submitted, Withdrawn, Applicant),
        (UnderReview, Withdrawn, Applicant),
        (CompletionAsked, Withdrawn, Applicant),
        (Approved, Signed, System),
        (Approved, Lapsed, System),
        (Lapsed, Signed, System),
    ]
};

/// Somebody named.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Named {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Telephone.
    pub phone: String,
}

/// What an application holds, but for the organisation number and the signatories' personal numbers.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Content {
    /// The organisation's name.
    pub name: String,
    /// The category the applicant thinks is theirs; Inera decides.
    pub category: String,
    /// What care they give.
    pub care: String,
    /// Publicly financed: `ja` or `nej`.
    pub financed: String,
    /// By whom.
    pub financed_by: String,
    /// Common address.
    pub email: String,
    /// Telephone.
    pub phone: String,
    /// Postal address.
    pub address: String,
    /// The care provider's HSA-id.
    pub hsa: String,
    /// Who is to be the first administrator.
    pub administrator: Named,
    /// Who is told of changes of the agreement.
    pub contact: Named,
    /// How many must sign.
    pub needed: i32,
    /// Who may sign.
    pub signatories: Vec<Named>,
    /// Something else.
    pub message: String,
    /// The newest answer to a question of Inera's.
    pub answer: String,
}

/// An application, as whoever has the link or the officer sees it.
#[derive(Debug)]
pub struct Application {
    /// Id.
    pub id: Uuid,
    /// Its number, when it has been sent.
    pub number: Option<String>,
    /// State.
    pub state: State,
    /// Number of events.
    pub revision: i32,
    /// Number of times the form was saved.
    pub saves: i32,
    /// Who applies.
    pub applicant: Named,
    /// Ten digits; of a sole trader the personal number's.
    pub org_nr: String,
    /// Is the number somebody's personal number?
    pub sole_trader: bool,
    /// The rest.
    pub content: Content,
    /// The signatories' personal numbers, sealed.
    pub numbers_sealed: Option<Vec<u8>>,
    /// When it was begun.
    pub made_at: OffsetDateTime,
    /// Since when it is in its state.
    pub state_since: OffsetDateTime,
    /// Where the newest round of signing stands.
    pub signing: Option<SigningState>,
}

impl Application {
    /// The number as it is shown, a sole trader's masked; empty when there is none yet.
    pub fn shown_nr(&self) -> String {
        shown_nr(&self.org_nr, self.sole_trader)
    }
}

/// An organisation number as it is shown, a sole trader's masked.
pub fn shown_nr(org_nr: &str, sole_trader: bool) -> String {
    match (org_nr.get(..6), org_nr.get(6..)) {
        (Some(first), Some(last)) if !last.is_empty() => {
            format!("{first}-{}", if sole_trader { "XXXX" } else { last })
        }
        _ => String::new(),
    }
}
