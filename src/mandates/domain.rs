//! States of an application for an agentuppdrag, and what it holds (portal.md 2.10 and 3.10).

use serde::{Deserialize, Serialize};

use crate::identity::Side;

/// Where an application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(type_name = "mandate_application_state", rename_all = "snake_case")]
pub enum State {
    /// Waits for Inera.
    UnderReview,
    /// Waits for the agent's answer.
    CompletionAsked,
    /// Waits for the agent's attestant.
    AwaitingAttest,
    /// There is a mandate, and Inera connects it.
    Granted,
    /// Customers can choose the agent.
    Active,
    /// Inera has said no.
    Rejected,
    /// The attestant has said no.
    AttestRefused,
    /// The agent has taken it back.
    Withdrawn,
}

/// All of them.
pub const STATES: [State; 8] = [
    State::UnderReview,
    State::CompletionAsked,
    State::AwaitingAttest,
    State::Granted,
    State::Active,
    State::Rejected,
    State::AttestRefused,
    State::Withdrawn,
];

impl State {
    /// The name in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnderReview => "under_review",
            Self::CompletionAsked => "completion_asked",
            Self::AwaitingAttest => "awaiting_attest",
            Self::Granted => "granted",
            Self::Active => "active",
            Self::Rejected => "rejected",
            Self::AttestRefused => "attest_refused",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Kind of tag and its words, as the side reads it.
    pub fn tag(self, side: Side) -> (&'static str, &'static str) {
        match (self, side) {
            (Self::UnderReview, Side::Inera) => ("warn", "Att granska"),
            (Self::UnderReview, _) => ("info", "Granskas av Inera"),
            (Self::CompletionAsked, Side::Agent) => ("warn", "Väntar på er komplettering"),
            (Self::CompletionAsked, _) => ("info", "Väntar på agentens svar"),
            (Self::AwaitingAttest, Side::Agent) => ("warn", "Väntar på er attest"),
            (Self::AwaitingAttest, _) => ("info", "Väntar på agentens attest"),
            (Self::Granted, Side::Inera) => ("warn", "Att ansluta och aktivera"),
            (Self::Granted, _) => ("info", "Beviljat, ansluts"),
            (Self::Active, _) => ("ok", "Aktivt"),
            (Self::Rejected, _) => ("danger", "Avslaget av Inera"),
            (Self::AttestRefused, _) => ("danger", "Avslaget av attestanten"),
            (Self::Withdrawn, _) => ("neutral", "Återkallat"),
        }
    }

    /// Is it not over yet?
    pub fn is_open(self) -> bool {
        self.may_withdraw() || self == Self::Granted
    }

    /// May the agent take it back?
    pub fn may_withdraw(self) -> bool {
        matches!(self, Self::UnderReview | Self::CompletionAsked | Self::AwaitingAttest)
    }
}

/// Every legal move; the database holds the same (`mandate_application_rule`).
pub const EDGES: &[(State, State, Side)] = {
    use Side::{Agent, Inera};
    use State::{
        Active, AttestRefused, AwaitingAttest, CompletionAsked, Granted, Rejected, UnderReview, Withdrawn,
    };
    &[
        (UnderReview, CompletionAsked, Inera),
        (CompletionAsked, UnderReview, Agent),
        (UnderReview, AwaitingAttest, Inera),
        (UnderReview, Rejected, Inera),
        (CompletionAsked, Rejected, Inera),
        (AwaitingAttest, Granted, Agent),
        (AwaitingAttest, AttestRefused, Agent),
        (Granted, Active, Inera),
        (Granted, Rejected, Inera),
        (UnderReview, Withdrawn, Agent),
        (CompletionAsked, Withdrawn, Agent),
        (AwaitingAttest, Withdrawn, Agent),
    ]
};

/// An end customer that the agent names (portal.md 1.5 rule 11).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct EndCustomer {
    /// Ten digits.
    pub org_nr: String,
    /// Name, as the agent writes it.
    pub name: String,
}

/// What an application holds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Content {
    /// The system that connects.
    pub system: String,
    /// Its version.
    pub version: String,
    /// Source systems and producers that are to be verified.
    pub sources: String,
    /// Tjänstekontrakt, by name and major version.
    pub contracts: Vec<String>,
    /// The planned start, ISO; empty = not known.
    pub start: String,
    /// End customers.
    pub customers: Vec<EndCustomer>,
    /// Whom to ask about the technology.
    pub tech_name: String,
    /// Address.
    pub tech_email: String,
    /// Telephone.
    pub tech_phone: String,
    /// How the agent's support is reached at all hours.
    pub support: String,
    /// Answer to Inera's last question.
    pub answer: String,
}

/// What the mandate's role is called, after the service's name: "1177 journal, producent".
pub fn named(service: &str, role: &str) -> String {
    match role {
        "producer" => format!("{service}, producent"),
        "consumer" => format!("{service}, konsument"),
        _ => service.to_owned(),
    }
}
