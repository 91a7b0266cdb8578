//! Pages about applications: the applicant's behind a link, the officers'.

pub mod apply;
pub mod decide;
pub mod follow;
pub mod other;
pub mod staff;

use super::{
    actions::{Refused, rule_text},
    domain::{Content, Named, State, shown_nr},
    queries::Event,
};
use crate::{
    calendar::{long_time, machine_time},
    http::AppError,
    identity::PersonalNumber,
};

/// Kind of tag and its words.
struct Tag {
    kind: &'static str,
    text: &'static str,
}

impl From<(&'static str, &'static str)> for Tag {
    fn from((kind, text): (&'static str, &'static str)) -> Self {
        Self { kind, text }
    }
}

/// A part of what was written, for reading.
struct Part {
    id: &'static str,
    title: &'static str,
    facts: Vec<(String, String)>,
}

fn who(named: &Named) -> String {
    [&named.name, &named.email, &named.phone]
        .into_iter()
        .filter(|text| !text.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join(", ")
}

/// "Två i förening".
fn rule(needed: i32) -> &'static str {
    match needed {
        1 => "En firmatecknare räcker",
        2 => "Två i förening",
        3 => "Tre i förening",
        4 => "Fyra i förening",
        _ => "",
    }
}

/// `19560412-XXXX`; nothing of what has not been given.
fn masked(number: &str) -> String {
    PersonalNumber::parse(number).map(|number| number.masked()).unwrap_or_default()
}

/// All that was written, with personal numbers masked.
fn parts(
    (org_nr, sole_trader): (&str, bool),
    content: &Content,
    (numbers, category): (&[String], &str),
) -> Vec<Part> {
    let fact = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let financed = match content.financed.as_str() {
        "ja" => format!("Ja, {}", content.financed_by),
        "nej" => "Nej".to_owned(),
        _ => String::new(),
    };
    let mut signing = vec![fact("Hur firman tecknas", rule(content.needed))];
    for (place, named) in content.signatories.iter().enumerate() {
        let number = numbers.get(place).map(|number| masked(number)).unwrap_or_default();
        let all = [named.name.clone(), number, named.email.clone()];
        let text: Vec<String> = all.into_iter().filter(|text| !text.is_empty()).collect();
        signing.push((format!("Firmatecknare {}", place + 1), text.join(", ")));
    }
    let parts = vec![
        Part {
            id: "organisationen",
            title: "Organisationen",
            facts: vec![
                fact("Namn", &content.name),
                fact(
                    if sole_trader { "Personnummer (enskild firma)" } else { "Organisationsnummer" },
                    &shown_nr(org_nr, sole_trader),
                ),
                fact("Typ av organisation", category),
                fact("Postadress", &content.address.replace('\n', ", ")),
                fact("E-postadress", &content.email),
                fact("Telefon", &content.phone),
            ],
        },
        Part {
            id: "verksamheten",
            title: "Verksamheten",
            facts: vec![
                fact("Vård och omsorg", &content.care),
                fact("Offentligt finansierad", &financed),
                fact("HSA-id", &content.hsa),
            ],
        },
        Part {
            id: "personer",
            title: "Personer",
            facts: vec![
                fact("Administratör", &who(&content.administrator)),
                fact("Kontaktperson för avtalet", &who(&content.contact)),
            ],
        },
        Part { id: "signering", title: "Vem signerar avtalet", facts: signing },
        Part {
            id: "ovrigt",
            title: "Övrigt",
            facts: vec![
                fact("Meddelande till Inera", &content.message),
                fact("Svar på Ineras fråga", &content.answer),
            ],
        },
    ];
    parts.into_iter().filter(|part| part.facts.iter().any(|(_, value)| !value.is_empty())).collect()
}

/// A line of the log.
struct LogRow {
    datetime: String,
    when: String,
    what: String,
    note: String,
}

fn log(events: Vec<Event>) -> Vec<LogRow> {
    let mut asked = false;
    let mut row = |event: Event| {
        let what = if asked && event.to == State::UnderReview { "Kompletterad" } else { event.to.tag().1 };
        asked = event.to == State::CompletionAsked;
        LogRow {
            datetime: machine_time(event.at),
            when: long_time(event.at),
            what: if event.by.is_empty() { what.to_owned() } else { format!("{what}. {}", event.by) },
            note: event.note,
        }
    };
    events.into_iter().map(&mut row).collect()
}

/// What can't be answered on the page.
fn fault(why: Refused) -> AppError {
    match why {
        Refused::Denied(denied) => AppError::Forbidden(denied.0),
        Refused::Stale => AppError::Conflict("Ansökan har ändrats sedan du öppnade sidan.".to_owned()),
        Refused::Rule(key) => AppError::Conflict(rule_text(&key).to_owned()),
        Refused::Agreement(why) => crate::agreements::web::fault(why),
        Refused::Key(error) => AppError::Internal(error.to_string()),
        Refused::Db(error) => error.into(),
    }
}
