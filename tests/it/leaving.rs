//! Leaving an organisation oneself, the end of an account, and what is forgotten in time.

use kundportal::{db::DbError, identity::Side};

use crate::harness::{PASSWORD, Portal, contacts::*, enter, orders::*};

const CLOSE: &str = "/konto/avsluta";

async fn leave_page(portal: &Portal, email: &str, no: &str) -> String {
    format!("/kund/{no}/kontakter/{}/ta-bort", member(portal, email, no).await)
}

#[tokio::test]
async fn one_leaves_by_oneself_hands_over_what_waits_and_the_administrators_are_told() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let (tove, mats) = (portal.as_person(TOVE).await, portal.as_person(MATS).await);
    // Only oneself.
    let karins = leave_page(&portal, KARIN, "10482").await;
    tove.get(&karins).await.is(403);
    act(&mats, &karins, &[]).await.is(403);
    // Somebody must be left who may attest what waits.
    let own = leave_page(&portal, MATS, "10482").await;
    mats.page(&own).await.says("Lämna Lindängens").says("Du kan inte ångra det själv");
    act(&mats, &own, &[]).await.is(422).says("ingen annan får attestera");
    // With somebody who can, what waits by name goes to that one.
    let samira = portal.as_person(SAMIRA).await;
    let heir = member(&portal, TOVE, "10482").await;
    let give = format!("/kund/10482/kontakter/{heir}/roller");
    act(&samira, &give, &[("roll", "attestant")]).await.is(303);
    portal
        .sql(&format!("UPDATE orders SET customer_attestant_id = (SELECT id FROM membership WHERE email = '{MATS}') WHERE state = 'awaiting_customer_attest'"))
        .await;
    mats.page(&own).await.says("Väntar på din attest").says(&number);
    act(&mats, &own, &[("overtar", &heir)]).await.is(303);
    let named = "SELECT m.email FROM orders o JOIN membership m ON m.id = o.customer_attestant_id";
    assert_eq!(portal.value(named).await, TOVE);
    portal
        .sql("UPDATE orders SET customer_attestant_id = NULL, state = 'withdrawn', closed_at = now()")
        .await;
    act(&samira, &give, &[]).await.is(303);
    portal.mailed().await;
    // Nobody waits for Tove.
    let own = leave_page(&portal, TOVE, "10482").await;
    tove.page(&own.replace("/ta-bort", "")).await.says("Lämna organisationen");
    act(&tove, &own, &[("losenord", "fel")]).await.is(422).says("Lösenordet stämmer inte");
    let done = act(&tove, &own, &[]).await;
    assert_eq!(done.location(), "/valj-organisation?klart=lamnat");
    portal.work().await;
    assert_eq!((portal.told("N-08"), portal.told("N-127")), (vec![TOVE.to_owned()], vec![SAMIRA.to_owned()]));
    tove.get(LINDANGEN).await.is(404);
    // The only administrator stays, as long as the organisation does.
    let own = leave_page(&portal, SAMIRA, "10482").await;
    samira
        .page(&own)
        .await
        .says("Organisationens enda administratör")
        .says("Dagen efter att den är avslutad kan du lämna den");
    let leave = "INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at, confirmation_id)
                 SELECT m.id, m.revision + 1, m.org_id, 'removed', 'customer', m.person_id, now(), c.id FROM membership m, confirmation c
                  WHERE m.email = 'samira@lindangen.example' AND m.org_id = ctx_org() AND c.subject = 'member:' || m.id || ':' || m.revision";
    for (ended, outcome) in [("NULL", "last_administrator"), ("'2026-11-01'", "")] {
        let how = if outcome.is_empty() { "ceased" } else { "" };
        portal
            .sql(&format!(
                "UPDATE organisation SET ceased_on = {ended}, ceased_how = '{how}' WHERE customer_no = 10482"
            ))
            .await;
        let mut tx = enter(&portal, SAMIRA, Side::Customer, 10482).await;
        let proof = "INSERT INTO confirmation (id, org_id, person_id, session_id, method, subject, shown, shown_sha256)
                     SELECT gen_random_uuid(), ctx_org(), ctx_person(), gen_random_uuid(), 'password', 'member:' || m.id || ':' || m.revision, 'x', sha256('x')
                       FROM membership m WHERE m.email = 'samira@lindangen.example' AND m.org_id = ctx_org()";
        sqlx::query(proof).execute(tx.conn()).await.unwrap();
        let answer = sqlx::query(leave).execute(tx.conn()).await.map_err(DbError::from);
        match outcome {
            "" => assert_eq!(answer.unwrap().rows_affected(), 1),
            why => assert!(matches!(&answer, Err(DbError::Rule(key)) if key == why), "{answer:?}"),
        }
    }
    // At Inera a systemadministratör removes, never oneself.
    let ivar = "ivar@kundservice.example";
    let own = portal.value(&format!("SELECT id FROM membership WHERE email = '{ivar}'")).await;
    portal.as_person(ivar).await.get(&format!("/inera/kontakter/{own}/ta-bort")).await.is(403);
}

