//! The acceptance scenarios of portal.md appendix C, each with the neighbouring act that must be refused.

use crate::harness::{NOW, PASSWORD, Portal, orders::*};

#[tokio::test]
async fn scenario_1_a_direct_order_goes_from_draft_to_subscription_with_its_mails_in_order() {
    let portal = Portal::start().await;
    let nils = portal.as_person(NILS).await;
    let number = draft(&nils, NORRBACK, "NPO", "NPO_CONSUMER_TGP").await;
    nils.must_post(
        &format!("{NORRBACK}/bestall/{number}/anslutning"),
        &[("erbjudande", "NPO_CONSUMER_TGP"), ("hsa", "SE5565594230-0001")],
    )
    .await;
    let units = [
        ("enhet_namn", "Hemsjukvården"),
        ("enhet_hsa", "SE5565594230-1001"),
        ("enhet_antal", "1"),
        ("enhet_datum", ""),
    ];
    nils.must_post(&format!("{NORRBACK}/bestall/{number}/omfattning"), &scope_fields(&units)).await;
    send(&nils, NORRBACK, &number).await;
    assert_eq!(portal.mailed().await, ["N-41", "N-40", "N-40"], "receipt, then both attestants");

    let anna = portal.as_person(ANNA).await;
    anna.page(NORRBACK).await.says("Attestera Nationell patientöversikt");
    let attest = format!("{NORRBACK}/bestallningar/{number}/attestera");
    decide(&anna, &attest, "attestera", &[]).await.is(303);
    assert_eq!(portal.mailed().await, ["N-42", "N-43"]);
    // Not a second time.
    decide(&anna, &attest, "attestera", &[]).await.is(409).says("redan hanterat");

    let petra = portal.as_person(PETRA).await;
    petra.page("/inera").await.says(&number);
    let delivery = format!("/inera/bestallningar/{number}/leverans");
    petra.post(&delivery, &[("steg", "leverera")]).await.is(409);
    petra.post(&delivery, &[("steg", "starta")]).await.is(303);
    assert_eq!(portal.mailed().await, ["N-47"]);
    petra.post(&delivery, &[("steg", "leverera")]).await.is(303);
    assert_eq!(portal.mailed().await, ["N-48"]);
    nils.page(NORRBACK).await.says("Konsument (TGP) Direktanslutning I drift");
    assert_eq!(state(&portal, &number).await, "activated");
}

#[tokio::test]
async fn scenario_2_an_order_via_agent_passes_four_hands_and_then_the_agent_may_begin() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    assert_eq!(portal.mailed().await, ["N-41", "N-60", "N-60"], "two handlers have permission");

    let (johan, lina) = (portal.as_person(JOHAN).await, portal.as_person(LINA).await);
    let inbox = format!("{NORDJOURNAL}/godkannanden");
    lina.page(&inbox).await.says(&number);
    let review = format!("{inbox}/{number}");
    decide(&johan, &review, "godkann", &[("attestant", "alla")]).await.is(422).says("Kryssa i");
    decide(&johan, &review, "godkann", &[("attestant", "alla"), ("intygar", "ja")]).await.is(303);
    lina.page(&inbox).await.does_not_say(&number);
    decide(&lina, &review, "godkann", &[("attestant", "alla"), ("intygar", "ja")])
        .await
        .is(409)
        .says("Johan Brandt granskade");
    assert_eq!(portal.mailed().await, ["N-61", "N-61", "N-62"]);

    // The customer's attestant is not asked yet.
    let mats = portal.as_person(MATS).await;
    mats.get(&format!("{LINDANGEN}/bestallningar/{number}/attestera")).await.is(409);
    attest_as_helena(&portal, &number).await;
    assert_eq!(portal.mailed().await, ["N-40", "N-64"]);
    attest_as_mats(&portal, &number).await;
    assert_eq!(portal.mailed().await, ["N-42", "N-66", "N-66", "N-43"]);

    let petra = portal.as_person(PETRA).await;
    let delivery = format!("/inera/bestallningar/{number}/leverans");
    petra.post(&delivery, &[("steg", "starta")]).await.is(303);
    assert_eq!(portal.mailed().await, ["N-68", "N-68", "N-47"]);
    let begin = format!("{NORDJOURNAL}/bestallningar/{number}/paborjad");
    portal.as_person(OLLE).await.post(&begin, &[]).await.is(404);
    johan.post(&begin, &[]).await.is(303);
    petra.post(&delivery, &[("steg", "leverera")]).await.is(303);
    assert_eq!(portal.mailed().await, ["N-48", "N-48", "N-48"]);

    let karin = portal.as_person(KARIN).await;
    let page = karin.page(&format!("{LINDANGEN}/bestallningar/{number}")).await;
    for step in [
        "Beställningen skickad",
        "Granskning hos agenten Johan Brandt",
        "Attest hos agenten Helena Wik",
        "Attest hos er Mats Öberg",
    ] {
        page.says(step);
    }
    let relation =
        "SELECT count(*) FROM agent_relation WHERE service_code = 'JOURNALEN' AND valid_to IS NULL";
    assert_eq!(portal.value(relation).await, "1");
}

