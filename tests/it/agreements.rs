//! Signing of agreements: scenarios 13 and 14 of portal.md appendix C, and what must not be possible around them.

use std::collections::BTreeSet;

use kundportal::{
    agreements::{
        domain::{By, SigningState},
        lifecycle::EDGES,
    },
    db::{DbError, Mode, Tx},
    identity::token::Token,
};
use sqlx::{Executor, Row};
use time::Duration;

use crate::harness::{Portal, agreements::*, orders::*};

async fn signing_state(portal: &Portal) -> String {
    portal.value("SELECT state FROM signing ORDER BY id DESC LIMIT 1").await
}

async fn agreement_status(portal: &Portal) -> String {
    portal
        .value("SELECT status FROM agreement WHERE number LIKE 'KA2-11305%' ORDER BY created_at DESC LIMIT 1")
        .await
}

#[tokio::test]
async fn scenario_13_two_sign_jointly_and_only_the_second_signature_makes_a_customer() {
    let portal = Portal::start_with(true).await;
    let rakel = portal.as_person(RAKEL).await;
    rakel.page(&format!("{SOLBACKEN}/avtal")).await.says("Ni har inget kundavtal ännu");
    let (birgitta, anders) = sent_agreement(&portal, "2").await;
    assert_eq!(portal.mailed().await, ["N-20", "N-20"]);
    let browser = portal.anonymous();
    let page = browser.page(&birgitta).await;
    page.says("Avtalet tecknas av två firmatecknare i förening").says("Birgitta Sol (du)").says("Anders Ek");
    page.says("Solbackens Vård AB, organisationsnummer 559999-9066");

    answer(&browser, &birgitta, BIRGITTA_NO, &SIGNS).await.is(303);
    assert_eq!(signing_state(&portal).await, "partly_signed");
    assert_eq!(agreement_status(&portal).await, "partly_signed");
    assert_eq!(portal.mailed().await, ["N-22"], "no mail about accounts yet");
    browser.page(&birgitta).await.says("din signatur är sparad").says("en firmatecknare till");
    // The neighbouring illegal acts: nobody signs twice, and half an agreement lets nobody order.
    browser.post(&birgitta, &SIGNS).await.is(200);
    assert_eq!(portal.value("SELECT count(*) FROM signing_event").await, "1");
    rakel.page(&format!("{SOLBACKEN}/avtal/KA2-11305")).await.says("Delvis signerat");
    portal.sql("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'orderer' FROM membership WHERE email = 'rakel@solbacken.example'").await;
    let id = uuid::Uuid::now_v7().to_string();
    let order = [
        ("tjanst", "INFEKTIONSVERKTYGET"),
        ("erbjudande", "INFEKTIONSVERKTYGET_DIRECT"),
        ("id", id.as_str()),
    ];
    let before = rakel.post(&format!("{SOLBACKEN}/bestall"), &order).await;
    assert!(!before.location().contains("anslutning"), "{}", before.text());

    answer(&browser, &anders, ANDERS_NO, &SIGNS).await.is(303);
    assert_eq!(signing_state(&portal).await, "signed");
    assert_eq!(agreement_status(&portal).await, "active");
    assert_eq!(portal.mailed().await, ["N-21", "N-21", "N-01", "N-14", "N-21"]);
    browser.page(&anders).await.says("Avtalet är signerat och gäller").says("Kundavtal 2");
    let page = rakel.page(&format!("{SOLBACKEN}/avtal/KA2-11305")).await;
    page.says("Gäller")
        .says("Anders Ek signerade. Avtalet gäller")
        .says("Jag, Birgitta Sol, har läst avtalet, har rätt att teckna firman");
    rakel.must_post(&format!("{SOLBACKEN}/bestall"), &order).await;
    let evidence = portal
        .value("SELECT string_agg(method || ' ' || (statement LIKE '%' || encode(body_sha256, 'hex') || '%')::text, ',') FROM signing_event")
        .await;
    assert_eq!(evidence, "test_eid true,test_eid true");
}

