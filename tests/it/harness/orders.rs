//! Orders made the way people make them: through the pages.

use uuid::Uuid;

use super::{Client, PASSWORD, Portal};

pub const KARIN: &str = "karin@lindangen.example";
pub const MATS: &str = "mats@lindangen.example";
pub const SAMIRA: &str = "samira@lindangen.example";
pub const TOVE: &str = "tove@lindangen.example";
pub const NILS: &str = "nils@norrback.example";
pub const ANNA: &str = "anna@norrback.example";
pub const PER: &str = "per@norrback.example";
pub const ELSA: &str = "elsa@norling.example";
pub const JOHAN: &str = "johan@nordjournal.example";
pub const LINA: &str = "lina@nordjournal.example";
pub const OLLE: &str = "olle@nordjournal.example";
pub const HELENA: &str = "helena@nordjournal.example";
pub const MAJA: &str = "maja@vardkoppling.example";
pub const PETRA: &str = "petra@kundservice.example";
pub const IVAR: &str = "ivar@kundservice.example";
pub const SIV: &str = "siv@kundservice.example";
pub const STEN: &str = "sten@kundservice.example";

pub const LINDANGEN: &str = "/kund/10482";
pub const NORRBACK: &str = "/kund/10901";
pub const NORLING: &str = "/kund/11204";
pub const NORDJOURNAL: &str = "/agent/2041";
pub const VARDKOPPLING: &str = "/agent/2077";

/// The order's number in an address like `/kund/10482/bestall/BES-2026-000001/anslutning`.
pub fn number_in(location: &str) -> String {
    location
        .split(['/', '?'])
        .find(|part| part.starts_with("BES-"))
        .unwrap_or_else(|| panic!("no number in {location}"))
        .to_owned()
}

/// A draft; answers its number.
pub async fn draft(client: &Client, base: &str, service: &str, offer: &str) -> String {
    let id = Uuid::now_v7().to_string();
    let location = client
        .must_post(&format!("{base}/bestall"), &[("tjanst", service), ("erbjudande", offer), ("id", &id)])
        .await;
    number_in(&location)
}

/// The fields of the scope step, all filled in.
pub fn scope_fields<'a>(extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("startdatum", "2027-03-01"),
        ("kontakt_namn", "Karin Ålund"),
        ("kontakt_epost", "karin@lindangen.example"),
        ("kontakt_telefon", "070-555 01 42"),
        ("faktura_adress", "Box 100, 123 45 Exempelstad"),
        ("faktura_referens", "REF-1"),
        ("attestant", ""),
        ("egen_referens", ""),
    ];
    fields.extend_from_slice(extra);
    fields
}

/// Fills in a draft for Journalen via an agent, up to the last step.
pub async fn via_agent_draft(client: &Client, base: &str, agent: &str) -> String {
    let number = draft(client, base, "JOURNALEN", "JOURNALEN_PRODUCER_AGENT").await;
    let step = |step: &str| format!("{base}/bestall/{number}/{step}");
    client
        .must_post(
            &step("anslutning"),
            &[("erbjudande", "JOURNALEN_PRODUCER_AGENT"), ("agent", agent), ("hsa", "SE5565594230-0001")],
        )
        .await;
    client
        .must_post(
            &step("omfattning"),
            &scope_fields(&[("kontrakt", "GetDiagnosis"), ("kontrakt", "GetCareDocumentation")]),
        )
        .await;
    number
}

/// Fills in a draft for a direct service without lines.
pub async fn direct_draft(client: &Client, base: &str, service: &str) -> String {
    let offer = format!("{service}_DIRECT");
    let number = draft(client, base, service, &offer).await;
    client
        .must_post(&format!("{base}/bestall/{number}/anslutning"), &[("erbjudande", &offer), ("hsa", "")])
        .await;
    client.must_post(&format!("{base}/bestall/{number}/omfattning"), &scope_fields(&[])).await;
    number
}

/// Sends a filled-in draft.
pub async fn send(client: &Client, base: &str, number: &str) {
    let path = format!("{base}/bestall/{number}/granska");
    let page = client.page(&path).await;
    let (terms, content) = (page.hidden("villkor_id"), page.hidden("innehall"));
    let location =
        client.must_post(&path, &[("villkor", "ja"), ("villkor_id", &terms), ("innehall", &content)]).await;
    assert!(location.ends_with("/skickad"), "{location}");
}

/// A sent order of Journalen via Nordjournal.
pub async fn sent_via_agent(portal: &Portal) -> String {
    let karin = portal.as_person(KARIN).await;
    let number = via_agent_draft(&karin, LINDANGEN, "2041").await;
    send(&karin, LINDANGEN, &number).await;
    number
}

/// A sent direct order of Lindängen.
pub async fn sent_direct(portal: &Portal) -> String {
    let karin = portal.as_person(KARIN).await;
    let number = direct_draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET").await;
    send(&karin, LINDANGEN, &number).await;
    number
}

/// Decides, with the revision the page shows.
pub async fn decide(client: &Client, path: &str, decision: &str, extra: &[(&str, &str)]) -> super::Answer {
    let page = client.get(path).await;
    if page.status != 200 {
        return page;
    }
    let (revision, shown) = (page.hidden("revision"), page.hidden("visat"));
    let mut fields = vec![
        ("revision", revision.as_str()),
        ("visat", shown.as_str()),
        ("beslut", decision),
        ("losenord", PASSWORD),
    ];
    fields.extend_from_slice(extra);
    client.post(path, &fields).await
}

/// The agent's handler approves, to any attestant.
pub async fn approve_as_johan(portal: &Portal, number: &str) {
    let johan = portal.as_person(JOHAN).await;
    let path = format!("{NORDJOURNAL}/godkannanden/{number}");
    decide(&johan, &path, "godkann", &[("attestant", "alla"), ("intygar", "ja")]).await.is(303);
}

/// The agent's attestant attests.
pub async fn attest_as_helena(portal: &Portal, number: &str) {
    let helena = portal.as_person(HELENA).await;
    decide(&helena, &format!("{NORDJOURNAL}/attester/{number}"), "attestera", &[]).await.is(303);
}

/// The customer's attestant attests.
pub async fn attest_as_mats(portal: &Portal, number: &str) {
    let mats = portal.as_person(MATS).await;
    decide(&mats, &format!("{LINDANGEN}/bestallningar/{number}/attestera"), "attestera", &[]).await.is(303);
}

/// The order's state in the database.
pub async fn state(portal: &Portal, number: &str) -> String {
    portal.value(&format!("SELECT state FROM orders WHERE number = '{number}'")).await
}
