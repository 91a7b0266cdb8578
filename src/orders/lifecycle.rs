//! The only ways an order moves. A state gives a handle, the handle has the moves that are legal from it, a move spends
//! the permit for exactly that act, and the result is a [`Transition`] that only this file can make.
//!
//! The database holds the same table (`order_transition_rule`); a test compares the two, and the diagram in
//! `docs/order-states.md` is drawn from [`EDGES`].
//!
//! A legal move:
//! ```
//! use kundportal::orders::lifecycle::*;
//! # use kundportal::identity::{policy::*, Confirmed};
//! fn approve(step: AwaitingAgentReview<'_>, permit: Permit<Review>, proof: Confirmed) -> Transition {
//!     step.approve(permit, proof, None, String::new())
//! }
//! ```
//! The customer's attestant has no business in the agent's review:
//! ```compile_fail,E0308
//! use kundportal::orders::lifecycle::*;
//! # use kundportal::identity::{policy::*, Confirmed};
//! fn approve(step: AwaitingAgentReview<'_>, permit: Permit<AttestAsCustomer>, proof: Confirmed) -> Transition {
//!     step.approve(permit, proof, None, String::new())
//! }
//! ```
//! An order under review can't be attested:
//! ```compile_fail,E0599
//! use kundportal::orders::lifecycle::*;
//! # use kundportal::identity::{policy::*, Confirmed};
//! fn attest(step: AwaitingAgentReview<'_>, permit: Permit<AttestAsCustomer>, proof: Confirmed) -> Transition {
//!     step.attest(permit, proof)
//! }
//! ```
//! A permit is spent once:
//! ```compile_fail,E0382
//! use kundportal::orders::lifecycle::*;
//! # use kundportal::identity::{policy::*, Confirmed};
//! fn twice(step: AwaitingAgentReview<'_>, permit: Permit<Review>, a: Confirmed, b: Confirmed) -> (Transition, Transition) {
//!     (step.approve(permit, a, None, String::new()), step.approve(permit, b, None, String::new()))
//! }
//! ```
//! A transition can't be made up:
//! ```compile_fail,E0451
//! use kundportal::orders::{domain::State, lifecycle::Transition};
//! fn forge(real: Transition) -> Transition {
//!     Transition { to: State::Attested, ..real }
//! }
//! ```

use super::domain::{Content, Order, Route, State};
use crate::{
    http::form::Motive,
    identity::{
        Confirmed, Side,
        policy::{
            AttestAsAgent, AttestAsCustomer, BeginAsAgent, Deliver, Intervene, Permit, Review, Submit,
            Withdraw,
        },
    },
    ids::{ConfirmationId, MembershipId, PersonId},
};

/// Every legal move: route, from, to, side. The rule table of the database must be the same.
pub const EDGES: &[(Route, State, State, Side)] = {
    use Route::{Direct as D, ViaAgent as V};
    use Side::{Agent, Customer, Inera, System};
    use State::{
        Activated, Attested, AwaitingAgentAttest, AwaitingAgentReview, AwaitingCustomerAttest, Draft,
        InDelivery, Lapsed, ReadyToConnect, RejectedByAgent, RejectedByAgentAttestant, RejectedByCustomer,
        RejectedByInera, Returned, Withdrawn,
    };
    &[
        (D, Draft, AwaitingCustomerAttest, Customer),
        (D, Draft, AwaitingCustomerAttest, Inera),
        (D, Draft, Withdrawn, Customer),
        (D, Draft, Withdrawn, Inera),
        (D, AwaitingCustomerAttest, Attested, Customer),
        (D, AwaitingCustomerAttest, RejectedByCustomer, Customer),
        (D, AwaitingCustomerAttest, Returned, Customer),
        (D, AwaitingCustomerAttest, Withdrawn, Customer),
        (D, AwaitingCustomerAttest, Withdrawn, Inera),
        (D, AwaitingCustomerAttest, Lapsed, System),
        (D, Returned, AwaitingCustomerAttest, Customer),
        (D, Returned, Withdrawn, Customer),
        (D, Returned, Withdrawn, Inera),
        (D, Attested, InDelivery, Inera),
        (D, Attested, RejectedByInera, Inera),
        (D, InDelivery, Activated, Inera),
        (V, Draft, AwaitingAgentReview, Customer),
        (V, Draft, AwaitingAgentReview, Inera),
        (V, Draft, Withdrawn, Customer),
        (V, Draft, Withdrawn, Inera),
        (V, AwaitingAgentReview, AwaitingAgentAttest, Agent),
        (V, AwaitingAgentReview, RejectedByAgent, Agent),
        (V, AwaitingAgentReview, Returned, Agent),
        (V, AwaitingAgentReview, Withdrawn, Customer),
        (V, AwaitingAgentReview, Withdrawn, Inera),
        (V, AwaitingAgentReview, Lapsed, System),
        (V, AwaitingAgentAttest, AwaitingCustomerAttest, Agent),
        (V, AwaitingAgentAttest, RejectedByAgentAttestant, Agent),
        (V, AwaitingAgentAttest, AwaitingAgentReview, Agent),
        (V, AwaitingAgentAttest, Withdrawn, Customer),
        (V, AwaitingAgentAttest, Withdrawn, Inera),
        (V, AwaitingAgentAttest, Lapsed, System),
        (V, AwaitingCustomerAttest, Attested, Customer),
        (V, AwaitingCustomerAttest, RejectedByCustomer, Customer),
        (V, AwaitingCustomerAttest, Returned, Customer),
        (V, AwaitingCustomerAttest, Withdrawn, Customer),
        (V, AwaitingCustomerAttest, Withdrawn, Inera),
        (V, AwaitingCustomerAttest, Lapsed, System),
        (V, Returned, AwaitingAgentReview, Customer),
        (V, Returned, Withdrawn, Customer),
        (V, Returned, Withdrawn, Inera),
        (V, Attested, ReadyToConnect, Inera),
        (V, Attested, RejectedByInera, Inera),
        (V, ReadyToConnect, InDelivery, Agent),
        (V, ReadyToConnect, InDelivery, Inera),
        (V, InDelivery, Activated, Inera),
    ]
};