#[tokio::test]
async fn scenario_14_another_persons_e_legitimation_signs_nothing_and_is_written_down() {
    let portal = Portal::start_with(true).await;
    let (birgitta, _) = sent_agreement(&portal, "2").await;
    portal.mailed().await;
    let browser = portal.anonymous();
    for (number, decision) in [
        (ANDERS_NO, &SIGNS[..]),
        ("19121212-1212", &SIGNS[..]),
        // A stranger can't stop the agreement either.
        (ANDERS_NO, &[("beslut", "avsla"), ("motivering", "Vi vill inte")][..]),
    ] {
        let refused = answer(&browser, &birgitta, number, decision).await;
        refused.is(422).says("tillhör inte Birgitta Sol");
    }
    assert_eq!(signing_state(&portal).await, "awaiting");
    assert_eq!(portal.value("SELECT count(*) FROM signing_event").await, "0");
    assert_eq!(
        portal.value("SELECT count(*) FROM audit_entry WHERE action = 'agreement.sign.refused'").await,
        "3"
    );
    assert_eq!(
        portal
            .value("SELECT count(*) FROM audit_entry WHERE detail LIKE '%1968%' OR detail LIKE '%1912%'")
            .await,
        "0"
    );
    assert_eq!(portal.mailed().await, Vec::<String>::new());
    // After ten tries from one address the link rests for that address.
    for _ in 0..7 {
        answer(&browser, &birgitta, ANDERS_NO, &SIGNS).await.is(422);
    }
    answer(&browser, &birgitta, BIRGITTA_NO, &SIGNS).await.is(422).says("För många försök");
}

#[tokio::test]
async fn a_rejected_agreement_is_over_for_all_and_can_be_sent_anew() {
    let portal = Portal::start_with(true).await;
    let (birgitta, anders) = sent_agreement(&portal, "1").await;
    portal.mailed().await;
    let browser = portal.anonymous();
    answer(&browser, &birgitta, BIRGITTA_NO, &[("beslut", "avsla"), ("motivering", " ")])
        .await
        .is(422)
        .says("motivering");
    let declines = [("beslut", "avsla"), ("motivering", "Fel bolag i avtalet")];
    answer(&browser, &birgitta, BIRGITTA_NO, &declines).await.is(303);
    assert_eq!(signing_state(&portal).await, "rejected");
    assert_eq!(portal.mailed().await, ["N-23", "N-23", "N-23", "N-23"]);
    browser.page(&anders).await.says("Avtalet är avslaget");
    let astrid = portal.as_person(ASTRID).await;
    astrid
        .page("/inera/avtal/KA2-11305")
        .await
        .says("Fel bolag i avtalet")
        .says("19560412-XXXX")
        .does_not_say("2381");
    astrid.page("/inera/avtal/nytt?fran=KA2-11305").await.says("Skicka avtal för signering");
    let anew = post_agreement(&astrid, &sending("1")).await;
    assert!(anew.location().starts_with("/inera/avtal/KA2-11305-2"), "{}", anew.text());
    portal.work().await;
    let fresh = link_to(&portal, "anders@solbacken.example");
    assert_ne!(fresh, anders);
    answer(&browser, &fresh, ANDERS_NO, &SIGNS).await.is(303);
    assert_eq!(agreement_status(&portal).await, "active");
    // One that is in force is not sent again.
    post_agreement(&astrid, &sending("1")).await.is(422).says("redan ett avtal av den sorten som gäller");
}

#[tokio::test]
async fn links_go_out_after_thirty_days_with_three_reminders_before() {
    let portal = Portal::start_with(true).await;
    let (birgitta, anders) = sent_agreement(&portal, "2").await;
    portal.mailed().await;
    let browser = portal.anonymous();
    answer(&browser, &birgitta, BIRGITTA_NO, &SIGNS).await.is(303);
    portal.mailed().await;
    for (days, wanted) in [(2, 0), (1, 1), (1, 0), (3, 1), (7, 1), (10, 0)] {
        portal.advance(Duration::days(days));
        portal.worker.run_schedule().await.unwrap();
        portal.worker.run_schedule().await.unwrap();
        assert_eq!(portal.mailed().await, vec!["N-160"; wanted], "only Anders is reminded");
    }
    portal.advance(Duration::days(7));
    // The link is out even before the clock's round has noticed.
    browser.page(&anders).await.says("Länken har gått ut");
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(signing_state(&portal).await, "expired");
    // The officer, both signatories (one was promised a mail) and the administrator.
    assert_eq!(portal.mailed().await, ["N-24", "N-24", "N-24", "N-24"]);
    browser.page(&anders).await.says("Länken har gått ut");
    browser.post(&anders, &SIGNS).await.is(200);
    assert_eq!(signing_state(&portal).await, "expired");
}

