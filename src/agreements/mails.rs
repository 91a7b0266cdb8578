//! Who is told what about an agreement (portal.md 2.99: N-01, N-14, N-20–N-24 and the reminder N-160). N-25, recalled, is
//! ours: the catalogue lacks it.
//!
//! portal.md 2.2 sends N-14 when the application is approved; scenario 13 wants mails about accounts only when the
//! agreement is signed. The scenario wins: N-14 and N-01 go out with the last signature.

use super::domain::SigningState;

/// A group of people around an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Those named who have not signed.
    Remaining,
    /// All named.
    Signatories,
    /// The organisation's administrators.
    Administrators,
    /// The organisation's contacts for agreements.
    ContractContacts,
    /// Inera's agreements officers.
    Officers,
}

/// A notification's number and whom it goes to.
pub type Notice = (&'static str, To);

/// What the sending (`None`) or an event sets off.
pub fn notices(to: Option<SigningState>) -> Vec<Notice> {
    match to {
        None => vec![("N-20", To::Remaining)],
        Some(SigningState::PartlySigned) => vec![("N-22", To::Remaining)],
        Some(SigningState::Signed) => vec![
            ("N-21", To::Signatories),
            ("N-01", To::Administrators),
            ("N-14", To::ContractContacts),
            ("N-21", To::Officers),
        ],
        Some(SigningState::Rejected) => over("N-23"),
        Some(SigningState::Expired) => over("N-24"),
        Some(SigningState::Recalled) => vec![("N-25", To::Signatories), ("N-25", To::Administrators)],
        Some(SigningState::Awaiting) => Vec::new(),
    }
}

/// Those who have signed are told too: they were promised a mail.
fn over(code: &'static str) -> Vec<Notice> {
    vec![(code, To::Officers), (code, To::Signatories), (code, To::Administrators)]
}

/// Who is reminded while it waits.
pub const REMINDED: Notice = ("N-160", To::Remaining);

/// Is the mail of use only while it can be signed?
pub fn asks_to_sign(code: &str) -> bool {
    matches!(code, "N-20" | "N-22" | "N-160")
}

/// A mail's or notice's words: what it wants, and what it says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// After the number: "väntar på din signatur".
    pub wants: &'static str,
    /// The first line.
    pub says: String,
    /// What to do, in one or two sentences.
    pub next: &'static str,
    /// On the button.
    pub button: &'static str,
}

/// The words of a notification: no free text from others, no personal numbers.
pub fn words(code: &str, kind: &str, org: &str, is_signatory: bool) -> Words {
    let (wants, says, next, button) = match code {
        "N-20" => (
            "väntar på din signatur",
            format!("{kind} mellan Inera och {org} väntar på din signatur."),
            "Öppna länken, läs avtalet och signera med din e-legitimation. Du behöver inget konto. Länken är personlig.",
            "Läs och signera avtalet",
        ),
        "N-22" => (
            "väntar på din signatur",
            format!("En annan firmatecknare har signerat. {kind} för {org} väntar nu på din signatur."),
            "Öppna länken, läs avtalet och signera med din e-legitimation.",
            "Läs och signera avtalet",
        ),
        "N-160" => (
            "väntar fortfarande på din signatur",
            format!("Påminnelse: {kind} mellan Inera och {org} väntar på din signatur."),
            "Öppna länken, läs avtalet och signera eller avslå.",
            "Läs och signera avtalet",
        ),
        "N-21" => (
            "är signerat och gäller",
            format!("{kind} mellan Inera och {org} är signerat och gäller nu."),
            if is_signatory {
                "Din länk visar avtalet och signaturerna tills den går ut. Spara gärna en kopia."
            } else {
                "Avtalet och signaturerna finns i Kundportalen."
            },
            "Visa avtalet",
        ),
        "N-01" => (
            "gäller och ditt konto är klart",
            format!("{kind} för {org} gäller nu, och du är administratör i Kundportalen."),
            "Logga in, kontrollera era uppgifter och ge kollegor rollerna Beställare och Attestant.",
            "Gå till Kundportalen",
        ),
        "N-14" => (
            "gäller och du är kontaktperson",
            format!("{kind} för {org} gäller nu, och du är kontaktperson för avtalet."),
            "Du får besked från Inera när villkoren ändras. Avtalet finns i Kundportalen.",
            "Visa avtalet",
        ),
        "N-23" => (
            "är avslaget",
            format!("{kind} för {org} signeras inte, eftersom en firmatecknare har avslagit det."),
            "Ingen behöver göra något mer nu. Inera tar kontakt om avtalet ska skickas på nytt.",
            "Visa avtalet",
        ),
        "N-24" => (
            "signerades inte i tid",
            format!("Tiden för att signera {kind} för {org} har gått ut."),
            "Länkarna kan inte användas längre. Inera kan skicka avtalet på nytt.",
            "Visa avtalet",
        ),
        _ => (
            "är återkallat",
            format!("Inera har återkallat {kind} för {org}."),
            "Du behöver inte göra något. Inera tar kontakt om ett nytt avtal ska signeras.",
            "Visa avtalet",
        ),
    };
    Words { wants, says, next, button }
}

/// Why somebody got a mail, in its last line.
pub fn because(code: &str, org: &str, is_signatory: bool) -> String {
    let role = match code {
        _ if is_signatory => "angiven som firmatecknare för",
        "N-01" => "administratör hos",
        "N-14" => "kontaktperson för avtalet hos",
        "N-23" | "N-24" | "N-25" | "N-21" => "avtalshandläggare eller administratör hos",
        _ => "en av dem som arbetar med avtalet hos",
    };
    format!("Du får mejlet för att du är {role} {org}.")
}
