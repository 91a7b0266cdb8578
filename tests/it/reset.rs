//! A forgotten password: who asks is told nothing, who owns the mailbox gets in again.

use crate::harness::{
    Client, PASSWORD, Portal,
    contacts::{connect_eid, link_in},
    orders::*,
};

const ASK: &str = "/losenord/glomt";
const NEW: &str = "tre blå hästar dansar";

async fn link(portal: &Portal) -> String {
    let path = link_in(portal, "N-09", "/losenord/").await;
    assert_eq!(portal.mails().iter().rev().find(|mail| mail.code == "N-09").unwrap().to, KARIN);
    path
}

#[tokio::test]
async fn asking_says_and_does_the_same_whoever_has_the_address() {
    let portal = Portal::start_with(true).await;
    // Three kinds: an account, nobody, and somebody who signs in with e-legitimation alone.
    portal
        .sql("UPDATE person SET password_hash = NULL, email = NULL WHERE email = 'mats@lindangen.example'")
        .await;
    portal.mailed().await;
    let mut texts = Vec::new();
    for email in [KARIN, "ingen@lindangen.example", MATS] {
        let answer = portal.anonymous().post(ASK, &[("epost", email)]).await;
        answer.is(200).says("Titta i din mejl");
        texts.push((answer.text().replace(email, "ADRESSEN"), answer.headers.len()));
    }
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
    // The same is written for each, so that it takes as long; only one is sent anything.
    assert_eq!(portal.value("SELECT count(*) FROM account_event WHERE kind = 'reset'").await, "3");
    assert_eq!(portal.mailed().await, ["N-09"]);
    // Asking too often is refused alike.
    for email in [KARIN, "ingen@lindangen.example"] {
        for _ in 0..2 {
            portal.anonymous().post(ASK, &[("epost", email)]).await.is(200);
        }
        portal.anonymous().post(ASK, &[("epost", email)]).await.is(422).says("För många försök");
    }
    portal.anonymous().post(ASK, &[("epost", "inte en adress")]).await.is(422).says("Skriv en e-postadress");
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_ends_every_session() {
    let portal = Portal::start().await;
    let elsewhere = portal.as_person(KARIN).await;
    elsewhere.page(LINDANGEN).await;
    portal.anonymous().post(ASK, &[("epost", KARIN)]).await.is(200);
    let first = link(&portal).await;
    portal.anonymous().post(ASK, &[("epost", "Karin@Lindangen.EXAMPLE")]).await.is(200);
    let second = link(&portal).await;
    assert_ne!(first, second);
    let visitor = portal.anonymous();
    visitor.page(&first).await.says("Till kontot karin@lindangen.example");
    visitor.post(&first, &[("nytt", "kort"), ("igen", "kort")]).await.is(422).says("minst 12 tecken");
    visitor.post(&first, &[("nytt", NEW), ("igen", "annat")]).await.is(422).says("en gång till");
    let done = visitor.post(&first, &[("nytt", NEW), ("igen", NEW)]).await;
    done.is(303);
    visitor.page(&done.location()).await.says("Lösenordet är bytt. Logga in med det nya");
    elsewhere.get(LINDANGEN).await.is(303);
    for spent in [&first, &second] {
        visitor.get(spent).await.is(410).says("Länken går inte att använda");
        visitor.post(spent, &[("nytt", PASSWORD), ("igen", PASSWORD)]).await.is(410);
    }
    let sign_in = |word: &'static str| [("epost", KARIN), ("losenord", word), ("till", "")];
    visitor.post("/logga-in", &sign_in(PASSWORD)).await.is(422);
    visitor.post("/logga-in", &sign_in(NEW)).await.is(303);
    assert_eq!(portal.mailed().await.last().unwrap(), "N-37", "the owner is told");
    assert_eq!(portal.value("SELECT count(*) FROM audit_entry WHERE action = 'password.reset'").await, "1");
}

#[tokio::test]
async fn a_link_runs_out_a_made_up_one_leads_nowhere_and_two_uses_at_once_are_one() {
    let portal = Portal::start().await;
    portal.anonymous().post(ASK, &[("epost", KARIN)]).await.is(200);
    let path = link(&portal).await;
    let (one, other) = (portal.anonymous(), portal.anonymous());
    let (a, b) = tokio::join!(
        one.post(&path, &[("nytt", NEW), ("igen", NEW)]),
        other.post(&path, &[("nytt", "fyra röda kor dansar"), ("igen", "fyra röda kor dansar")])
    );
    let mut codes = [a.status.as_u16(), b.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [303, 410]);
    portal.anonymous().post(ASK, &[("epost", KARIN)]).await.is(200);
    let path = link(&portal).await;
    portal.advance(time::Duration::minutes(31));
    portal.anonymous().get(&path).await.is(410);
    portal.anonymous().post(&path, &[("nytt", NEW), ("igen", NEW)]).await.is(410);
    portal.anonymous().get(&format!("/losenord/{}", "0".repeat(64))).await.is(410);
    portal.anonymous().get("/losenord/x").await.is(404);
}

#[tokio::test]
async fn the_owner_is_told_when_a_way_in_is_connected_or_removed() {
    let portal = Portal::start_with(true).await;
    connect_eid(&portal, KARIN, "19850314-2385").await;
    assert_eq!(portal.mailed().await, ["N-38"]);
    let karin: Client = portal.as_person(KARIN).await;
    let id = portal.value("SELECT id FROM person_eid").await;
    karin.post(&format!("/konto/e-legitimation/{id}/ta-bort"), &[]).await.is(303);
    assert_eq!(portal.mailed().await, ["N-39"]);
    let fields = [("losenord", PASSWORD), ("nytt", NEW), ("igen", NEW)];
    karin.post("/konto/losenord", &fields).await.is(303);
    assert_eq!(portal.mailed().await, ["N-37"]);
}
