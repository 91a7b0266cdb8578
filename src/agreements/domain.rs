//! Kinds and states of agreements, rounds of signing, signatories.

use time::OffsetDateTime;

use crate::ids::{AgreementId, OrgId, SignatoryId, SigningId};

/// What an agreement is about (contracts.md 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "agreement_kind", rename_all = "snake_case")]
pub enum Kind {
    /// The older model: one agreement for each service.
    #[sqlx(rename = "customer_1")]
    Customer1,
    /// One agreement for everything the customer may order.
    #[sqlx(rename = "customer_2")]
    Customer2,
    /// The agent's, to connect customers.
    Agent,
    /// Between an agent and its customer; Inera is not a party.
    DpaAgentCustomer,
}

impl Kind {
    /// The name in forms and in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Customer1 => "customer_1",
            Self::Customer2 => "customer_2",
            Self::Agent => "agent",
            Self::DpaAgentCustomer => "dpa_agent_customer",
        }
    }

    /// The name people see.
    pub fn label(self) -> &'static str {
        match self {
            Self::Customer1 => "Kundavtal 1",
            Self::Customer2 => "Kundavtal 2",
            Self::Agent => "Agentavtal",
            Self::DpaAgentCustomer => "Personuppgiftsbiträdesavtal med agent",
        }
    }

    /// The start of its number: KA2-10482, AG-2041.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Customer1 => "KA1",
            Self::Customer2 => "KA2",
            Self::Agent => "AG",
            Self::DpaAgentCustomer => "PUB",
        }
    }
}

/// Where an agreement stands (portal.md 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "agreement_status", rename_all = "snake_case")]
pub enum Status {
    /// Nobody has signed.
    AwaitingSignature,
    /// Some have.
    PartlySigned,
    /// In force.
    Active,
    /// In force until a date.
    Terminated,
    /// Over.
    Ended,
}

impl Status {
    /// Kind of tag and its words (ux.md §6).
    pub fn tag(self) -> (&'static str, &'static str) {
        match self {
            Self::AwaitingSignature => ("warn", "Väntar på signatur"),
            Self::PartlySigned => ("info", "Delvis signerat"),
            Self::Active => ("ok", "Gäller"),
            Self::Terminated => ("warn", "Uppsagt"),
            Self::Ended => ("neutral", "Upphört"),
        }
    }
}

/// Where a round of signing stands (portal.md 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(type_name = "signing_state", rename_all = "snake_case")]
pub enum SigningState {
    /// Nobody has signed.
    Awaiting,
    /// Some have, but not as many as must.
    PartlySigned,
    /// All that must.
    Signed,
    /// A signatory refused (portal.md: avböjd; decisions.md 6: avslå is the word for every refusal).
    Rejected,
    /// Inera took it back.
    Recalled,
    /// Nobody finished it in time.
    Expired,
}

impl SigningState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Awaiting, Self::PartlySigned, Self::Signed, Self::Rejected, Self::Recalled, Self::Expired];

    /// The name in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Awaiting => "awaiting",
            Self::PartlySigned => "partly_signed",
            Self::Signed => "signed",
            Self::Rejected => "rejected",
            Self::Recalled => "recalled",
            Self::Expired => "expired",
        }
    }

    /// Does it wait for somebody?
    pub fn is_open(self) -> bool {
        matches!(self, Self::Awaiting | Self::PartlySigned)
    }

    /// Kind of tag and its words.
    pub fn tag(self) -> (&'static str, &'static str) {
        match self {
            Self::Awaiting => ("warn", "Väntar på signatur"),
            Self::PartlySigned => ("info", "Delvis signerat"),
            Self::Signed => ("ok", "Signerat"),
            Self::Rejected => ("danger", "Avslaget"),
            Self::Recalled => ("neutral", "Återkallat av Inera"),
            Self::Expired => ("late", "Signerades inte i tid"),
        }
    }
}

/// Who makes a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(type_name = "signing_by", rename_all = "snake_case")]
pub enum By {
    /// Inera's agreements officer.
    Inera,
    /// Somebody named to sign, through the link.
    Signatory,
    /// The clock.
    System,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Inera, Self::Signatory, Self::System];

    /// The name in the database and in the audit log.
    pub fn code(self) -> &'static str {
        match self {
            Self::Inera => "inera",
            Self::Signatory => "signatory",
            Self::System => "system",
        }
    }
}

/// A round of signing with the agreement it is for.
#[derive(Clone, Debug)]
pub struct Signing {
    /// Id.
    pub id: SigningId,
    /// The organisation that signs.
    pub org: OrgId,
    /// The agreement.
    pub agreement: AgreementId,
    /// State.
    pub state: SigningState,
    /// Number of events.
    pub revision: i32,
    /// When it was sent.
    pub sent_at: OffsetDateTime,
    /// Until when it can be signed.
    pub expires_at: OffsetDateTime,
    /// The agreement's number.
    pub number: String,
    /// What it is.
    pub kind: Kind,
    /// How many must sign.
    pub needed: i32,
    /// The text.
    pub body: String,
    /// Its hash.
    pub body_sha256: Vec<u8>,
    /// The organisation's name.
    pub org_name: String,
    /// Its number, a sole trader's masked.
    pub org_nr: String,
}

impl Signing {
    /// "Kundavtal 2 för Solbackens Vård AB".
    pub fn title(&self) -> String {
        format!("{} för {}", self.kind.label(), self.org_name)
    }

    /// Can it be signed at this moment?
    pub fn is_open_at(&self, now: OffsetDateTime) -> bool {
        self.state.is_open() && now < self.expires_at
    }
}

/// Somebody named to sign.
#[derive(Clone, Debug)]
pub struct Signatory {
    /// Id.
    pub id: SignatoryId,
    /// Name.
    pub name: String,
    /// When he or she signed.
    pub signed_at: Option<OffsetDateTime>,
}

/// "Avtalet tecknas av två firmatecknare i förening."
pub fn rule_words(needed: i32, named: usize) -> String {
    let number = match needed {
        2 => "två",
        3 => "tre",
        _ => "fyra",
    };
    match (needed, named) {
        (1, 1) => "Avtalet tecknas av firmatecknaren ensam.".to_owned(),
        (1, _) => "Avtalet tecknas av firmatecknarna var för sig.".to_owned(),
        _ => format!("Avtalet tecknas av {number} firmatecknare i förening, alltså tillsammans."),
    }
}
