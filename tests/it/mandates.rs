//! Agentuppdrag: from the application to an agent that customers can choose (portal.md 2.10, 1.5 rule 11; contracts.md rules 13,
//! 14 and 17).

use std::collections::BTreeSet;

use kundportal::{
    identity::Side,
    mandates::domain::{EDGES, STATES, State},
};
use sqlx::Row;

use crate::harness::{
    Portal,
    contacts::{BRITTA, act, member},
    mandates::*,
    orders::*,
};

async fn state(portal: &Portal) -> String {
    portal.value("SELECT state FROM mandate_application ORDER BY made_at DESC, number DESC LIMIT 1").await
}

#[tokio::test]
async fn an_agent_applies_inera_reviews_the_attestant_attests_and_customers_can_choose_the_agent() {
    let portal = Portal::start().await;
    let britta = portal.as_person(BRITTA).await;
    britta.page("/agent/2041").await.says("Till agentuppdragen");
    britta.page("/agent/2041/uppdrag").await.says("1177 journal, producent").says("Johan Brandt, Lina Ek");
    let choose = britta.page("/agent/2041/uppdrag/ansok").await;
    choose.says("Ni har redan agentuppdraget").says("kräver minst 2 slutkunder");
    let number = mandate_asked(&portal, &[]).await;
    portal.work().await;
    assert_eq!(portal.told("N-80"), [TORSTEN]);
    assert_eq!(portal.told("N-41"), [BRITTA]);

    let torsten = portal.as_person(TORSTEN).await;
    torsten.page("/inera").await.says("Agentuppdrag att granska");
    torsten.page("/inera/uppdrag").await.says(&number).says("Nordjournal Systems AB");
    let here = format!("/inera/uppdrag/{number}");
    torsten.page(&here).await.says("Lindängens Vårdcentral (559999-9017)").says("Just nu hos Inera");
    let page = torsten.page(&format!("{here}/tillstyrk")).await;
    page.says("kund 10482, kundavtalet omfattar tjänsten").says("finns inte i registret");
    // Inera reviews before the agent's attestant can attest (contracts.md rule 17).
    let helena = portal.as_person(HELENA).await;
    helena.get(&format!("/agent/2041/uppdrag/{number}/attestera")).await.is(409);
    forward(&portal, &number, &BOTH).await.is(303);
    assert_eq!(portal.mailed().await.iter().filter(|code| *code == "N-40" || *code == "N-196").count(), 3);
    helena.page("/agent/2041").await.says("Agentuppdrag för Personuppgiftstjänsten");
    helena.page("/agent/2041/attester").await.says(&number);
    step(&helena, &number, "attestera", &[("losenord", "fel lösenord här")]).await.is(422);
    step(&helena, &number, "attestera", &[]).await.is(303);
    assert_eq!(portal.value("SELECT status FROM mandate WHERE service_code = 'PU'").await, "granted");
    // A mandate that is not connected can't be chosen yet.
    let obstacle = "SELECT coalesce(min(obstacle), 'none') FROM agents_for('PU', '', '2026-11-22') WHERE agent_no = 2041";
    assert_eq!(portal.value(obstacle).await, "not_verified");
    act(&torsten, &format!("{here}/aktivera"), &[]).await.is(422).says("Kontrollera anslutningen");
    act(&torsten, &format!("{here}/aktivera"), &[("verifierad", "ja")]).await.is(303);
    assert_eq!(portal.value(obstacle).await, "no_handler");
    let mails = portal.mailed().await;
    assert!(mails.contains(&"N-82".to_owned()) && mails.contains(&"N-83".to_owned()), "{mails:?}");
    britta.page("/agent/2041/uppdrag").await.says("Ingen handläggare").says("kryssa i agentuppdraget");
    britta
        .page(&format!("/agent/2041/uppdrag/{number}"))
        .await
        .says("Aktiverad")
        .says("Torsten Berg")
        .says("Ingen handläggare har behörighet");
    britta.page("/agent/2041/aviseringar").await.holds(&format!("/agent/2041/uppdrag/{number}"));
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn constraint_11_a_service_may_demand_two_approved_end_customers() {
    let portal = Portal::start().await;
    let britta = portal.as_person(BRITTA).await;
    // One is too few, and the form says so with everything kept.
    let one = [("kundnamn", "Lindängens Vårdcentral"), ("kundnr", "559999-9017")];
    let page = apply(&britta, PU_FORM, &form(&one)).await;
    page.is(422).says("kräver minst två slutkunder").holds("value=\"Nordjournal Person\"");
    let twice = [
        ("kundnamn", "Lindängen"),
        ("kundnr", "559999-9017"),
        ("kundnamn", "Lindängen igen"),
        ("kundnr", "5599999017"),
    ];
    apply(&britta, PU_FORM, &form(&twice)).await.is(422).says("Slutkund 2: kunden står redan i listan");
    assert_eq!(portal.value("SELECT count(*) FROM mandate_application").await, "0");

    let number = mandate_asked(&portal, &[]).await;
    // Two are named, but Inera approves one: not enough, without a reason.
    forward(&portal, &number, &BOTH[..1]).await.is(422).says("kräver minst 2 godkända slutkunder");
    // Numbers that nobody has named count for nothing.
    let other = [("godkand", "5599999017"), ("godkand", "2129999005")];
    forward(&portal, &number, &other).await.is(422);
    assert_eq!(state(&portal).await, "under_review");
    // The database says the same, whatever the page does.
    let mut tx = crate::harness::enter(&portal, TORSTEN, kundportal::identity::Side::Inera, 0).await;
    let refused = sqlx::query(
        "WITH c AS (INSERT INTO confirmation (id, org_id, person_id, session_id, method, subject, shown, shown_sha256)
           SELECT gen_random_uuid(), ctx_org(), ctx_person(), gen_random_uuid(), 'password', 'mandate:' || id || ':1:awaiting_attest', 'x', sha256('x') FROM mandate_application RETURNING id)
         SELECT * FROM c",
    )
    .fetch_one(tx.conn())
    .await;
    let proof: uuid::Uuid = refused.unwrap().get("id");
    let event = "INSERT INTO mandate_application_event (application_id, agent_id, seq, from_state, to_state, side, at, actor_id, note, confirmation_id, approved)
         SELECT id, agent_id, 2, 'under_review', 'awaiting_attest', 'inera', now(), ctx_person(), '', $1, '{5599999017}' FROM mandate_application";
    let refused = sqlx::query(event).bind(proof).execute(tx.conn()).await.unwrap_err();
    assert!(refused.to_string().contains("min_end_customers"), "{refused}");
    drop(tx);

    // With a reason fewer will do, and it stands there for everybody.
    let waived = [("godkand", "5599999017"), ("undantag", "Den andra kunden ansluts i vår")];
    forward(&portal, &number, &waived).await.is(303);
    let page = britta.page(&format!("/agent/2041/uppdrag/{number}")).await;
    page.says("Vårdbolaget (556559-4230), inte godkänd av Inera")
        .says("Godkända slutkunder: Lindängens Vårdcentral (559999-9017)")
        .says("Färre slutkunder räcker: Den andra kunden ansluts i vår");
    // A service that demands none asks for none.
    let none = form(&[("kundnamn", ""), ("kundnr", "")]);
    let number =
        number_of(&apply(&britta, "/agent/2041/uppdrag/ansok/eremiss-agent", &none).await.location());
    forward(&portal, &number, &[]).await.is(303);
}

