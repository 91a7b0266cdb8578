//! The extract in words: codes become what people call them, in the file as on the page.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    calendar::long_time,
    identity::{Role, Side},
    mandates,
    orders::domain::State,
};

/// A part of the extract, for the page.
#[derive(Debug)]
pub struct Section {
    /// What it holds.
    pub title: String,
    /// Its rows, each with its filled-in keys and values.
    pub rows: Vec<Vec<(String, String)>>,
}

/// In the order of the page.
const SECTIONS: [&str; 24] = [
    "person",
    "organisationer",
    "inloggningar",
    "e-legitimationer",
    "tvåstegsverifiering",
    "ändringar_av_kontot",
    "spärrningar",
    "beslut_i_beställningar",
    "agentuppdrag",
    "bekräftelser",
    "meddelanden",
    "bilagor",
    "ändringar_av_roller",
    "begäran_om_behörighet",
    "ersättningar",
    "inbjudningar",
    "ändringar_av_kontaktuppgifter",
    "kundservice_har_ändrat",
    "kundservice_har_bjudit_in",
    "ineras_insyn",
    "ändringar_av_organisationens_uppgifter",
    "sammanslagningar",
    "mejl",
    "aviseringar",
];

/// The same extract with every code as words. `state` names an order's state.
pub fn in_words(extract: Value, state: impl Fn(State) -> &'static str) -> Value {
    worded("", extract, &state)
}

fn worded(key: &str, value: Value, state: &impl Fn(State) -> &'static str) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| {
                    let value = worded(&key, value, state);
                    (key, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| worded(key, item, state)).collect()),
        Value::String(code) => Value::String(word(key, &code, state).map_or(code, str::to_owned)),
        other => other,
    }
}

fn word(key: &str, code: &str, state: &impl Fn(State) -> &'static str) -> Option<&'static str> {
    match key {
        "roller" => Role::from_code(code).map(Role::label),
        "status_efter" => State::ALL.iter().find(|known| known.code() == code).map(|known| state(*known)),
        "läge_efter" => mandates::domain::STATES
            .into_iter()
            .find(|known| known.code() == code)
            .map(|known| known.tag(Side::System).1),
        "sätt" => Some(match code {
            "password" => "Lösenord",
            "totp" => "Kodapp",
            "passkey" => "Passnyckel",
            "recovery" => "Reservkod",
            "eid" | "oidc" => "E-legitimation",
            "test_eid" => "Test-e-legitimation",
            _ => return None,
        }),
        "vad" => Some(match code {
            "reset" => "Länk till nytt lösenord begärd",
            "password" => "Lösenordet bytt",
            "eid_connected" => "E-legitimation kopplad",
            "eid_removed" => "E-legitimation borttagen",
            "step_added" => "Andra steg tillagt",
            "step_removed" => "Andra steg borttaget",
            "step_cleared" => "Tvåstegsverifieringen borttagen av Inera",
            "step_tries" => "Många fel koder",
            "codes_made" => "Nya reservkoder",
            "code_used" => "Reservkod använd",
            "closed" => "Kontot avslutat",
            "step_asked" => "Länk för att lägga till ett andra steg begärd",
            "merge_asked" => "Tillfrågad om kontot ska slås ihop med ett annat",
            "merge_told" => "Ett annat konto tillfrågat om det ska slås ihop med det här",
            "blocked" => "Kontot spärrat",
            "unblocked" => "Kontot öppnat igen",
            "unused_warned" => "Förvarnad om att kontot spärras när det inte används",
            "merged" => "Ett annat konto hopslaget med det här",
            "email_undone" => "Bytet av inloggningsadress taget tillbaka",
            "email_asked" => "Ny inloggningsadress angiven",
            "email_changed" => "Inloggningsadressen bytt",
            "details" => "Kontaktuppgifter ändrade",
            "email_confirmed" => "Ny e-postadress bekräftad",
            "joined" => "Blev kontakt",
            "roles" => "Roller ändrade",
            "removed" => "Borttagen som kontakt",
            "restored" => "Återställd som kontakt",
            "substitute" => "Ersättare utsedd",
            "substitute_ended" => "Ersättning avslutad",
            "invoicing" => "Fakturauppgifter ändrade",
            "invoicing_checked" => "Fakturauppgifter kontrollerade",
            "contact" => "Kontaktuppgifter ändrade",
            "email_withdrawn" => "Ny e-postadress tillbakadragen",
            "identity" => "Namn eller organisationsnummer ändrat",
            "standing" => "Kundkategori och villkor ändrade",
            "four_eyes" => "Fyra ögon ändrat",
            "access_reviewed" => "Behörigheterna genomgångna",
            "units" => "Vårdenheter ändrade",
            "ceased" => "Organisationens upphörande ändrat",
            _ => return None,
        }),
        _ => None,
    }
}

/// "ändringar_av_kontot" as a heading, "senast_använd" as a label.
fn titled(key: &str) -> String {
    let mut letters = key.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str().replace('_', " "))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "ja" } else { "nej" }.to_owned(),
        Value::String(text) => OffsetDateTime::parse(text, &Rfc3339).map_or_else(|_| text.clone(), long_time),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// What comes first in a row; the rest as in the file.
