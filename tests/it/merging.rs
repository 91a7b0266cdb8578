//! Two accounts of one person: Kundservice asks, the account that goes says yes, everything it had goes over.

use kundportal::{db::DbError, identity::Side};

use crate::harness::{Answer, Client, PASSWORD, Portal, agreements::ASTRID, contacts::*, enter, orders::*};

const WHY: &str = "Har ringt från växeln";

async fn at(portal: &Portal, email: &str) -> String {
    format!("/inera/kunder/10482/kontakter/{}/sla-ihop", member(portal, email, "10482").await)
}

/// Finds the other account and, confirmed, asks it.
async fn ask(client: &Client, path: &str, other: &str) -> Answer {
    let page = client.post(path, &[("epost", other), ("anledning", WHY)]).await;
    if page.status != 200 {
        return page;
    }
    let (revision, shown) = (page.hidden("revision"), page.hidden("visat"));
    let sent = [
        ("epost", other),
        ("anledning", WHY),
        ("revision", revision.as_str()),
        ("visat", shown.as_str()),
        ("losenord", PASSWORD),
    ];
    client.post(path, &sent).await
}

async fn person(portal: &Portal, email: &str) -> String {
    portal.value(&format!("SELECT id FROM person WHERE email = '{email}'")).await
}

#[tokio::test]
async fn two_accounts_become_one_when_the_one_that_goes_says_yes() {
    let portal = Portal::start_with(true).await;
    connect_eid(&portal, ANNA, "191212121212").await;
    let petra = portal.as_person(PETRA).await;
    let path = at(&portal, TOVE).await;
    petra.page(&path).await.says("För den som har två konton");
    petra
        .post(&path, &[("epost", ANNA), ("anledning", WHY)])
        .await
        .is(200)
        .says("Norrbäcks kommun")
        .says(WHY);
    assert_eq!(portal.value("SELECT count(*) FROM person_merge").await, "0", "looking asks nobody");
    ask(&petra, &path, ANNA).await.is(303);
    let link = link_in(&portal, "N-180", "/sammanslagning/").await;
    assert_eq!((portal.told("N-180"), portal.told("N-181")), (vec![ANNA.to_owned()], vec![TOVE.to_owned()]));
    let (tove, anna, again) =
        (portal.as_person(TOVE).await, portal.as_person(ANNA).await, portal.as_person(ANNA).await);
    portal.anonymous().get(&link).await.is(303);
    tove.page(&link).await.says("Logga in med det andra kontot").does_not_say("Norrbäcks");
    tove.post(&link, &[("losenord", PASSWORD)]).await.is(200).says("Logga in med det andra kontot");
    anna.page(&link).await.says("Kontot du är inloggad med försvinner").says("Norrbäcks kommun").says(TOVE);
    anna.post(&link, &[]).await.is(422).says("Skriv lösenordet");
    anna.post(&link, &[("losenord", "fel ord")]).await.is(422).says("Lösenordet stämmer inte");
    tove.get("/kund/10901").await.is(404);
    // Two clicks at once are one.
    let yes = [("losenord", PASSWORD)];
    let (a, b) = tokio::join!(anna.post(&link, &yes), again.post(&link, &yes));
    let merged = [&a, &b]
        .iter()
        .filter(|answer| answer.status == 303 && answer.location().contains("hopslagna"))
        .count();
    assert_eq!(merged, 1, "{} {}", a.status, b.status);
    // Everything is the other's now, and nothing is anybody's twice.
    tove.page("/kund/10901").await;
    anna.get("/konto").await.is(303);
    let sign_in = [("epost", ANNA), ("losenord", PASSWORD), ("till", "")];
    portal.anonymous().post("/logga-in", &sign_in).await.is(422);
    let (kept, gone) = (person(&portal, TOVE).await, "SELECT id FROM person WHERE merged_into IS NOT NULL");
    let gone = portal.value(gone).await;
    let eid = format!("SELECT count(*) FROM person_eid WHERE person_id IN ('{kept}', '{gone}')");
    assert_eq!(portal.value(&eid).await, "0", "no way in goes over");
    let left = format!(
        "SELECT (SELECT count(*) FROM membership WHERE person_id = '{gone}') + (SELECT count(*) FROM session WHERE person_id = '{gone}')"
    );
    assert_eq!(portal.value(&left).await, "0");
    portal.work().await;
    assert_eq!((portal.told("N-182"), portal.told("N-179")), (vec![TOVE.to_owned()], vec![ANNA.to_owned()]));
    assert_eq!(portal.told("N-184"), [SAMIRA], "the administrators of the place");
    let place = portal.value(&format!("SELECT id FROM membership WHERE email = '{ANNA}'")).await;
    portal
        .as_person(SAMIRA)
        .await
        .page(&format!("/kund/10901/kontakter/{place}"))
        .await
        .says("noterade att kontot är hopslaget");
    // Own log and extract have both.
    tove.page("/konto/aktivitet").await.says("Kopplade en e-legitimation");
    tove.page("/konto/mina-uppgifter").await.says("Har ringt från växeln");
    assert_eq!(portal.value("SELECT count(*) FROM audit_entry WHERE action = 'person.merge'").await, "2");
    assert!(portal.audit_is_whole().await);
    tove.get(&link).await.is(410);
}

