//! A form that is sent when the session has ended is not lost, and is nobody else's.

use crate::harness::{Client, PASSWORD, Portal, client::cookie, orders::*};

const ENDED: &str = "UPDATE session SET ended_at = now() WHERE ended_at IS NULL";

/// Signs in by password in the browser that has this form waiting; answers the browser and where it is led.
async fn back(portal: &Portal, email: &str, form: &str) -> (Client, String) {
    let fields = [("epost", email), ("losenord", PASSWORD), ("till", "/formular")];
    let done = portal.anonymous().post("/logga-in", &fields).await;
    done.is(303);
    let jar = format!("{}; kp_form={form}", cookie(&done, "kp_session"));
    (Client::new(portal.router.clone(), Some(jar)), done.location())
}

#[tokio::test]
async fn what_was_sent_when_the_session_had_ended_waits_after_the_sign_in() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/meddelanden");
    portal.sql(ENDED).await;
    let text = "Två rader som tog en stund\nmed <b>tecken</b> & annat";
    let sent = karin.post(&path, &[("text", text), ("losenord", "hemligt ord")]).await;
    assert_eq!(sent.location(), "/logga-in?till=/formular&utloggad=formular");
    portal.anonymous().page(&sent.location()).await.says("Det du skrev finns kvar");
    assert_eq!(portal.value("SELECT count(*) FROM order_message").await, "0");
    let form = cookie(&sent, "kp_form");

    let (karin, to) = back(&portal, KARIN, &form).await;
    assert_eq!(to, "/formular");
    let page = karin.page("/formular").await;
    page.says("Formuläret du skickade kom inte fram");
    assert!(page.body.contains(&format!("action=\"{path}\"")));
    assert!(!page.body.contains("hemligt ord") && !page.body.contains("<b>tecken"), "no password, no markup");
    let notices = format!("{LINDANGEN}/aviseringar");
    karin.post(&notices, &[("till_och_med", "ffffffff-ffff-ffff-ffff-ffffffffffff")]).await.is(303);
    // What else is sent leaves it alone. What comes back with a fault waits still; what went through is not shown again.
    karin.post(&path, &[("text", "")]).await.is(422);
    karin.page("/formular").await;
    let done = karin.post(&path, &[("text", text)]).await;
    done.is(303);
    assert_eq!(cookie(&done, "kp_form"), "");
    assert_eq!(portal.value("SELECT body FROM order_message").await, text);
    assert_eq!(karin.get("/formular").await.location(), "/valj-organisation");
}

#[tokio::test]
async fn it_is_kept_for_the_one_whose_session_it_was_and_for_nobody_else() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/meddelanden");
    let karin = portal.as_person(KARIN).await;
    portal.sql(ENDED).await;
    let sent = karin.post(&path, &[("text", "bara för Karin")]).await;
    let form = cookie(&sent, "kp_form");
    let (mats, _) = back(&portal, MATS, &form).await;
    assert_eq!(mats.get("/formular").await.location(), "/valj-organisation");
    mats.post("/formular", &[]).await.is(303);
    // Sealed where it waits; gone after a day.
    assert_eq!(portal.value("SELECT position('Karin'::bytea IN sealed) FROM kept_form").await, "0");
    portal.sql("UPDATE kept_form SET at = now() - interval '25 hours'").await;
    portal.sql("SELECT purge()").await;
    let (karin, _) = back(&portal, KARIN, &form).await;
    assert_eq!(karin.get("/formular").await.location(), "/valj-organisation");
    // A cookie that was never ours keeps nothing, and neither does a stranger.
    for client in [portal.anonymous(), Client::new(portal.router.clone(), Some("0".repeat(64)))] {
        let sent = client.post(&path, &[("text", "ingenting")]).await;
        assert!(sent.location().starts_with("/logga-in?till=/valj-organisation"), "{}", sent.location());
    }
    assert_eq!(portal.value("SELECT count(*) FROM kept_form").await, "0");
}

#[tokio::test]
async fn an_ended_session_can_fill_the_table_with_no_more_than_twenty() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    portal.sql(ENDED).await;
    for n in 0..25 {
        let path = format!("{LINDANGEN}/bestallningar/{number}{n}/meddelanden");
        karin.post(&path, &[("text", "om och om igen")]).await.is(303);
    }
    assert_eq!(portal.value("SELECT count(*) FROM kept_form").await, "20");
}