const FIRST: [&str; 9] =
    ["När", "Namn", "Organisation", "Beställning", "E-post", "Telefon", "Titel", "Roller", "Vad"];

/// The extract as sections to read.
pub fn sections(extract: &Value) -> Vec<Section> {
    let rows_of = |name: &str| extract.get(name).and_then(Value::as_array);
    SECTIONS
        .iter()
        .filter_map(|name| {
            let rows = rows_of(name)?.iter().filter_map(Value::as_object);
            let rows = rows.map(|row| {
                let mut facts: Vec<(String, String)> = row
                    .iter()
                    .map(|(key, value)| (titled(key), shown(value)))
                    .filter(|(_, value)| !value.is_empty())
                    .collect();
                facts.sort_by_key(|(key, _)| {
                    FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len())
                });
                facts
            });
            Some(Section { title: titled(name), rows: rows.collect() })
        })
        .collect()
}

/// What an entry of the audit is to the one who reads about it.
pub fn action_label(action: &str) -> &'static str {
    match action {
        "sign_in" => "Loggade in",
        "sign_in.halfway" => "Rätt lösenord, väntade på andra steget",
        "sign_in.refused" => "Ett försök att logga in misslyckades: fel lösenord eller fel kod",
        "sign_in.blocked" => {
            "Någon som kan ditt lösenord eller har din passnyckel försökte logga in medan kontot var spärrat"
        }
        "sign_in.throttled" => "För många försök att logga in",
        "sign_in.replayed" => "En legitimering användes en gång till och stoppades",
        "sign_out" => "Loggade ut",
        "session.end" => "Avslutade en inloggning på ett annat ställe",
        "confirmation.refused" => "En bekräftelse misslyckades",
        "password.change" => "Bytte lösenord",
        "password.reset" => "Valde nytt lösenord med länk i mejl",
        "eid.connect" => "Kopplade en e-legitimation",
        "eid.connect.refused" => "En e-legitimation gick inte att koppla",
        "eid.disconnect" => "Tog bort en e-legitimation",
        "second_step.link.ask" => "Bad om en länk för att lägga till ett andra steg",
        "second_step.link" => "Öppnade länken för att lägga till ett andra steg",
        "second_step.add" => "Lade till ett andra steg",
        "second_step.add.refused" => "Ett andra steg gick inte att lägga till",
        "second_step.remove" => "Tog bort ett andra steg",
        "second_step.codes" => "Skapade nya reservkoder",
        "second_step.clear" => "Tog bort någons tvåstegsverifiering",
        "form.keep" => "Ett ifyllt formulär sparades",
        "form.forget" => "Ett sparat formulär skickades eller slängdes",
        "insight.begin" => "Började se sidorna som en av kundens kontakter",
        "insight.end" => "Slutade se sidorna som en av kundens kontakter",
        "organisation.invoicing" => "Ändrade fakturauppgifter",
        "organisation.invoicing.check" => "Kontrollerade fakturauppgifter",
        "organisation.contact" => "Ändrade organisationens kontaktuppgifter",
        "organisation.email.withdraw" => "Drog tillbaka en ny e-postadress",
        "organisation.identity" => "Ändrade organisationens namn eller nummer",
        "organisation.units" => "Ändrade vårdenheter",
        "organisation.ceased" => "Ändrade när en organisation upphör",
        "organisation.standing" => "Ändrade kundkategori och villkor",
        "organisation.access_review" => "Gick igenom behörigheterna",
        "organisation.four_eyes" => "Slog på eller stängde av fyra ögon",
        "order.draft" => "Sparade ett utkast",
        "order.edit" => "Ändrade ett utkast",
        "order.submit" => "Skickade en beställning",
        "order.withdraw" => "Tog tillbaka en beställning",
        "order.review.approve" => "Godkände en beställning som handläggare",
        "order.agent_attest.attest" | "order.customer_attest.attest" => "Attesterade en beställning",
        "order.review.return" | "order.agent_attest.return" | "order.customer_attest.return" => {
            "Sände tillbaka en beställning"
        }
        "order.review.reject"
        | "order.agent_attest.reject"
        | "order.customer_attest.reject"
        | "order.deliver.reject" => "Avslog en beställning",
        "order.deliver.start" | "order.deliver.begun" | "order.deliver.activate" | "order.begin" => {
            "Förde en leverans framåt"
        }
        "order.intervene" => "Avslutade en beställning åt en kund",
        "order.message" => "Skrev ett meddelande",
        "order.attach" => "Bifogade eller tog bort en fil",
        "order.remind" => "Skickade en påminnelse",
        "order.agreement_missing" => "En beställning stoppades av ett avtal som saknas",
        "notices.read" => "Markerade aviseringar som lästa",
        "agreement.send" => "Skickade ett avtal för signering",
        "agreement.recall" => "Återkallade ett avtal",
        "mail.revive" => "Skickade om ett mejl",
        other => people_label(other),
    }
}