#[tokio::test]
async fn what_one_account_ordered_the_other_does_not_attest_under_four_eyes() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let petra = portal.as_person(PETRA).await;
    let lina = portal.value(&format!("SELECT id FROM membership WHERE email = '{LINA}'")).await;
    ask(&petra, &format!("/inera/agenter/2041/kontakter/{lina}/sla-ihop"), KARIN).await.is(303);
    let link = link_in(&portal, "N-180", "/sammanslagning/").await;
    portal.as_person(KARIN).await.post(&link, &[("losenord", PASSWORD)]).await.is(303);
    portal.sql("UPDATE organisation SET four_eyes = true WHERE customer_no = 10482").await;
    let samira = portal.as_person(SAMIRA).await;
    let place = member(&portal, KARIN, "10482").await;
    act(&samira, &format!("/kund/10482/kontakter/{place}/roller"), &[("roll", "attestant")]).await.is(303);
    let lina = portal.as_person(LINA).await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let answer = act(&lina, &attest, &[("beslut", "attestera")]).await;
    assert_ne!(answer.status, 303, "{}", answer.text());
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
    let ordered = format!(
        "SELECT p.email FROM orders o JOIN person p ON p.id = o.submitted_by WHERE o.number = '{number}'"
    );
    assert_eq!(portal.value(&ordered).await, LINA);
}

#[tokio::test]
async fn a_question_is_kundservices_about_customers_people_and_dies() {
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    let path = at(&portal, TOVE).await;
    portal.as_person(ASTRID).await.get(&path).await.is(403);
    portal.as_person(SAMIRA).await.get(&path).await.is(404);
    // Colleagues at Inera, oneself, nobody, and what is missing.
    for other in [ASTRID, PETRA, TOVE, "ingen@lindangen.example"] {
        ask(&petra, &path, other).await.is(422).says("Inget annat konto");
    }
    petra
        .post(&path, &[("epost", ANNA)])
        .await
        .is(422)
        .says("hur du vet att det är samma person")
        .holds(ANNA);
    // A place can't be two.
    ask(&petra, &path, MATS).await.is(422).says("plats i samma organisation");
    // What was shown is what is confirmed.
    let stale =
        [("epost", ANNA), ("anledning", WHY), ("revision", "0"), ("visat", "x"), ("losenord", PASSWORD)];
    petra.post(&path, &stale).await.is(409);
    // The newest alone, three days, and not after a place was taken on both sides.
    ask(&petra, &path, ANNA).await.is(303);
    let first = link_in(&portal, "N-180", "/sammanslagning/").await;
    ask(&petra, &path, ANNA).await.is(303);
    let second = link_in(&portal, "N-180", "/sammanslagning/").await;
    let anna = portal.as_person(ANNA).await;
    anna.get(&first).await.is(410);
    anna.page(&second).await;
    portal
        .sql(&format!(
            "INSERT INTO membership (id, org_id, person_id, name, email)
             SELECT gen_random_uuid(), (SELECT id FROM organisation WHERE customer_no = 10482), id, 'Anna', 'anna@lindangen.example' FROM person WHERE email = '{ANNA}'"
        ))
        .await;
    anna.post(&second, &[("losenord", PASSWORD)]).await.is(409).says("Lämna den ena först");
    portal.sql("DELETE FROM membership WHERE email = 'anna@lindangen.example'").await;
    // A colleague at Inera by now.
    portal
        .sql(&format!(
            "INSERT INTO membership (id, org_id, person_id, name, email)
             SELECT gen_random_uuid(), (SELECT id FROM organisation WHERE is_inera), id, 'Anna', 'anna@inera.example' FROM person WHERE email = '{ANNA}'"
        ))
        .await;
    anna.post(&second, &[("losenord", PASSWORD)]).await.is(410);
    portal.sql("DELETE FROM membership WHERE email = 'anna@inera.example'").await;
    ask(&petra, &path, ANNA).await.is(303);
    ask(&petra, &path, ANNA).await.is(422).says("Vänta till i morgon");
    let third = link_in(&portal, "N-180", "/sammanslagning/").await;
    // It can be seen that it waits, and it can be answered no.
    petra.page(&path).await.says("Anna Ek, anna@norrback.example, har fått frågan av Petra Sjögren");
    portal.as_person(TOVE).await.post(&third, &[("svar", "nej")]).await.is(200);
    anna.page(&third).await;
    anna.post(&third, &[("svar", "nej")]).await.is(303);
    anna.get(&third).await.is(410);
    petra.page(&path).await.does_not_say("har fått frågan");
    portal
        .sql("UPDATE account_event SET used_at = NULL WHERE kind = 'merge_asked' AND used_at IS NOT NULL")
        .await;
    portal.advance(time::Duration::hours(72));
    anna.post(&third, &[("losenord", PASSWORD)]).await.is(410);
    assert_eq!(portal.value("SELECT count(*) FROM person WHERE merged_into IS NOT NULL").await, "0");
}