/// One legal move of one order, not yet made.
#[derive(Debug)]
#[must_use]
pub struct Transition {
    pub(super) from: State,
    pub(super) to: State,
    pub(super) side: Side,
    pub(super) person: Option<PersonId>,
    pub(super) note: String,
    pub(super) proof: Option<ConfirmationId>,
    pub(super) next_attestant: Option<MembershipId>,
    pub(super) agent_invoice_reference: String,
    pub(super) content: Option<Content>,
    pub(super) price: (Option<i64>, Option<i64>),
}

impl Transition {
    fn new(from: State, to: State, side: Side, person: Option<PersonId>) -> Self {
        Self {
            from,
            to,
            side,
            person,
            note: String::new(),
            proof: None,
            next_attestant: None,
            agent_invoice_reference: String::new(),
            content: None,
            price: (None, None),
        }
    }

    fn because(mut self, motive: Motive) -> Self {
        self.note = motive.into_text();
        self
    }

    fn proven(mut self, proof: &Confirmed) -> Self {
        self.proof = Some(proof.id());
        self
    }

    /// Where it leads.
    pub fn to(&self) -> State {
        self.to
    }
}

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident = $state:ident, $door:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name<'a>(&'a Order);
        )*
        impl Order {
            $(
                #[doc = concat!("The handle, when the order is in state `", stringify!($state), "`.")]
                pub fn $door(&self) -> Option<$name<'_>> {
                    (self.state == State::$state).then_some($name(self))
                }
            )*

            /// The handle for sending, when the content may be edited.
            pub fn editable(&self) -> Option<Editable<'_>> {
                self.state.is_editable().then_some(Editable(self))
            }

            /// The handle for taking back: everything before it is attested.
            pub fn open(&self) -> Option<Open<'_>> {
                (self.state.is_waiting() || self.state.is_editable()).then_some(Open(self))
            }

            /// The handle for the clock.
            pub fn waiting(&self) -> Option<Waiting<'_>> {
                self.state.is_waiting().then_some(Waiting(self))
            }
        }
    };
}

handles! {
    /// The agent's handler has it.
    AwaitingAgentReview = AwaitingAgentReview, awaiting_agent_review;
    /// The agent's attestant has it.
    AwaitingAgentAttest = AwaitingAgentAttest, awaiting_agent_attest;
    /// The customer's attestant has it.
    AwaitingCustomerAttest = AwaitingCustomerAttest, awaiting_customer_attest;
    /// Both parties have attested; Inera has it.
    Attested = Attested, attested;
    /// The agent may begin.
    ReadyToConnect = ReadyToConnect, ready_to_connect;
    /// Delivery is under way.
    InDelivery = InDelivery, in_delivery;
}

/// A draft, or returned for completion.
#[derive(Clone, Copy, Debug)]
pub struct Editable<'a>(&'a Order);
/// Not attested by both parties yet.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a>(&'a Order);
/// Waiting for a decision of a party.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a>(&'a Order);

impl Editable<'_> {
    /// Sends the content: to the agent's handler, or straight to the customer's attestant.
    pub fn submit(
        self,
        permit: Permit<Submit>,
        content: Content,
        price: (Option<i64>, Option<i64>),
    ) -> Transition {
        let to = match self.0.route {
            Route::Direct => State::AwaitingCustomerAttest,
            Route::ViaAgent => State::AwaitingAgentReview,
        };
        let mut transition = Transition::new(self.0.state, to, permit.side(), Some(permit.person()));
        transition.content = Some(content);
        transition.price = price;
        transition
    }
}

