//! Applications for agentuppdrag, made the way people make them.

use super::{
    Answer, Client, Portal,
    contacts::{BRITTA, act},
};

pub const TORSTEN: &str = "torsten@kundservice.example";
pub const PU_FORM: &str = "/agent/2041/uppdrag/ansok/pu-agent";

/// An application for Personuppgiftstjänsten with two end customers, as the form sends it; `extra` comes first.
pub fn form<'a>(extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("system", "Nordjournal Person"),
        ("version", "4.2"),
        ("kallsystem", "Nordjournal 9"),
        ("start", "2027-02-01"),
        ("teknik_namn", "Britta Holm"),
        ("teknik_epost", "teknik@nordjournal.example"),
        ("support", "08-123 45 67"),
        ("villkor", "ja"),
    ];
    let customers = [
        ("kundnamn", "Lindängens Vårdcentral"),
        ("kundnr", "559999-9017"),
        ("kundnamn", "Vårdbolaget"),
        ("kundnr", "556559-4230"),
    ];
    let mut all = extra.to_vec();
    all.extend(usual.iter().filter(|(name, _)| !extra.iter().any(|(known, _)| known == name)));
    if !extra.iter().any(|(name, _)| name.starts_with("kundn")) {
        all.extend(customers);
    }
    all
}

/// The form of a page, with the terms that the page shows.
pub async fn apply(client: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    let page = client.get(path).await;
    if page.status != 200 {
        return page;
    }
    let terms = page.hidden("villkor_id");
    let mut all = vec![("villkor_id", terms.as_str())];
    all.extend_from_slice(fields);
    client.post(path, &all).await
}

/// Britta applies; answers the number.
pub async fn mandate_asked(portal: &Portal, extra: &[(&str, &str)]) -> String {
    let britta = portal.as_person(BRITTA).await;
    let to = apply(&britta, PU_FORM, &form(extra)).await;
    to.is(303);
    let to = to.location();
    to.split(['/', '?']).find(|part| part.starts_with("AU-")).expect("a number").to_owned()
}

/// Torsten says yes; answers what the form answered.
pub async fn forward(portal: &Portal, number: &str, extra: &[(&str, &str)]) -> Answer {
    let torsten = portal.as_person(TORSTEN).await;
    act(&torsten, &format!("/inera/uppdrag/{number}/tillstyrk"), extra).await
}

/// Somebody of the agent's decides.
pub async fn step(client: &Client, number: &str, step: &str, extra: &[(&str, &str)]) -> Answer {
    act(client, &format!("/agent/2041/uppdrag/{number}/{step}"), extra).await
}

/// Both end customers, as Inera approves them.
pub const BOTH: [(&str, &str); 2] = [("godkand", "5599999017"), ("godkand", "5565594230")];