#[tokio::test]
async fn scenario_3_without_an_attestant_the_reason_is_shown_and_nothing_can_be_sent() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let base = "/kund/10733";
    samira.page(&format!("{base}/tjanster/infektionsverktyget")).await.says("Ni saknar attestant");
    let number = direct_draft(&samira, base, "INFEKTIONSVERKTYGET").await;
    let review = format!("{base}/bestall/{number}/granska");
    let page = samira.page(&review).await;
    page.says("Ni saknar attestant")
        .says("Beställningen kan inte skickas ännu")
        .does_not_say("Skicka beställningen");
    // Forged with everything the page would have carried: an attestant is there when it is shown, gone when it is sent.
    let role = "INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE email = 'samira@lindangen.example'";
    portal.sql(role).await;
    let page = samira.page(&review).await;
    let (terms, content) = (page.hidden("villkor_id"), page.hidden("innehall"));
    portal.sql("DELETE FROM role_grant r USING organisation o WHERE r.org_id = o.id AND o.customer_no = 10733 AND r.role = 'attestant'").await;
    let answer =
        samira.post(&review, &[("villkor", "ja"), ("villkor_id", &terms), ("innehall", &content)]).await;
    answer.is(409).says("Ni saknar attestant");
    assert_eq!(state(&portal, &number).await, "draft");
}

#[tokio::test]
async fn scenario_4_an_agent_that_cannot_handle_orders_cannot_be_chosen() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = draft(&karin, LINDANGEN, "JOURNALEN", "JOURNALEN_PRODUCER_AGENT").await;
    let path = format!("{LINDANGEN}/bestall/{number}/anslutning");
    let page = karin.page(&path).await;
    page.says("Medisyst Norden AB Går inte att välja: agenten kan inte ta emot beställningar ännu");
    assert!(
        page.body.contains(r#"id="agent-2093" value="2093" disabled"#)
            || page.body.contains(r#"value="2093" disabled"#)
    );
    let forged =
        [("erbjudande", "JOURNALEN_PRODUCER_AGENT"), ("agent", "2093"), ("hsa", "SE5565594230-0001")];
    karin.post(&path, &forged).await.is(422).says("Den har inte utsett handläggare eller attestant");

    // An agent that stops being ready after it was chosen stops the order at the last step.
    let number = via_agent_draft(&karin, LINDANGEN, "2041").await;
    portal.sql("DELETE FROM mandate_permission").await;
    let review = format!("{LINDANGEN}/bestall/{number}/granska");
    karin
        .page(&review)
        .await
        .says("Agenten kan inte ta emot beställningar ännu")
        .does_not_say("Skicka beställningen");
}

#[tokio::test]
async fn scenario_5_a_handler_without_permission_in_the_mandate_does_not_see_the_order() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let olle = portal.as_person(OLLE).await;
    olle.page(&format!("{NORDJOURNAL}/godkannanden"))
        .await
        .does_not_say(&number)
        .says("Du har ingen behörighet i något agentuppdrag");
    for path in ["godkannanden", "bestallningar"] {
        olle.get(&format!("{NORDJOURNAL}/{path}/{number}")).await.is(404);
    }
    let fields = [
        ("revision", "1"),
        ("beslut", "godkann"),
        ("attestant", "alla"),
        ("intygar", "ja"),
        ("losenord", PASSWORD),
    ];
    olle.post(&format!("{NORDJOURNAL}/godkannanden/{number}"), &fields).await.is(404);
    assert_eq!(state(&portal, &number).await, "awaiting_agent_review");
}