#[tokio::test]
async fn a_reminder_that_comes_after_the_signature_is_dropped() {
    let portal = Portal::start_with(true).await;
    let (birgitta, anders) = sent_agreement(&portal, "2").await;
    portal.mailed().await;
    portal.advance(Duration::days(3));
    portal.worker.run_schedule().await.unwrap();
    answer(&portal.anonymous(), &birgitta, BIRGITTA_NO, &SIGNS).await.is(303);
    answer(&portal.anonymous(), &anders, ANDERS_NO, &SIGNS).await.is(303);
    let mailed = portal.mailed().await;
    assert!(!mailed.contains(&"N-160".to_owned()) && !mailed.contains(&"N-22".to_owned()), "{mailed:?}");
    assert_eq!(mailed.iter().filter(|code| *code == "N-21").count(), 3);
}

#[tokio::test]
async fn two_who_sign_at_the_same_moment_both_sign() {
    for _ in 0..5 {
        let portal = Portal::start_with(true).await;
        let (birgitta, anders) = sent_agreement(&portal, "2").await;
        let (one, two) = (portal.anonymous(), portal.anonymous());
        let (a, b) = tokio::join!(
            answer(&one, &birgitta, BIRGITTA_NO, &SIGNS),
            answer(&two, &anders, ANDERS_NO, &SIGNS)
        );
        a.is(303);
        b.is(303);
        assert_eq!(signing_state(&portal).await, "signed");
        assert_eq!(portal.value("SELECT count(*) FROM signing_event").await, "2");
        assert_eq!(portal.value("SELECT count(*) FROM signatory WHERE signed_at IS NOT NULL").await, "2");
    }
}

#[tokio::test]
async fn recalling_takes_a_reason_and_the_officers_role_and_ends_the_links() {
    let portal = Portal::start_with(true).await;
    let (birgitta, _) = sent_agreement(&portal, "2").await;
    portal.mailed().await;
    let path = "/inera/avtal/KA2-11305/aterkalla";
    let reason = [("revision", "0"), ("motivering", "Fel firmatecknare angiven")];
    portal.as_person(PETRA).await.post(path, &reason).await.is(403).says("Bara avtalshandläggare");
    portal.as_person(IVAR).await.get(path).await.is(403);
    let astrid = portal.as_person(ASTRID).await;
    // Somebody has signed since the page was opened.
    answer(&portal.anonymous(), &birgitta, BIRGITTA_NO, &SIGNS).await.is(303);
    astrid.post(path, &reason).await.is(409);
    portal.mailed().await;
    let reason = [("revision", "1"), ("motivering", "Fel firmatecknare angiven")];
    astrid.post(path, &[("revision", "1"), ("motivering", "")]).await.is(422).says("Skriv en motivering");
    astrid.must_post(path, &reason).await;
    assert_eq!(portal.mailed().await, ["N-25", "N-25", "N-25"]);
    portal.anonymous().page(&birgitta).await.says("Avtalet är återkallat");
    astrid.post(path, &reason).await.is(409);
}

#[tokio::test]
async fn the_officers_form_comes_back_with_every_fault_at_once() {
    let portal = Portal::start_with(true).await;
    let astrid = portal.as_person(ASTRID).await;
    let empty = post_agreement(&astrid, &[]).await;
    empty
        .is(422)
        .says("Välj vilket avtal")
        .says("kundnummer")
        .says("Välj hur firman tecknas")
        .says("firmatecknarens namn");
    let mut wrong = sending("2");
    wrong[1].1 = "4711".to_owned();
    wrong[5].1 = "19560412-2380".to_owned();
    wrong[9].1 = "ingen adress".to_owned();
    let page = post_agreement(&astrid, &wrong).await;
    page.is(422).says("som finns i registret").says("Kontrollera personnumret").says("Skriv en e-postadress");
    assert!(page.body.contains("value=\"Birgitta Sol\"") && page.body.contains("value=\"ingen adress\""));
    let mut twice = sending("2");
    twice[8].1 = BIRGITTA_NO.to_owned();
    post_agreement(&astrid, &twice).await.is(422).says("samma personnummer");
    post_agreement(&astrid, &sending("3")).await.is(422).says("minst så många");
    for somebody in [PETRA, IVAR] {
        post_agreement(&portal.as_person(somebody).await, &sending("2")).await.is(403);
    }
    // With another fault beside it the organisation still has to be looked at alone before anything is sent.
    let last = sending("2").len() - 1;
    let mut unseen = sending("3");
    unseen[last].1 = "Kundavtal 2 för Någon Annan AB, 559999-0000, nummer 4711".to_owned();
    let page = post_agreement(&astrid, &unseen).await;
    page.is(422).says("minst så många");
    let mut mended = sending("2");
    mended[last].1 = page.hidden("part");
    post_agreement(&astrid, &mended).await.is(200).says("Inget är skickat ännu");
    assert!(portal.mailed().await.is_empty());
    let mut agent = sending("2");
    agent[1].1 = "2041".to_owned();
    post_agreement(&astrid, &agent)
        .await
        .is(422)
        .says("2041 är agentnumret för Nordjournal Systems AB. Välj Agentavtal");
    post_agreement(&astrid, &sending("2")).await.is(303);
    let again = post_agreement(&astrid, &sending("2")).await;
    again.is(422).says("väntar redan på signatur").says("Kundavtal 2 för Solbackens Vård AB, KA2-11305");
    assert!(again.body.contains("href=\"/inera/avtal/KA2-11305"), "{}", again.body);
}

