//! What the pages of contacts show of them.

use time::Date;

use crate::{
    calendar::{long_date, long_time, machine_time},
    catalogue::Catalogue,
    contacts::{
        domain::labels,
        queries::{Contact, HistoryRow, MandateRow, SubstitutionRow},
    },
    ids::MandateId,
};

/// A row of the log.
pub struct LogRow {
    /// For machines.
    pub datetime: String,
    /// For people.
    pub when: String,
    /// What happened.
    pub what: String,
}

/// The name of a mandate: the service and the system.
pub fn mandate_name(catalogue: &Catalogue, mandates: &[MandateRow], id: MandateId) -> String {
    mandates.iter().find(|mandate| mandate.id == id).map_or_else(
        || "ett avslutat uppdrag".to_owned(),
        |mandate| format!("{}, {}", catalogue.name(&mandate.service_code), mandate.system),
    )
}

/// "Attestant, Kontaktperson till och med 31 januari 2027".
pub fn roles(contact: &Contact) -> String {
    let words: Vec<String> = contact.grants.iter().map(|grant| grant.held.words()).collect();
    words.join(", ")
}

/// "2 januari 2027 – 13 januari 2027".
pub fn days(from: Date, to: Date) -> String {
    if from == to { long_date(from) } else { format!("{} – {}", long_date(from), long_date(to)) }
}

/// What a substitution is, seen from the one who is away.
pub fn stands_in(row: &SubstitutionRow) -> String {
    format!("{}, {}", row.substitute_name, days(row.from, row.to))
}

/// An event in words.
pub fn log_row(row: &HistoryRow, name_of: impl Fn(MandateId) -> String) -> LogRow {
    let who = if row.actor_name.is_empty() { "Kundportalen" } else { &row.actor_name };
    let mut parts = Vec::new();
    match row.kind.as_str() {
        "joined" => parts.push("tackade ja till inbjudan".to_owned()),
        "removed" => parts.push("tog bort kontakten".to_owned()),
        "restored" => parts.push("återställde kontakten".to_owned()),
        "substitute" => {
            let days = row.from_on.zip(row.until_on).map(|(from, to)| days(from, to)).unwrap_or_default();
            parts.push(format!(
                "utsåg {} till ersättare, {days}",
                row.substitute_name.as_deref().unwrap_or("någon")
            ));
        }
        "substitute_ended" => parts.push("avslutade ersättningen".to_owned()),
        _ => {}
    }
    if !row.given.is_empty() {
        let verb = if row.kind == "joined" { "fick" } else { "gav" };
        parts.push(format!("{verb} {}", labels(&row.given)));
    }
    if !row.taken.is_empty() {
        parts.push(format!("tog bort {}", labels(&row.taken)));
    }
    for id in &row.permitted {
        parts.push(format!("gav behörighet i {}", name_of(*id)));
    }
    for id in &row.barred {
        parts.push(format!("tog bort behörighet i {}", name_of(*id)));
    }
    if parts.is_empty() {
        parts.push("ändrade slutdatum för roller".to_owned());
    }
    LogRow {
        datetime: machine_time(row.at),
        when: long_time(row.at),
        what: format!("{who} {}", crate::text::and_list(&parts)),
    }
}