#[tokio::test]
async fn scenario_6_another_agent_does_not_see_the_order() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let maja = portal.as_person(MAJA).await;
    maja.get(&format!("{VARDKOPPLING}/godkannanden/{number}")).await.is(404);
    maja.get(&format!("{VARDKOPPLING}/bestallningar/{number}")).await.is(404);
    maja.get(&format!("{NORDJOURNAL}/godkannanden/{number}")).await.is(404);
    maja.get(&format!("/arende/{number}")).await.is(404);
    let fields =
        [("revision", "1"), ("beslut", "avsla"), ("motivering", "Vi vill inte"), ("losenord", PASSWORD)];
    maja.post(&format!("{VARDKOPPLING}/godkannanden/{number}"), &fields).await.is(404);
    assert_eq!(state(&portal, &number).await, "awaiting_agent_review");
}

#[tokio::test]
async fn scenario_7_the_agent_rejects_with_a_reason_that_the_customer_reads_and_may_copy_the_order() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let johan = portal.as_person(JOHAN).await;
    let review = format!("{NORDJOURNAL}/godkannanden/{number}");
    decide(&johan, &review, "avsla", &[("motivering", " ")]).await.is(422).says("Skriv en motivering");
    decide(&johan, &review, "avsla", &[("motivering", "Källsystemet är inte verifierat")]).await.is(303);
    portal.work().await;
    let codes: Vec<_> =
        portal.mails().iter().filter(|mail| mail.code == "N-63").map(|mail| mail.to.clone()).collect();
    assert_eq!(codes, [KARIN, SAMIRA], "the orderer and the contact for agreements");
    assert!(portal.mails().iter().all(|mail| !mail.text.contains("Källsystemet")), "no free text in mail");

    let karin = portal.as_person(KARIN).await;
    let page = karin.page(&format!("{LINDANGEN}/bestallningar/{number}")).await;
    page.says("Källsystemet är inte verifierat").says("Avslagen av agenten");
    let id = page.hidden("id");
    let copy = karin.must_post(&format!("{LINDANGEN}/bestallningar/{number}/kopiera"), &[("id", &id)]).await;
    let again = karin.must_post(&format!("{LINDANGEN}/bestallningar/{number}/kopiera"), &[("id", &id)]).await;
    assert_eq!(copy, again, "a double click makes one copy");
    let copied = number_in(&copy);
    let lines = format!(
        "SELECT count(*) FROM order_line l JOIN orders o ON o.id = l.order_id WHERE o.number = '{copied}'"
    );
    assert_eq!(portal.value(&lines).await, "2");
    // The rejected order itself is over.
    decide(&johan, &review, "godkann", &[("attestant", "alla"), ("intygar", "ja")]).await.is(409);
}

#[tokio::test]
async fn scenario_8_one_person_may_attest_an_own_order_unless_four_eyes_is_on() {
    let portal = Portal::start().await;
    let elsa = portal.as_person(ELSA).await;
    let number = direct_draft(&elsa, NORLING, "PASCAL").await;
    send(&elsa, NORLING, &number).await;
    let attest = format!("{NORLING}/bestallningar/{number}/attestera");
    decide(&elsa, &attest, "attestera", &[]).await.is(303);
    let noted = format!(
        "SELECT self_attested FROM order_event e JOIN orders o ON o.id = e.order_id WHERE o.number = '{number}' AND e.to_state = 'attested'"
    );
    assert_eq!(portal.value(&noted).await, "true");
    elsa.page(&format!("{NORLING}/bestallningar/{number}"))
        .await
        .says("Samma person beställde och attesterade");

    // Turned on while an order waits: the attest is refused.
    let number = direct_draft(&elsa, NORLING, "VIDEO_DISTANS").await;
    let other = direct_draft(&elsa, NORLING, "VIDEO_DISTANS").await;
    send(&elsa, NORLING, &number).await;
    portal.sql("UPDATE organisation SET four_eyes = true WHERE customer_no = 11204").await;
    let attest = format!("{NORLING}/bestallningar/{number}/attestera");
    decide(&elsa, &attest, "attestera", &[]).await.is(409).says("en annan person än den som beställde");
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");

    // And an order that nobody could attest is stopped before it is sent.
    elsa.page(&format!("{NORLING}/bestall/{other}/granska"))
        .await
        .says("Ingen annan än du kan attestera")
        .does_not_say("Skicka beställningen");
}

