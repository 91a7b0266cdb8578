//! Who is told what about an organisation's data (portal.md 2.99: N-120).

use crate::identity::mails::Words;

/// A group of people around an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Its administrators.
    Administrators,
    /// Inera's finance.
    Finance,
}

/// A notification's number and whom it goes to.
pub type Notice = (&'static str, To);

/// Who is told of a kind of event.
pub fn notices(kind: &str) -> Vec<Notice> {
    match kind {
        "invoicing" => vec![("N-120", To::Administrators), ("N-120", To::Finance)],
        _ => Vec::new(),
    }
}

/// The page that tells more, below where the organisation's pages start.
pub fn page_of(_code: &str) -> &'static str {
    "faktura"
}

/// The words of a notification. What the details are stands in the portal only.
pub fn words(_code: &str, by: &str, org: &str) -> Words {
    Words {
        subject: format!("Fakturauppgifterna för {org} är ändrade"),
        says: format!("{by} har ändrat fakturauppgifterna för {org}."),
        next: "Kontrollera att adress och referens stämmer. Känner du inte till ändringen kontaktar du den som gjorde den.",
        button: "Visa fakturauppgifterna",
    }
}

/// Why somebody got a mail, in its last line.
pub fn because(to: To, org: &str) -> String {
    match to {
        To::Administrators => format!("Du får mejlet för att du är administratör hos {org}."),
        To::Finance => "Du får mejlet för att du arbetar med ekonomi hos Inera.".to_owned(),
    }
}
