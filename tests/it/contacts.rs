//! Contacts: roles, removal, substitutes, requests (portal.md 1.5 and 2.6; scenarios 15–17).

use kundportal::{db::DbError, identity::Side};

use crate::harness::{PASSWORD, Portal, contacts::*, enter, orders::*};

const RAKEL: &str = "rakel@solbacken.example";

async fn roles_of(portal: &Portal, member: &str) -> String {
    portal
        .value(&format!(
            "SELECT string_agg(role::text, ',' ORDER BY role) FROM role_grant WHERE membership_id = '{member}'"
        ))
        .await
}

/// Lindängen's roles in the order of the page: administrator, orderer, attestant, contact, signatory.
fn roles<'a>(given: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields: Vec<(&str, &str)> = given.iter().map(|(role, _)| ("roll", *role)).collect();
    for offered in ["administrator", "orderer", "attestant", "contract_contact", "signatory"] {
        let until = given.iter().find(|(role, _)| *role == offered).map_or("", |(_, until)| *until);
        fields.push(("till", until));
    }
    fields
}

#[tokio::test]
async fn scenario_15_one_person_in_three_organisations_signs_in_once_and_has_each_ones_roles() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    samira
        .page("/valj-organisation")
        .await
        .says("Lindängens Vårdcentral AB")
        .says("Ekbackens Rehab AB")
        .says("Norrbäcks kommun");
    samira.page(LINDANGEN).await.says("du är administratör och kontaktperson");
    samira.page("/kund/10733").await.says("du är administratör och beställare");
    samira.page(NORRBACK).await.says("du är administratör");
    // Neighbouring illegal act: a role in one organisation is nothing in another.
    samira
        .post(
            &format!("{LINDANGEN}/bestall"),
            &[
                ("tjanst", "NPO"),
                ("erbjudande", "NPO_DIRECT"),
                ("id", "0198c0de-0000-7000-8000-000000000001"),
            ],
        )
        .await
        .is(403);
}

#[tokio::test]
async fn scenario_17_the_last_administrator_can_neither_step_down_nor_leave_nor_get_a_last_day() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let me = member(&portal, SAMIRA, "10482").await;
    let page = format!("{LINDANGEN}/kontakter/{me}");
    samira.page(&format!("{page}/roller")).await.says("Det här är dina egna roller");
    let without = roles(&[("contract_contact", "")]);
    act(&samira, &format!("{page}/roller"), &without).await.is(422).says("minst en administratör");
    let limited = roles(&[("administrator", "2027-01-31"), ("contract_contact", "")]);
    act(&samira, &format!("{page}/roller"), &limited).await.is(422).says("minst en administratör");
    samira
        .page(&format!("{page}/ta-bort"))
        .await
        .says("Organisationens enda administratör")
        .does_not_say("Bekräfta med");
    samira.post(&format!("{page}/ta-bort"), &[("losenord", PASSWORD)]).await.is(409);
    assert_eq!(roles_of(&portal, &me).await, "administrator,contract_contact");
    // Nor the last contact, while an agreement holds.
    let without = roles(&[("administrator", "")]);
    act(&samira, &format!("{page}/roller"), &without).await.is(422).says("minst en kontaktperson");
    // With another of both she may.
    let karin = member(&portal, KARIN, "10482").await;
    let both = roles(&[("administrator", ""), ("orderer", ""), ("contract_contact", "")]);
    act(&samira, &format!("{LINDANGEN}/kontakter/{karin}/roller"), &both).await.is(303);
    act(&samira, &format!("{page}/ta-bort"), &[]).await.is(303);
    samira.get(LINDANGEN).await.is(404);
    samira.page("/kund/10733").await;
}

