//! Who is told what when an order moves: the catalogue of portal.md 2.99 as a function of the event.

use super::domain::{Route, State};
use crate::identity::Side;

/// A group of people around an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The one who sent it.
    Orderer,
    /// The customer's named attestant, or all of them.
    CustomerAttestants,
    /// The customer's contact for agreements.
    ContractContact,
    /// The agent's handlers with permission in the mandate.
    Handlers,
    /// The agent's named attestant, or all of them.
    AgentAttestants,
    /// Kundservice's common address.
    Support,
}

/// A notification's number in the catalogue and whom it goes to.
pub type Notice = (&'static str, To);

/// What an event sets off, in the order it is sent.
pub fn notices(route: Route, from: State, to: State, side: Side) -> Vec<Notice> {
    use State::{
        Activated, Attested, AwaitingAgentAttest, AwaitingAgentReview, AwaitingCustomerAttest, Draft,
        InDelivery, Lapsed, ReadyToConnect, RejectedByAgent, RejectedByAgentAttestant, RejectedByCustomer,
        RejectedByInera, Returned, Withdrawn,
    };
    let via_agent = route == Route::ViaAgent;
    match (from, to) {
        (Draft, Withdrawn) => vec![],
        (Draft | Returned, AwaitingCustomerAttest) => {
            vec![("N-41", To::Orderer), ("N-40", To::CustomerAttestants)]
        }
        (Draft | Returned, AwaitingAgentReview) => vec![("N-41", To::Orderer), ("N-60", To::Handlers)],
        (AwaitingAgentReview, AwaitingAgentAttest) => {
            vec![("N-61", To::AgentAttestants), ("N-62", To::Orderer)]
        }
        (_, RejectedByAgent | RejectedByAgentAttestant) => {
            vec![("N-63", To::Orderer), ("N-63", To::ContractContact)]
        }
        (AwaitingAgentAttest, AwaitingAgentReview) => vec![("N-65", To::Handlers)],
        (AwaitingAgentAttest, AwaitingCustomerAttest) => {
            vec![("N-40", To::CustomerAttestants), ("N-64", To::Orderer)]
        }
        (_, Returned) => vec![("N-45", To::Orderer)],
        (AwaitingCustomerAttest, Attested) if via_agent => {
            vec![("N-42", To::Orderer), ("N-66", To::Handlers), ("N-43", To::Support)]
        }
        (AwaitingCustomerAttest, Attested) => vec![("N-42", To::Orderer), ("N-43", To::Support)],
        (_, RejectedByCustomer) if via_agent => vec![("N-44", To::Orderer), ("N-67", To::Handlers)],
        (_, RejectedByCustomer) => vec![("N-44", To::Orderer)],
        (_, Withdrawn) => withdrawn(from, side),
        (Attested, ReadyToConnect) => vec![("N-68", To::Handlers), ("N-47", To::Orderer)],
        (Attested, InDelivery) => vec![("N-47", To::Orderer)],
        (_, InDelivery) => vec![],
        (_, Activated) if via_agent => vec![("N-48", To::Orderer), ("N-48", To::Handlers)],
        (_, Activated) => vec![("N-48", To::Orderer)],
        (_, RejectedByInera) if via_agent => vec![("N-49", To::Orderer), ("N-49", To::Handlers)],
        (_, RejectedByInera) => vec![("N-49", To::Orderer)],
        (_, Lapsed) if via_agent => vec![("N-50", To::Orderer), ("N-50", To::Handlers)],
        (_, Lapsed) => vec![("N-50", To::Orderer)],
        _ => vec![],
    }
}

/// Those who were waiting and those who had acted; the orderer too when Kundservice did it.
fn withdrawn(from: State, side: Side) -> Vec<Notice> {
    let mut told = match from {
        State::AwaitingAgentReview => vec![("N-46", To::Handlers)],
        State::AwaitingAgentAttest => vec![("N-46", To::AgentAttestants), ("N-46", To::Handlers)],
        State::AwaitingCustomerAttest => {
            vec![("N-46", To::CustomerAttestants), ("N-46", To::AgentAttestants), ("N-46", To::Handlers)]
        }
        State::Returned => vec![("N-46", To::Handlers)],
        _ => vec![],
    };
    if side == Side::Inera {
        told.push(("N-46", To::Orderer));
    }
    told
}

/// Who is reminded of an order in this state.
pub fn reminded(state: State) -> Option<Notice> {
    match state {
        State::AwaitingAgentReview => Some(("N-160", To::Handlers)),
        State::AwaitingAgentAttest => Some(("N-160", To::AgentAttestants)),
        State::AwaitingCustomerAttest => Some(("N-160", To::CustomerAttestants)),
        _ => None,
    }
}

/// Who is told of a message: the other parties, and whoever of them is about to attest.
pub fn told_of_message(route: Route, state: State, writer: Side) -> Vec<Notice> {
    let mut told = Vec::new();
    if writer != Side::Customer {
        told.push(("N-170", To::Orderer));
    }
    if writer != Side::Agent && route == Route::ViaAgent {
        told.push(("N-170", To::Handlers));
    }
    // They would decide without having read it.
    match state {
        State::AwaitingAgentAttest if writer != Side::Agent => told.push(("N-170", To::AgentAttestants)),
        State::AwaitingCustomerAttest if writer != Side::Customer => {
            told.push(("N-170", To::CustomerAttestants));
        }
        _ => {}
    }
    told
}

/// A mail's or notice's words: what it wants, and what it says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// After the number: "väntar på din attest".
    pub wants: &'static str,
    /// The first line.
    pub says: String,
}