fn number_of(location: &str) -> String {
    location.split(['/', '?']).find(|part| part.starts_with("AU-")).unwrap().to_owned()
}

#[tokio::test]
async fn inera_asks_and_the_agent_answers_with_the_form_as_it_was() {
    let portal = Portal::start().await;
    let number = mandate_asked(&portal, &[]).await;
    let torsten = portal.as_person(TORSTEN).await;
    let ask = format!("/inera/uppdrag/{number}/fraga");
    act(&torsten, &ask, &[]).await.is(422).says("Skriv vad agenten behöver komplettera");
    act(&torsten, &ask, &[("text", "Vilken version av tjänstekontrakten?")]).await.is(303);
    assert!(portal.mailed().await.contains(&"N-193".to_owned()));
    let britta = portal.as_person(BRITTA).await;
    let answer = format!("/agent/2041/uppdrag/{number}/komplettering");
    let page = britta.page(&answer).await;
    page.says("Vilken version av tjänstekontrakten?").holds("value=\"5599999017\"").holds("value=\"4.2\"");
    let revision = page.hidden("revision");
    britta
        .post(&answer, &form(&[("revision", &revision)]))
        .await
        .is(422)
        .says("Skriv ett svar på Ineras fråga");
    let with = [("revision", revision.as_str()), ("svar", "Version 3"), ("version", "4.3")];
    apply(&britta, &answer, &form(&with)).await.is(303);
    // A second time is too late.
    britta.post(&answer, &form(&with)).await.is(409);
    torsten
        .page(&format!("/inera/uppdrag/{number}"))
        .await
        .says("Version 3")
        .says("Nordjournal Person 4.3")
        .says("System, förut: Nordjournal Person 4.2");
    portal.work().await;
    assert!(portal.mails().iter().any(|mail| mail.subject.contains("har svarat om agentuppdraget")));
    act(&torsten, &format!("/inera/uppdrag/{number}/avsla"), &[("text", "Systemet är inte verifierat")])
        .await
        .is(303);
    assert_eq!(state(&portal).await, "rejected");
    assert!(portal.mailed().await.contains(&"N-81".to_owned()));
    britta.page(&format!("/agent/2041/uppdrag/{number}")).await.says("Systemet är inte verifierat");
    // Over: nothing more can be done with it, and a new one can be sent.
    forward(&portal, &number, &BOTH).await.is(409);
    mandate_asked(&portal, &[]).await;
}