#[tokio::test]
async fn two_administrators_cannot_remove_each_other_at_the_same_moment() {
    let portal = Portal::start().await;
    portal.sql("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'administrator' FROM membership WHERE email = 'karin@lindangen.example'").await;
    let (samira, karin) = (portal.as_person(SAMIRA).await, portal.as_person(KARIN).await);
    let (s, k) = (member(&portal, SAMIRA, "10482").await, member(&portal, KARIN, "10482").await);
    // Samira is the only contact: give that to Karin, so that nothing else stands in the way.
    portal.sql(&format!("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'contract_contact' FROM membership WHERE id = '{k}'")).await;
    portal.sql(&format!("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'contract_contact' FROM membership WHERE email = '{TOVE}'")).await;
    for _ in 0..3 {
        let (one, other) =
            (format!("{LINDANGEN}/kontakter/{k}/ta-bort"), format!("{LINDANGEN}/kontakter/{s}/ta-bort"));
        let (a, b) = tokio::join!(act(&samira, &one, &[]), act(&karin, &other, &[]));
        let done = [&a, &b].iter().filter(|answer| answer.status == 303).count();
        assert_eq!(done, 1, "{} {}", a.text(), b.text());
        let left = portal.value("SELECT count(*) FROM role_grant g JOIN membership m ON m.id = g.membership_id AND m.ended_at IS NULL
            JOIN organisation o ON o.id = m.org_id WHERE o.customer_no = 10482 AND g.role = 'administrator'").await;
        assert_eq!(left, "1");
        // Back as it was.
        portal.sql("UPDATE membership SET ended_at = NULL WHERE ended_at IS NOT NULL").await;
        portal.sql(&format!("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'administrator' FROM membership WHERE id IN ('{k}', '{s}') ON CONFLICT DO NOTHING")).await;
    }
}

#[tokio::test]
async fn constraint_5_a_handler_and_a_contact_read_contacts_and_never_change_them() {
    let portal = Portal::start().await;
    let johan = portal.as_person(JOHAN).await;
    johan
        .page(&format!("{NORDJOURNAL}/kontakter"))
        .await
        .says("Helena Wik")
        .says("Agentuppdrag och handläggare")
        .does_not_say("ett avslutat uppdrag")
        .does_not_say("Du ger den under Ändra roller")
        .does_not_say("Bjud in en kontakt");
    // The administrator sees who handles what, and what nobody does.
    let britta = portal.as_person(BRITTA).await;
    let list = format!("{NORDJOURNAL}/kontakter");
    britta
        .page(&list)
        .await
        .says("Handlägger")
        .says("Du ger den under Ändra roller")
        .does_not_say("Ingen handläggare");
    portal.sql("DELETE FROM mandate_permission").await;
    britta.page(&list).await.says("Ingen handläggare").does_not_say("Handlägger");
    let helena = member(&portal, HELENA, "2041").await;
    let page = format!("{NORDJOURNAL}/kontakter/{helena}");
    johan.page(&page).await.does_not_say("Ändra roller").does_not_say("Ta bort kontakten");
    for way in ["roller", "ta-bort", "ersattare"] {
        johan.get(&format!("{page}/{way}")).await.is(403);
        johan.post(&format!("{page}/{way}"), &[("revision", "0"), ("losenord", PASSWORD)]).await.is(403);
    }
    johan.post(&format!("{NORDJOURNAL}/kontakter/bjud-in"), &[("namn", "X")]).await.is(403);
    // An orderer does not even see the list; everybody sees themselves.
    let karin = portal.as_person(KARIN).await;
    karin.get(&format!("{LINDANGEN}/kontakter")).await.is(403);
    let own = member(&portal, KARIN, "10482").await;
    karin.page(&format!("{LINDANGEN}/kontakter/{own}")).await.says("Karin Ålund (du)").says("Beställare");
    let mats = member(&portal, MATS, "10482").await;
    karin.get(&format!("{LINDANGEN}/kontakter/{mats}")).await.is(403);
    // The database says the same to a forged statement.
    let mut tx = enter(&portal, JOHAN, Side::Agent, 2041).await;
    let forged = format!(
        "INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at, roles, until, confirmation_id)
         SELECT '{helena}', 1, ctx_org(), 'substitute_ended', 'agent', ctx_person(), now(), '{{}}', '{{}}', NULL"
    );
    let refused = sqlx::query(sqlx::AssertSqlSafe(forged)).execute(tx.conn()).await.unwrap_err();
    assert!(matches!(DbError::from(refused), DbError::Rule(key) if key == "not_this_person"));
}

#[tokio::test]
async fn constraint_6_only_kundservice_brings_a_removed_contact_back() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let karin = member(&portal, KARIN, "10482").await;
    let page = format!("{LINDANGEN}/kontakter/{karin}");
    let client = portal.as_person(KARIN).await;
    client.page(LINDANGEN).await;
    samira.page(&format!("{page}/ta-bort")).await.says("bara Kundservice kan återställa");
    act(&samira, &format!("{page}/ta-bort"), &[]).await.is(303);
    client.get(LINDANGEN).await.is(404);
    samira.page(&page).await.says("Kontakten är borttagen").does_not_say("Ändra roller");
    act(&samira, &format!("{page}/roller"), &roles(&[("orderer", "")])).await.is(409);
    assert_eq!(portal.mailed().await, ["N-08"]);
    // The administrator can't, not even past the pages; Kundservice can.
    let mut tx = enter(&portal, SAMIRA, Side::Customer, 10482).await;
    let forged = format!(
        "INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at, roles, until)
         SELECT '{karin}', 2, ctx_org(), 'restored', 'customer', ctx_person(), now(), '{{}}', '{{}}'"
    );
    let refused = sqlx::query(sqlx::AssertSqlSafe(forged)).execute(tx.conn()).await.unwrap_err();
    assert!(matches!(DbError::from(refused), DbError::Rule(key) if key == "not_this_person"));
    drop(tx);
    let petra = portal.as_person(PETRA).await;
    petra.page("/inera/kunder/10482").await.says("Karin Ålund");
    let restore = format!("/inera/kunder/10482/kontakter/{karin}/aterstall");
    act(&petra, &restore, &[]).await.is(303);
    client.page(LINDANGEN).await;
    assert_eq!(roles_of(&portal, &karin).await, "", "the roles are not back");
    assert_eq!(portal.mailed().await, ["N-04", "N-05"], "the administrator gives the roles");
    // A reader of Inera's can't.
    portal.as_person(IVAR).await.get(&restore).await.is(403);
}

