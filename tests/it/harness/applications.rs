//! Applications to become a customer, begun and sent as applicants do.

use super::{Answer, Client, Portal, contacts::link_in};

pub const GOTA: &str = "gota@gotavard.example";
/// Of a series kept for made-up organisations.
pub const GOTAS_NR: &str = "559999-9074";

/// Everything of the form, with the fields of `extra` in place of its own.
pub fn form<'a>(extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let all = [
        ("orgnr", GOTAS_NR),
        ("namn", "Göta Vård AB"),
        ("kategori", "privat_vardgivare"),
        ("adress", "Storgatan 1, 123 45 Exempelstad"),
        ("epost", "info@gotavard.example"),
        ("telefon", "0771-00 00 01"),
        ("vard", "Primärvård"),
        ("finansierad", "ja"),
        ("finansierad_av", "Region Västerhav"),
        ("hsa", ""),
        ("adm_namn", "Ada Min"),
        ("adm_epost", "ada@gotavard.example"),
        ("kontakt_namn", "Kaj Takt"),
        ("kontakt_epost", "kaj@gotavard.example"),
        ("regel", "1"),
        ("firm_namn", "Birgitta Sol"),
        ("firm_personnummer", "19560412-2381"),
        ("firm_epost", "birgitta@gotavard.example"),
    ];
    let mut fields: Vec<(&str, &str)> =
        all.into_iter().filter(|(name, _)| !extra.iter().any(|(other, _)| other == name)).collect();
    fields.extend_from_slice(extra);
    fields
}

/// Begins one; answers the path of the link.
pub async fn begun(portal: &Portal, email: &str) -> String {
    let fields = [("namn", "Göta Berg"), ("epost", email)];
    portal.anonymous().post("/bli-kund", &fields).await.is(200).says("Titta i din mejl");
    link_in(portal, "N-189", "/bli-kund/").await
}

/// Saves the form as the page stands.
pub async fn save(client: &Client, link: &str, fields: &[(&str, &str)]) -> Answer {
    let saved = client.page(link).await.hidden("sparad");
    let mut all = vec![("sparad", saved.as_str())];
    all.extend_from_slice(fields);
    client.post(link, &all).await
}

/// Sends what has been saved.
pub async fn submit(client: &Client, link: &str, extra: &[(&str, &str)]) -> Answer {
    let page = client.page(&format!("{link}/granska")).await;
    let (revision, saved) = (page.hidden("revision"), page.hidden("sparad"));
    let mut all = vec![("revision", revision.as_str()), ("sparad", saved.as_str())];
    all.extend_from_slice(extra);
    client.post(&format!("{link}/skicka"), &all).await
}

/// Sends a whole application; answers the path of the link and its number.
pub async fn applied(portal: &Portal, extra: &[(&str, &str)]) -> (String, String) {
    let link = begun(portal, GOTA).await;
    let client = portal.anonymous();
    save(&client, &link, &form(extra)).await.is(303);
    submit(&client, &link, &[("intygar", "ja")]).await.is(303);
    let number = portal
        .value("SELECT number FROM application WHERE number IS NOT NULL ORDER BY number DESC LIMIT 1")
        .await;
    (link, number)
}

/// Takes it as the officer.
pub async fn taken(officer: &Client, number: &str) {
    let page = format!("/inera/ansokningar/{number}");
    let revision = officer.page(&page).await.hidden("revision");
    officer.post(&format!("{page}/ta"), &[("revision", &revision)]).await.is(303);
}

/// What an approval needs.
pub const APPROVES: [(&str, &str); 7] = [
    ("kategori", "privat_vardgivare"),
    ("villkor", "care_provider"),
    ("villkor", "publicly_financed"),
    ("kontroll", "care"),
    ("kontroll", "care_provider"),
    ("kontroll", "no_obstacle"),
    ("kontroll", "signatories"),
];
