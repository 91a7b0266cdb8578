//! Mails at once or in one digest a day, as each chooses (portal.md 2.99); what concerns security and signing never waits.

use kundportal::outbox::Mailer;
use sqlx::{Connection, Executor};
use time::Duration;

use crate::harness::{
    Portal,
    contacts::{BRITTA, act, member},
    mandates::{TORSTEN, mandate_asked},
    orders::*,
};

const PAGE: &str = "/konto/aviseringar";

async fn chooses(portal: &Portal, email: &str, choice: &str) {
    portal.as_person(email).await.post(PAGE, &[("mejl", choice)]).await.is(303);
}

fn mail_server_is_away(portal: &Portal, away: bool) {
    let Mailer::Kept { fail, .. } = &portal.mailer else { unreachable!("the harness keeps mail") };
    fail.store(away, std::sync::atomic::Ordering::Relaxed);
}

/// Johan wants digests, and has an order to be told of in the morning; answers its number.
async fn held_for_johan(portal: &Portal) -> String {
    chooses(portal, JOHAN, "sammandrag").await;
    let number = sent_via_agent(portal).await;
    portal.mailed().await;
    number
}

/// A second order via Nordjournal, from another customer.
async fn sent_by_norrback(portal: &Portal) -> String {
    let nils = portal.as_person(NILS).await;
    let number = via_agent_draft(&nils, NORRBACK, "2041").await;
    send(&nils, NORRBACK, &number).await;
    number
}

/// From Sunday at nine to Monday at seven, when digests are gathered and sent.
async fn next_morning(portal: &Portal) {
    portal.advance(Duration::hours(22));
    portal.worker.run_schedule().await.unwrap();
    portal.work().await;
}

#[tokio::test]
async fn whoever_wants_a_digest_gets_one_mail_by_matter_with_what_waits_first() {
    let portal = Portal::start().await;
    chooses(&portal, JOHAN, "sammandrag").await;
    let reviewed = sent_via_agent(&portal).await;
    approve_as_johan(&portal, &reviewed).await;
    attest_as_helena(&portal, &reviewed).await;
    attest_as_mats(&portal, &reviewed).await;
    let waits = sent_by_norrback(&portal).await;
    let talk = format!("{NORRBACK}/bestallningar/{waits}/meddelanden");
    portal.as_person(NILS).await.post(&talk, &[("text", "Hör av er till receptionen")]).await.is(303);
    portal.work().await;
    portal.worker.run_schedule().await.unwrap();
    portal.work().await;
    let to_johan =
        |portal: &Portal| portal.mails().into_iter().filter(|mail| mail.to == JOHAN).collect::<Vec<_>>();
    assert!(to_johan(&portal).is_empty(), "it waits for the morning");
    assert!(portal.told("N-61").contains(&HELENA.to_owned()), "others get theirs at once");
    let johan = portal.as_person(JOHAN).await;
    johan
        .page(PAGE)
        .await
        .says("4 händelser väntar på nästa sammandrag, som skickas 23 november 2026 kl. 7.00");
    johan.page("/agent/2041/aviseringar").await.says("Beställningen väntar på granskning");

    portal.advance(Duration::hours(22) - Duration::minutes(1));
    portal.worker.run_schedule().await.unwrap();
    portal.work().await;
    assert!(to_johan(&portal).is_empty(), "a minute before");
    portal.advance(Duration::minutes(1));
    portal.worker.run_schedule().await.unwrap();
    portal.work().await;
    let mails = to_johan(&portal);
    let [mail] = mails.as_slice() else { panic!("one mail: {mails:?}") };
    assert_eq!(mail.code, "N-197");
    assert_eq!(
        mail.subject,
        "Sammandrag för Nordjournal Systems AB: ett ärende väntar på dig, ett har ändrats"
    );
    let text = &mail.text;
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(
        at("VÄNTAR PÅ DIG") < at(&waits)
            && at(&waits) < at("HAR ÄNDRATS")
            && at("HAR ÄNDRATS") < at(&reviewed)
    );
    assert_eq!(text.matches(&waits).count(), 2, "named once, with its address: {text}");
    assert!(
        at("väntar på granskning") < at("nytt meddelande om beställningen"),
        "what it asks for first: {text}"
    );
    at("Svara senast");
    at("Lindängens Vårdcentral AB har attesterat beställningen av 1177 journal");
    assert!(!text.contains("receptionen"), "no free text: {text}");
    // What Johan has reviewed since does not wait for him.
    assert!(!text.contains(&format!("{reviewed} väntar")), "{text}");
    assert!(mail.html.contains(&format!("http://portal.test/arende/{waits}")));
    assert!(mail.settings.as_deref() == Some("http://portal.test/konto/aviseringar"));

    let left_out =
        "SELECT string_agg(code || ' ' || last_error, ',') FROM mail WHERE held AND dropped_at IS NOT NULL";
    assert_eq!(portal.value(left_out).await, "N-60 the order has moved on", "and the rest was sent");

    next_morning(&portal).await;
    assert_eq!(to_johan(&portal).len(), 1, "nothing has happened since, so there is no mail");
    johan.page(PAGE).await.does_not_say("väntar på nästa sammandrag");
}