#[tokio::test]
async fn constraint_7_a_role_holds_and_stops_holding_with_the_next_request() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let tove = portal.as_person(TOVE).await;
    let id = member(&portal, TOVE, "10482").await;
    let path = format!("{LINDANGEN}/kontakter/{id}/roller");
    tove.get(&format!("{LINDANGEN}/attester")).await.is(403);
    act(&samira, &path, &roles(&[("attestant", "")])).await.is(303);
    tove.page(&format!("{LINDANGEN}/attester")).await;
    assert_eq!(portal.mailed().await, ["N-30"]);
    act(&samira, &path, &roles(&[])).await.is(303);
    tove.get(&format!("{LINDANGEN}/attester")).await.is(403);
    assert_eq!(portal.mailed().await, ["N-31"]);
    samira
        .page(&format!("{LINDANGEN}/kontakter/{id}"))
        .await
        .says("Samira Haddad gav Attestant")
        .says("Samira Haddad tog bort Attestant");
    tove.page(&format!("{LINDANGEN}/aviseringar")).await.says("Du har fått rollen Attestant");
    // What was confirmed is evidence, and the chain has it.
    let shown = portal.value("SELECT shown FROM confirmation ORDER BY at LIMIT 1").await;
    assert!(shown.contains("Tove Rask hos Lindängens") && shown.contains("Får rollen Attestant"), "{shown}");
    assert_eq!(portal.value("SELECT count(*) FROM audit_entry WHERE action = 'member.roles'").await, "2");
}