#[tokio::test]
async fn scenario_9_the_customer_rejects_after_the_agent_has_approved() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    approve_as_johan(&portal, &number).await;
    attest_as_helena(&portal, &number).await;
    portal.mailed().await;
    let mats = portal.as_person(MATS).await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    decide(&mats, &attest, "avsla", &[]).await.is(422);
    decide(&mats, &attest, "avsla", &[("motivering", "Inte i årets budget")]).await.is(303);
    assert_eq!(portal.mailed().await, ["N-44", "N-67", "N-67"]);
    assert_eq!(portal.value("SELECT count(*) FROM subscription WHERE order_id IS NOT NULL").await, "0");
    let petra = portal.as_person(PETRA).await;
    petra.post(&format!("/inera/bestallningar/{number}/leverans"), &[("steg", "starta")]).await.is(409);
}

#[tokio::test]
async fn scenario_10_an_order_is_taken_back_while_it_is_at_the_agent() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    portal.mailed().await;
    let withdraw = format!("{LINDANGEN}/bestallningar/{number}/ta-tillbaka");
    // Another person of the organisation may not.
    portal.as_person(MATS).await.post(&withdraw, &[("motivering", "")]).await.is(403);
    let karin = portal.as_person(KARIN).await;
    karin.page(&withdraw).await;
    karin.post(&withdraw, &[("motivering", "")]).await.is(303);
    assert_eq!(portal.mailed().await, ["N-46", "N-46"]);
    let johan = portal.as_person(JOHAN).await;
    johan.page(&format!("{NORDJOURNAL}/godkannanden")).await.does_not_say(&number);
    decide(&johan, &format!("{NORDJOURNAL}/godkannanden/{number}"), "godkann", &[]).await.is(409);
    karin.post(&withdraw, &[("motivering", "")]).await.is(409);
}

#[tokio::test]
async fn scenario_11_of_two_attestants_at_once_one_wins_and_the_other_is_told_so() {
    let portal = Portal::start().await;
    let nils = portal.as_person(NILS).await;
    for _ in 0..8 {
        let number = direct_draft(&nils, NORRBACK, "SDK").await;
        send(&nils, NORRBACK, &number).await;
        let path = format!("{NORRBACK}/bestallningar/{number}/attestera");
        let (anna, per) = (portal.as_person(ANNA).await, portal.as_person(PER).await);
        let shown = anna.page(&path).await.hidden("visat");
        let fields = [("revision", "1"), ("visat", &shown), ("beslut", "attestera"), ("losenord", PASSWORD)];
        let (first, second) = tokio::join!(anna.post(&path, &fields), per.post(&path, &fields));
        let mut codes = [first.status.as_u16(), second.status.as_u16()];
        codes.sort_unstable();
        assert_eq!(codes, [303, 409], "{} / {}", first.text(), second.text());
        let loser = if first.status == 409 { &first } else { &second };
        loser.says("redan hanterat");
        let attests = format!(
            "SELECT count(*) FROM order_event e JOIN orders o ON o.id = e.order_id WHERE o.number = '{number}' AND e.to_state = 'attested'"
        );
        assert_eq!(portal.value(&attests).await, "1");
        // So that the next round's order is not a duplicate of one under way.
        portal.sql(&format!("UPDATE orders SET content_sha256 = NULL WHERE number = '{number}'")).await;
    }
}