#[tokio::test]
async fn only_the_right_people_apply_review_and_attest() {
    let portal = Portal::start().await;
    let johan = portal.as_person(JOHAN).await;
    johan.get("/agent/2041/uppdrag/ansok").await.is(403).says("Beställare agentuppdrag");
    johan.post(PU_FORM, &form(&[])).await.is(403);
    let number = mandate_asked(&portal, &[]).await;
    // The same again is refused while it is open; another agent's is not there.
    let britta = portal.as_person(BRITTA).await;
    apply(&britta, PU_FORM, &form(&[])).await.is(422).says("Det finns redan en ansökan");
    let maja = portal.as_person(MAJA).await;
    maja.get(&format!("/agent/2077/uppdrag/{number}")).await.is(404);
    maja.get(&format!("/agent/2041/uppdrag/{number}")).await.is(404);
    let petra = portal.as_person(PETRA).await;
    petra.page(&format!("/inera/uppdrag/{number}")).await.says("Bara agentansvariga och tjänsteförvaltare");
    petra.get(&format!("/inera/uppdrag/{number}/tillstyrk")).await.is(403);
    // Inera's steps are not the agent's, nor the other way round.
    britta.get(&format!("/agent/2041/uppdrag/{number}/tillstyrk")).await.is(404);
    portal.as_person(TORSTEN).await.get(&format!("/inera/uppdrag/{number}/attestera")).await.is(404);
    forward(&portal, &number, &BOTH).await.is(303);
    // A handler sees their own mandates alone (portal.md 1.5 rule 4).
    step(&johan, &number, "attestera", &[]).await.is(404);
    johan
        .page("/agent/2041/uppdrag")
        .await
        .says("1177 journal")
        .does_not_say("Nationell")
        .does_not_say(&number);
    britta.get(&format!("/agent/2041/uppdrag/{number}/attestera")).await.is(403);
    step(&britta, &number, "aterkalla", &[]).await.is(303);
    assert_eq!(state(&portal).await, "withdrawn");
    let helena = portal.as_person(HELENA).await;
    step(&helena, &number, "attestera", &[]).await.is(409);
    assert_eq!(portal.value("SELECT count(*) FROM mandate WHERE service_code = 'PU'").await, "0");
}