#[tokio::test]
async fn a_role_change_needs_the_password_a_change_and_a_page_that_is_not_old() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let id = member(&portal, TOVE, "10482").await;
    let path = format!("{LINDANGEN}/kontakter/{id}/roller");
    let page = samira.page(&path).await;
    let (revision, shown) = (page.hidden("revision"), page.hidden("visat"));
    let mut fields = vec![("revision", revision.as_str()), ("visat", shown.as_str())];
    fields.extend(roles(&[("attestant", "2026-11-01")]));
    let answer = samira.post(&path, &fields).await;
    answer.is(422).says("Datumet har passerat").says("Skriv ditt lösenord");
    assert!(answer.body.contains(r#"value="2026-11-01""#), "what was typed is kept");
    act(&samira, &path, &roles(&[])).await.is(422).says("Du har inte ändrat något");
    act(&samira, &path, &roles(&[("attestant", "imorgon")])).await.is(422).says("ÅÅÅÅ-MM-DD");
    let mut wrong = vec![("revision", revision.as_str()), ("visat", shown.as_str()), ("losenord", "fel")];
    wrong.extend(roles(&[("attestant", "")]));
    samira.post(&path, &wrong).await.is(422).says("Lösenordet stämmer inte");
    assert_eq!(roles_of(&portal, &id).await, "");
    // Another tab was first.
    act(&samira, &path, &roles(&[("attestant", "")])).await.is(303);
    let mut old = vec![("revision", revision.as_str()), ("visat", shown.as_str()), ("losenord", PASSWORD)];
    old.extend(roles(&[("orderer", "")]));
    samira.post(&path, &old).await.is(409).says("har ändrats");
    assert_eq!(roles_of(&portal, &id).await, "attestant");
    // A role that is not a customer's is not given, whatever is sent.
    act(&samira, &path, &[("roll", "agent_handler"), ("roll", "support"), ("roll", "attestant")])
        .await
        .is(422)
        .says("Du har inte ändrat något");
    // Another organisation's contact does not exist here.
    let nils = member(&portal, NILS, "10901").await;
    samira.get(&format!("{LINDANGEN}/kontakter/{nils}/roller")).await.is(404);
}

#[tokio::test]
async fn a_role_with_a_last_day_stops_by_itself_and_its_holder_is_told() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let tove = portal.as_person(TOVE).await;
    let id = member(&portal, TOVE, "10482").await;
    let path = format!("{LINDANGEN}/kontakter/{id}/roller");
    act(&samira, &path, &roles(&[("attestant", "2027-01-31")])).await.is(303);
    tove.page(&format!("{LINDANGEN}/kontakter/{id}")).await.says("till och med 31 januari 2027");
    portal.mailed().await;
    // The day has passed: it holds no more, even before the clock has cleared it away.
    portal.sql(&format!("UPDATE role_grant SET valid_to = '2026-11-21' WHERE membership_id = '{id}'")).await;
    tove.get(&format!("{LINDANGEN}/attester")).await.is(403);
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(roles_of(&portal, &id).await, "");
    assert_eq!(portal.mailed().await, ["N-31"]);
    samira.page(&format!("{LINDANGEN}/kontakter/{id}")).await.says("Kundportalen tog bort Attestant");
}

#[tokio::test]
async fn constraint_9_attests_that_wait_are_handed_over_and_the_last_attestant_stays() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = direct_draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET").await;
    let mats = member(&portal, MATS, "10482").await;
    let fields = scope_fields(&[]);
    let fields: Vec<(&str, &str)> = fields
        .into_iter()
        .map(|(key, value)| if key == "attestant" { (key, mats.as_str()) } else { (key, value) })
        .collect();
    karin.must_post(&format!("{LINDANGEN}/bestall/{number}/omfattning"), &fields).await;
    send(&karin, LINDANGEN, &number).await;
    portal.mailed().await;
    let samira = portal.as_person(SAMIRA).await;
    let page = format!("{LINDANGEN}/kontakter/{mats}");
    act(&samira, &format!("{page}/roller"), &roles(&[])).await.is(422).says("ingen annan får attestera");
    act(&samira, &format!("{page}/ta-bort"), &[]).await.is(422).says("ingen annan får attestera");
    // With Tove as attestant too, Mats can go, and Tove takes over what waits for him.
    let tove = member(&portal, TOVE, "10482").await;
    act(&samira, &format!("{LINDANGEN}/kontakter/{tove}/roller"), &roles(&[("attestant", "")])).await.is(303);
    samira.page(&format!("{page}/ta-bort")).await.says(&number);
    // Karin is no attestant and can't inherit.
    let not = member(&portal, KARIN, "10482").await;
    act(&samira, &format!("{page}/ta-bort"), &[("overtar", &not)]).await.is(422).says("inte attestant");
    portal.mailed().await;
    act(&samira, &format!("{page}/ta-bort"), &[("overtar", &tove)]).await.is(303);
    let mut mailed = portal.mailed().await;
    mailed.sort();
    assert_eq!(mailed, ["N-08", "N-160"], "Tove is reminded of what is hers now");
    let client = portal.as_person(TOVE).await;
    client.page(&format!("{LINDANGEN}/attester")).await.says(&number);
    decide(&client, &format!("{LINDANGEN}/bestallningar/{number}/attestera"), "attestera", &[]).await.is(303);
}

