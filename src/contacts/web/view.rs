//! What the pages of contacts show of them.

use time::Date;

use crate::{
    calendar::{long_date, long_time, machine_time},
    catalogue::Catalogue,
    contacts::{
        domain::{labels, means},
        insight::InsightRow,
        mails::field_names,
        queries::{Contact, HistoryRow, MandateRow, SubstitutionRow},
    },
    http::form::Choice,
    identity::Role,
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

/// A role to tick.
pub struct RoleChoice {
    /// What is sent.
    pub code: &'static str,
    /// What is read.
    pub label: &'static str,
    /// What it lets its holder do.
    pub means: &'static str,
    /// Ticked.
    pub chosen: bool,
}

/// A role to tick, ticked when its code is among those chosen.
pub fn role_choice(role: Role, chosen: &[String]) -> RoleChoice {
    let (code, label) = (role.code(), role.label());
    RoleChoice { code, label, means: means(role), chosen: chosen.iter().any(|known| known == code) }
}

/// The agent's mandates to tick.
pub fn mandate_choices(catalogue: &Catalogue, mandates: &[MandateRow], chosen: &[String]) -> Vec<Choice> {
    let choice = |mandate: &MandateRow| Choice {
        value: mandate.id.to_string(),
        label: mandate_name(catalogue, mandates, mandate.id),
        selected: chosen.contains(&mandate.id.to_string()),
    };
    mandates.iter().map(choice).collect()
}

/// Who can take over what waits for an attestant: any of the others, or one of them.
pub fn heirs(others: &[Contact], chosen: &str) -> Vec<Choice> {
    let anybody = Choice::new("alla", "Någon av de andra attestanterna", chosen);
    let named = others.iter().map(|other| Choice::new(other.id.to_string(), other.name.clone(), chosen));
    std::iter::once(anybody).chain(named).collect()
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

/// Somebody of Inera has seen the pages as the contact does.
pub fn insight_row(row: &InsightRow) -> LogRow {
    LogRow {
        datetime: machine_time(row.started_at),
        when: long_time(row.started_at),
        what: format!("{}, Inera, såg sidorna som du ser dem: {}", row.staff_name, row.reason),
    }
}

/// A new address is only asked for: it holds when its link has been opened.
fn details(fields: &[String], own: bool) -> String {
    let (whose, to_whom) = if own { ("", "") } else { ("kontaktens ", " för kontakten") };
    let told = fields.iter().filter(|field| *field != "name").cloned();
    let (asked, changed): (Vec<String>, Vec<String>) = told.partition(|field| field == "email");
    let mut said = Vec::new();
    if !changed.is_empty() {
        said.push(format!("ändrade {whose}{}", crate::text::and_list(&field_names(&changed))));
    }
    if !asked.is_empty() {
        said.push(format!("angav en ny e-postadress{to_whom}"));
    }
    crate::text::and_list(&said)
}

/// An event in words.
pub fn log_row(row: &HistoryRow, name_of: impl Fn(MandateId) -> String) -> LogRow {
    let who = if row.actor_name.is_empty() { "Kundportalen" } else { &row.actor_name };
    let mut parts = Vec::new();
    match row.kind.as_str() {
        "joined" => parts.push("tackade ja till inbjudan".to_owned()),
        "removed" if row.own => parts.push("lämnade organisationen".to_owned()),
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
        "details" => {
            let data = details(&row.fields, row.own);
            if !data.is_empty() {
                parts.push(data);
            }
            if let Some((was, is)) = row.name_was.as_ref().zip(row.name_is.as_ref()) {
                parts.push(format!("bytte namnet {was} till {is}"));
            }
        }
        "email_confirmed" => parts.push("noterade att den nya e-postadressen bekräftades".to_owned()),
        "merged" => parts.push("noterade att kontot är hopslaget med ett annat av personens".to_owned()),
        "blocked" => parts.push("spärrade kontot".to_owned()),
        "unblocked" => parts.push("öppnade kontot igen".to_owned()),
        "email_withdrawn" => parts.push("drog tillbaka den nya e-postadressen".to_owned()),
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
        what: format!(
            "{who}{} {}{}",
            if row.by_staff { ", Inera," } else { "" },
            crate::text::and_list(&parts),
            row.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
        ),
    }
}
