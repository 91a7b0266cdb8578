//! What a role may do to an order, as permits that the transitions demand and use up (portal.md 1.4).
//!
//! The database keeps the same rules in `0006_order_rules.sql`; this layer is what the person is told.

use std::marker::PhantomData;

use super::{Actor, Role, Side};
use crate::ids::{MandateId, MembershipId, PersonId};

/// The facts about an order that decide who may act on it.
#[derive(Clone, Debug)]
pub struct OrderFacts {
    /// Who made it.
    pub created_by: PersonId,
    /// Whoever made it is not with the customer any more.
    pub creator_left: bool,
    /// Made by Kundservice for the customer.
    pub placed_by_staff: bool,
    /// The customer's named attestant; `None` = any.
    pub customer_attestant: Option<MembershipId>,
    /// The agent's named attestant; `None` = any.
    pub agent_attestant: Option<MembershipId>,
    /// The agent's mandate.
    pub mandate: Option<MandateId>,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident, $label:literal;)*) => {
        $($(#[$doc])* #[derive(Debug)] pub struct $name; impl Action for $name { const KIND: ActionKind = ActionKind::$name; })*

        /// Every action on an order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ActionKind { $($(#[$doc])* $name,)* }

        impl ActionKind {
            /// All actions.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The action's name in the matrix of `docs/authorisation.txt`.
            pub fn label(self) -> &'static str { match self { $(Self::$name => $label,)* } }
        }
    };
}

/// A kind of act; a type of its own, so that the permit for one can't be spent on another.
pub trait Action {
    /// The same, as a value.
    const KIND: ActionKind;
}

actions! {
    /// Edit, send and send again.
    Submit, "order.submit";
    /// Take back before it is attested.
    Withdraw, "order.withdraw";
    /// The agent's handler reviews.
    Review, "order.review";
    /// The agent's attestant attests.
    AttestAsAgent, "order.attest_as_agent";
    /// The customer's attestant attests.
    AttestAsCustomer, "order.attest_as_customer";
    /// The agent says that it has begun to connect.
    BeginAsAgent, "order.begin_as_agent";
    /// Inera delivers or rejects.
    Deliver, "order.deliver";
    /// Kundservice ends a waiting order, with a reason.
    Intervene, "order.intervene";
    /// Writes a message or adds a file.
    Converse, "order.converse";
    /// Reminds whoever has the order.
    Remind, "order.remind";
}

/// Proof that the policy allowed action `A` on one order. Spent when used.
#[derive(Debug)]
#[must_use]
pub struct Permit<A: Action> {
    side: Side,
    person: PersonId,
    action: PhantomData<A>,
}

impl<A: Action> Permit<A> {
    pub(crate) fn side(&self) -> Side {
        self.side
    }

    pub(crate) fn person(&self) -> PersonId {
        self.person
    }
}

/// Why not, in a sentence that says who can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Denied(pub &'static str);

impl Actor {
    /// The permit for an action on an order with these facts.
    pub fn permit<A: Action>(&self, order: &OrderFacts) -> Result<Permit<A>, Denied> {
        let side = self.side().ok_or(Denied("Välj först vilken organisation du vill arbeta för."))?;
        allows(self, A::KIND, order).map(|()| Permit { side, person: self.person(), action: PhantomData })
    }

    /// May the person do this? For showing or leaving out a button.
    pub fn may(&self, action: ActionKind, order: &OrderFacts) -> bool {
        allows(self, action, order).is_ok()
    }
}

/// Who may read invoice details (portal.md 1.4 `invoice.read`).
pub fn may_read_invoicing(actor: &Actor) -> bool {
    // Kundservice reads no invoice details but those that an order carries, not through a customer's eyes either.
    if actor.insight().is_some() {
        return false;
    }
    let roles: &[Role] = match actor.side() {
        Some(Side::Inera) => &[Role::Finance, Role::Auditor],
        Some(Side::Customer | Side::Agent) => {
            &[Role::Administrator, Role::Orderer, Role::MandateOrderer, Role::ContractContact]
        }
        Some(Side::System) | None => &[],
    };
    actor.roles().has_any(roles)
}

/// The table itself.
fn allows(actor: &Actor, action: ActionKind, order: &OrderFacts) -> Result<(), Denied> {
    let needs = |ok: bool, why: &'static str| if ok { Ok(()) } else { Err(Denied(why)) };
    let side = actor.side();
    match action {
        ActionKind::Submit => match side {
            Some(Side::Customer) => needs(
                actor.has(Role::Orderer),
                "Bara en beställare kan ändra och skicka beställningar. Be er administratör om rollen Beställare.",
            ),
            Some(Side::Inera) => needs(
                order.placed_by_staff && actor.roles().has_any(&[Role::Support, Role::ServiceManager]),
                "Bara Kundservice kan skicka en beställning som Kundservice har påbörjat.",
            ),
            _ => Err(Denied("Bara kunden kan skicka beställningen.")),
        },
        ActionKind::Withdraw => needs(
            side == Some(Side::Customer)
                && actor.has(Role::Orderer)
                && (order.placed_by_staff || order.creator_left || order.created_by == actor.person()),
            "Bara den som har gjort beställningen kan ta tillbaka den. Kundservice kan hjälpa till om personen är borta.",
        ),
        ActionKind::Review | ActionKind::BeginAsAgent => needs(
            side == Some(Side::Agent)
                && actor.has(Role::AgentHandler)
                && order.mandate.is_some_and(|mandate| actor.mandates().contains(&mandate)),
            "Bara en handläggare med behörighet i agentuppdraget kan granska. Be er administratör om behörighet.",
        ),
        ActionKind::AttestAsAgent => needs(
            side == Some(Side::Agent) && actor.has(Role::Attestant) && actor.sits_at(order.agent_attestant),
            "Bara den attestant som handläggaren har valt kan attestera.",
        ),
        ActionKind::AttestAsCustomer => needs(
            side == Some(Side::Customer)
                && actor.has(Role::Attestant)
                && actor.sits_at(order.customer_attestant),
            "Bara den attestant som beställaren har valt kan attestera.",
        ),
        ActionKind::Deliver | ActionKind::Intervene => needs(
            side == Some(Side::Inera) && actor.roles().has_any(&[Role::Support, Role::ServiceManager]),
            "Bara Kundservice och tjänsteförvaltare kan göra detta.",
        ),
        ActionKind::Converse | ActionKind::Remind => match side {
            Some(Side::Customer) => needs(
                actor.roles().has_any(&[Role::Administrator, Role::Orderer, Role::Attestant])
                    || order.created_by == actor.person(),
                "Bara beställare, attestanter och administratörer kan skriva här.",
            ),
            Some(Side::Agent) => needs(
                actor.roles().has_any(&[Role::Administrator, Role::AgentHandler, Role::Attestant]),
                "Bara handläggare, attestanter och administratörer kan skriva här.",
            ),
            Some(Side::Inera) => needs(
                actor.roles().has_any(&[Role::Support, Role::ServiceManager]),
                "Bara Kundservice och tjänsteförvaltare kan skriva här.",
            ),
            _ => Err(Denied("Välj först vilken organisation du vill arbeta för.")),
        },
    }
}

/// Proof that the acting person may send agreements for signature and recall them (portal.md 1.3, Avtalshandläggare).
#[derive(Debug)]
#[must_use]
pub struct AgreementsPermit {
    person: PersonId,
}

impl AgreementsPermit {
    pub(crate) fn person(&self) -> PersonId {
        self.person
    }
}

impl Actor {
    /// The permit for sending and recalling agreements.
    pub fn permit_agreements(&self) -> Result<AgreementsPermit, Denied> {
        if self.side() == Some(Side::Inera) && self.has(Role::AgreementsOfficer) {
            Ok(AgreementsPermit { person: self.person() })
        } else {
            Err(Denied("Bara avtalshandläggare kan skicka avtal för signering och återkalla dem."))
        }
    }
}
