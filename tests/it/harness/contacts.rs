//! Contacts, changed the way people change them: through the pages.

use super::{Answer, Client, PASSWORD, Portal, orders::SAMIRA};

pub const BRITTA: &str = "britta@nordjournal.example";

/// The id of somebody's place in the organisation with this number.
pub async fn member(portal: &Portal, email: &str, no: &str) -> String {
    portal
        .value(&format!(
            "SELECT m.id FROM membership m JOIN organisation o ON o.id = m.org_id
              WHERE m.email = '{email}' AND '{no}' IN (o.customer_no::text, o.agent_no::text)"
        ))
        .await
}

/// A form of the page with what the page carries, confirmed by password.
pub async fn act(client: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    let page = client.get(path).await;
    if page.status != 200 {
        return page;
    }
    let (revision, shown) = (page.hidden_or("revision", "0"), page.hidden("visat"));
    let mut all = vec![("revision", revision.as_str()), ("visat", shown.as_str())];
    if !fields.iter().any(|(name, _)| *name == "losenord") {
        all.push(("losenord", PASSWORD));
    }
    all.extend_from_slice(fields);
    client.post(path, &all).await
}

/// The path of the newest invitation mail's link.
pub async fn link_in_mail(portal: &Portal) -> String {
    link_in(portal, "N-01", "/inbjudan/").await
}

/// The path that starts so in the newest mail with this number.
pub async fn link_in(portal: &Portal, code: &str, start: &str) -> String {
    portal.work().await;
    let mails = portal.mails();
    let mail = mails.iter().rev().find(|mail| mail.code == code).expect("a mail");
    let at = mail.text.find(start).expect("a link");
    mail.text[at..].split_whitespace().next().unwrap().to_owned()
}

/// Samira invites somebody to Lindängen; answers the path of the link.
pub async fn invited(portal: &Portal, email: &str, roles: &[&str]) -> String {
    let samira = portal.as_person(SAMIRA).await;
    let mut fields = vec![("namn", "Ny Person"), ("epost", email), ("titel", "")];
    fields.extend(roles.iter().map(|role| ("roll", *role)));
    act(&samira, "/kund/10482/kontakter/bjud-in", &fields).await.is(303);
    link_in_mail(portal).await
}

/// Connects a made-up e-legitimation to somebody's account.
pub async fn connect_eid(portal: &Portal, email: &str, number: &str) {
    let client = portal.as_person(email).await;
    let found = client.post("/legitimera/test", &[("personnummer", number), ("syfte", "koppla")]).await;
    let done =
        client.with_visit(&found.visit()).post("/konto/e-legitimation", &[("losenord", PASSWORD)]).await;
    assert_eq!(done.location(), "/konto?klart=eid-kopplad");
}
