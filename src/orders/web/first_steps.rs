//! "Kom igång": a new customer's way to the first order, on the start page until there is something to follow there.

use crate::{agreements::Status, calendar::long_date, orders::queries::StartFacts};

/// A step on a new customer's way to the first order.
pub(super) struct FirstStep {
    pub number: usize,
    /// `done`, `now`, `wait`.
    pub state: &'static str,
    pub title: &'static str,
    pub text: String,
    pub link: Option<(&'static str, String)>,
}

/// What a new customer has done and what is next: the agreement, those who order and attest, the first order.
pub(super) fn first_steps(facts: &StartFacts, base: &str) -> Vec<FirstStep> {
    let people = || Some(("Se vilka som har roller hos er", format!("{base}/uppgifter")));
    let in_force = facts.agreement.as_ref().is_some_and(|(_, status, _)| *status == Status::Active);
    let agreement = match &facts.agreement {
        Some((_, Status::Active, from)) => {
            from.map(|day| format!("Gäller från {}.", long_date(day))).unwrap_or_default()
        }
        Some((_, Status::AwaitingSignature | Status::PartlySigned, _)) => {
            "Väntar på att era firmatecknare signerar. De har fått var sin länk i mejl.".to_owned()
        }
        _ => "Kundservice skickar avtalet till era firmatecknare. Ring 0771-25\u{a0}10\u{a0}10.".to_owned(),
    };
    let agreement_link =
        facts.agreement.as_ref().map(|(number, ..)| ("Läs avtalet", format!("{base}/avtal/{number}")));
    let role = |there: bool, what: &str| {
        if there {
            String::new()
        } else {
            format!("Ingen hos er kan {what} ännu. Be Kundservice lägga in rollen: 0771-25\u{a0}10\u{a0}10.")
        }
    };
    let steps = [
        (in_force, "Kundavtal", agreement, agreement_link),
        (facts.has_orderer, "Någon som beställer", role(facts.has_orderer, "beställa"), people()),
        (facts.has_attestant, "Någon som attesterar", role(facts.has_attestant, "attestera"), people()),
        (
            false,
            "Första beställningen",
            "Välj en tjänst. Ni ser direkt om något saknas och vad det kostar.".to_owned(),
            Some(("Visa tjänsterna", format!("{base}/tjanster"))),
        ),
    ];
    let next = steps.iter().position(|(done, ..)| !done);
    steps
        .into_iter()
        .enumerate()
        .map(|(index, (done, title, text, link))| FirstStep {
            number: index + 1,
            state: match next {
                _ if done => "done",
                Some(next) if next == index => "now",
                _ => "wait",
            },
            title,
            text,
            link,
        })
        .collect()
}