#[tokio::test]
async fn a_merge_and_a_change_of_the_place_at_the_same_moment_end_well() {
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    ask(&petra, &at(&portal, TOVE).await, ANNA).await.is(303);
    let link = link_in(&portal, "N-180", "/sammanslagning/").await;
    let (anna, other, samira) =
        (portal.as_person(ANNA).await, portal.as_person(ANNA).await, portal.as_person(SAMIRA).await);
    let place = portal.value(&format!("SELECT id FROM membership WHERE email = '{ANNA}'")).await;
    let roles = format!("/kund/10901/kontakter/{place}/roller");
    let typed = [("forut", "x"), ("titel", "Ny titel")];
    let own = format!("/kund/10901/kontakter/{place}/uppgifter");
    let yes = [("losenord", PASSWORD)];
    let (merged, changed, _) = tokio::join!(
        anna.post(&link, &yes),
        act(&samira, &roles, &[("roll", "orderer"), ("roll", "attestant")]),
        other.post(&own, &typed)
    );
    assert_eq!(merged.status, 303, "{}", merged.text());
    assert!([303, 409].contains(&changed.status.as_u16()), "{}", changed.text());
    let gap = format!(
        "SELECT count(*)::text || ' ' || (SELECT revision FROM membership WHERE id = '{place}') FROM member_event WHERE membership_id = '{place}'"
    );
    let counted = portal.value(&gap).await;
    let (events, revision) = counted.split_once(' ').unwrap();
    assert_eq!(events, revision, "every event counted once");
}

#[tokio::test]
async fn the_database_says_so_too() {
    let portal = Portal::start().await;
    let (tove, anna) = (member(&portal, TOVE, "10482").await, person(&portal, ANNA).await);
    let ask = |member: &str, other: &str| {
        format!(
            "SELECT merge_ask('{member}', '{other}', 'därför', gen_random_uuid(), sha256('x'), gen_random_uuid(), now())"
        )
    };
    let astrid = person(&portal, ASTRID).await;
    for (who, sql, why) in [
        (PETRA, ask(&tove, &anna), "confirmation"),
        (PETRA, ask(&tove, &astrid), "not_this_person"),
        (ASTRID, ask(&tove, &anna), "not_this_person"),
    ] {
        let mut tx = enter(&portal, who, Side::Inera, 0).await;
        let answer = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(tx.conn()).await.map_err(DbError::from);
        assert!(matches!(&answer, Err(DbError::Rule(key)) if key == why), "{who} {why}: {answer:?}");
    }
    for sql in [ask(&tove, &anna), format!("SELECT person_anonymise('{anna}', now())")] {
        let mut tx = enter(&portal, SAMIRA, Side::Customer, 10482).await;
        let answer = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(tx.conn()).await;
        assert!(answer.is_err_and(|error| error.to_string().contains("permission denied")));
    }
}
