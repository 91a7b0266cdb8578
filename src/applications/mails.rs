//! Who is told what about an application (portal.md 2.99: N-10 to N-17, N-21). N-189, the link to the form, N-190, a new
//! application to the officers, and N-191, the agreement is not signed, are ours. No free text, and no organisation number: a sole trader's is a personal number.

use super::domain::{By, State};
use crate::identity::mails::Words;

/// A group of people around an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Whoever applies.
    Applicant,
    /// Inera's agreements officers.
    Officers,
    /// The one who has taken it.
    Officer,
}

/// What the beginning (`None`) or an event sets off.
pub fn notices(event: Option<(State, By)>) -> Vec<(&'static str, To)> {
    match event {
        None => vec![("N-189", To::Applicant)],
        Some((State::Submitted, _)) => vec![("N-10", To::Applicant), ("N-190", To::Officers)],
        Some((State::UnderReview, By::Applicant)) => vec![("N-12", To::Officer)],
        Some((State::CompletionAsked, _)) => vec![("N-11", To::Applicant)],
        Some((State::Approved, _)) => vec![("N-13", To::Applicant)],
        Some((State::Rejected, _)) => vec![("N-15", To::Applicant)],
        Some((State::Withdrawn, _)) => vec![("N-16", To::Applicant)],
        Some((State::Lapsed, _)) => vec![("N-17", To::Applicant), ("N-17", To::Officers)],
        Some((State::Signed, _)) => vec![("N-21", To::Applicant)],
        Some((State::Draft | State::UnderReview, _)) => Vec::new(),
    }
}

fn made(subject: String, says: String, next: &'static str, button: &'static str) -> Words {
    Words { subject, says, next, button }
}

/// The words of a mail about an application.
pub fn words(code: &str, number: &str, org: &str) -> Words {
    match code {
        "N-189" => made(
            "Länk till er ansökan om att bli kund hos Inera".to_owned(),
            "Någon har skrivit den här adressen för att ansöka om att bli kund hos Inera.".to_owned(),
            "Var det du? Öppna länken och fyll i ansökan. Du kan spara och fortsätta senare, inom 30 dagar. Länken är personlig.",
            "Öppna ansökan",
        ),
        "N-191" => made(
            format!("Kundavtalet är inte signerat, {number}"),
            format!(
                "Kundavtalet för {org} är inte signerat: en firmatecknare har avslagit det, eller så signerades det inte i tid."
            ),
            "Inera tar kontakt om avtalet ska skickas på nytt. Hör gärna av er till Kundservice på 0771-25 10 10.",
            "Följ ansökan",
        ),
        "N-190" => made(
            format!("Ny kundansökan: {org}, {number}"),
            format!("{org} har ansökt om att bli kund."),
            "Ta ansökan och granska den.",
            "Visa ansökan",
        ),
        "N-10" => made(
            format!("Er ansökan är inskickad, {number}"),
            format!("Ansökan om att {org} ska bli kund hos Inera är inskickad och har nummer {number}."),
            "Inera granskar den och hör av sig hit. Länken visar hela tiden var ansökan är.",
            "Följ ansökan",
        ),
        "N-11" => made(
            format!("Er ansökan behöver kompletteras, {number}"),
            format!("Inera behöver veta mer om ansökan {number} för {org}."),
            "Öppna ansökan, läs frågan, ändra det som behövs och skicka den igen.",
            "Läs frågan och svara",
        ),
        "N-12" => made(
            format!("Kundansökan är kompletterad: {org}, {number}"),
            format!("Sökanden har kompletterat ansökan {number} för {org}."),
            "Läs svaret och fortsätt granska.",
            "Visa ansökan",
        ),
        "N-13" => made(
            format!("Er ansökan är godkänd, {number}"),
            format!(
                "Inera har godkänt ansökan {number}. Firmatecknarna för {org} har fått kundavtalet att signera."
            ),
            "När avtalet är signerat bjuds administratören och kontaktpersonen in till Kundportalen.",
            "Följ ansökan",
        ),
        "N-15" => made(
            format!("Er ansökan är avslagen, {number}"),
            format!("Inera har avslagit ansökan {number} för {org}."),
            "Skälet står i ansökan. Ni kan ansöka igen när det är åtgärdat.",
            "Läs skälet",
        ),
        "N-16" => made(
            format!("Er ansökan är återkallad, {number}"),
            format!("Ansökan {number} för {org} är återkallad."),
            "Ni kan ansöka igen när ni vill.",
            "Visa ansökan",
        ),
        "N-17" => made(
            format!("Kundavtalet signerades inte i tid, {number}"),
            format!("Kundavtalet för {org} är inte signerat, och ansökan {number} har gått ut."),
            "Vill organisationen fortfarande bli kund behövs en ny ansökan.",
            "Visa ansökan",
        ),
        _ => made(
            format!("{org} är kund hos Inera"),
            format!("Kundavtalet för {org} är signerat och gäller."),
            "Administratören och kontaktpersonen bjuds in till Kundportalen i mejl.",
            "Visa ansökan",
        ),
    }
}

/// Why somebody got a mail, in its last line.
pub fn because(code: &str, to_officer: bool) -> &'static str {
    match code {
        "N-189" => "Du får mejlet för att någon har skrivit din adress. Var det inte du gör du ingenting.",
        "N-12" | "N-190" => "Du får mejlet för att du är avtalshandläggare på Inera.",
        "N-17" if to_officer => "Du får mejlet för att du är avtalshandläggare på Inera.",
        _ => "Du får mejlet för att du har skickat ansökan.",
    }
}