#[tokio::test]
async fn a_closed_account_has_no_way_in_and_no_address_and_its_decisions_stand() {
    let portal = Portal::start_with(true).await;
    let number = sent_direct(&portal).await;
    attest_as_mats(&portal, &number).await;
    let samira = portal.as_person(SAMIRA).await;
    let tove = member(&portal, TOVE, "10482").await;
    act(&samira, &format!("/kund/10482/kontakter/{tove}/roller"), &[("roll", "attestant")]).await.is(303);
    // Everything that is to go.
    connect_eid(&portal, MATS, "191212121212").await;
    for statement in [
        "INSERT INTO second_factor (id, person_id, kind, name, sealed, created_at) SELECT gen_random_uuid(), id, 'totp', 'Telefon', 'x', now() FROM person WHERE email = 'mats@lindangen.example'",
        "INSERT INTO recovery_code (code_sha256, person_id, made_at) SELECT sha256('x'), id, now() FROM person WHERE email = 'mats@lindangen.example'",
        "INSERT INTO kept_form (id, person_id, page, sealed) SELECT gen_random_uuid(), id, '/konto', 'x' FROM person WHERE email = 'mats@lindangen.example'",
        "UPDATE session SET method = 'totp'",
    ] {
        portal.sql(statement).await;
    }
    let (mats, elsewhere) = (portal.as_person(MATS).await, portal.as_person(MATS).await);
    portal.sql("UPDATE session SET method = 'totp'").await;
    let typed = [
        ("forut", "Mats Öberg"),
        ("forut", "Verksamhetschef"),
        ("forut", ""),
        ("forut", MATS),
        ("titel", "Hemlig titel"),
        ("telefon", "070-999 99 99"),
        ("epost", "mats@hemma.example"),
    ];
    let place = leave_page(&portal, MATS, "10482").await.replace("/ta-bort", "/uppgifter");
    mats.post(&place, &typed).await.is(303);
    let own = leave_page(&portal, MATS, "10482").await;
    let name = portal.value(&format!("SELECT name FROM membership WHERE email = '{MATS}'")).await;
    mats.page(CLOSE).await.says("Lämna organisationerna först").does_not_say("Ditt lösenord");
    mats.post(CLOSE, &[("losenord", PASSWORD)]).await.is(409).says("Lämna den först");
    act(&mats, &own, &[]).await.is(303);
    mats.page(CLOSE).await.says("Ingen kan öppna det igen");
    mats.post(CLOSE, &[]).await.is(422).says("Skriv ditt lösenord");
    mats.post(CLOSE, &[("losenord", "fel ord")]).await.is(422).says("Lösenordet stämmer inte");
    portal.work().await;
    // Two clicks at once are one.
    let ends = [("losenord", PASSWORD)];
    let (a, b) = tokio::join!(mats.post(CLOSE, &ends), elsewhere.post(CLOSE, &ends));
    for answer in [&a, &b] {
        answer.is(303);
    }
    assert!([a.location(), b.location()].contains(&"/logga-in?klart=avslutat".to_owned()));
    assert_eq!(portal.value("SELECT count(*) FROM audit_entry WHERE action = 'account.close'").await, "1");
    portal.work().await;
    assert_eq!(portal.told("N-179"), [MATS]);
    elsewhere.get("/konto").await.is(303);
    let sign_in = [("epost", MATS), ("losenord", PASSWORD), ("till", "")];
    portal.anonymous().post("/logga-in", &sign_in).await.is(422);
    // Nothing of the person is left but what was decided, and the audit is whole.
    let left = "SELECT count(*) FROM person p JOIN membership m ON m.person_id = p.id
                 WHERE p.anonymised_at IS NOT NULL AND p.email IS NULL AND p.password_hash IS NULL AND p.name = 'Avslutat konto'
                   AND m.name = 'Avslutat konto' AND m.email = '' AND m.phone = ''";
    assert_eq!(portal.value(left).await, "1");
    for table in ["session", "second_factor", "recovery_code", "person_eid", "notice", "kept_form"] {
        let rows = format!(
            "SELECT count(*) FROM {table} t JOIN person p ON p.id = t.person_id WHERE p.anonymised_at IS NOT NULL"
        );
        assert_eq!(portal.value(&rows).await, "0", "{table}");
    }
    let decided =
        format!("SELECT count(*) FROM order_event WHERE actor_name = '{name}' AND to_state = 'attested'");
    assert_eq!(portal.value(&decided).await, "1");
    portal.as_person(KARIN).await.page(&format!("{LINDANGEN}/bestallningar/{number}")).await.says(&name);
    assert!(portal.audit_is_whole().await);
    // Kundservice can't bring it back, and the address waits a week at most.
    let gone = portal.value("SELECT id FROM membership WHERE name = 'Avslutat konto'").await;
    let petra = portal.as_person("petra@kundservice.example").await;
    act(&petra, &format!("/inera/kunder/10482/kontakter/{gone}/aterstall"), &[])
        .await
        .is(422)
        .says("konto är avslutat");
    assert_eq!(portal.value("SELECT email FROM account_event WHERE kind = 'closed'").await, MATS);
    portal.sql("UPDATE account_event SET at = at - interval '8 days' WHERE kind = 'closed'").await;
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.value("SELECT email FROM account_event WHERE kind = 'closed'").await, "");
}

