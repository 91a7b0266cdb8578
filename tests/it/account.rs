//! One's own log and extract: all of one's own, nothing of anybody else's.

use crate::harness::{Client, PASSWORD, Portal, orders::*};

const LOG: &str = "/konto/aktivitet";
const OWN: &str = "/konto/mina-uppgifter";

#[tokio::test]
async fn the_extract_has_what_is_ones_own_and_nothing_of_a_colleagues() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    approve_as_johan(&portal, &number).await;
    attest_as_helena(&portal, &number).await;
    attest_as_mats(&portal, &number).await;
    let (karin, mats) = (portal.as_person(KARIN).await, portal.as_person(MATS).await);
    let talk = format!("{LINDANGEN}/bestallningar/{number}/meddelanden");
    karin.post(&talk, &[("text", "fråga från Karin")]).await.is(303);
    mats.post(&talk, &[("text", "svar från Mats")]).await.is(303);

    let page = karin.page(OWN).await;
    page.says("karin@lindangen.example")
        .says("fråga från Karin")
        .says(&number)
        .does_not_say("svar från Mats");
    page.says("Beställare").does_not_say("awaiting").does_not_say("mats@lindangen.example");
    let theirs = mats.page(OWN).await;
    theirs.says("svar från Mats").does_not_say("fråga från Karin").does_not_say("karin@lindangen.example");
    // Of what was confirmed, that it was and its hash: the text names Karin too.
    theirs.says("Bekräftelser").says("Kontrollsumma");

    let file = karin.get(&format!("{OWN}.json")).await;
    file.is(200);
    assert!(file.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let json: serde_json::Value = serde_json::from_str(&file.body).unwrap();
    assert_eq!(json["meddelanden"][0]["text"], "fråga från Karin");
    assert_eq!(json["meddelanden"].as_array().unwrap().len(), 1);
    assert!(!file.body.contains("argon2"), "no hash of a password");
    for path in [OWN, LOG, "/konto/mina-uppgifter.json"] {
        portal.anonymous().get(path).await.is(303);
    }
    portal.sql("UPDATE session SET ended_at = now()").await;
    karin.get(&format!("{OWN}.json")).await.is(303);
}

#[tokio::test]
async fn the_log_tells_of_ones_own_acts_and_of_tries_to_sign_in() {
    let portal = Portal::start().await;
    let visitor = portal.anonymous();
    visitor.post("/logga-in", &[("epost", KARIN), ("losenord", "fel ord")]).await.is(422);
    visitor.post("/logga-in", &[("epost", KARIN), ("losenord", PASSWORD)]).await.is(303);
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let page = karin.page(LOG).await;
    page.says("Ett försök att logga in misslyckades").says("Loggade in");
    page.says(&format!("Skickade en beställning, {number}")).says("Lindängens Vårdcentral");
    page.does_not_say("Gjorde något annat");
    portal.as_person(MATS).await.page(LOG).await.does_not_say(&number).does_not_say("misslyckades");
}

#[tokio::test]
async fn a_long_log_is_read_page_by_page_without_losing_a_row() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let talk = format!("{LINDANGEN}/bestallningar/{number}/meddelanden");
    for n in 0..60 {
        karin.post(&talk, &[("text", &format!("rad {n}"))]).await.is(303);
    }
    let all: usize = portal
        .value("SELECT count(*) FROM audit_entry e JOIN person p ON p.id = e.person_id WHERE p.email = 'karin@lindangen.example'")
        .await
        .parse()
        .unwrap();
    let rows = |page: &crate::harness::Answer| page.body.matches("<time datetime=").count();
    let first = karin.page(LOG).await;
    assert_eq!(rows(&first), 50);
    let next = first.body.split("href=\"/konto/aktivitet?fore=").nth(1).unwrap().split('"').next().unwrap();
    let second = karin.page(&format!("{LOG}?fore={next}")).await;
    assert_eq!(rows(&first) + rows(&second), all);
    second.says("Till de senaste").does_not_say("Visa äldre");
    for edge in ["-300000000000000000", &i64::MIN.to_string(), &i64::MAX.to_string()] {
        karin.page(&format!("{LOG}?fore={edge}")).await;
    }
    karin.page(&format!("{LOG}?fore=skräp")).await.says("Skrev ett meddelande");
}

/// Acts that are nobody's with an account: the clock's, a signatory's, a stranger's; and names of permissions.
const OF_NOBODY: [&str; 25] = [
    "account.html",
    "application.start",
    "application.save",
    "application.submit",
    "application.complete",
    "application.withdraw",
    "application.sign",
    "application.lapse",
    "member.email",
    "agreement.expire",
    "agreement.reject",
    "agreement.sign",
    "agreement.sign.refused",
    "order.attest_as_agent",
    "order.attest_as_customer",
    "order.begin_as_agent",
    "order.converse",
    "order.deliver",
    "order.lapse",
    "order.review",
    "organisation.email",
    "password.reset.ask",
    "sign_in.unknown",
    "signing.sql",
    "form.rs",
];

#[test]
fn every_act_in_the_audit_has_its_words_in_the_own_log() {
    let kinds = [
        "sign_in",
        "sign_out",
        "session",
        "confirmation",
        "password",
        "eid",
        "second_step",
        "form",
        "order",
        "member",
        "role",
        "invitation",
        "agreement",
        "application",
        "mandate",
        "account",
        "signing",
        "organisation",
        "notices",
        "mail",
    ];
    let mut judged = 0;
    for path in crate::architecture::files("src", ".rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        for literal in text.split('"') {
            let is_act = literal.split_once('.').is_some_and(|(kind, rest)| {
                kinds.contains(&kind)
                    && !rest.is_empty()
                    && rest.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c))
            });
            if is_act && !OF_NOBODY.contains(&literal) {
                assert_ne!(
                    kundportal::account::extract::action_label(literal),
                    "Gjorde något annat",
                    "{literal}"
                );
                judged += 1;
            }
        }
    }
    assert!(judged > 80, "{judged}");
}

#[tokio::test]
async fn ending_a_session_elsewhere_stands_in_the_own_log() {
    let portal = Portal::start().await;
    let (here, there) = (portal.as_person(KARIN).await, portal.as_person(KARIN).await);
    there.page(LINDANGEN).await;
    let page = here.page("/konto").await;
    let at = page.body.find("/konto/inloggningar/").unwrap();
    let path = page.body[at..].split('"').next().unwrap().to_owned();
    here.post(&path, &[]).await.is(303);
    here.page(LOG).await.says("Avslutade en inloggning på ett annat ställe");
}

#[tokio::test]
async fn the_look_one_chooses_holds_in_the_browser_before_signing_in_too() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let start = karin.page(LINDANGEN).await;
    assert!(!start.body.contains("data-theme") && !start.body.contains("data-density"));
    karin
        .post("/konto/utseende", &[("tema", "rosa"), ("tathet", "tatt")])
        .await
        .is(422)
        .says("Välj ett tema");
    let answer = karin.post("/konto/utseende", &[("tema", "morkt"), ("tathet", "tatt")]).await;
    answer.is(303);
    let cookie = answer.headers.get("set-cookie").and_then(|line| line.to_str().ok()).unwrap();
    assert!(cookie.starts_with("kp_look=morkt.tatt;") && cookie.contains("HttpOnly"), "{cookie}");
    let visitor = Client::new(portal.router.clone(), Some("-; kp_look=morkt.tatt".to_owned()));
    let page = visitor.page("/").await;
    assert!(
        page.body.contains("data-theme=\"dark\"") && page.body.contains("data-density=\"compact\""),
        "{}",
        page.body
    );
}