#[tokio::test]
async fn a_substitute_decides_in_the_others_place_within_the_days_and_it_is_written() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let britta = portal.as_person(BRITTA).await;
    let (johan, olle) = (member(&portal, JOHAN, "2041").await, member(&portal, OLLE, "2041").await);
    let client = portal.as_person(OLLE).await;
    let review = format!("{NORDJOURNAL}/godkannanden/{number}");
    client.get(&review).await.is(404);
    let path = format!("{NORDJOURNAL}/kontakter/{johan}/ersattare");
    for (fields, why) in [
        (vec![("ersattare", ""), ("fran", "2026-11-22"), ("till", "2026-12-01")], "Välj vem"),
        (vec![("ersattare", olle.as_str()), ("fran", "2026-11-01"), ("till", "2026-12-01")], "har passerat"),
        (
            vec![("ersattare", olle.as_str()), ("fran", "2026-11-22"), ("till", "2026-11-21")],
            "före den första",
        ),
        (vec![("ersattare", olle.as_str()), ("fran", "2026-11-22"), ("till", "2028-11-22")], "högst ett år"),
        (vec![("ersattare", johan.as_str()), ("fran", "2026-11-22"), ("till", "2026-12-01")], "Välj vem"),
    ] {
        act(&britta, &path, &fields).await.is(422).says(why);
    }
    let days = [("ersattare", olle.as_str()), ("fran", "2026-11-22"), ("till", "2026-12-01")];
    portal.mailed().await;
    act(&britta, &path, &days).await.is(303);
    assert_eq!(portal.mailed().await, ["N-34", "N-26"]);
    act(&britta, &path, &days).await.is(422).says("redan ersättare");
    // Olle sees what Johan sees, decides, and hands nothing on.
    decide(&client, &review, "godkann", &[("attestant", "alla"), ("intygar", "ja")]).await.is(303);
    client
        .page(&format!("{NORDJOURNAL}/bestallningar/{number}"))
        .await
        .says("Olle Fors (ersättare för Johan Brandt)");
    assert_eq!(
        portal.value("SELECT in_place_of FROM order_event WHERE to_state = 'awaiting_agent_attest'").await,
        "Johan Brandt"
    );
    let chain = format!("{NORDJOURNAL}/kontakter/{olle}/ersattare");
    let lina = member(&portal, LINA, "2041").await;
    act(&client, &chain, &[("ersattare", &lina), ("fran", "2026-11-22"), ("till", "2026-12-01")])
        .await
        .is(303);
    let second = sent_second(&portal).await;
    portal.sql("UPDATE mandate_permission SET mandate_id = mandate_id WHERE false").await;
    let lina_client = portal.as_person(LINA).await;
    lina_client.page(&format!("{NORDJOURNAL}/godkannanden/{second}")).await;
    // Ended, and out with the next request.
    let page = britta.page(&format!("{NORDJOURNAL}/kontakter/{johan}")).await;
    let end = page
        .body
        .split("action=\"")
        .filter_map(|part| part.split('"').next())
        .find(|path| path.ends_with("/avsluta"))
        .unwrap()
        .to_owned();
    client.page(&format!("{NORDJOURNAL}/godkannanden/{second}")).await;
    britta.post(&end, &[]).await.is(303);
    client.get(&format!("{NORDJOURNAL}/godkannanden/{second}")).await.is(404);
    britta.post(&end, &[]).await.is(404);
}

async fn sent_second(portal: &Portal) -> String {
    let nils = portal.as_person(NILS).await;
    let number = via_agent_draft(&nils, NORRBACK, "2041").await;
    send(&nils, NORRBACK, &number).await;
    number
}