#[tokio::test]
async fn nobody_gets_a_place_while_their_account_is_closed() {
    let portal = Portal::start().await;
    portal.sql(&format!("UPDATE membership SET ended_at = now() WHERE email = '{TOVE}'")).await;
    let link = invited(&portal, "tove@hemma.example", &["attestant"]).await;
    let (tove, other) = (portal.as_person(TOVE).await, portal.as_person(TOVE).await);
    let page = other.page(&link).await;
    let csrf = page.hidden("csrf");
    let (ends, yes) = ([("losenord", PASSWORD)], [("sasom", "inloggad"), ("csrf", csrf.as_str())]);
    let (closed, joined) = tokio::join!(tove.post(CLOSE, &ends), other.post(&link, &yes));
    let ghosts = "SELECT count(*) FROM membership m JOIN person p ON p.id = m.person_id WHERE m.ended_at IS NULL AND p.anonymised_at IS NOT NULL";
    assert_eq!(portal.value(ghosts).await, "0", "{} {}", closed.status, joined.status);
    let is_closed = closed.status == 303 && closed.location().contains("avslutat");
    let is_in =
        portal.value("SELECT count(*) FROM membership WHERE email = 'tove@hemma.example'").await == "1";
    assert!(is_closed != is_in, "one of the two: {} {}", closed.text(), joined.text());
}

#[tokio::test]
async fn without_a_password_the_end_takes_a_session_that_has_just_begun() {
    let portal = Portal::start().await;
    portal.sql(&format!("UPDATE person SET password_hash = NULL WHERE email = '{TOVE}'")).await;
    portal.sql(&format!("UPDATE membership SET ended_at = now() WHERE email = '{TOVE}'")).await;
    let tove = portal.as_person(TOVE).await;
    portal.sql("UPDATE session SET method = 'eid', created_at = created_at - interval '11 minutes'").await;
    tove.page(CLOSE).await.says("Har det gått mer än tio minuter sedan du loggade in?").says("Logga in igen");
    tove.post(CLOSE, &[]).await.is(409).says("inom tio minuter");
    let tove = portal.as_person(TOVE).await;
    portal.sql("UPDATE session SET method = 'eid'").await;
    tove.post(CLOSE, &[]).await.is(303);
}

#[tokio::test]
async fn whoever_has_no_place_for_two_years_is_forgotten_and_so_is_an_unanswered_invitation() {
    let portal = Portal::start().await;
    invited(&portal, "svarade.aldrig@lindangen.example", &["orderer"]).await;
    portal
        .sql(&format!("UPDATE membership SET ended_at = '2026-11-01' WHERE email IN ('{TOVE}', '{MATS}')"))
        .await;
    portal.sql("UPDATE person SET created_at = '2020-01-01'").await;
    portal.sql("DELETE FROM session").await;
    let forgotten = "SELECT count(*) FROM person WHERE anonymised_at IS NOT NULL";
    portal.advance(time::Duration::days(700));
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.value(forgotten).await, "0");
    // Mats is back.
    portal.sql(&format!("UPDATE membership SET ended_at = NULL WHERE email = '{MATS}'")).await;
    portal.advance(time::Duration::days(40));
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.value(forgotten).await, "1");
    assert_eq!(portal.value(&format!("SELECT count(*) FROM person WHERE email = '{TOVE}'")).await, "0");
    assert_eq!(portal.value("SELECT count(*) FROM audit_entry WHERE action = 'person.forget'").await, "1");
    assert!(portal.audit_is_whole().await);
    // By the database's clock.
    let invited = "SELECT email LIKE '%@borttagen.invalid' AND name = 'Utan svar' FROM invitation";
    assert_eq!(portal.value(&format!("SELECT ({invited})::text")).await, "false");
    for statement in [
        "ALTER TABLE invitation DISABLE TRIGGER invitation_moves",
        "UPDATE invitation SET expires_at = now() - interval '91 days', sent_at = now() - interval '105 days'",
        "ALTER TABLE invitation ENABLE TRIGGER invitation_moves",
    ] {
        portal.sql(statement).await;
    }
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.value(&format!("SELECT ({invited})::text")).await, "true");
}
