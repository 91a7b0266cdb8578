//! "Kom igång": a new customer's way to the first order, on the start page until there is something to follow there.

use crate::{
    calendar::long_date,
    identity::{Actor, Role},
    orders::queries::{HeldNow, StartFacts},
};

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
pub(super) fn first_steps(facts: &StartFacts, base: &str, actor: &Actor) -> Vec<FirstStep> {
    let reads_agreements = actor.roles().iter().next().is_some();
    let gives_roles = actor.has(Role::Administrator);
    let help = || Some(("Kontakta Kundservice", "/hjalp".to_owned()));
    let in_force = facts.agreement.as_ref().is_some_and(|held| held.in_force);
    let agreement = match &facts.agreement {
        Some(HeldNow { in_force: true, valid_from, .. }) => {
            valid_from.map(|day| format!("Gäller från {}.", long_date(day))).unwrap_or_default()
        }
        Some(HeldNow { waits: true, .. }) => {
            "Väntar på att era firmatecknare signerar. De har fått var sin länk i mejl.".to_owned()
        }
        _ => "Kundservice skickar avtalet till era firmatecknare när ni ber om det.".to_owned(),
    };
    let agreement_link = match &facts.agreement {
        Some(held) if reads_agreements => Some(("Läs avtalet", format!("{base}/avtal/{}", held.number))),
        Some(_) => None,
        None => help(),
    };
    let role = |there: bool, what: &str, role: &str| {
        if there {
            return (String::new(), Some(("Se vilka som har roller hos er", format!("{base}/uppgifter"))));
        }
        if gives_roles {
            let text = format!(
                "Ingen hos er kan {what} ännu. Ge någon rollen {role}: dig själv, eller en kollega som du bjuder in."
            );
            return (text, Some(("Till kontakter", format!("{base}/kontakter"))));
        }
        let text = format!("Ingen hos er kan {what} ännu. Er administratör ger rollen under Kontakter.");
        (text, Some(("Se vem som är administratör", format!("{base}/uppgifter"))))
    };
    let (orders, order_link) = role(facts.has_orderer, "beställa", "Beställare");
    let (attests, attest_link) = role(facts.has_attestant, "attestera", "Attestant");
    let steps = [
        (in_force, "Kundavtal", agreement, agreement_link),
        (facts.has_orderer, "Beställare", orders, order_link),
        (facts.has_attestant, "Attestant", attests, attest_link),
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
