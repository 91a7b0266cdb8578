//! What Inera does with a contact (`staff.rs`), and the words of its page.

use crate::{
    calendar::long_time,
    identity::blocking::{Blocked, Change},
    text::and_list,
};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Restore,
    Appoint,
    ClearSteps,
    Account(Change),
}

impl Act {
    pub(super) fn step(self) -> &'static str {
        match self {
            Self::Restore => "aterstall",
            Self::Appoint => "administrator",
            Self::ClearSteps => "tvasteg",
            Self::Account(Change::Block) => "sparra",
            Self::Account(Change::Open) => "oppna",
        }
    }

    /// Must it say why?
    pub(super) fn asks_why(self) -> bool {
        matches!(self, Self::Account(_))
    }
}

/// What the words depend on.
pub(super) struct About<'a> {
    /// Whose.
    pub name: &'a str,
    /// Is it one of Inera's own people?
    pub of_inera: bool,
    /// Is nobody else an administrator there? And an attestant, when this one is?
    pub alone: bool,
    pub only_attestant: bool,
    /// The organisation's administrators.
    pub administrators: &'a [String],
    /// That the account is blocked.
    pub blocked: Option<&'a Blocked>,
}

/// What is done, what comes of it, and the button.
pub(super) fn words(act: Act, about: &About<'_>) -> (&'static str, String, &'static str) {
    match act {
        Act::Restore => (
            "Återställ",
            if about.of_inera {
                "Personen kan logga in för Inera igen, utan roller.".to_owned()
            } else {
                "Kontakten kan logga in för organisationen igen, utan roller. Administratören ger roller. Förvissa dig om att organisationen vill det.".to_owned()
            },
            "Återställ kontakten",
        ),
        Act::Appoint => (
            "Gör till administratör:",
            if about.administrators.is_empty() {
                "Organisationen har ingen administratör. Förvissa dig om att en firmatecknare har godkänt personen innan du bekräftar.".to_owned()
            } else {
                format!(
                    "Organisationen har redan {} som administratör. Utse en till bara om ingen av dem går att nå och en firmatecknare har godkänt personen. Alla administratörer får mejl.",
                    and_list(about.administrators)
                )
            },
            "Gör till administratör",
        ),
        Act::ClearSteps => (
            "Ta bort tvåstegsverifieringen för",
            "För den som har förlorat telefon, nyckel och reservkoder. Förvissa dig om att det verkligen är personen: ring upp på ett nummer som organisationen har lämnat, inte det du blir uppringd från. Det gäller personens konto hos alla organisationer. Personen loggas ut överallt och får mejl. Den vars roll kräver tvåstegsverifiering lägger till en ny vid nästa inloggning.".to_owned(),
            "Ta bort tvåstegsverifieringen",
        ),
        Act::Account(Change::Block) => ("Spärra kontot för", block_text(about), "Spärra kontot"),
        Act::Account(Change::Open) => ("Öppna kontot för", open_text(about.blocked), "Öppna kontot"),
    }
}

fn block_text(about: &About<'_>) -> String {
    let name = about.name;
    let attests = if about.only_attestant {
        "Ingen annan är attestant där: det som väntar på attest blir stående tills någon annan får rollen."
    } else {
        "Det som väntar på personens attest går till de andra attestanterna."
    };
    let alone = if about.alone { " Organisationen har ingen annan administratör." } else { "" };
    format!(
        "{name} loggas ut genast och kan inte logga in igen, hos någon organisation, förrän kontot öppnas. Rollerna ligger kvar men gäller inte under tiden. {attests} {name} och administratörerna får mejl.{alone}"
    )
}

fn open_text(blocked: Option<&Blocked>) -> String {
    let since = blocked.map(|blocked| {
        let day = long_time(blocked.at);
        if blocked.by.is_empty() {
            format!("Kontot spärrades {day}, för att ingen hade loggat in på ett år. ")
        } else {
            format!("{} spärrade kontot {day}: ”{}”. ", blocked.by, blocked.reason)
        }
    });
    format!(
        "{}Förvissa dig om att det verkligen är personen: ring upp på ett nummer som organisationen har lämnat. Personen loggar sedan in som förut och har sina roller kvar. Om någon annan känner till lösenordet ber du personen välja ett nytt genast.",
        since.unwrap_or_default()
    )
}