#[tokio::test]
async fn scenario_12_a_terminated_customer_agreement_stops_the_attest_and_kundservice_is_told() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    portal.sql("UPDATE agreement SET status = 'ended' WHERE number = 'KA2-10482'").await;
    let mats = portal.as_person(MATS).await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    decide(&mats, &attest, "attestera", &[])
        .await
        .is(409)
        .says("Kundavtalet gäller inte längre")
        .says("Kundservice har fått besked");
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
    let petra = portal.as_person(PETRA).await;
    petra.page("/inera").await.says("Att utreda").says(&number);
    // Saying no needs no agreement.
    decide(&mats, &attest, "avsla", &[("motivering", "Avtalet är slut")]).await.is(303);
}

#[tokio::test]
async fn scenario_15_one_person_in_three_organisations_has_one_sign_in_and_different_roles() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let choose = samira.page("/valj-organisation").await;
    for org in ["Lindängens Vårdcentral AB", "Ekbackens Rehab AB", "Norrbäcks kommun"] {
        choose.says(org);
    }
    // Orderer in Ekbacken, not in Lindängen.
    draft(&samira, "/kund/10733", "INFEKTIONSVERKTYGET", "INFEKTIONSVERKTYGET_DIRECT").await;
    let id = uuid::Uuid::now_v7().to_string();
    let fields = [
        ("tjanst", "INFEKTIONSVERKTYGET"),
        ("erbjudande", "INFEKTIONSVERKTYGET_DIRECT"),
        ("id", id.as_str()),
    ];
    samira.post(&format!("{LINDANGEN}/bestall"), &fields).await.is(403).says("rollen Beställare");
    samira.get("/kund/11020").await.is(404);
}

#[tokio::test]
async fn scenario_23_npo_consumer_chosen_with_an_agent_is_explained_and_switched_to_direct() {
    let portal = Portal::start().await;
    let nils = portal.as_person(NILS).await;
    let number = draft(&nils, NORRBACK, "NPO", "NPO_PRODUCER_AGENT").await;
    let path = format!("{NORRBACK}/bestall/{number}/anslutning");
    let fields = [("erbjudande", "NPO_CONSUMER_TGP"), ("agent", "2041"), ("hsa", "SE5565594230-0001")];
    let location = nils.must_post(&path, &fields).await;
    nils.page(&location).await.says("Vi har bytt till direktanslutning");
    let route = portal
        .value(&format!(
            "SELECT route || ' ' || coalesce(agent_id::text, 'none') FROM orders WHERE number = '{number}'"
        ))
        .await;
    assert_eq!(route, "direct none");
    // The database does not take the offer with an agent either.
    let forged = format!(
        "UPDATE orders SET route = 'direct', agent_id = (SELECT id FROM organisation WHERE agent_no = 2041) WHERE number = '{number}'"
    );
    let mut owner = portal.owner().await;
    let refused = sqlx::Executor::execute(&mut owner, sqlx::AssertSqlSafe(forged)).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().constraint(), Some("orders_direct_has_no_agent"));
}

#[tokio::test]
async fn an_order_sent_back_is_completed_and_the_change_is_shown_to_those_who_decide_again() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let johan = portal.as_person(JOHAN).await;
    let review = format!("{NORDJOURNAL}/godkannanden/{number}");
    decide(&johan, &review, "atersand", &[("motivering", "Ta med Vårdkontakter också")]).await.is(303);
    let karin = portal.as_person(KARIN).await;
    karin.page(LINDANGEN).await.says("Komplettera 1177 journal");
    let scope = format!("{LINDANGEN}/bestall/{number}/omfattning");
    let contracts = [("kontrakt", "GetDiagnosis"), ("kontrakt", "GetCareContacts")];
    karin.must_post(&scope, &scope_fields(&contracts)).await;
    send(&karin, LINDANGEN, &number).await;
    johan.page(&review).await.says("Ändrat sedan den skickades förra gången").says("Ny rad: Vårdkontakter");
    assert_eq!(state(&portal, &number).await, "awaiting_agent_review");
}