#[tokio::test]
async fn nobody_else_reads_an_agreement_and_numbers_are_sealed() {
    let portal = Portal::start_with(true).await;
    sent_agreement(&portal, "2").await;
    for (email, path) in [
        (KARIN, format!("{SOLBACKEN}/avtal/KA2-11305")),
        (KARIN, format!("{LINDANGEN}/avtal/KA2-11305")),
        (KARIN, "/inera/avtal/KA2-11305".to_owned()),
        (JOHAN, format!("{NORDJOURNAL}/avtal/KA2-11305")),
        (RAKEL, format!("{SOLBACKEN}/avtal/KA2-10482")),
        (RAKEL, "/arende/KA2-10482".to_owned()),
    ] {
        portal.as_person(email).await.get(&path).await.is(404);
    }
    portal.as_person(TOVE).await.get(&format!("{LINDANGEN}/avtal")).await.is(403);
    let rakel = portal.as_person(RAKEL).await;
    assert_eq!(rakel.get("/arende/KA2-11305").await.location(), format!("{SOLBACKEN}/avtal/KA2-11305"));
    rakel.page(&format!("{SOLBACKEN}/avtal/KA2-11305")).await.does_not_say("1956");
    let stored = portal.value("SELECT string_agg(g::text, ' ') FROM signatory g").await;
    assert!(!stored.contains("560412") && !stored.contains("2381"), "{stored}");
    assert!(portal.mails().iter().all(|mail| !mail.text.contains("560412") && !mail.html.contains("560412")));
    // Links that were never made, and other odd ones.
    for link in ["/signera/x", "/signera/%00", &format!("/signera/{}", "0".repeat(64))] {
        portal.anonymous().get(link).await.is(404);
        portal.anonymous().post(link, &SIGNS).await.is(404);
    }
}

#[tokio::test]
async fn nothing_can_be_sent_or_signed_where_no_e_legitimation_is_on() {
    let portal = Portal::start_with(true).await;
    let (birgitta, _) = sent_agreement(&portal, "1").await;
    // The same database served as anything but the demo, and marked so.
    portal.sql("UPDATE installation SET is_demo = false").await;
    let browser = identified(&portal.anonymous(), &birgitta, BIRGITTA_NO).await;
    let shown = browser.page(&birgitta).await.hidden("visat");
    let fields = [("visat", shown.as_str()), ("beslut", "signera"), ("last", "ja")];
    // Even a program that believes itself the demo's is refused by the database.
    browser.post(&birgitta, &fields).await.is(422).says("uppfyller inte ett av villkoren");
    assert_eq!(signing_state(&portal).await, "awaiting");
    let real = portal.as_if_not_demo();
    real.anonymous().page(&birgitta).await.says("Det går inte att signera här just nu");
    real.anonymous().post(&birgitta, &fields).await.is(422).says("Legitimera dig igen");
    let astrid = real.as_person(ASTRID).await;
    astrid.page("/inera/avtal/nytt").await.says("Ingen kan signera ännu");
    let mut agent = sending("1");
    agent[0].1 = "agent".to_owned();
    agent[1].1 = "2041".to_owned();
    post_agreement(&astrid, &agent).await.is(422).says("Ingen kan signera ännu");
    assert_eq!(signing_state(&portal).await, "awaiting");
}

