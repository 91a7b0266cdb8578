//! Words about an organisation's data and its changes.

use serde_json::Value;

use crate::{
    calendar::{long_date, parse_date},
    catalogue::Catalogue,
};

/// Facts Inera decides, in the order of the form; a sole trader follows from the number.
pub const FACTS: [(&str, &str); 5] = [
    ("care_provider", "Vårdgivare"),
    ("publicly_financed", "Offentligt finansierad"),
    ("hsa_ombud", "Ombud för HSA"),
    ("siths_ombud", "Ombud för SITHS"),
    ("region_agreement", "Avtal med region"),
];

/// A fact's name.
pub fn fact(code: &str) -> &str {
    if code == "sole_trader" {
        return "Enskild firma";
    }
    FACTS.iter().find(|(known, _)| *known == code).map_or(code, |(_, name)| name)
}

/// What a kind of event is called.
pub fn event(kind: &str) -> &'static str {
    match kind {
        "invoicing" => "Fakturauppgifter ändrade",
        "invoicing_checked" => "Fakturauppgifter kontrollerade",
        "contact" => "Kontaktuppgifter ändrade",
        "email_withdrawn" => "Ny e-postadress tillbakadragen",
        "email_confirmed" => "Ny e-postadress bekräftad",
        "identity" => "Namn eller organisationsnummer ändrat",
        "standing" => "Kundkategori och villkor ändrade",
        "four_eyes" => "Fyra ögon ändrat",
        "units" => "Vårdenheter ändrade",
        "ceased" => "Organisationens upphörande ändrat",
        "access_reviewed" => "Behörigheterna genomgångna",
        _ => "Uppgifter ändrade",
    }
}

fn key(code: &str) -> &str {
    match code {
        "email" => "E-postadress",
        "phone" => "Telefon",
        "visiting_address" => "Besöksadress",
        "postal_address" => "Postadress",
        "hsa_id" => "HSA-id",
        "name" => "Namn",
        "org_nr" => "Organisationsnummer",
        "four_eyes" => "Fyra ögon",
        "category" => "Kundkategori",
        "facts" => "Villkor",
        other => other,
    }
}

/// An organisation number as shown: a sole trader's is a personal number (ux.md decision 10).
pub fn org_nr(digits: &str) -> String {
    let last = if digits.as_bytes().get(2).is_some_and(|digit| *digit < b'2') {
        "XXXX"
    } else {
        digits.get(6..).unwrap_or("")
    };
    format!("{}-{last}", digits.get(..6).unwrap_or(""))
}

fn value(code: &str, value: &Value, catalogue: &Catalogue) -> String {
    let text = match value {
        Value::String(text) if code == "org_nr" => org_nr(text),
        Value::String(text) if code == "category" => {
            text.split(", ").map(|code| catalogue.category(code)).collect::<Vec<_>>().join(", ")
        }
        Value::String(text) => text.replace('\n', ", "),
        Value::Bool(true) => "på".to_owned(),
        Value::Bool(false) => "av".to_owned(),
        Value::Array(codes) => {
            codes.iter().filter_map(Value::as_str).map(fact).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    };
    if text.is_empty() { "inget".to_owned() } else { text }
}

/// "Går upp i en annan organisation, sista dag": in which way an organisation ends.
pub fn ends(how: &str) -> &'static str {
    match how {
        "merged" => "Går upp i en annan organisation, sista dag",
        "split" => "Delas, sista dag",
        _ => "Upphör, sista dag",
    }
}

/// A line for each unit that is shown, and how many of `count` are not.
fn units(wanted: Option<&Value>, was: Option<&Value>, count: u64) -> Vec<String> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let (now, before) = (list(wanted), list(was));
    let text = |unit: &Value, key: &str| unit.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut lines: Vec<String> = now
        .iter()
        .map(|unit| {
            let old = before.iter().find(|old| text(old, "id") == text(unit, "id"));
            let said = |unit: &Value| format!("{}, {}", text(unit, "name"), text(unit, "hsa_id"));
            let closed = |unit: &Value| unit.get("closed") == Some(&Value::Bool(true));
            match old {
                None => format!("Ny: {}", said(unit)),
                Some(old) if closed(unit) && !closed(old) => format!("Stängd: {}", said(unit)),
                Some(old) if closed(old) && !closed(unit) => format!("Öppnad igen: {}", said(unit)),
                Some(old) if said(old) != said(unit) => format!("{} (tidigare {})", said(unit), said(old)),
                Some(_) => format!("Flyttad: {}", said(unit)),
            }
        })
        .collect();
    let more = count.saturating_sub(u64::try_from(now.len()).unwrap_or(u64::MAX));
    if more > 0 {
        lines.push(format!("och {more} till"));
    }
    lines
}

/// "Telefon: 08-123 456 (tidigare 08-123 455)", one line for each key that differs.
pub fn differences(kind: &str, (wanted, was): (&Value, &Value), catalogue: &Catalogue) -> Vec<String> {
    let Value::Object(wanted) = wanted else { return Vec::new() };
    if kind == "units" {
        let count = wanted.get("count").and_then(Value::as_u64).unwrap_or_default();
        return units(wanted.get("units"), was.get("units"), count);
    }
    if kind == "ceased" {
        return vec![match wanted.get("on").and_then(Value::as_str).and_then(parse_date) {
            Some(day) => {
                let way = ends(wanted.get("how").and_then(Value::as_str).unwrap_or_default());
                format!("{way} {}", long_date(day))
            }
            None => "Organisationen upphör inte".to_owned(),
        }];
    }
    let mut lines = Vec::new();
    if let Some(day) = wanted.get("from").and_then(Value::as_str).and_then(parse_date) {
        lines.push(format!("Från {}", long_date(day)));
    }
    for (code, now) in wanted.iter().filter(|(code, _)| *code != "from") {
        let before = was.get(code).unwrap_or(&Value::Null);
        if before == now {
            continue;
        }
        let (now, before) = (value(code, now, catalogue), value(code, before, catalogue));
        if (kind, code.as_str()) == ("contact", "email") {
            lines.push(format!("Ny e-postadress att bekräfta: {now}"));
            continue;
        }
        lines.push(format!("{}: {now} (tidigare {before})", key(code)));
    }
    lines
}