#[tokio::test]
async fn without_an_agreement_in_force_nothing_goes_on() {
    let portal = Portal::start().await;
    let number = mandate_asked(&portal, &[]).await;
    let over = "UPDATE agreement SET valid_to = '2026-01-01' WHERE kind = 'agent' AND org_id = (SELECT id FROM organisation WHERE agent_no = 2041)";
    portal.sql(over).await;
    forward(&portal, &number, &BOTH).await.is(422).says("Agentavtalet gäller inte");
    let britta = portal.as_person(BRITTA).await;
    britta.page("/agent/2041/uppdrag/ansok").await.says("Ert agentavtal gäller inte");
    let other = "/agent/2041/uppdrag/ansok/eremiss-agent";
    apply(&britta, other, &form(&[])).await.is(422).says("Agentavtalet gäller inte");
    assert_eq!(state(&portal).await, "under_review");
}

#[tokio::test]
async fn the_named_attestant_decides_with_four_eyes_and_once() {
    let portal = Portal::start().await;
    let omar = member(&portal, "omar@nordjournal.example", "2041").await;
    let number = mandate_asked(&portal, &[("attestant", &omar)]).await;
    forward(&portal, &number, &BOTH).await.is(303);
    let helena = portal.as_person(HELENA).await;
    step(&helena, &number, "attestera", &[]).await.is(403);
    helena.page("/agent/2041/attester").await.does_not_say(&number);
    // Whoever applied is no second pair of eyes.
    portal
        .sql(&format!(
            "INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE email = '{BRITTA}'"
        ))
        .await;
    portal.sql("UPDATE mandate_application SET attestant_id = NULL").await;
    portal.sql("UPDATE organisation SET four_eyes = true WHERE agent_no = 2041").await;
    let britta = portal.as_person(BRITTA).await;
    step(&britta, &number, "attestera", &[]).await.is(422).says("fyra ögon");
    // Two at the same moment: one of them.
    let omar = portal.as_person("omar@nordjournal.example").await;
    let no = [("text", "Vi vill inte längre")];
    let (yes, no) =
        tokio::join!(step(&omar, &number, "attestera", &[]), step(&helena, &number, "avvisa", &no));
    let won = [yes.status.as_u16(), no.status.as_u16()];
    assert!(won == [303, 409] || won == [409, 303], "{won:?}");
    let mandates = portal.value("SELECT count(*) FROM mandate WHERE service_code = 'PU'").await;
    assert_eq!(mandates, if won == [303, 409] { "1" } else { "0" });
}

#[tokio::test]
async fn two_applications_at_the_same_moment_are_one() {
    let portal = Portal::start().await;
    let (one, other) = (portal.as_person(BRITTA).await, portal.as_person(BRITTA).await);
    let fields = form(&[]);
    let (a, b) = tokio::join!(apply(&one, PU_FORM, &fields), apply(&other, PU_FORM, &fields));
    let mut got = [a.status.as_u16(), b.status.as_u16()];
    got.sort_unstable();
    assert_eq!(got, [303, 422]);
    assert_eq!(portal.value("SELECT count(*) FROM mandate_application").await, "1");
}

#[tokio::test]
async fn bad_input_keeps_what_was_typed_and_changes_nothing() {
    let portal = Portal::start().await;
    let britta = portal.as_person(BRITTA).await;
    let page = britta
        .post(PU_FORM, &[("system", "Nordjournal Person"), ("kundnr", "12"), ("start", "2020-01-01")])
        .await;
    page.is(422)
        .says("Skriv systemets version")
        .says("Skriv en dag från och med i dag")
        .says("Slutkund 1: skriv organisationsnumret med 10 siffror")
        .says("Villkoren har ändrats")
        .holds("value=\"Nordjournal Person\"")
        .holds("href=\"#kundnr-0\"");
    let attestant = member(&portal, "maja@vardkoppling.example", "2077").await;
    apply(&britta, PU_FORM, &form(&[("attestant", &attestant)])).await.is(422).says("inte attestant längre");
    apply(&britta, PU_FORM, &form(&[("support", "ring 19121212-1212")])).await.is(422).says("personnummer");
    britta.get("/agent/2041/uppdrag/ansok/npo-producer-direct").await.is(404);
    britta.get("/agent/2041/uppdrag/AU-2026-99999").await.is(404);
    assert_eq!(portal.value("SELECT count(*) FROM mandate_application").await, "0");
}