#[tokio::test]
async fn an_agents_agreement_is_sent_and_read_on_the_agents_side() {
    let portal = Portal::start_with(true).await;
    // Its old agreement has been terminated and has run out: that makes room.
    portal
        .sql("UPDATE agreement SET status = 'terminated', valid_to = '2026-01-31' WHERE number = 'AG-2093'")
        .await;
    let astrid = portal.as_person(ASTRID).await;
    let mut fields = sending("1");
    fields[0].1 = "agent".to_owned();
    fields[1].1 = "2093".to_owned();
    // The page named another organisation, so whose number it is must be read first.
    let page = post_agreement(&astrid, &fields).await;
    page.is(200).says("Inget är skickat ännu");
    let last = fields.len() - 1;
    fields[last].1 = page.hidden("part");
    assert!(fields[last].1.contains(", 559999-"), "{}", fields[last].1);
    let sent = post_agreement(&astrid, &fields).await;
    assert!(sent.location().starts_with("/inera/avtal/AG-2093-2"), "{}", sent.text());
    // A second click of the same form leads to the same agreement.
    let again = post_agreement(&astrid, &fields).await;
    assert_eq!(again.location(), sent.location());
    portal.work().await;
    let link = link_to(&portal, "anders@solbacken.example");
    let page = portal.anonymous().page(&link).await;
    page.says("Agentavtal").says("Medisyst Norden AB").says("firmatecknarna var för sig");
    answer(&portal.anonymous(), &link, ANDERS_NO, &SIGNS).await.is(303);
    // The one who was not needed reads the text and the signature; nobody says that all signed.
    let other = link_to(&portal, "birgitta@solbacken.example");
    portal
        .anonymous()
        .page(&other)
        .await
        .says("signerat och gäller")
        .says("Agentuppdrag")
        .says("Har inte signerat");
    let rut = portal.as_person("rut@medisyst.example").await;
    rut.page("/agent/2093/avtal/AG-2093-2").await.says("Gäller").says("Anders Ek signerade");
    assert_eq!(portal.value("SELECT status FROM agreement WHERE number = 'AG-2093'").await, "ended");
}

#[tokio::test]
async fn many_at_once_with_one_link_hold_nobody_up() {
    let portal = Portal::start_with(true).await;
    let (birgitta, _) = sent_agreement(&portal, "2").await;
    let browser = portal.anonymous();
    let shown = shown(&browser, &birgitta).await;
    let browser = identified(&browser, &birgitta, ANDERS_NO).await;
    browser
        .get(&birgitta)
        .await
        .is(422)
        .says("tillhör inte Birgitta Sol")
        .does_not_say("Du har legitimerat dig");
    let fields = [("visat", shown.as_str()), ("beslut", "signera"), ("last", "ja")];
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (browser, link) = (browser.clone(), birgitta.clone());
        let fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        tries.spawn(async move {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            browser.post(&link, &fields).await.status.as_u16()
        });
    }
    while let Some(status) = tries.join_next().await {
        assert_eq!(status.unwrap(), 422);
    }
}

#[tokio::test]
async fn an_unfinished_answer_comes_back_with_what_is_missing() {
    let portal = Portal::start_with(true).await;
    let (birgitta, _) = sent_agreement(&portal, "2").await;
    let browser = portal.anonymous();
    answer(&browser, &birgitta, BIRGITTA_NO, &[]).await.is(422).says("Välj om du vill signera eller avslå");
    answer(&browser, &birgitta, BIRGITTA_NO, &[("beslut", "signera")])
        .await
        .is(422)
        .says("Kryssa i att du har läst");
    let told = [("beslut", "avsla"), ("motivering", "Fråga 19560412-2381")];
    answer(&browser, &birgitta, BIRGITTA_NO, &told).await.is(422).says("personnummer");
    browser.post(&birgitta, &[("visat", "x"), ("beslut", "signera")]).await.is(409);
    assert_eq!(signing_state(&portal).await, "awaiting");
}

#[tokio::test]
async fn a_database_remembers_its_secret_and_whether_it_is_a_demo() {
    let portal = Portal::start().await;
    let db = portal.app.db();
    db.check_installation(b"one").await.unwrap();
    db.check_installation(b"one").await.unwrap();
    let other = db.check_installation(b"two").await.unwrap_err().to_string();
    assert!(other.contains("KUNDPORTAL_SECRET"), "{other}");
    portal.sql("UPDATE installation SET is_demo = true").await;
    assert!(db.check_installation(b"one").await.unwrap_err().to_string().contains("demo"));
    // And the demo will not touch a database that is somebody's.
    portal.sql("UPDATE installation SET is_demo = false").await;
    let refused = kundportal::demo::fill(&portal.owner, portal.app.keys(), "x").await.unwrap_err();
    assert!(matches!(refused, kundportal::demo::DemoError::NotADemo), "{refused}");
}

