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
    browser
        .post(&birgitta, &[("beslut", "signera"), ("last", "ja"), ("personnummer", BIRGITTA_NO)])
        .await
        .is(200);
    assert_eq!(portal.value("SELECT count(*) FROM signing_event").await, "1");
    rakel.page(&format!("{SOLBACKEN}/avtal/KA2-11305")).await.says("Delvis signerad");
    portal.sql("INSERT INTO membership_role (org_id, membership_id, role) SELECT org_id, id, 'orderer' FROM membership WHERE email = 'rakel@solbacken.example'").await;
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
        .says("Jag, Birgitta Sol, har läst och signerar Kundavtal 2");
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
        (ANDERS_NO, &[("beslut", "avboj"), ("motivering", "Vi vill inte")][..]),
    ] {
        let refused = answer(&browser, &birgitta, number, decision).await;
        refused.is(422).says("E-legitimationen tillhör inte Birgitta Sol");
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
    // After ten tries the link rests.
    for _ in 0..7 {
        answer(&browser, &birgitta, ANDERS_NO, &SIGNS).await.is(422);
    }
    answer(&browser, &birgitta, BIRGITTA_NO, &SIGNS).await.is(422).says("För många försök");
}

#[tokio::test]
async fn a_declined_agreement_is_over_for_all_and_can_be_sent_anew() {
    let portal = Portal::start_with(true).await;
    let (birgitta, anders) = sent_agreement(&portal, "1").await;
    portal.mailed().await;
    let browser = portal.anonymous();
    answer(&browser, &birgitta, BIRGITTA_NO, &[("beslut", "avboj"), ("motivering", " ")])
        .await
        .is(422)
        .says("motivering");
    let declines = [("beslut", "avboj"), ("motivering", "Fel bolag i avtalet")];
    answer(&browser, &birgitta, BIRGITTA_NO, &declines).await.is(303);
    assert_eq!(signing_state(&portal).await, "declined");
    assert_eq!(portal.mailed().await, ["N-23", "N-23", "N-23"]);
    browser.page(&anders).await.says("Avtalet är avböjt");
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
    assert_eq!(portal.mailed().await, ["N-24", "N-24"]);
    browser.page(&anders).await.says("Länken har gått ut");
    browser
        .post(&anders, &[("beslut", "signera"), ("last", "ja"), ("personnummer", ANDERS_NO)])
        .await
        .is(200);
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
    let reason = [("motivering", "Fel firmatecknare angiven")];
    portal.as_person(PETRA).await.post(path, &reason).await.is(403).says("Bara avtalshandläggare");
    portal.as_person(IVAR).await.get(path).await.is(403);
    let astrid = portal.as_person(ASTRID).await;
    astrid.post(path, &[("motivering", "")]).await.is(422).says("Skriv en motivering");
    astrid.must_post(path, &reason).await;
    assert_eq!(portal.mailed().await, ["N-25", "N-25"]);
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
    wrong[4].1 = "19560412-2380".to_owned();
    wrong[8].1 = "ingen adress".to_owned();
    let page = post_agreement(&astrid, &wrong).await;
    page.is(422).says("som finns i registret").says("Kontrollera personnumret").says("Skriv en e-postadress");
    assert!(page.body.contains("value=\"Birgitta Sol\"") && page.body.contains("value=\"ingen adress\""));
    let mut twice = sending("2");
    twice[7].1 = BIRGITTA_NO.to_owned();
    post_agreement(&astrid, &twice).await.is(422).says("samma personnummer");
    post_agreement(&astrid, &sending("3")).await.is(422).says("minst så många");
    for somebody in [PETRA, IVAR] {
        post_agreement(&portal.as_person(somebody).await, &sending("2")).await.is(403);
    }
    post_agreement(&astrid, &sending("2")).await.is(303);
    post_agreement(&astrid, &sending("2")).await.is(422).says("väntar redan på signatur");
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
async fn nothing_can_be_signed_where_no_e_legitimation_is_on() {
    let portal = Portal::start().await;
    let (birgitta, _) = sent_agreement(&portal, "1").await;
    let browser = portal.anonymous();
    let page = browser.page(&birgitta).await;
    page.says("Det går inte att signera här just nu").does_not_say("1956");
    let shown = portal
        .value("SELECT encode(sha256(convert_to('Jag, Birgitta Sol, har läst och signerar Kundavtal 2 med nummer KA2-11305 för Solbackens Vård AB, organisationsnummer 559999-9066. Avtalstextens kontrollsumma (SHA-256) är ' || encode(body_sha256, 'hex') || '.', 'UTF8')), 'hex') FROM signing")
        .await;
    let fields =
        [("visat", shown.as_str()), ("beslut", "signera"), ("last", "ja"), ("personnummer", BIRGITTA_NO)];
    browser.post(&birgitta, &fields).await.is(422);
    assert_eq!(signing_state(&portal).await, "awaiting");
}

/// A transaction of the holder of a link.
async fn by_link(portal: &Portal, link: &str) -> Tx {
    let token = Token::from_cookie(link.rsplit('/').next().unwrap()).unwrap();
    portal.app.db().enter_by_link(&token.hash(), Mode::Write).await.unwrap().unwrap().1
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
    let may: BTreeSet<&str> = ["agreement", "signing", "signatory", "signing_event", "organisation"].into();
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
        format!("INSERT INTO signing_event (signing_id, org_id, seq, from_state, to_state, moved_by, at, signatory_id, method, provider_reference, personal_no_mark, statement, body_sha256)
                 SELECT s.id, s.org_id, 1, 'awaiting', 'partly_signed', 'signatory', now(), '{id}', 'test_eid', 'x', '\\x{mark}', 'x', s.body_sha256 FROM signing s"),
        "UPDATE signing SET state = 'signed'".to_owned(),
        "UPDATE agreement SET body = 'x'".to_owned(),
        "UPDATE signatory SET signed_at = now()".to_owned(),
        "SELECT email FROM signatory".to_owned(),
        "SELECT personal_no_mark FROM signatory".to_owned(),
        "SELECT link_sha256 FROM signatory".to_owned(),
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
                            "ctx_signatory(), NULL, 'test_eid', 'x', (SELECT NULL::bytea), 'x', s.body_sha256"
                        }
                        By::Inera => "NULL, ctx_person(), '', '', NULL, '', NULL",
                        By::System => "NULL, NULL, '', '', NULL, '', NULL",
                    };
                    let mark = portal.value("SELECT encode(personal_no_mark, 'hex') FROM signatory WHERE name = 'Birgitta Sol'").await;
                    let who = who.replace("(SELECT NULL::bytea)", &format!("'\\x{mark}'"));
                    let insert = format!(
                        "INSERT INTO signing_event (signing_id, org_id, seq, from_state, to_state, moved_by, at, note, signatory_id, actor_id, method, provider_reference, personal_no_mark, statement, body_sha256)
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