#[tokio::test]
async fn the_database_knows_the_same_moves() {
    let portal = Portal::start().await;
    let mut owner = portal.owner().await;
    let rows =
        sqlx::query("SELECT from_state::text, to_state::text, side::text FROM mandate_application_rule")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    let known: BTreeSet<(String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let ours = EDGES
        .iter()
        .map(|(from, to, side)| (from.code().to_owned(), to.code().to_owned(), side.code().to_owned()))
        .collect();
    assert_eq!(known, ours);
}

const HELENAS: &str = "(SELECT id FROM membership WHERE email = 'helena@nordjournal.example')";

async fn may_apply_too(portal: &Portal, email: &str) {
    portal
        .sql(&format!(
            "INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'mandate_orderer' FROM membership WHERE email = '{email}'"
        ))
        .await;
}

async fn four_eyes(portal: &Portal) {
    portal.sql("UPDATE organisation SET four_eyes = true WHERE agent_no = 2041").await;
}

/// Inera asks, somebody answers with the form as it was.
async fn completed(portal: &Portal, number: &str, email: &str, extra: &[(&str, &str)]) {
    let torsten = portal.as_person(TORSTEN).await;
    act(&torsten, &format!("/inera/uppdrag/{number}/fraga"), &[("text", "Vilken version?")]).await.is(303);
    let who = portal.as_person(email).await;
    let path = format!("/agent/2041/uppdrag/{number}/komplettering");
    let revision = who.page(&path).await.hidden("revision");
    let mut fields = vec![("revision", revision.as_str())];
    if !extra.iter().any(|(name, _)| *name == "svar") {
        fields.push(("svar", "Den nyaste"));
    }
    fields.extend_from_slice(extra);
    apply(&who, &path, &form(&fields)).await.is(303);
}

#[tokio::test]
async fn whoever_has_sent_it_at_any_time_is_no_other_pair_of_eyes() {
    let portal = Portal::start().await;
    may_apply_too(&portal, HELENA).await;
    let number = mandate_asked(&portal, &[]).await;
    completed(&portal, &number, HELENA, &[]).await;
    four_eyes(&portal).await;
    forward(&portal, &number, &BOTH).await.is(303);
    let helena = portal.as_person(HELENA).await;
    step(&helena, &number, "attestera", &[]).await.is(422).says("fyra ögon");
    // Nor under another account that has become this one.
    let omar = portal.as_person("omar@nordjournal.example").await;
    portal.sql("UPDATE person SET merged_into = (SELECT id FROM person WHERE email = 'omar@nordjournal.example'), disabled_at = now() WHERE email = 'britta@nordjournal.example'").await;
    step(&omar, &number, "attestera", &[]).await.is(422).says("fyra ögon");
}

#[tokio::test]
async fn it_is_not_sent_on_to_where_nobody_may_attest() {
    let portal = Portal::start().await;
    may_apply_too(&portal, HELENA).await;
    four_eyes(&portal).await;
    let helena = member(&portal, HELENA, "2041").await;
    let number = mandate_asked(&portal, &[("attestant", &helena)]).await;
    completed(&portal, &number, HELENA, &[("attestant", &helena)]).await;
    forward(&portal, &number, &BOTH).await.is(422).says("Ingen kan attestera");
    // The one who is named is not there any more: it is anybody's, and the others are told.
    portal
        .sql(&format!("DELETE FROM role_grant WHERE role = 'attestant' AND membership_id = {HELENAS}"))
        .await;
    forward(&portal, &number, &BOTH).await.is(303);
    portal.work().await;
    assert_eq!(portal.told("N-40"), ["omar@nordjournal.example"]);
    let omar = portal.as_person("omar@nordjournal.example").await;
    step(&omar, &number, "attestera", &[]).await.is(303);
}

#[tokio::test]
async fn a_colleague_takes_it_back_only_when_its_sender_is_gone() {
    let portal = Portal::start().await;
    may_apply_too(&portal, HELENA).await;
    let number = mandate_asked(&portal, &[]).await;
    let helena = portal.as_person(HELENA).await;
    step(&helena, &number, "aterkalla", &[]).await.is(403).says("Bara den som har skickat");
    portal.sql(&format!("UPDATE membership SET ended_at = now() WHERE email = '{BRITTA}'")).await;
    // And what Inera asks then reaches somebody.
    let torsten = portal.as_person(TORSTEN).await;
    act(&torsten, &format!("/inera/uppdrag/{number}/fraga"), &[("text", "Vilken version?")]).await.is(303);
    portal.work().await;
    assert_eq!(portal.told("N-193"), [HELENA]);
    helena.page("/agent/2041").await.says("Inera har frågat").says(&number);
    step(&helena, &number, "aterkalla", &[]).await.is(303);
}

#[tokio::test]
async fn what_is_accepted_is_what_was_read_and_customers_are_others() {
    let portal = Portal::start().await;
    let britta = portal.as_person(BRITTA).await;
    let mut fields = form(&[]);
    fields.push(("villkor_id", "0198c0de-0000-7000-8000-000000000000"));
    britta.post(PU_FORM, &fields).await.is(422).says("Villkoren har ändrats");
    for own in ["559999-9033", "559999-9090"] {
        let two = [
            ("kundnamn", "Vi själva"),
            ("kundnr", own),
            ("kundnamn", "Lindängen"),
            ("kundnr", "559999-9017"),
        ];
        apply(&britta, PU_FORM, &form(&two))
            .await
            .is(422)
            .says("annan organisation än agenten själv och Inera");
    }
    portal
        .sql("UPDATE organisation SET ceased_on = '2026-11-01', ceased_how = 'ceased' WHERE agent_no = 2041")
        .await;
    apply(&britta, PU_FORM, &form(&[])).await.is(422).says("har upphört");
    assert_eq!(portal.value("SELECT count(*) FROM mandate_application").await, "0");
}

#[tokio::test]
async fn what_the_agent_writes_makes_no_line_of_its_own_in_what_inera_confirms() {
    let portal = Portal::start().await;
    let number = mandate_asked(&portal, &[]).await;
    completed(&portal, &number, BRITTA, &[("svar", "Ja\nGodkänd slutkund: alla")]).await;
    forward(&portal, &number, &BOTH).await.is(303);
    let shown = portal.value("SELECT shown FROM confirmation WHERE subject LIKE 'mandate:%'").await;
    assert!(shown.contains("Ja Godkänd slutkund: alla"), "{shown}");
    assert!(shown.lines().filter(|line| line.starts_with("Godkänd slutkund: ")).count() == 2, "{shown}");
    assert!(shown.contains("Ansökan går till agentens attestant"), "{shown}");
    // An old page decides nothing.
    let helena = portal.as_person(HELENA).await;
    let path = format!("/agent/2041/uppdrag/{number}/attestera");
    let revision = helena.page(&path).await.hidden("revision");
    let old = [("revision", revision.as_str()), ("visat", "annat"), ("losenord", crate::harness::PASSWORD)];
    helena.post(&path, &old).await.is(409);
}

#[tokio::test]
async fn a_connection_that_can_not_be_verified_ends_the_mandate_and_a_new_one_can_be_asked_for() {
    let portal = Portal::start().await;
    let number = mandate_asked(&portal, &[]).await;
    forward(&portal, &number, &BOTH).await.is(303);
    step(&portal.as_person(HELENA).await, &number, "attestera", &[]).await.is(303);
    let britta = portal.as_person(BRITTA).await;
    apply(&britta, PU_FORM, &form(&[])).await.is(422).says("har redan ett agentuppdrag");
    let torsten = portal.as_person(TORSTEN).await;
    act(&torsten, &format!("/inera/uppdrag/{number}/avsla"), &[("text", "Systemet klarar inte provet")])
        .await
        .is(303);
    assert_eq!(portal.value("SELECT status FROM mandate WHERE service_code = 'PU'").await, "ended");
    mandate_asked(&portal, &[]).await;
}

#[tokio::test]
async fn a_mail_that_asks_for_something_is_not_sent_when_it_is_done() {
    let portal = Portal::start().await;
    let number = mandate_asked(&portal, &[]).await;
    completed(&portal, &number, BRITTA, &[]).await;
    forward(&portal, &number, &BOTH).await.is(303);
    step(&portal.as_person(HELENA).await, &number, "attestera", &[]).await.is(303);
    portal.work().await;
    for code in ["N-80", "N-193", "N-40"] {
        assert_eq!(portal.told(code), Vec::<String>::new(), "{code}");
    }
    assert_eq!(portal.told("N-82").len(), 2);
}

/// One application in this state, whatever led to it.
async fn put_in(portal: &Portal, state: State) {
    portal
        .sql(&format!(
            "UPDATE mandate_application SET state = '{0}', closed_at = CASE WHEN '{0}' IN ('active', 'rejected', 'attest_refused', 'withdrawn') THEN now() END,
                    mandate_id = CASE WHEN '{0}' IN ('granted', 'active') THEN (SELECT id FROM mandate WHERE service_code = 'NPO' AND agent_id = mandate_application.agent_id) END",
            state.code()
        ))
        .await;
}

/// The move as the application's own role would write it, with a confirmation where one is asked for.
async fn try_move(portal: &Portal, from: State, to: State, side: Side) -> Result<(), String> {
    let (email, number) = if side == Side::Inera { (TORSTEN, 0) } else { (BRITTA, 2041) };
    let mut tx = crate::harness::enter(portal, email, side, number).await;
    let confirmed = !matches!(to, State::UnderReview | State::CompletionAsked | State::Withdrawn);
    let proof: Option<uuid::Uuid> = if confirmed {
        let made = sqlx::query_scalar(
            "INSERT INTO confirmation (id, org_id, person_id, session_id, method, subject, shown, shown_sha256)
             SELECT gen_random_uuid(), ctx_org(), ctx_person(), gen_random_uuid(), 'password', 'mandate:' || id || ':' || revision || ':' || $1, 'x', sha256('x')
               FROM mandate_application RETURNING id",
        );
        Some(made.bind(to.code()).fetch_one(tx.conn()).await.unwrap())
    } else {
        None
    };
    let event = "INSERT INTO mandate_application_event (application_id, agent_id, seq, from_state, to_state, side, at, actor_id, note, confirmation_id)
         SELECT id, agent_id, revision + 1, $1, $2, $3, now(), ctx_person(), 'därför', $4 FROM mandate_application";
    let done = sqlx::query(event).bind(from).bind(to).bind(side).bind(proof).execute(tx.conn()).await;
    done.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn no_move_that_is_not_drawn_can_be_made() {
    let portal = Portal::start().await;
    mandate_asked(&portal, &[]).await;
    portal.sql("UPDATE organisation SET four_eyes = false WHERE agent_no = 2041").await;
    portal
        .sql(&format!(
            "INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE email = '{BRITTA}'"
        ))
        .await;
    let mut refused = 0;
    for from in STATES {
        put_in(&portal, from).await;
        for (to, side) in STATES.into_iter().flat_map(|to| [(to, Side::Agent), (to, Side::Inera)]) {
            if !EDGES.contains(&(from, to, side)) {
                assert!(try_move(&portal, from, to, side).await.is_err(), "{from:?} to {to:?} by {side:?}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, STATES.len() * STATES.len() * 2 - EDGES.len());
    // The same statement makes one that is drawn.
    put_in(&portal, State::UnderReview).await;
    assert_eq!(try_move(&portal, State::UnderReview, State::CompletionAsked, Side::Inera).await, Ok(()));
    put_in(&portal, State::AwaitingAttest).await;
    assert_eq!(try_move(&portal, State::AwaitingAttest, State::Granted, Side::Agent).await, Ok(()));
}
