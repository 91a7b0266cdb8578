//! Who is told what about an organisation's data (portal.md 2.99: N-120). N-121, other data has changed, N-122, the link to a new
//! common address, N-123, told to the old one, and N-124, it holds, are ours: the catalogue lacks them.

use crate::identity::mails::Words;

/// A group of people around an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Its administrators.
    Administrators,
    /// Inera's finance.
    Finance,
    /// Whoever reads the new common address.
    NewAddress,
    /// Whoever reads the common address that holds until then.
    OldAddress,
}

/// A notification's number and whom it goes to.
pub type Notice = (&'static str, To);

/// Who is told of a kind of event; `address` when a new common address is asked for.
pub fn notices(kind: &str, address: bool) -> Vec<Notice> {
    match kind {
        "invoicing" => vec![("N-120", To::Administrators), ("N-120", To::Finance)],
        "contact" if address => {
            vec![("N-122", To::NewAddress), ("N-123", To::OldAddress), ("N-121", To::Administrators)]
        }
        "email_confirmed" => vec![("N-124", To::Administrators)],
        "contact" | "identity" | "standing" | "four_eyes" | "ceased" => vec![("N-121", To::Administrators)],
        _ => Vec::new(),
    }
}

/// The page that tells more, below where the organisation's pages start.
pub fn page_of(code: &str) -> &'static str {
    if code == "N-120" { "faktura" } else { "uppgifter" }
}

/// The words of a notification. What the data is stands in the portal only.
pub fn words(code: &str, kind: &str, by: &str, org: &str) -> Words {
    let made = |subject: String, says: String, next, button| Words { subject, says, next, button };
    let what = match kind {
        "identity" => "namn eller organisationsnummer",
        "standing" => "kundkategori och villkor",
        "four_eyes" => "inställningen för fyra ögon",
        "ceased" => "när organisationen upphör",
        _ => "kontaktuppgifter",
    };
    match code {
        "N-120" => made(
            format!("Fakturauppgifterna för {org} är ändrade"),
            format!("{by} har ändrat fakturauppgifterna för {org}."),
            "Kontrollera att adress och referens stämmer. Känner du inte till ändringen kontaktar du Kundservice.",
            "Visa fakturauppgifterna",
        ),
        "N-122" => made(
            format!("Bekräfta e-postadressen för {org}"),
            format!("{by} har angett den här adressen som gemensam adress för {org} i Kundportalen."),
            "Öppna länken inom tre dygn och bekräfta. Hör adressen inte till organisationen gör du ingenting.",
            "Bekräfta adressen",
        ),
        "N-123" => made(
            format!("{org} byter e-postadress i Kundportalen"),
            format!(
                "{by} har angett en ny gemensam adress för {org}. Den här adressen gäller tills den nya är bekräftad."
            ),
            "Känner ni inte till det kontaktar ni Kundservice.",
            "Till Kundportalen",
        ),
        "N-124" => made(
            format!("{org} har en ny e-postadress i Kundportalen"),
            format!("Den nya gemensamma adressen för {org} är bekräftad och gäller nu."),
            "Känner du inte till ändringen kontaktar du Kundservice.",
            "Visa uppgifterna",
        ),
        _ => made(
            format!("Uppgifterna för {org} är ändrade"),
            format!("{by} har ändrat {what} för {org}."),
            "Kontrollera att det stämmer. Känner du inte till ändringen kontaktar du Kundservice.",
            "Visa uppgifterna",
        ),
    }
}

/// Why somebody got a mail, in its last line.
pub fn because(to: To, org: &str) -> String {
    match to {
        To::Administrators => format!("Du får mejlet för att du är administratör hos {org}."),
        To::Finance => "Du får mejlet för att du arbetar med ekonomi hos Inera.".to_owned(),
        To::NewAddress | To::OldAddress => {
            format!("Mejlet går till den gemensamma adressen för {org} i Kundportalen.")
        }
    }
}