#[tokio::test]
async fn a_substitute_outside_the_days_is_nobody_and_four_eyes_still_see() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let (mats, karin) = (member(&portal, MATS, "10482").await, member(&portal, KARIN, "10482").await);
    let client = portal.as_person(MATS).await;
    // The attestant names the substitute himself: Karin, from next month.
    let path = format!("{LINDANGEN}/kontakter/{mats}/ersattare");
    act(&client, &path, &[("ersattare", &karin), ("fran", "2026-12-01"), ("till", "2026-12-31")])
        .await
        .is(303);
    let karin_client = portal.as_person(KARIN).await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    karin_client.get(&attest).await.is(403);
    portal.sql("UPDATE substitution SET valid_from = '2026-11-01'").await;
    // She ordered it: another pair of eyes is asked for, whoever she stands in for.
    decide(&karin_client, &attest, "attestera", &[])
        .await
        .is(409)
        .says("en annan person än den som beställde");
    portal.sql("UPDATE substitution SET valid_to = '2026-11-20'").await;
    karin_client.get(&attest).await.is(403);
    // Nobody names a substitute for somebody else without being an administrator.
    let tove = portal.as_person(TOVE).await;
    tove.get(&path).await.is(403);
    // And nobody who decides nothing has one.
    let own = member(&portal, TOVE, "10482").await;
    tove.get(&format!("{LINDANGEN}/kontakter/{own}/ersattare")).await.is(409);
}

#[tokio::test]
async fn four_eyes_are_not_closed_by_a_substitute_for_the_one_who_ordered() {
    let portal = Portal::start().await;
    // Karin orders, and is attestant herself; Tove stands in for her.
    portal.sql("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE email = 'karin@lindangen.example'").await;
    let number = sent_direct(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let (own, tove) = (member(&portal, KARIN, "10482").await, member(&portal, TOVE, "10482").await);
    let path = format!("{LINDANGEN}/kontakter/{own}/ersattare");
    act(&karin, &path, &[("ersattare", &tove), ("fran", "2026-11-22"), ("till", "2026-12-01")]).await.is(303);
    let client = portal.as_person(TOVE).await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    decide(&client, &attest, "attestera", &[]).await.is(409).says("en annan person än den som beställde");
    // As a substitute for Mats too she sits at his desk.
    let mats = member(&portal, MATS, "10482").await;
    let samira = portal.as_person(SAMIRA).await;
    let path = format!("{LINDANGEN}/kontakter/{mats}/ersattare");
    act(&samira, &path, &[("ersattare", &tove), ("fran", "2026-11-22"), ("till", "2026-12-01")])
        .await
        .is(303);
    decide(&client, &attest, "attestera", &[]).await.is(303);
    assert_eq!(
        portal
            .value("SELECT in_place_of || ' ' || self_attested FROM order_event WHERE to_state = 'attested'")
            .await,
        "Mats Öberg false"
    );
}

#[tokio::test]
async fn what_waits_goes_to_nobody_who_may_not_attest_it_and_is_not_stuck_when_a_role_runs_out() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let samira = portal.as_person(SAMIRA).await;
    let (k, mats) = (member(&portal, KARIN, "10482").await, member(&portal, MATS, "10482").await);
    act(&samira, &format!("{LINDANGEN}/kontakter/{k}/roller"), &roles(&[("orderer", ""), ("attestant", "")]))
        .await
        .is(303);
    let number = direct_draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET").await;
    let fields = scope_fields(&[]);
    let fields: Vec<(&str, &str)> = fields
        .into_iter()
        .map(|(key, value)| if key == "attestant" { (key, mats.as_str()) } else { (key, value) })
        .collect();
    karin.must_post(&format!("{LINDANGEN}/bestall/{number}/omfattning"), &fields).await;
    send(&karin, LINDANGEN, &number).await;
    let page = format!("{LINDANGEN}/kontakter/{mats}/roller");
    // Karin ordered it: under four eyes it can be neither hers nor anybody's, as nobody else is left.
    let mut to_karin = roles(&[]);
    to_karin.push(("overtar", k.as_str()));
    act(&samira, &page, &to_karin).await.is(422).says("har själv gjort");
    act(&samira, &page, &roles(&[])).await.is(422).says("ingen annan får attestera");
    // The last lasting one gets no last day while something waits, and the one that is left is limited.
    portal
        .sql(&format!(
            "UPDATE role_grant SET valid_to = '2026-12-31' WHERE membership_id = '{k}' AND role = 'attestant'"
        ))
        .await;
    act(&samira, &page, &roles(&[("attestant", "2026-12-31")]))
        .await
        .is(422)
        .says("ingen annan får attestera");
    // When all have run out the order waits for anybody who becomes attestant.
    portal.sql("UPDATE role_grant SET valid_to = '2026-11-20' WHERE role = 'attestant'").await;
    portal.worker.run_schedule().await.unwrap();
    let tove = member(&portal, TOVE, "10482").await;
    act(&samira, &format!("{LINDANGEN}/kontakter/{tove}/roller"), &roles(&[("attestant", "")])).await.is(303);
    let client = portal.as_person(TOVE).await;
    decide(&client, &format!("{LINDANGEN}/bestallningar/{number}/attestera"), "attestera", &[]).await.is(303);
}

