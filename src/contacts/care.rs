//! What is missing or fragile among an organisation's contacts (portal.md 1.3, minimum staffing).

use super::{domain::Kinds, queries::Contact};
use crate::identity::Role;

/// Something an organisation should see to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Care {
    /// `warn` or `info`.
    pub kind: &'static str,
    /// What is wrong.
    pub title: &'static str,
    /// What to do.
    pub text: &'static str,
}

/// What is missing or fragile among those who are there. Whoever is blocked is nobody, but as a contract contact (`0036`).
pub fn care(present: &[Contact], kinds: Kinds) -> Vec<Care> {
    let counts = |contact: &&Contact, role: Role| !contact.blocked || role == Role::ContractContact;
    let lasting = |role: Role| {
        present.iter().filter(|contact| counts(contact, role) && contact.has_lasting(role)).count()
    };
    let anybody = |role: Role| present.iter().any(|contact| counts(&contact, role) && contact.has(role));
    let mut care = Vec::new();
    if kinds.inera {
        if lasting(Role::Sysadmin) <= 1 {
            care.push(Care {
                kind: "info",
                title: "Bara en systemadministratör",
                text: "Är den personen borta kan ingen ge roller hos Inera, och ingen kan ändra personens egna. Ge rollen till ytterligare någon.",
            });
        }
        return care;
    }
    if !anybody(Role::Attestant) {
        care.push(Care {
            kind: "warn",
            title: "Attestant saknas",
            text: "Ingen beställning kan skickas förrän någon har rollen Attestant. Öppna en kontakt och välj Ändra roller.",
        });
    }
    if kinds.agent && !anybody(Role::AgentHandler) {
        care.push(Care {
            kind: "warn",
            title: "Handläggare saknas",
            text: "Kunder kan inte beställa via er förrän någon har rollen Handläggare agent och behörighet i agentuppdraget.",
        });
    }
    if lasting(Role::ContractContact) == 0 {
        care.push(Care {
            kind: "warn",
            title: "Kontaktperson saknas",
            text: "Någon måste ha rollen Kontaktperson, så att Inera når er när villkoren ändras.",
        });
    }
    if lasting(Role::Administrator) == 0 {
        care.push(Care {
            kind: "warn",
            title: "Administratör saknas",
            text: "Ingen kan ge roller eller ändra uppgifter. Kundservice hjälper till att utse en administratör.",
        });
    }
    if lasting(Role::Administrator) == 1 {
        care.push(Care {
            kind: "info",
            title: "Bara en administratör",
            text: "Är den personen borta kan ingen ge roller. Gör ytterligare en kontakt till administratör, eller bjud in någon.",
        });
    }
    care
}