/// The words of a notification (ux.md §9): no free text from others, no personal numbers.
#[allow(clippy::too_many_lines, reason = "a table of texts, one row per notification")]
pub fn words(code: &str, what: &str, customer: &str, agent: &str) -> Words {
    let (wants, says) = match code {
        "N-40" | "N-61" => {
            ("väntar på din attest", format!("Beställningen av {what} för {customer} väntar på din attest."))
        }
        "N-41" => ("är skickad", format!("Beställningen av {what} för {customer} är skickad.")),
        "N-42" => {
            ("är attesterad", format!("Beställningen av {what} är attesterad och har gått till Inera."))
        }
        "N-43" => (
            "att hantera",
            format!("{customer} har attesterat en beställning av {what}. Den väntar på Kundservice."),
        ),
        "N-44" => (
            "är avslagen",
            format!("Er attestant har avslagit beställningen av {what}. Motiveringen finns i ärendet."),
        ),
        "N-45" => (
            "behöver kompletteras",
            format!(
                "Beställningen av {what} har kommit tillbaka för komplettering. Motiveringen finns i ärendet."
            ),
        ),
        "N-46" => (
            "är återtagen",
            format!(
                "Beställningen av {what} för {customer} är avslutad innan den blev klar. Du behöver inte göra något."
            ),
        ),
        "N-47" => (
            "är på väg",
            format!(
                "Inera har börjat med beställningen av {what}. Så här får ni tillgång till tjänsten: Kundservice kontaktar er kontaktperson med instruktioner."
            ),
        ),
        "N-48" => ("är levererad", format!("{what} är levererad till {customer}.")),
        "N-49" => (
            "är avslagen av Inera",
            format!("Inera har avslagit beställningen av {what}. Motiveringen finns i ärendet."),
        ),
        "N-50" => (
            "har förfallit",
            format!("Beställningen av {what} för {customer} har förfallit, eftersom ingen beslutade i tid."),
        ),
        "N-60" => (
            "väntar på er granskning",
            format!("{customer} vill ansluta {what} via er. Beställningen väntar på granskning."),
        ),
        "N-62" => (
            "är granskad av agenten",
            format!("{agent} har granskat beställningen av {what}. Nu väntar agentens attest."),
        ),
        "N-63" => (
            "är avslagen av agenten",
            format!("{agent} har avslagit beställningen av {what}. Motiveringen finns i ärendet."),
        ),
        "N-64" => (
            "är attesterad av agenten",
            format!("{agent} har attesterat beställningen av {what}. Nu väntar er attest."),
        ),
        "N-65" => (
            "har kommit tillbaka",
            format!(
                "Er attestant har sänt tillbaka beställningen av {what} för {customer}. Motiveringen finns i ärendet."
            ),
        ),
        "N-66" => (
            "är attesterad av kunden",
            format!(
                "{customer} har attesterat beställningen av {what}. Inera meddelar när anslutningen kan börja."
            ),
        ),
        "N-67" => (
            "är avslagen av kunden",
            format!("{customer} har avslagit beställningen av {what}. Motiveringen finns i ärendet."),
        ),
        "N-68" => (
            "kan anslutas nu",
            format!(
                "Ni kan börja ansluta {customer} till {what}. Noterar ni i ärendet när ni har börjat ser kunden det."
            ),
        ),
        "N-160" => (
            "väntar fortfarande på dig",
            format!("Påminnelse: beställningen av {what} för {customer} väntar på dig."),
        ),
        "N-170" => (
            "har ett nytt meddelande",
            format!("Det finns ett nytt meddelande om beställningen av {what} för {customer}."),
        ),
        _ => ("har ändrats", format!("Beställningen av {what} för {customer} har ändrats.")),
    };
    Words { wants, says }
}

/// What asks its reader to do something, as long as the order has not moved on.
pub const ASKS: [&str; 7] = ["N-40", "N-45", "N-60", "N-61", "N-65", "N-68", "N-160"];

/// Is there a day by which the reader shall have decided?
pub fn has_last_day(code: &str) -> bool {
    matches!(code, "N-40" | "N-60" | "N-61" | "N-160")
}

/// Why somebody got a mail, in its last line.
pub fn because(code: &str, org: &str) -> String {
    let role = match code {
        "N-40" | "N-61" => "attestant",
        "N-60" | "N-65" | "N-66" | "N-67" | "N-68" => "handläggare",
        "N-43" => "Kundservice",
        "N-63" => "beställare eller kontaktperson",
        _ => "en av dem som arbetar med beställningen",
    };
    format!("Du får mejlet för att du är {role} hos {org}.")
}