impl AwaitingAgentReview<'_> {
    /// "Jag intygar …": on to an attestant of the agent; `None` = any.
    pub fn approve(
        self,
        permit: Permit<Review>,
        proof: Confirmed,
        attestant: Option<MembershipId>,
        invoice_reference: String,
    ) -> Transition {
        let mut transition =
            Transition::new(self.0.state, State::AwaitingAgentAttest, Side::Agent, Some(permit.person()))
                .proven(&proof);
        transition.next_attestant = attestant;
        transition.agent_invoice_reference = invoice_reference;
        transition
    }

    /// Ends the order.
    pub fn reject(self, permit: Permit<Review>, proof: Confirmed, motive: Motive) -> Transition {
        Transition::new(self.0.state, State::RejectedByAgent, Side::Agent, Some(permit.person()))
            .because(motive)
            .proven(&proof)
    }

    /// Back to the customer for completion.
    pub fn return_to_customer(self, permit: Permit<Review>, proof: Confirmed, motive: Motive) -> Transition {
        Transition::new(self.0.state, State::Returned, Side::Agent, Some(permit.person()))
            .because(motive)
            .proven(&proof)
    }
}

impl AwaitingAgentAttest<'_> {
    /// The agent stands for it: on to the customer's attestant.
    pub fn attest(self, permit: Permit<AttestAsAgent>, proof: Confirmed) -> Transition {
        Transition::new(self.0.state, State::AwaitingCustomerAttest, Side::Agent, Some(permit.person()))
            .proven(&proof)
    }

    /// Ends the order.
    pub fn reject(self, permit: Permit<AttestAsAgent>, proof: Confirmed, motive: Motive) -> Transition {
        Transition::new(self.0.state, State::RejectedByAgentAttestant, Side::Agent, Some(permit.person()))
            .because(motive)
            .proven(&proof)
    }

    /// Back to the agent's handler.
    pub fn return_to_handler(
        self,
        permit: Permit<AttestAsAgent>,
        proof: Confirmed,
        motive: Motive,
    ) -> Transition {
        Transition::new(self.0.state, State::AwaitingAgentReview, Side::Agent, Some(permit.person()))
            .because(motive)
            .proven(&proof)
    }
}

impl AwaitingCustomerAttest<'_> {
    /// The customer stands for the money: on to Inera.
    pub fn attest(self, permit: Permit<AttestAsCustomer>, proof: Confirmed) -> Transition {
        Transition::new(self.0.state, State::Attested, Side::Customer, Some(permit.person())).proven(&proof)
    }

    /// Ends the order.
    pub fn reject(self, permit: Permit<AttestAsCustomer>, proof: Confirmed, motive: Motive) -> Transition {
        Transition::new(self.0.state, State::RejectedByCustomer, Side::Customer, Some(permit.person()))
            .because(motive)
            .proven(&proof)
    }

    /// Back to the orderer for completion.
    pub fn return_to_orderer(
        self,
        permit: Permit<AttestAsCustomer>,
        proof: Confirmed,
        motive: Motive,
    ) -> Transition {
        Transition::new(self.0.state, State::Returned, Side::Customer, Some(permit.person()))
            .because(motive)
            .proven(&proof)
    }
}

impl Attested<'_> {
    /// Direct: delivery begins. Via agent: the agent is told to begin.
    pub fn start(self, permit: Permit<Deliver>) -> Transition {
        let to = match self.0.route {
            Route::Direct => State::InDelivery,
            Route::ViaAgent => State::ReadyToConnect,
        };
        Transition::new(self.0.state, to, Side::Inera, Some(permit.person()))
    }

    /// Inera says no.
    pub fn reject(self, permit: Permit<Deliver>, motive: Motive) -> Transition {
        Transition::new(self.0.state, State::RejectedByInera, Side::Inera, Some(permit.person()))
            .because(motive)
    }
}

impl ReadyToConnect<'_> {
    /// The agent reports that it has begun.
    pub fn begin(self, permit: Permit<BeginAsAgent>) -> Transition {
        Transition::new(self.0.state, State::InDelivery, Side::Agent, Some(permit.person()))
    }

    /// Kundservice notes that the agent has begun.
    pub fn note_begun(self, permit: Permit<Deliver>) -> Transition {
        Transition::new(self.0.state, State::InDelivery, Side::Inera, Some(permit.person()))
    }
}

impl InDelivery<'_> {
    /// Delivered: the subscription begins, and via agent the agent relation.
    pub fn activate(self, permit: Permit<Deliver>) -> Transition {
        Transition::new(self.0.state, State::Activated, Side::Inera, Some(permit.person()))
    }
}

impl Open<'_> {
    /// The orderer takes it back.
    pub fn withdraw(self, permit: Permit<Withdraw>, note: String) -> Transition {
        let mut transition =
            Transition::new(self.0.state, State::Withdrawn, Side::Customer, Some(permit.person()));
        transition.note = note;
        transition
    }

    /// Kundservice ends it, with a reason.
    pub fn intervene(self, permit: Permit<Intervene>, motive: Motive) -> Transition {
        Transition::new(self.0.state, State::Withdrawn, Side::Inera, Some(permit.person())).because(motive)
    }
}

impl Waiting<'_> {
    /// Nobody decided in time.
    pub fn lapse(self) -> Transition {
        Transition::new(self.0.state, State::Lapsed, Side::System, None)
    }
}