#[tokio::test]
async fn what_was_sent_and_what_was_done_stays_as_it_was_even_for_the_owner() {
    let portal = Portal::start_with(true).await;
    let (birgitta, _) = sent_agreement(&portal, "2").await;
    answer(&portal.anonymous(), &birgitta, BIRGITTA_NO, &SIGNS).await.is(303);
    for attempt in [
        "UPDATE signing_event SET statement = 'x'",
        "DELETE FROM signing_event",
        "UPDATE agreement SET body = 'x', body_sha256 = sha256('x') WHERE number = 'KA2-11305'",
        "UPDATE agreement SET signatures_needed = 1 WHERE number = 'KA2-11305'",
        "INSERT INTO signatory (id, org_id, signing_id, place, name, email, personal_no_sealed, personal_no_mark, link_sha256)
         SELECT gen_random_uuid(), org_id, id, 9, 'Ny Person', 'x@y.se', 'x', sha256('a'), sha256('b') FROM signing",
    ] {
        let mut owner = portal.owner().await;
        assert!(owner.execute(attempt).await.is_err(), "{attempt}");
    }
    // A change of name does not change what is signed.
    portal.sql("UPDATE organisation SET name = 'Nya Namnet AB' WHERE customer_no = 11305").await;
    portal.anonymous().page(&birgitta).await.says("Solbackens Vård AB").does_not_say("Nya Namnet");
    // The chain holds the hash of the evidence.
    let digest = portal
        .value("SELECT encode(sha256(convert_to(concat(method, E'\\n', provider_reference, E'\\n', provider_name, E'\\n', encode(personal_no_mark, 'hex'), E'\\n', statement, E'\\n'), 'UTF8')), 'hex') FROM signing_event")
        .await;
    let chained = format!(
        "SELECT count(*) FROM audit_entry WHERE action = 'agreement.sign' AND detail LIKE '%{digest}'"
    );
    assert_eq!(portal.value(&chained).await, "1");
}

#[tokio::test]
async fn the_database_alone_refuses_what_the_program_would() {
    let portal = Portal::start_with(true).await;
    let (birgitta, anders) = sent_agreement(&portal, "2").await;
    answer(&portal.anonymous(), &birgitta, BIRGITTA_NO, &SIGNS).await.is(303);
    let insert = |from: &str,
                  to: &str,
                  at: &str,
                  mark: &str,
                  method: &str,
                  body: &str,
                  statement: &str,
                  note: &str| {
        format!(
            "INSERT INTO signing_event (signing_id, org_id, seq, from_state, to_state, moved_by, at, note, signatory_id, method, provider_reference, provider_name, personal_no_mark, statement, body_sha256)
             SELECT s.id, s.org_id, 2, '{from}', '{to}', 'signatory', '{at}', '{note}', ctx_signatory(), '{method}', 'r', 'n', '\\x{mark}', {statement}, {body} FROM signing s"
        )
    };
    let mark =
        |name: &str| format!("SELECT encode(personal_no_mark, 'hex') FROM signatory WHERE name = '{name}'");
    let (hers, his) = (portal.value(&mark("Birgitta Sol")).await, portal.value(&mark("Anders Ek")).await);
    let (now, body, said) = ("2026-11-22 09:00Z", "s.body_sha256", "encode(s.body_sha256, 'hex')");
    let cases = [
        ("twice", &birgitta, insert("partly_signed", "signed", now, &hers, "test_eid", body, said, "")),
        (
            "another's mark",
            &anders,
            insert("partly_signed", "signed", now, &hers, "test_eid", body, said, ""),
        ),
        (
            "after the link",
            &anders,
            insert("partly_signed", "signed", "2027-11-22", &his, "test_eid", body, said, ""),
        ),
        (
            "before it was sent",
            &anders,
            insert("partly_signed", "signed", "2025-11-22", &his, "test_eid", body, said, ""),
        ),
        (
            "another text",
            &anders,
            insert(
                "partly_signed",
                "signed",
                now,
                &his,
                "test_eid",
                "sha256('x')",
                "encode(sha256('x'), 'hex')",
                "",
            ),
        ),
        ("too few", &anders, insert("partly_signed", "partly_signed", now, &his, "test_eid", body, said, "")),
        ("no method", &anders, insert("partly_signed", "signed", now, &his, "", body, said, "")),
        ("nothing said", &anders, insert("partly_signed", "signed", now, &his, "test_eid", body, "'x'", "")),
        ("no reason", &anders, insert("partly_signed", "rejected", now, &his, "test_eid", body, said, "")),
        ("an old state", &anders, insert("awaiting", "signed", now, &his, "test_eid", body, said, "")),
    ];
    for (what, link, statement) in cases {
        let mut tx = by_link(&portal, link).await;
        assert!(tx.conn().execute(sqlx::AssertSqlSafe(statement)).await.is_err(), "{what}");
    }
    let mut tx = by_link(&portal, &anders).await;
    let right = insert("partly_signed", "signed", now, &his, "test_eid", body, said, "");
    tx.conn().execute(sqlx::AssertSqlSafe(right)).await.unwrap();
    drop(tx);
    // Only the officer sends and recalls, whatever the program thinks.
    let client = portal.as_person(PETRA).await;
    let token = Token::from_cookie(client.cookie.as_deref().unwrap()).unwrap();
    for attempt in [
        "INSERT INTO agreement (id, org_id, kind, number, status, body, body_sha256) SELECT gen_random_uuid(), id, 'customer_2', 'X-1', 'awaiting_signature', 'x', sha256('x') FROM organisation LIMIT 1",
        "INSERT INTO signing (id, org_id, agreement_id, body_sha256, sent_by, sent_at, expires_at) SELECT gen_random_uuid(), org_id, id, body_sha256, ctx_person(), now(), now() + interval '1 day' FROM agreement WHERE number = 'KA2-11305'",
        "INSERT INTO signing_event (signing_id, org_id, seq, from_state, to_state, moved_by, at, actor_id, note) SELECT id, org_id, 2, state, 'recalled', 'inera', now(), ctx_person(), 'därför' FROM signing",
    ] {
        let side = Some(kundportal::identity::Side::Inera);
        let mut tx = portal.app.db().enter(&token.hash(), side, 0, Mode::Write).await.unwrap().unwrap().1;
        assert!(tx.conn().execute(sqlx::AssertSqlSafe(attempt.to_owned())).await.is_err(), "{attempt}");
    }
}