#[tokio::test]
async fn kundservice_helps_an_agent_too_and_everybody_is_told_of_a_new_administrator() {
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    petra.page("/inera/agenter").await.says("Nordjournal Systems AB");
    petra.page("/inera/agenter/2041").await.says("Helena Wik");
    petra.get("/inera/agenter/9999").await.is(404);
    let helena = member(&portal, HELENA, "2041").await;
    let path = format!("/inera/agenter/2041/kontakter/{helena}/administrator");
    petra.page(&path).await.says("Organisationen har redan Britta Holm som administratör");
    act(&petra, &path, &[]).await.is(303);
    assert_eq!(roles_of(&portal, &helena).await, "administrator,attestant");
    let mut mailed = portal.mailed().await;
    mailed.sort();
    assert_eq!(mailed, ["N-28", "N-30"]);
    petra.get(&path).await.is(409);
    // Nothing else goes along, and Inera's own people are not Kundservice's to appoint.
    let mut tx = enter(&portal, PETRA, Side::Inera, 0).await;
    for forged in [
        format!("SELECT '{helena}'::uuid, 2, org_id, 'roles'::member_event_kind, '{{administrator,attestant,contract_contact}}'::role[], '{{NULL,NULL,NULL}}'::date[] FROM membership WHERE id = '{helena}'"),
        "SELECT id, 1, org_id, 'roles'::member_event_kind, '{support,sysadmin}'::role[], '{NULL,NULL}'::date[] FROM membership WHERE email = 'petra@kundservice.example'".to_owned(),
    ] {
        let statement = format!("INSERT INTO member_event (membership_id, seq, org_id, kind, roles, until, side, actor_id, at)
            SELECT x.*, 'inera', ctx_person(), now() FROM ({forged}) x");
        sqlx::query("SAVEPOINT s").execute(tx.conn()).await.unwrap();
        let refused = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(tx.conn()).await.unwrap_err();
        assert_eq!(DbError::from(refused).to_string(), "database rule not_this_person");
        sqlx::query("ROLLBACK TO s").execute(tx.conn()).await.unwrap();
    }
}

#[tokio::test]
async fn somebody_without_a_role_asks_for_one_and_gets_it_or_a_reason() {
    let portal = Portal::start().await;
    let tove = portal.as_person(TOVE).await;
    let path = format!("{LINDANGEN}/behorighet");
    tove.page(&path).await.says("Vem är administratör?").says("Samira Haddad, samira@lindangen.example");
    tove.post(&path, &[]).await.is(422).says("Välj minst en roll").says("Skriv en motivering");
    tove.post(&path, &[("roll", "support"), ("motivering", "vill")]).await.is(422).says("Välj minst en roll");
    let ask = [("roll", "orderer"), ("motivering", "Ska beställa när Karin är borta")];
    tove.post(&path, &ask).await.is(303);
    tove.post(&path, &ask).await.is(422).says("redan en begäran");
    assert_eq!(portal.mailed().await, ["N-35"]);
    let samira = portal.as_person(SAMIRA).await;
    let list = samira.page(&format!("{LINDANGEN}/kontakter")).await;
    list.says("Tove Rask ber om rollen Beställare").says("Ska beställa när Karin är borta");
    let id = member(&portal, TOVE, "10482").await;
    let request = portal.value("SELECT id FROM role_request").await;
    // The no has a reason.
    let no = format!("{LINDANGEN}/kontakter/begaran/{request}");
    samira.post(&no, &[]).await.is(422);
    samira.post(&no, &[("motivering", "Karin är tillbaka på måndag")]).await.is(303);
    assert_eq!(portal.mailed().await, ["N-36"]);
    tove.page(&path).await.says("Karin är tillbaka på måndag");
    // Asked again, and given: the page has it ticked, and the request is answered by it.
    tove.post(&path, &ask).await.is(303);
    let request = portal.value("SELECT id FROM role_request WHERE closed_at IS NULL").await;
    let form = format!("{LINDANGEN}/kontakter/{id}/roller?begaran={request}");
    samira.page(&form).await.says("Beställare (efterfrågad)");
    // Something else is no answer; another's request does not go along.
    act(&samira, &format!("{LINDANGEN}/kontakter/{id}/roller"), &roles(&[("signatory", "")])).await.is(303);
    assert_eq!(portal.value("SELECT count(*) FROM role_request WHERE closed_at IS NULL").await, "1");
    let fields = roles(&[("orderer", "")]);
    let karin = member(&portal, KARIN, "10482").await;
    let mut other = roles(&[("orderer", ""), ("signatory", "")]);
    other.push(("begaran", request.as_str()));
    act(&samira, &format!("{LINDANGEN}/kontakter/{karin}/roller"), &other).await.is(303);
    assert_eq!(portal.value("SELECT count(*) FROM role_request WHERE closed_at IS NULL").await, "1");
    act(&samira, &format!("{LINDANGEN}/kontakter/{id}/roller"), &fields).await.is(303);
    assert_eq!(portal.value("SELECT count(*) FROM role_request WHERE outcome = 'granted'").await, "1");
    // Those who are no administrators can't answer.
    portal.as_person(KARIN).await.post(&no, &[("motivering", "nej nej")]).await.is(403);
    // Rakel's organisation has its own: nothing of Lindängen's.
    portal.as_person(RAKEL).await.get(&format!("/kund/11305/kontakter/begaran/{request}")).await.is(404);
}

#[tokio::test]
async fn the_permission_in_a_mandate_is_given_and_taken_in_the_same_form_and_goes_with_the_role() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let britta = portal.as_person(BRITTA).await;
    let id = member(&portal, OLLE, "2041").await;
    let olle = portal.as_person(OLLE).await;
    let path = format!("{NORDJOURNAL}/kontakter/{id}/roller");
    let mandate = portal.value("SELECT id FROM mandate WHERE service_code = 'JOURNALEN' AND agent_id = (SELECT id FROM organisation WHERE agent_no = 2041)").await;
    let foreign = portal
        .value("SELECT id FROM mandate WHERE agent_id = (SELECT id FROM organisation WHERE agent_no = 2077)")
        .await;
    act(&britta, &path, &[("uppdrag", &mandate)]).await.is(422).says("kräver rollen Handläggare agent");
    // Another agent's mandate is no choice of the page.
    act(&britta, &path, &[("roll", "agent_handler"), ("uppdrag", &foreign)])
        .await
        .is(422)
        .says("inte ändrat");
    act(&britta, &path, &[("roll", "agent_handler"), ("uppdrag", &mandate)]).await.is(303);
    olle.page(&format!("{NORDJOURNAL}/godkannanden/{number}")).await;
    assert!(portal.mailed().await.contains(&"N-33".to_owned()));
    act(&britta, &path, &[]).await.is(303);
    olle.get(&format!("{NORDJOURNAL}/godkannanden/{number}")).await.is(404);
    assert_eq!(
        portal.value(&format!("SELECT count(*) FROM mandate_permission WHERE membership_id = '{id}'")).await,
        "0"
    );
}
