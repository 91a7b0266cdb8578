//! Agreements sent the way the officer sends them, and links taken from the mails.

use super::{Answer, Client, Portal};

pub const ASTRID: &str = "astrid@kundservice.example";
pub const RAKEL: &str = "rakel@solbacken.example";
pub const SOLBACKEN: &str = "/kund/11305";
pub const BIRGITTA_NO: &str = "19560412-2381";
pub const ANDERS_NO: &str = "19681103-1233";

/// The officer's form for Solbacken: Birgitta and Anders, as many as `rule` must sign.
pub fn sending(rule: &str) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("avtal", "customer_2".to_owned()),
        ("nummer", "11305".to_owned()),
        ("regel", rule.to_owned()),
        ("id", uuid::Uuid::now_v7().to_string()),
    ];
    let people = [
        ("Birgitta Sol", BIRGITTA_NO, "birgitta@solbacken.example"),
        ("Anders Ek", ANDERS_NO, "anders@solbacken.example"),
        ("", "", ""),
        ("", "", ""),
    ];
    for (name, number, email) in people {
        fields.push(("namn", name.to_owned()));
        fields.push(("personnummer", number.to_owned()));
        fields.push(("epost", email.to_owned()));
    }
    fields.push(("part", "Kundavtal 2 för Solbackens Vård AB, 559999-9066, nummer 11305".to_owned()));
    fields
}

pub async fn post_agreement(client: &Client, fields: &[(&'static str, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.post("/inera/avtal/nytt", &fields).await
}

/// Sends Solbacken's agreement; answers the links of Birgitta and Anders, as paths.
pub async fn sent_agreement(portal: &Portal, rule: &str) -> (String, String) {
    let astrid = portal.as_person(ASTRID).await;
    post_agreement(&astrid, &sending(rule)).await.is(303);
    portal.work().await;
    (link_to(portal, "birgitta@solbacken.example"), link_to(portal, "anders@solbacken.example"))
}

/// The newest signing link mailed to an address.
pub fn link_to(portal: &Portal, address: &str) -> String {
    let mails = portal.mails();
    let mail = mails.iter().rev().find(|mail| mail.to == address).expect("a mail with a link");
    let start = mail.text.find("/signera/").expect("a link");
    mail.text[start..].split_whitespace().next().unwrap().to_owned()
}

/// The browser when its owner has legitimated for the page of a link.
pub async fn identified(client: &Client, link: &str, number: &str) -> Client {
    let form = [("personnummer", number), ("syfte", "bekrafta"), ("till", link)];
    let found = client.post("/legitimera/test", &form).await;
    assert_eq!(found.location(), format!("{link}#legitimerad"));
    client.with_visit(&found.visit())
}

/// What the page shows whoever the link is for.
pub async fn shown(client: &Client, link: &str) -> String {
    for number in [BIRGITTA_NO, ANDERS_NO] {
        let page = identified(client, link, number).await.get(link).await;
        if page.status == 200 {
            return page.hidden("visat");
        }
    }
    String::new()
}

/// Legitimates and answers a signing page as it stands.
pub async fn answer(client: &Client, link: &str, number: &str, extra: &[(&str, &str)]) -> Answer {
    let shown = shown(client, link).await;
    let client = identified(client, link, number).await;
    let mut fields = vec![("visat", shown.as_str())];
    fields.extend_from_slice(extra);
    client.post(link, &fields).await
}

pub const SIGNS: [(&str, &str); 2] = [("beslut", "signera"), ("last", "ja")];
