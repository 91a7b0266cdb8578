//! Who is told what about an application for an agentuppdrag (portal.md 2.99: N-40, N-41, N-80 to N-83). N-193, Inera asks for
//! more, N-194, the attestant has said no, N-195, the agent has taken it back, and N-196, Inera has said yes, are ours. No free text.

use super::domain::State;
use crate::identity::mails::Words;

/// A group of people around an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Whoever applied.
    Applicant,
    /// Whoever attests: the one named, or all.
    Attestants,
    /// The agent's administrators.
    Administrators,
    /// Inera's agent officers and service managers.
    Officers,
}

/// What a move sets off.
pub fn notices(from: Option<State>, to: State) -> Vec<(&'static str, To)> {
    match (from, to) {
        (None, _) => vec![("N-41", To::Applicant), ("N-80", To::Officers)],
        (_, State::UnderReview) => vec![("N-80", To::Officers)],
        (_, State::CompletionAsked) => vec![("N-193", To::Applicant)],
        (_, State::AwaitingAttest) => vec![("N-40", To::Attestants), ("N-196", To::Applicant)],
        (_, State::Rejected) => vec![("N-81", To::Applicant)],
        (_, State::Granted) => vec![("N-82", To::Applicant), ("N-82", To::Officers)],
        (_, State::AttestRefused) => vec![("N-194", To::Applicant), ("N-194", To::Officers)],
        (_, State::Active) => vec![("N-83", To::Applicant), ("N-83", To::Administrators)],
        (Some(State::AwaitingAttest), State::Withdrawn) => {
            vec![("N-195", To::Officers), ("N-195", To::Attestants)]
        }
        (_, State::Withdrawn) => vec![("N-195", To::Officers)],
    }
}

/// What asks its reader to do something, as long as the application has not moved on.
pub const ASKS: [&str; 4] = ["N-40", "N-80", "N-160", "N-193"];

/// Whom an application waits for in a state; nobody when it is closed, or when the agent's connection is under way.
pub fn reminded(state: State) -> Option<To> {
    match state {
        State::UnderReview => Some(To::Officers),
        State::CompletionAsked => Some(To::Applicant),
        State::AwaitingAttest => Some(To::Attestants),
        _ => None,
    }
}

fn made(subject: String, says: String, next: &'static str, button: &'static str) -> Words {
    Words { subject, says, next, button }
}

/// The words of a notification; `answered` when the agent has answered a question, `to` where the application is, `service`
/// with its role.
pub fn words(
    code: &str,
    (answered, to): (bool, State),
    (number, agent, service): (&str, &str, &str),
) -> Words {
    match code {
        "N-160" => reminder(to, (number, agent, service)),
        "N-80" if answered => made(
            format!("{agent} har svarat om agentuppdraget, {number}"),
            format!("{agent} har kompletterat ansökan om agentuppdrag för {service}."),
            "Läs svaret och fortsätt granska.",
            "Visa ansökan",
        ),
        "N-196" => made(
            format!("Inera har tillstyrkt ansökan om agentuppdrag, {number}"),
            format!("Inera har granskat och tillstyrkt ansökan om agentuppdrag för {service}."),
            "Den väntar nu på er attestant. I ansökan står vilka slutkunder som är godkända.",
            "Visa ansökan",
        ),
        "N-41" => made(
            format!("Ansökan om agentuppdrag är skickad, {number}"),
            format!("Ansökan om agentuppdrag för {service} är skickad till Inera och har nummer {number}."),
            "Inera granskar den. Sedan attesterar er attestant.",
            "Följ ansökan",
        ),
        "N-80" => made(
            format!("Agentuppdrag att granska: {agent}, {number}"),
            format!("{agent} har ansökt om agentuppdrag för {service}."),
            "Granska ansökan.",
            "Visa ansökan",
        ),
        "N-193" => made(
            format!("Ansökan om agentuppdrag behöver kompletteras, {number}"),
            format!("Inera behöver veta mer om ansökan om agentuppdrag för {service}."),
            "Läs frågan, ändra det som behövs och skicka ansökan igen.",
            "Läs frågan och svara",
        ),
        "N-40" => made(
            format!("Agentuppdrag att attestera: {service}, {number}"),
            format!("Inera har granskat ansökan om agentuppdrag för {service}. Den väntar på din attest."),
            "Läs ansökan och besluta.",
            "Läs och besluta",
        ),
        "N-81" => made(
            format!("Ansökan om agentuppdrag är avslagen, {number}"),
            format!("Inera har avslagit ansökan om agentuppdrag för {service}."),
            "Skälet står i ansökan. Ni kan ansöka igen när det är åtgärdat.",
            "Läs skälet",
        ),
        "N-82" => made(
            format!("Agentuppdraget är beviljat: {agent}, {service}"),
            format!("{agent} har fått agentuppdrag för {service}."),
            "Nästa steg är den tekniska anslutningen. Inera kontaktar agenten om den.",
            "Visa agentuppdraget",
        ),
        "N-83" => made(
            format!("Agentuppdraget är aktivt: {service}"),
            format!("Agentuppdraget för {service} är aktivt."),
            "Kunder kan välja er när en handläggare har behörighet i agentuppdraget. Administratören ger den under Kontakter, Ändra roller.",
            "Visa agentuppdraget",
        ),
        "N-194" => made(
            format!("Agentuppdraget är avslaget av attestanten, {number}"),
            format!("Attestanten hos {agent} har avslagit ansökan om agentuppdrag för {service}."),
            "Skälet står i ansökan.",
            "Läs skälet",
        ),
        _ => made(
            format!("Ansökan om agentuppdrag är återkallad, {number}"),
            format!("{agent} har återkallat ansökan om agentuppdrag för {service}."),
            "Ingen behöver göra något.",
            "Visa ansökan",
        ),
    }
}

fn reminder(to: State, (number, agent, service): (&str, &str, &str)) -> Words {
    let subject = format!("Påminnelse: agentuppdrag för {service}, {number}");
    match to {
        State::AwaitingAttest => made(
            subject,
            format!("Ansökan om agentuppdrag för {service} väntar på din attest."),
            "Läs ansökan och besluta.",
            "Läs och besluta",
        ),
        State::CompletionAsked => made(
            subject,
            format!("Inera väntar på svar om ansökan om agentuppdrag för {service}."),
            "Läs frågan, ändra det som behövs och skicka ansökan igen.",
            "Läs frågan och svara",
        ),
        _ => made(
            subject,
            format!("Ansökan från {agent} om agentuppdrag för {service} väntar på granskning."),
            "Granska ansökan.",
            "Visa ansökan",
        ),
    }
}

/// Why somebody got a mail, in its last line.
pub fn because(code: &str, of_inera: bool, agent: &str) -> String {
    match code {
        _ if of_inera => "Du får mejlet för att du granskar agentuppdrag på Inera.".to_owned(),
        "N-40" => format!("Du får mejlet för att du attesterar hos {agent}, själv eller som ersättare."),
        "N-83" => format!(
            "Du får mejlet för att du är administratör hos {agent} eller har ansökt om agentuppdraget."
        ),
        "N-195" => format!("Du får mejlet för att du är attestant hos {agent}."),
        _ => format!("Du får mejlet för att du arbetar med agentuppdrag hos {agent}."),
    }
}