#[tokio::test]
async fn an_order_sent_back_keeps_its_agent_whatever_is_posted() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let johan = portal.as_person(JOHAN).await;
    let review = format!("{NORDJOURNAL}/godkannanden/{number}");
    decide(&johan, &review, "atersand", &[("motivering", "Ändra HSA-id")]).await.is(303);
    let karin = portal.as_person(KARIN).await;
    let path = format!("{LINDANGEN}/bestall/{number}/anslutning");
    karin.page(&path).await.says("Kan inte bytas i en skickad beställning");
    let fields =
        [("erbjudande", "JOURNALEN_PRODUCER_AGENT"), ("agent", "2077"), ("hsa", "SE5565594230-0002")];
    karin.must_post(&path, &fields).await;
    let kept = format!(
        "SELECT a.agent_no || ' ' || o.hsa_id FROM orders o JOIN organisation a ON a.id = o.agent_id WHERE o.number = '{number}'"
    );
    assert_eq!(portal.value(&kept).await, "2041 SE5565594230-0002");
    // The database says the same to those who go past the page.
    let forged = format!(
        "UPDATE orders SET agent_id = (SELECT id FROM organisation WHERE agent_no = 2077) WHERE number = '{number}'"
    );
    let mut owner = portal.owner().await;
    let refused = sqlx::Executor::execute(&mut owner, sqlx::AssertSqlSafe(forged)).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("P0412"));
}

#[tokio::test]
async fn a_file_that_came_after_the_page_was_opened_stops_the_decision() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let shown = mats.page(&attest).await.hidden("visat");
    let files = format!("{LINDANGEN}/bestallningar/{number}/bilagor");
    portal.as_person(KARIN).await.upload(&files, "avtal.pdf", b"%PDF-1.7\nx").await.is(303);
    let fields = [("revision", "1"), ("visat", &shown), ("beslut", "attestera"), ("losenord", PASSWORD)];
    mats.post(&attest, &fields).await.is(409).says("Beställningen har ändrats sedan du öppnade sidan");
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
    // Read again, it can be decided, and then nothing more can be added or taken away.
    decide(&mats, &attest, "attestera", &[]).await.is(303);
    assert!(portal.value("SELECT shown FROM confirmation").await.contains("Bilaga: avtal.pdf sha256 "));
}

#[tokio::test]
async fn a_decision_on_a_page_that_is_older_than_the_order_is_refused() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    decide(&mats, &attest, "atersand", &[("motivering", "Ändra startdatum")]).await.is(303);
    let karin = portal.as_person(KARIN).await;
    karin
        .must_post(&format!("{LINDANGEN}/bestall/{number}/omfattning"), &scope_fields(&[("kort", "1")]))
        .await;
    send(&karin, LINDANGEN, &number).await;
    let stale = [("revision", "1"), ("beslut", "attestera"), ("losenord", PASSWORD)];
    mats.post(&attest, &stale).await.is(409);
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
}

#[tokio::test]
async fn a_decision_needs_the_right_password_and_is_kept_with_the_text_that_was_shown() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let read = mats.page(&attest).await.hidden("visat");
    for (typed, words) in [("", "Skriv ditt lösenord"), ("fel lösenord", "Lösenordet stämmer inte")] {
        let fields = [("revision", "1"), ("visat", &read), ("beslut", "attestera"), ("losenord", typed)];
        let answer = mats.post(&attest, &fields).await;
        answer.is(422).says(words);
        assert!(!answer.body.contains("fel lösenord"), "the password never comes back");
    }
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
    attest_as_mats(&portal, &number).await;
    let shown = portal.value("SELECT shown FROM confirmation").await;
    assert!(shown.starts_with(&format!("{number} revision 1\nKund: Lindängens Vårdcentral AB")), "{shown}");
    assert!(
        shown.contains("Tjänst: Infektionsverktyget")
            && shown.contains("version 1.0, sha256 ")
            && shown.contains("REF-1")
            && shown.ends_with("Beslut: Attestera\n"),
        "{shown}"
    );
    let bound = "SELECT count(*) FROM order_event e JOIN confirmation c ON c.id = e.confirmation_id WHERE c.shown_sha256 = sha256(convert_to(c.shown, 'UTF8'))";
    assert_eq!(portal.value(bound).await, "1");
}