#[tokio::test]
async fn a_digest_of_which_nothing_holds_any_more_is_not_sent() {
    let portal = Portal::start().await;
    chooses(&portal, JOHAN, "sammandrag").await;
    let number = sent_via_agent(&portal).await;
    portal.work().await;
    approve_as_johan(&portal, &number).await;
    next_morning(&portal).await;
    assert!(!portal.mails().iter().any(|mail| mail.to == JOHAN));
    assert_eq!(portal.value("SELECT string_agg(DISTINCT last_error, ',' ORDER BY last_error) FROM mail WHERE held OR code = 'N-197'").await, "nothing of it holds any more");
}

#[tokio::test]
async fn what_concerns_roles_and_the_organisation_is_mailed_at_once_whatever_one_has_chosen() {
    let portal = Portal::start().await;
    chooses(&portal, BRITTA, "sammandrag").await;
    chooses(&portal, JOHAN, "sammandrag").await;
    let johan = member(&portal, JOHAN, "2041").await;
    let roles = format!("/agent/2041/kontakter/{johan}/roller");
    act(&portal.as_person(BRITTA).await, &roles, &[("roll", "attestant")]).await.is(303);
    portal.work().await;
    assert!(portal.told("N-30").contains(&JOHAN.to_owned()), "{:?}", portal.mails());
    assert_eq!(portal.value("SELECT count(*)::text FROM mail WHERE held").await, "0");
    // The table refuses what the program would never do.
    for (what, why) in [
        ("held = true WHERE code = 'N-30'", "mail_held"),
        ("code = 'N-197' WHERE code = 'N-30'", "mail_cause"),
    ] {
        let mut owner = portal.owner().await;
        let refused =
            owner.execute(sqlx::AssertSqlSafe(format!("UPDATE mail SET {what}"))).await.unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
        owner.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_has_waited_comes_at_once_when_one_goes_back_to_mails_at_once() {
    let portal = Portal::start().await;
    chooses(&portal, JOHAN, "sammandrag").await;
    let number = sent_via_agent(&portal).await;
    portal.work().await;
    chooses(&portal, LINA, "sammandrag").await;
    chooses(&portal, LINA, "direkt").await;
    portal.worker.run_schedule().await.unwrap();
    assert!(!portal.mailed().await.contains(&"N-197".to_owned()), "another's choice is another's");
    chooses(&portal, JOHAN, "direkt").await;
    portal.worker.run_schedule().await.unwrap();
    portal.work().await;
    let mails = portal.mails();
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert!(mail.to == JOHAN && mail.code == "N-197" && mail.text.contains(&number));
    sent_by_norrback(&portal).await;
    portal.work().await;
    assert!(portal.told("N-60").contains(&JOHAN.to_owned()), "and from now on at once");
}

#[tokio::test]
async fn a_digest_that_could_not_be_sent_is_sent_again_whole_and_once() {
    let portal = Portal::start().await;
    let number = held_for_johan(&portal).await;
    mail_server_is_away(&portal, true);
    next_morning(&portal).await;
    // Nor does a second look gather it a second time.
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.value("SELECT count(*)::text FROM mail WHERE code = 'N-197'").await, "1");
    mail_server_is_away(&portal, false);
    portal.advance(Duration::minutes(3));
    assert_eq!(portal.mailed().await, ["N-197"]);
    assert_eq!(
        portal
            .value("SELECT count(*)::text FROM mail WHERE sent_at IS NULL AND (held OR code = 'N-197')")
            .await,
        "0"
    );
    // As if the worker had died before it noted that: the same mail under the same id.
    portal.sql("UPDATE mail SET sent_at = NULL, due_at = '2026-11-22' WHERE code = 'N-197'").await;
    portal.sql("UPDATE mail SET sent_at = NULL WHERE held").await;
    portal.work().await;
    let again = portal.mails();
    assert_eq!(again.len(), 1);
    assert!(again.iter().all(|mail| mail.text.contains(&number)));
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn whoever_has_left_gets_no_digest() {
    let portal = Portal::start().await;
    chooses(&portal, JOHAN, "sammandrag").await;
    sent_via_agent(&portal).await;
    portal.mailed().await;
    let johan = member(&portal, JOHAN, "2041").await;
    portal.sql(&format!("UPDATE membership SET ended_at = now() WHERE id = '{johan}'")).await;
    next_morning(&portal).await;
    assert!(portal.mails().is_empty());
    assert_eq!(portal.value("SELECT count(*)::text FROM mail WHERE held AND dropped_at IS NULL").await, "0");
}

#[tokio::test]
async fn a_request_for_a_role_waits_and_is_left_out_when_it_has_been_answered() {
    let portal = Portal::start().await;
    chooses(&portal, SAMIRA, "sammandrag").await;
    let ask = format!("{LINDANGEN}/behorighet");
    for person in [KARIN, MATS] {
        let fields = [("roll", "administrator"), ("motivering", "Jag sköter fakturorna")];
        portal.as_person(person).await.post(&ask, &fields).await.is(303);
    }
    portal.mailed().await;
    portal.sql("UPDATE role_request SET closed_at = now(), outcome = 'withdrawn' FROM membership m WHERE m.id = membership_id AND m.email = 'karin@lindangen.example'").await;
    next_morning(&portal).await;
    let mails = portal.mails();
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert!(mail.text.contains("Mats") && !mail.text.contains("Karin"), "{}", mail.text);
}

#[tokio::test]
async fn the_choice_is_ones_own_and_its_faults_are_told() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    for nonsense in ["", "aldrig"] {
        let answer = karin.post(PAGE, &[("mejl", nonsense)]).await;
        answer.is(422).says("Välj när du vill få mejl");
    }
    portal.anonymous().post(PAGE, &[("mejl", "sammandrag")]).await.is(303);
    assert_eq!(portal.value("SELECT count(*)::text FROM person WHERE mails_daily").await, "0");
    karin.post(PAGE, &[("mejl", "sammandrag")]).await.is(303);
    assert_eq!(portal.value("SELECT string_agg(email, ',') FROM person WHERE mails_daily").await, KARIN);
    karin.page("/konto/mina-uppgifter").await.says("dagligt sammandrag");
    karin.page("/konto/aktivitet").await.says("Valde när mejl skickas");
    assert!(portal.audit_is_whole().await);
    portal.sql("UPDATE session SET ended_at = now()").await;
    karin.post(PAGE, &[("mejl", "direkt")]).await.is(303);
    assert_eq!(portal.value("SELECT string_agg(email, ',') FROM person WHERE mails_daily").await, KARIN);
}

/// A mail of the digest that somebody has had; there is one alone.
fn digest_to(portal: &Portal, email: &str) -> String {
    let mails = portal.mails();
    let own: Vec<_> = mails.iter().filter(|mail| mail.to == email && mail.code == "N-197").collect();
    let [mail] = own.as_slice() else { panic!("{email}: {mails:?}") };
    mail.text.clone()
}

#[tokio::test]
async fn whoever_may_not_see_to_it_any_more_is_not_told_in_the_morning() {
    let portal = Portal::start().await;
    for person in [JOHAN, LINA, SAMIRA] {
        chooses(&portal, person, "sammandrag").await;
    }
    sent_via_agent(&portal).await;
    let ask = [("roll", "administrator"), ("motivering", "Jag sköter rollerna")];
    portal.as_person(KARIN).await.post(&format!("{LINDANGEN}/behorighet"), &ask).await.is(303);
    portal.work().await;
    // Johan's permission in the agentuppdrag and Samira's role are taken away before seven.
    let johan = member(&portal, JOHAN, "2041").await;
    portal.sql(&format!("DELETE FROM mandate_permission WHERE membership_id = '{johan}'")).await;
    let samira = member(&portal, SAMIRA, "10482").await;
    portal
        .sql(&format!("DELETE FROM role_grant WHERE membership_id = '{samira}' AND role = 'administrator'"))
        .await;
    portal.mailed().await;
    next_morning(&portal).await;
    assert_eq!(portal.told("N-197"), [LINA], "who still handles it");
    let why =
        "SELECT string_agg(DISTINCT code, ',' ORDER BY code) FROM mail WHERE held AND dropped_at IS NOT NULL";
    assert_eq!(portal.value(why).await, "N-35,N-60");
}

#[tokio::test]
async fn somebody_blocked_gets_no_digest_though_a_contact_for_agreements_is_told_of_those() {
    let portal = Portal::start().await;
    chooses(&portal, SAMIRA, "sammandrag").await;
    let ask = [("roll", "administrator"), ("motivering", "Jag sköter rollerna")];
    portal.as_person(KARIN).await.post(&format!("{LINDANGEN}/behorighet"), &ask).await.is(303);
    portal.mailed().await;
    portal.sql("UPDATE membership SET blocked_at = now() WHERE email = 'samira@lindangen.example'").await;
    next_morning(&portal).await;
    assert!(portal.mails().is_empty(), "{:?}", portal.mails());
}

#[tokio::test]
async fn somebody_with_two_places_gets_a_digest_from_each_of_what_is_its_own() {
    let portal = Portal::start().await;
    chooses(&portal, NILS, "sammandrag").await;
    portal.sql("INSERT INTO membership (id, org_id, person_id, name, email)
         SELECT gen_random_uuid(), o.id, p.id, p.name, 'nils@lindangen.example' FROM organisation o, person p WHERE o.customer_no = 10482 AND p.email = 'nils@norrback.example'").await;
    portal.sql("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE email = 'nils@lindangen.example'").await;
    let (lindangens, norrbacks) = (sent_direct(&portal).await, sent_by_norrback(&portal).await);
    portal.mailed().await;
    next_morning(&portal).await;
    let (here, there) = (digest_to(&portal, "nils@lindangen.example"), digest_to(&portal, NILS));
    assert!(here.contains(&lindangens) && !here.contains(&norrbacks), "{here}");
    assert!(there.contains(&norrbacks) && !there.contains(&lindangens), "{there}");
}

#[tokio::test]
async fn a_reminder_of_what_the_digest_asks_for_is_not_said_twice() {
    let portal = Portal::start().await;
    chooses(&portal, JOHAN, "sammandrag").await;
    let number = sent_via_agent(&portal).await;
    let remind = format!("{LINDANGEN}/bestallningar/{number}/paminnelse");
    portal.as_person(KARIN).await.post(&remind, &[]).await.is(303);
    portal.mailed().await;
    next_morning(&portal).await;
    let text = digest_to(&portal, JOHAN);
    assert!(text.contains("väntar på granskning") && !text.contains("Påminnelse"), "{text}");
}

#[tokio::test]
async fn that_an_agent_may_begin_is_told_though_inera_has_gone_on() {
    let portal = Portal::start().await;
    chooses(&portal, JOHAN, "sammandrag").await;
    let number = sent_via_agent(&portal).await;
    approve_as_johan(&portal, &number).await;
    attest_as_helena(&portal, &number).await;
    attest_as_mats(&portal, &number).await;
    portal.work().await;
    let petra = portal.as_person(PETRA).await;
    let delivery = format!("/inera/bestallningar/{number}/leverans");
    petra.post(&delivery, &[("steg", "starta")]).await.is(303);
    petra.post(&delivery, &[("steg", "paborjad")]).await.is(303);
    assert_eq!(state(&portal, &number).await, "in_delivery");
    portal.mailed().await;
    next_morning(&portal).await;
    let text = digest_to(&portal, JOHAN);
    assert!(text.contains("HAR ÄNDRATS") && text.contains("Ni kan börja ansluta"), "{text}");
    assert!(!text.contains("har attesterat"), "what came before is not said beside it: {text}");
}

#[tokio::test]
async fn an_application_is_named_by_what_it_asks_for() {
    let portal = Portal::start().await;
    chooses(&portal, BRITTA, "sammandrag").await;
    let number = mandate_asked(&portal, &[]).await;
    portal.work().await;
    let torsten = portal.as_person(TORSTEN).await;
    act(&torsten, &format!("/inera/uppdrag/{number}/fraga"), &[("text", "Vilka är slutkunderna?")])
        .await
        .is(303);
    portal.mailed().await;
    next_morning(&portal).await;
    let text = digest_to(&portal, BRITTA);
    assert!(text.contains("VÄNTAR PÅ DIG") && text.contains("behöver kompletteras"), "{text}");
    assert_eq!(text.matches("Ansökan om agentuppdrag är skickad").count(), 0, "{text}");
}

#[tokio::test]
async fn a_digest_that_could_not_be_delivered_is_shown_to_kundservice_and_sent_whole() {
    let portal = Portal::start().await;
    let number = held_for_johan(&portal).await;
    mail_server_is_away(&portal, true);
    next_morning(&portal).await;
    for _ in 0..8 {
        portal.advance(Duration::hours(3));
        portal.work().await;
    }
    let petra = portal.as_person(PETRA).await;
    let page = petra.page("/inera/mejl").await;
    page.says("1 mejl i ett sammandrag").says("8 försök");
    mail_server_is_away(&portal, false);
    let id = page.body.split("/inera/mejl/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    petra.post(&format!("/inera/mejl/{id}/skicka-igen"), &[]).await.is(303);
    assert_eq!(portal.mailed().await, ["N-197"]);
    assert_eq!(
        portal
            .value("SELECT count(*)::text FROM mail WHERE sent_at IS NULL AND (held OR code = 'N-197')")
            .await,
        "0"
    );
    assert_eq!(state(&portal, &number).await, "awaiting_agent_review");
}