/// A transaction of the holder of a link.
async fn by_link(portal: &Portal, link: &str) -> Tx {
    let token = Token::from_cookie(link.rsplit('/').next().unwrap()).unwrap();
    portal.app.db().enter_by_link(&token.hash(), Mode::Write).await.unwrap().unwrap().2
}

#[tokio::test]
async fn the_holder_of_a_link_reaches_one_round_and_no_other_row_of_anybody() {
    let portal = Portal::start_with(true).await;
    sent_via_agent(&portal).await;
    let (birgitta, anders) = sent_agreement(&portal, "2").await;
    let mut owner = portal.owner().await;
    let tables: Vec<String> = owner
        .fetch_all("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relrowsecurity")
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(tables.len() > 20);
    let may: BTreeSet<&str> = ["agreement", "signing", "signatory", "signing_event"].into();
    for table in &tables {
        let mut tx = by_link(&portal, &birgitta).await;
        let asked: Result<i64, _> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
                .fetch_one(tx.conn())
                .await;
        match asked {
            Ok(rows) => assert!(may.contains(table.as_str()) && rows <= 2, "{table}: {rows}"),
            Err(error) => assert!(matches!(DbError::from(error), DbError::Denied(_)), "{table}"),
        }
    }
    // Not the other's signature, not the state, not the text, not the other's address or number.
    let id = portal.value("SELECT id FROM signatory WHERE name = 'Anders Ek'").await;
    let mark =
        portal.value("SELECT encode(personal_no_mark, 'hex') FROM signatory WHERE name = 'Anders Ek'").await;
    for attempt in [
        format!("INSERT INTO signing_event (signing_id, org_id, seq, from_state, to_state, moved_by, at, signatory_id, method, provider_reference, provider_name, personal_no_mark, statement, body_sha256)
                 SELECT s.id, s.org_id, 1, 'awaiting', 'partly_signed', 'signatory', s.sent_at, '{id}', 'test_eid', 'x', 'x', '\\x{mark}', encode(s.body_sha256, 'hex'), s.body_sha256 FROM signing s"),
        "UPDATE signing SET state = 'signed'".to_owned(),
        "UPDATE agreement SET body = 'x'".to_owned(),
        "UPDATE signatory SET signed_at = now()".to_owned(),
        "SELECT email FROM signatory".to_owned(),
        "SELECT personal_no_mark FROM signatory".to_owned(),
        "SELECT link_sha256 FROM signatory".to_owned(),
        "SELECT personal_no_mark FROM signing_event".to_owned(),
    ] {
        let mut tx = by_link(&portal, &birgitta).await;
        let refused = tx.conn().execute(sqlx::AssertSqlSafe(attempt.clone())).await.unwrap_err();
        assert!(matches!(DbError::from(refused), DbError::Denied(_)), "{attempt}");
    }
    drop(by_link(&portal, &anders).await);
}

#[tokio::test]
async fn exactly_the_drawn_moves_of_a_signing_can_be_made() {
    let portal = Portal::start_with(true).await;
    let (birgitta, _) = sent_agreement(&portal, "2").await;
    let mut owner = portal.owner().await;
    let rows = owner
        .fetch_all("SELECT from_state::text, to_state::text, moved_by::text FROM signing_transition_rule")
        .await
        .unwrap();
    let in_database: BTreeSet<String> = rows
        .iter()
        .map(|row| (0..3).map(|at| row.get::<String, _>(at)).collect::<Vec<_>>().join(" "))
        .collect();
    let name = |(from, to, by): (SigningState, SigningState, By)| {
        format!("{} {} {}", from.code(), to.code(), by.code())
    };
    let in_types: BTreeSet<String> = EDGES.iter().map(|edge| name(*edge)).collect();
    assert_eq!(in_database, in_types);

    portal.sql("ALTER TABLE agreement DISABLE TRIGGER agreement_text_stays").await;
    let mut accepted = BTreeSet::new();
    for from in SigningState::ALL {
        for to in SigningState::ALL {
            for by in By::ALL {
                // How many must sign decides which of two moves a signature is: both are tried.
                for needed in [1, 2] {
                    let (open, out) = (from.is_open(), by == By::System);
                    portal
                        .sql(&format!(
                            "UPDATE signing SET state = '{}', revision = 3, closed_at = {}, sent_at = '2026-01-01', expires_at = '{}'",
                            from.code(),
                            if open { "NULL" } else { "now()" },
                            if out { "2026-02-01" } else { "2027-02-01" }
                        ))
                        .await;
                    portal.sql("UPDATE signatory SET signed_at = NULL").await;
                    portal
                        .sql(&format!(
                            "UPDATE agreement SET signatures_needed = {needed}, status = 'awaiting_signature', valid_from = NULL WHERE number = 'KA2-11305'"
                        ))
                        .await;
                    let mut tx = match by {
                        By::Signatory => by_link(&portal, &birgitta).await,
                        By::System => portal.app.db().worker().await.unwrap(),
                        By::Inera => {
                            let client = portal.as_person(ASTRID).await;
                            let token = Token::from_cookie(client.cookie.as_deref().unwrap()).unwrap();
                            let side = Some(kundportal::identity::Side::Inera);
                            portal
                                .app
                                .db()
                                .enter(&token.hash(), side, 0, Mode::Write)
                                .await
                                .unwrap()
                                .unwrap()
                                .1
                        }
                    };
                    let who = match by {
                        By::Signatory => {
                            "ctx_signatory(), NULL, 'test_eid', 'x', 'x', (SELECT NULL::bytea), encode(s.body_sha256, 'hex'), s.body_sha256"
                        }
                        By::Inera => "NULL, ctx_person(), '', '', '', NULL, '', NULL",
                        By::System => "NULL, NULL, '', '', '', NULL, '', NULL",
                    };
                    let mark = portal.value("SELECT encode(personal_no_mark, 'hex') FROM signatory WHERE name = 'Birgitta Sol'").await;
                    let who = who.replace("(SELECT NULL::bytea)", &format!("'\\x{mark}'"));
                    let insert = format!(
                        "INSERT INTO signing_event (signing_id, org_id, seq, from_state, to_state, moved_by, at, note, signatory_id, actor_id, method, provider_reference, provider_name, personal_no_mark, statement, body_sha256)
                         SELECT s.id, s.org_id, 4, '{}', '{}', '{}', '2026-11-22', 'därför', {who} FROM signing s",
                        from.code(),
                        to.code(),
                        by.code()
                    );
                    if tx.conn().execute(sqlx::AssertSqlSafe(insert)).await.is_ok() {
                        accepted.insert(name((from, to, by)));
                    }
                }
            }
        }
    }
    assert_eq!(accepted, in_types);
}