#[tokio::test]
async fn step_up_stops_after_ten_wrong_passwords_even_for_the_right_one() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let shown = mats.page(&attest).await.hidden("visat");
    let with =
        |typed| [("revision", "1"), ("visat", shown.as_str()), ("beslut", "attestera"), ("losenord", typed)];
    for _ in 0..10 {
        mats.post(&attest, &with("gissning")).await.is(422);
    }
    let answer = mats.post(&attest, &with(PASSWORD)).await;
    answer.is(422).says("För många försök");
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
}

#[tokio::test]
async fn a_named_attestant_is_the_only_one_who_may_attest() {
    let portal = Portal::start().await;
    let nils = portal.as_person(NILS).await;
    let number = direct_draft(&nils, NORRBACK, "SDK").await;
    let anna_id = portal.value("SELECT m.id FROM membership m WHERE m.email = 'anna@norrback.example'").await;
    let scope = format!("{NORRBACK}/bestall/{number}/omfattning");
    let fields: Vec<_> = scope_fields(&[])
        .into_iter()
        .map(|(key, value)| if key == "attestant" { (key, anna_id.as_str()) } else { (key, value) })
        .collect();
    nils.must_post(&scope, &fields).await;
    send(&nils, NORRBACK, &number).await;
    assert_eq!(portal.mailed().await, ["N-41", "N-40"]);
    let attest = format!("{NORRBACK}/bestallningar/{number}/attestera");
    let per = portal.as_person(PER).await;
    per.get(&attest).await.is(403).says("den attestant som beställaren har valt");
    per.page(&format!("{NORRBACK}/attester")).await.does_not_say(&number);
    let anna = portal.as_person(ANNA).await;
    anna.page(&format!("{NORRBACK}/attester")).await.says("Säker digital kommunikation");
    decide(&anna, &attest, "attestera", &[]).await.is(303);
}

#[tokio::test]
async fn reminders_go_to_whoever_has_the_order_and_are_dropped_when_the_ball_has_moved() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    portal.mailed().await;
    portal.advance(time::Duration::days(3));
    portal.worker.run_schedule().await.unwrap();
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.mailed().await, ["N-160", "N-160"], "once, to both handlers");

    // By hand, once a day.
    portal.advance(time::Duration::days(1));
    let karin = portal.as_person(KARIN).await;
    let remind = format!("{LINDANGEN}/bestallningar/{number}/paminnelse");
    assert!(karin.must_post(&remind, &[]).await.ends_with("klart=paminnelse"));
    assert!(karin.must_post(&remind, &[]).await.ends_with("klart=redan-paminnelse"));
    // The handler decides before the mail goes out: the reminder is dropped.
    approve_as_johan(&portal, &number).await;
    let mailed = portal.mailed().await;
    assert!(!mailed.contains(&"N-160".to_owned()), "{mailed:?}");
}

#[tokio::test]
async fn an_order_nobody_decides_on_lapses_after_sixty_days() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    portal.mailed().await;
    portal.advance(time::Duration::days(59));
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(state(&portal, &number).await, "awaiting_agent_review");
    portal.mailed().await;
    portal.advance(time::Duration::days(2));
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(state(&portal, &number).await, "lapsed");
    assert_eq!(portal.mailed().await, ["N-50", "N-50", "N-50"]);
    let johan = portal.as_person(JOHAN).await;
    decide(&johan, &format!("{NORDJOURNAL}/godkannanden/{number}"), "godkann", &[])
        .await
        .is(409)
        .says("förfalla");
    assert_eq!(NOW.year(), 2026);
}

#[tokio::test]
async fn kundservice_orders_for_a_customer_and_the_customer_still_attests() {
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    let base = "/inera/kunder/10482";
    petra.page(base).await.says("Beställ åt kunden");
    let number = direct_draft(&petra, base, "INFEKTIONSVERKTYGET").await;
    send(&petra, base, &number).await;
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
    let mats = portal.as_person(MATS).await;
    let page = mats.page(&format!("{LINDANGEN}/bestallningar/{number}/attestera")).await;
    page.says("Petra Sjögren, Kundservice, för kundens räkning");
    // Kundservice cannot attest for the customer, and an auditor cannot order.
    petra.get(&format!("{LINDANGEN}/bestallningar/{number}/attestera")).await.is(404);
    let ivar = portal.as_person(IVAR).await;
    let id = uuid::Uuid::now_v7().to_string();
    let fields = [
        ("tjanst", "INFEKTIONSVERKTYGET"),
        ("erbjudande", "INFEKTIONSVERKTYGET_DIRECT"),
        ("id", id.as_str()),
    ];
    ivar.post(&format!("{base}/bestall"), &fields).await.is(403);
    attest_as_mats(&portal, &number).await;
}

