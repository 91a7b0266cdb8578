//! Applications for agentuppdrag that wait: reminded of, handed over, and counted where an attestant is needed (portal.md 1.5
//! rules 1 and 9, 2.7 row 11).

use time::Duration;

use crate::harness::{
    Portal,
    contacts::{BRITTA, act, member},
    mandates::*,
    orders::*,
};

const OMAR: &str = "omar@nordjournal.example";
const PLACE: &str = "/agent/2041/kontakter";

/// An application that waits for the attest of Omar, and the places of Omar and Helena.
async fn waiting(portal: &Portal) -> (String, String, String) {
    let omar = member(portal, OMAR, "2041").await;
    let helena = member(portal, HELENA, "2041").await;
    let number = mandate_asked(portal, &[("attestant", &omar)]).await;
    forward(portal, &number, &BOTH).await.is(303);
    portal.mailed().await;
    (number, omar, helena)
}

/// Takes every role from somebody, straight in the database.
async fn without_roles(portal: &Portal, member: &str) {
    portal
        .sql(&format!("DELETE FROM role_grant WHERE membership_id = '{member}' AND role = 'attestant'"))
        .await;
}

#[tokio::test]
async fn an_attestant_who_leaves_hands_over_what_waits_by_name() {
    let portal = Portal::start().await;
    let (number, omar, helena) = waiting(&portal).await;
    let britta = portal.as_person(BRITTA).await;
    let page = format!("{PLACE}/{omar}/ta-bort");
    britta.page(&page).await.says("Väntar på personens attest").says(&number).says("Vem tar över attesten?");
    britta.page(&format!("{PLACE}/{omar}/roller")).await.says(&number);
    // Whoever has no part in it is not shown, nor chosen.
    let tove = member(&portal, BRITTA, "2041").await;
    act(&britta, &page, &[("overtar", &tove)]).await.is(422).says("inte attestant");
    act(&britta, &page, &[("overtar", &helena)]).await.is(303);
    portal.work().await;
    assert_eq!(portal.told("N-160"), [HELENA], "who has it now");
    portal.as_person(HELENA).await.page("/agent/2041/attester").await.says(&number);
    assert_eq!(portal.value("SELECT attestant_id FROM mandate_application").await, helena);
    let helenas = portal.as_person(HELENA).await;
    step(&helenas, &number, "attestera", &[]).await.is(303);
    assert!(portal.audit_is_whole().await);
    // Each finds what they have done themselves.
    let own = "/konto/mina-uppgifter";
    helenas.page(own).await.says(&number).says("Beviljat").does_not_say("Granskas av Inera");
    britta.page(own).await.says(&number).says("Granskas av Inera").does_not_say("Beviljat");
    portal.as_person(KARIN).await.page(own).await.does_not_say(&number);
}

#[tokio::test]
async fn one_that_does_not_wait_yet_is_anybodys_when_the_one_named_has_left() {
    let portal = Portal::start().await;
    let omar = member(&portal, OMAR, "2041").await;
    let number = mandate_asked(&portal, &[("attestant", &omar)]).await;
    let britta = portal.as_person(BRITTA).await;
    britta.page(&format!("{PLACE}/{omar}/ta-bort")).await.says("Inget väntar på personen");
    act(&britta, &format!("{PLACE}/{omar}/ta-bort"), &[]).await.is(303);
    assert_eq!(portal.value("SELECT attestant_id FROM mandate_application").await, "");
    forward(&portal, &number, &BOTH).await.is(303);
    portal.work().await;
    assert_eq!(portal.told("N-40"), [HELENA]);
}

#[tokio::test]
async fn the_last_attestant_of_what_waits_stays() {
    let portal = Portal::start().await;
    let (number, omar, helena) = waiting(&portal).await;
    without_roles(&portal, &helena).await;
    let britta = portal.as_person(BRITTA).await;
    act(&britta, &format!("{PLACE}/{omar}/ta-bort"), &[]).await.is(422).says("ingen annan får attestera");
    // Nor when the only other one has sent it, under four eyes.
    portal.sql("UPDATE organisation SET four_eyes = true WHERE agent_no = 2041").await;
    let brittas = member(&portal, BRITTA, "2041").await;
    portal
        .sql(&format!("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE id = '{brittas}'"))
        .await;
    let page = format!("{PLACE}/{omar}/ta-bort");
    act(&britta, &page, &[("overtar", &brittas)]).await.is(422).says("har själv gjort eller granskat");
    act(&britta, &page, &[]).await.is(422).says("ingen annan får attestera");
    // When it waits no more, both may go.
    step(&portal.as_person(OMAR).await, &number, "attestera", &[]).await.is(303);
    act(&britta, &page, &[]).await.is(303);
}

#[tokio::test]
async fn four_eyes_are_not_asked_for_while_only_its_senders_could_attest_what_waits() {
    let portal = Portal::start().await;
    let (_, omar, helena) = waiting(&portal).await;
    portal.sql("UPDATE mandate_application SET attestant_id = NULL").await;
    without_roles(&portal, &omar).await;
    without_roles(&portal, &helena).await;
    portal
        .sql(&format!("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE email = '{BRITTA}'"))
        .await;
    let britta = portal.as_person(BRITTA).await;
    let at = "/agent/2041/uppgifter/fyra-ogon";
    portal.sql("UPDATE organisation SET four_eyes = false WHERE agent_no = 2041").await;
    act(&britta, at, &[]).await.is(422).says("väntar på attest");
    portal
        .sql(&format!("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE id = '{helena}'"))
        .await;
    act(&britta, at, &[]).await.is(303);
    assert_eq!(portal.value("SELECT four_eyes FROM organisation WHERE agent_no = 2041").await, "true");
}

#[tokio::test]
async fn whoever_it_waits_for_is_reminded_until_it_moves() {
    let portal = Portal::start().await;
    let number = mandate_asked(&portal, &[]).await;
    portal.mailed().await;
    let reminded = async |days: i64| {
        portal.advance(Duration::days(days));
        portal.worker.run_schedule().await.unwrap();
        portal.mailed().await.into_iter().filter(|code| code == "N-160").count()
    };
    assert_eq!(reminded(2).await, 0);
    assert_eq!(reminded(1).await, 1, "Inera's agent officer, on the third day");
    assert_eq!(reminded(1).await, 0, "once for each day in the schedule");
    assert_eq!(reminded(3).await, 1, "and on the seventh");
    // Asked for, and answered before the mail is made.
    portal.advance(Duration::days(7));
    portal.worker.run_schedule().await.unwrap();
    forward(&portal, &number, &BOTH).await.is(303);
    assert!(!portal.mailed().await.contains(&"N-160".to_owned()), "Inera has done its part");
    assert_eq!(reminded(3).await, 2, "both attestants");
    step(&portal.as_person(HELENA).await, &number, "attestera", &[]).await.is(303);
    portal.mailed().await;
    assert_eq!(reminded(30).await, 0);
}
