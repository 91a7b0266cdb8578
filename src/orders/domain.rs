//! An order: its state as each side reads it, its content, its lines.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Date, OffsetDateTime};

use crate::{
    catalogue::Scope,
    identity::{Side, policy::OrderFacts},
    ids::{MandateId, MembershipId, OrderId, OrgId, PersonId, TermsId},
};

/// Direct, or through an agent (portal.md 2.7 and 2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type, Serialize, Deserialize)]
#[sqlx(type_name = "order_route", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Orderer → the customer's attestant → Kundservice.
    Direct,
    /// Orderer → the agent's handler → the agent's attestant → the customer's attestant → Kundservice.
    ViaAgent,
}

impl Route {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Direct, Self::ViaAgent];
}

macro_rules! states {
    ($($(#[$doc:meta])* $variant:ident = $code:literal;)*) => {
        /// Where an order is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type, Serialize, Deserialize)]
        #[sqlx(type_name = "order_state", rename_all = "snake_case")]
        #[serde(rename_all = "snake_case")]
        pub enum State { $($(#[$doc])* $variant,)* }

        impl State {
            /// All states.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// The name in the database.
            pub fn code(self) -> &'static str { match self { $(Self::$variant => $code,)* } }
        }
    };
}

states! {
    /// Utkast.
    Draft = "draft";
    /// vantar_agent_handlaggning.
    AwaitingAgentReview = "awaiting_agent_review";
    /// vantar_agent_attest.
    AwaitingAgentAttest = "awaiting_agent_attest";
    /// vantar_kund_attest.
    AwaitingCustomerAttest = "awaiting_customer_attest";
    /// atersand.
    Returned = "returned";
    /// attesterad.
    Attested = "attested";
    /// klar_for_anslutning.
    ReadyToConnect = "ready_to_connect";
    /// under_leverans.
    InDelivery = "in_delivery";
    /// aktiverad.
    Activated = "activated";
    /// avslagen_agent.
    RejectedByAgent = "rejected_by_agent";
    /// avslagen_agent_attest.
    RejectedByAgentAttestant = "rejected_by_agent_attestant";
    /// avslagen_kund.
    RejectedByCustomer = "rejected_by_customer";
    /// avslagen_inera.
    RejectedByInera = "rejected_by_inera";
    /// aterkallad.
    Withdrawn = "withdrawn";
    /// forfallen.
    Lapsed = "lapsed";
}

impl State {
    /// Waiting for somebody's decision before it reaches Inera.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::AwaitingAgentReview | Self::AwaitingAgentAttest | Self::AwaitingCustomerAttest)
    }

    /// Nothing more happens to it.
    pub fn is_closed(self) -> bool {
        matches!(
            self,
            Self::Activated
                | Self::RejectedByAgent
                | Self::RejectedByAgentAttestant
                | Self::RejectedByCustomer
                | Self::RejectedByInera
                | Self::Withdrawn
                | Self::Lapsed
        )
    }

    /// May its content be edited?
    pub fn is_editable(self) -> bool {
        matches!(self, Self::Draft | Self::Returned)
    }

    /// Whose turn it is.
    pub fn ball(self) -> Option<Side> {
        match self {
            Self::Draft | Self::Returned | Self::AwaitingCustomerAttest => Some(Side::Customer),
            Self::AwaitingAgentReview | Self::AwaitingAgentAttest => Some(Side::Agent),
            Self::Attested | Self::InDelivery => Some(Side::Inera),
            Self::ReadyToConnect => Some(Side::Agent),
            _ => None,
        }
    }

    /// One state, worded for the reader (ux.md §7): the tag's kind and text.
    pub fn tag(self, reader: Side) -> (&'static str, &'static str) {
        match (self, reader) {
            (Self::Draft, _) => ("neutral", "Utkast"),
            (Self::AwaitingAgentReview, Side::Agent) => ("warn", "Väntar på er granskning"),
            (Self::AwaitingAgentReview, _) => ("info", "Hos agenten för granskning"),
            (Self::AwaitingAgentAttest, Side::Agent) => ("warn", "Väntar på er attest"),
            (Self::AwaitingAgentAttest, _) => ("info", "Hos agentens attestant"),
            (Self::AwaitingCustomerAttest, Side::Customer) => ("warn", "Väntar på er attest"),
            (Self::AwaitingCustomerAttest, _) => ("info", "Hos kundens attestant"),
            (Self::Returned, Side::Customer) => ("warn", "Komplettering behövs"),
            (Self::Returned, _) => ("info", "Hos kunden för komplettering"),
            (Self::Attested, Side::Inera) => ("warn", "Attesterad, att hantera"),
            (Self::Attested, _) => ("info", "Attesterad, hos Inera"),
            (Self::ReadyToConnect, Side::Agent) => ("warn", "Påbörja anslutningen"),
            (Self::ReadyToConnect, _) => ("info", "Agenten kan ansluta"),
            (Self::InDelivery, Side::Inera) => ("warn", "Leverans pågår"),
            (Self::InDelivery, _) => ("info", "Leverans pågår"),
            (Self::Activated, _) => ("ok", "Levererad"),
            (Self::RejectedByAgent, Side::Agent) => ("danger", "Avslagen av er"),
            (Self::RejectedByAgent, _) => ("danger", "Avslagen av agenten"),
            (Self::RejectedByAgentAttestant, Side::Agent) => ("danger", "Avslagen av er attestant"),
            (Self::RejectedByAgentAttestant, _) => ("danger", "Avslagen av agentens attestant"),
            (Self::RejectedByCustomer, Side::Customer) => ("danger", "Avslagen av er attestant"),
            (Self::RejectedByCustomer, _) => ("danger", "Avslagen av kunden"),
            (Self::RejectedByInera, _) => ("danger", "Avslagen av Inera"),
            (Self::Withdrawn, _) => ("neutral", "Återtagen"),
            (Self::Lapsed, _) => ("neutral", "Förfallen"),
        }
    }
}

/// An order as an action reads it before it decides.
#[derive(Clone, Debug)]
pub struct Order {
    pub(crate) id: OrderId,
    pub(crate) number: String,
    pub(crate) customer: OrgId,
    pub(crate) customer_no: i64,
    pub(crate) customer_name: String,
    pub(crate) agent: Option<OrgId>,
    pub(crate) mandate: Option<MandateId>,
    pub(crate) agent_name: String,
    pub(crate) route: Route,
    pub(crate) service_code: String,
    pub(crate) offer_code: String,
    pub(crate) state: State,
    pub(crate) revision: i32,
    pub(crate) created_by: PersonId,
    pub(crate) creator_left: bool,
    pub(crate) created_by_name: String,
    pub(crate) placed_by_staff: bool,
    pub(crate) submitted_at: Option<OffsetDateTime>,
    pub(crate) content: Content,
    pub(crate) customer_attestant: Option<MembershipId>,
    pub(crate) agent_attestant: Option<MembershipId>,
    pub(crate) terms: Option<TermsId>,
    pub(crate) price_once_ore: Option<i64>,
    pub(crate) price_yearly_ore: Option<i64>,
    pub(crate) files: Vec<FileMark>,
}

/// A file of an order, as a decision is bound to it.
#[derive(Clone, Debug, Deserialize)]
pub struct FileMark {
    /// Name.
    pub name: String,
    /// Hash of its bytes, in hexadecimal.
    pub sha256: String,
}

impl Order {
    /// What the policy needs.
    pub fn facts(&self) -> OrderFacts {
        OrderFacts {
            created_by: self.created_by,
            creator_left: self.creator_left,
            placed_by_staff: self.placed_by_staff,
            customer_attestant: self.customer_attestant,
            agent_attestant: self.agent_attestant,
            mandate: self.mandate,
        }
    }
}

/// What is ordered, apart from who decides. Sent as a whole with the submit and kept for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Service code.
    pub service: String,
    /// Offer code.
    pub offer: String,
    /// Agent's name; empty when direct.
    pub agent: String,
    /// The vårdgivare's HSA-id.
    pub hsa_id: String,
    /// Wanted start.
    #[serde(with = "iso")]
    pub wanted_on: Option<Date>,
    /// Contact for the introduction.
    pub contact_name: String,
    /// Their address.
    pub contact_email: String,
    /// Their telephone.
    pub contact_phone: String,
    /// Where the invoice goes.
    pub invoice_address: String,
    /// Its reference.
    pub invoice_reference: String,
    /// The customer's own note.
    pub own_reference: String,
    /// Lines.
    pub lines: Vec<Line>,
    /// Terms version id.
    pub terms: Option<TermsId>,
}

impl Content {
    /// The text that is hashed: the same content always gives the same bytes.
    pub fn hash(&self) -> Vec<u8> {
        let text = serde_json::to_string(self).unwrap_or_default();
        Sha256::digest(text.as_bytes()).to_vec()
    }
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// Name of the vårdenhet, the tjänstekontrakt or the card.
    pub name: String,
    /// HSA-id of a vårdenhet.
    pub hsa_id: String,
    /// `GetDiagnosis`.
    pub contract: String,
    /// How many.
    pub quantity: i32,
    /// Wanted date for this line.
    #[serde(with = "iso")]
    pub wanted_on: Option<Date>,
}

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A vårdenhet.
    CareUnit,
    /// A tjänstekontrakt.
    Contract,
    /// SITHS cards.
    Cards,
}

impl LineKind {
    /// As the database names it.
    pub fn scope(self) -> Scope {
        match self {
            Self::CareUnit => Scope::CareUnits,
            Self::Contract => Scope::Contracts,
            Self::Cards => Scope::Cards,
        }
    }

    /// From the database.
    pub fn from_scope(scope: Scope) -> Option<Self> {
        match scope {
            Scope::None => None,
            Scope::CareUnits => Some(Self::CareUnit),
            Scope::Contracts => Some(Self::Contract),
            Scope::Cards => Some(Self::Cards),
        }
    }
}

/// Dates as `2026-11-21` in stored content, readable in five years without this program.
mod iso {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
    use time::Date;

    use crate::calendar;

    #[expect(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "the form serde's `with` calls"
    )]
    pub fn serialize<S: Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        match day {
            Some(day) => serializer.serialize_some(&calendar::iso_date(*day)),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| calendar::parse_date(&text).ok_or_else(|| D::Error::custom("not a date"))).transpose()
    }
}