#[tokio::test]
async fn kundservice_ends_a_waiting_order_only_with_a_reason() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    portal.mailed().await;
    let petra = portal.as_person(PETRA).await;
    let end = format!("/inera/bestallningar/{number}/avsluta");
    petra.post(&end, &[("motivering", "")]).await.is(422).says("Skriv en motivering");
    portal.as_person(IVAR).await.post(&end, &[("motivering", "Kunden ringde")]).await.is(403);
    petra.post(&end, &[("motivering", "Kunden ringde och vill avsluta")]).await.is(303);
    assert_eq!(state(&portal, &number).await, "withdrawn");
    assert_eq!(portal.mailed().await, ["N-46", "N-46", "N-46"]);
    portal
        .as_person(KARIN)
        .await
        .page(&format!("{LINDANGEN}/bestallningar/{number}"))
        .await
        .says("Kunden ringde och vill avsluta");
}

#[tokio::test]
async fn a_draft_is_put_away_half_filled_in_and_is_not_sent_so() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = draft(&karin, LINDANGEN, "JOURNALEN", "JOURNALEN_PRODUCER_AGENT").await;
    let step = |step: &str| format!("{LINDANGEN}/bestall/{number}/{step}");
    let away = [("erbjudande", "JOURNALEN_PRODUCER_AGENT"), ("agent", ""), ("hsa", ""), ("spara", "1")];
    karin.must_post(&step("anslutning"), &away).await;
    let half = [("kontakt_namn", "Karin Ålund"), ("kontakt_telefon", "070-555 01 42"), ("spara", "1")];
    assert!(karin.must_post(&step("omfattning"), &half).await.contains("klart=sparat"));
    let page = karin.page(&step("omfattning")).await;
    assert!(page.body.contains("value=\"070-555 01 42\""), "{}", page.text());
    // What is there must be right, also in a draft; and going on asks for everything.
    let wrong = [("kontakt_epost", "ingen adress"), ("startdatum", "snart"), ("spara", "1")];
    karin.post(&step("omfattning"), &wrong).await.is(422).says("e-postadress").says("Skriv datumet");
    karin
        .post(&step("omfattning"), &half[..2])
        .await
        .is(422)
        .says("Skriv er fakturareferens")
        .says("Välj minst ett");
    karin.post(&step("anslutning"), &away[..3]).await.is(422).says("Välj vilken agent").says("HSA-id");
    karin
        .page(&step("granska"))
        .await
        .says("Beställningen kan inte skickas ännu")
        .says("Omfattningen är inte ifylld");
    karin.post(&step("granska"), &[("villkor", "ja")]).await.is(409);
    assert_eq!(state(&portal, &number).await, "draft");
}

#[tokio::test]
async fn the_receipt_says_whose_turn_it_is_and_old_addresses_lead_to_the_order() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let johan = portal.as_person(JOHAN).await;
    let path = format!("{NORDJOURNAL}/godkannanden/{number}");
    let done = decide(&johan, &path, "godkann", &[("attestant", "alla"), ("intygar", "ja")]).await;
    johan.page(&done.location()).await.says("Nu väntar er attestant");
    let inbox = johan.page(&format!("{NORDJOURNAL}/godkannanden?vy=attest")).await;
    inbox.says("Att granska 0").says("Väntar på attest 1");
    for (client, base) in [(&johan, NORDJOURNAL), (&portal.as_person(KARIN).await, LINDANGEN)] {
        for tail in ["meddelanden", "bilagor"] {
            let order = format!("{base}/bestallningar/{number}");
            assert_eq!(client.get(&format!("{order}/{tail}")).await.location(), order);
        }
    }
}