/// The same, for what is done with accounts, contacts and their roles.
fn people_label(action: &str) -> &'static str {
    match action {
        "account.step_cleared" => "Inera tog bort din tvåstegsverifiering",
        "account.code_used" => "En reservkod användes för att logga in",
        "member.join" => "Blev kontakt hos en organisation",
        "member.roles" | "member.roles.expire" => "Ändrade någons roller",
        "login_email.ask" => "Angav en ny inloggningsadress",
        "login_email.undo" => "Tog tillbaka sin inloggningsadress",
        "login_email.change" => "Bytte inloggningsadress",
        "person.merge.decline" => "Svarade nej till att slå ihop konton",
        "person.merge" => "Slog ihop ett annat konto med det här",
        "person.merge.ask" => "Frågade om två konton ska slås ihop",
        "confirmation.shown" => "Bekräftade med passnyckel eller kodapp",
        "mandate.apply" => "Ansökte om ett agentuppdrag",
        "mandate.complete" => "Kompletterade en ansökan om agentuppdrag",
        "mandate.withdraw" => "Återkallade en ansökan om agentuppdrag",
        "mandate.ask" => "Begärde komplettering av en ansökan om agentuppdrag",
        "mandate.forward" => "Tillstyrkte en ansökan om agentuppdrag",
        "mandate.reject" => "Avslog en ansökan om agentuppdrag",
        "mandate.attest" => "Attesterade ett agentuppdrag",
        "mandate.refuse" => "Avslog ett agentuppdrag som attestant",
        "mandate.activate" => "Aktiverade ett agentuppdrag",
        "application.take" => "Tog en kundansökan",
        "application.ask" => "Begärde komplettering av en kundansökan",
        "application.approve" => "Godkände en kundansökan",
        "application.reject" => "Avslog en kundansökan",
        "application.invite_other" => "Bjöd in någon annan till en ny kund",
        "application.invite" => "Skickade en ny kunds inbjudan igen",
        "account.block" => "Spärrade någons konto",
        "account.unused" => "Kundportalen spärrade kontot: ingen hade loggat in på ett år",
        "account.warn" => "Kundportalen förvarnade om att kontot spärras när det inte används",
        "account.unblock" => "Öppnade någons konto",
        "account.blocked" => "Ditt konto spärrades",
        "account.unblocked" => "Ditt konto öppnades igen",
        "account.mails" => "Valde när mejl skickas",
        "account.close" => "Avslutade kontot",
        "member.details" => "Ändrade någons kontaktuppgifter",
        "member.email.withdraw" => "Drog tillbaka en ny e-postadress",
        "member.remove" => "Tog bort en kontakt",
        "member.restore" => "Återställde en kontakt",
        "member.substitute" => "Utsåg en ersättare",
        "member.substitute.end" => "Avslutade en ersättning",
        "invitation.send" | "invitation.resend" => "Skickade en inbjudan",
        "invitation.revoke" => "Återkallade en inbjudan",
        "join.decline" => "Svarade nej till någon som ville bli kontakt",
        "role.ask" => "Bad om behörighet",
        "role.decline" => "Svarade nej på en begäran",
        _ => "Gjorde något annat",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_become_words_and_moments_are_read_as_people_write_them() {
        let raw = json!({
            "inloggningar": [{"när": "2026-11-22T08:00:00+00:00", "sätt": "totp", "avslutad": null}],
            "organisationer": [{"organisation": "X", "roller": ["attestant", "orderer"]}],
            "beslut_i_beställningar": [{"status_efter": "awaiting_customer_attest", "motivering": "totp"}],
        });
        let told = in_words(raw, |_| "Väntar");
        let sections = sections(&told);
        let text = format!("{sections:?}").replace("\\u{a0}", "\u{a0}");
        for wanted in
            ["Kodapp", "22\u{a0}november 2026 kl.\u{a0}9.00", "Attestant, Beställare", "Väntar", "\"totp\""]
        {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
        assert!(!text.contains("Avslutad"), "what is empty is not shown");
    }
}
