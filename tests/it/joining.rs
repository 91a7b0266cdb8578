//! Asking to become a contact: nothing is told beforehand, the address is confirmed, an administrator answers.

use kundportal::{db::DbError, identity::Side};

use crate::harness::{Answer, Client, Portal, contacts::*, enter, orders::*};

const ASK: &str = "/bli-kontakt";
const NEW: &str = "ny.person@lindangen.example";
/// Lindängen's number.
const ORG: &str = "SELECT org_nr FROM organisation WHERE customer_no = 10482";

async fn ask(portal: &Portal, email: &str, org_nr: &str) -> Answer {
    let fields = [
        ("orgnr", org_nr),
        ("namn", "Ny Person"),
        ("epost", email),
        ("titel", "Verksamhetschef"),
        ("varfor", "Jag ska beställa Journalen"),
    ];
    portal.anonymous().post(ASK, &fields).await
}

/// Asks and opens the link; answers its address.
async fn asked(portal: &Portal, email: &str) -> String {
    ask(portal, email, &portal.value(ORG).await).await.is(200);
    link_in(portal, "N-03", "/bli-kontakt/").await
}

async fn request(portal: &Portal) -> String {
    portal.value("SELECT id FROM join_request WHERE closed_at IS NULL AND confirmed_at IS NOT NULL").await
}

async fn invite(client: &Client, email: &str) -> Answer {
    let fields = [("namn", "Ny Person"), ("epost", email), ("titel", ""), ("roll", "orderer")];
    act(client, &format!("{LINDANGEN}/kontakter/bjud-in"), &fields).await
}

#[tokio::test]
async fn somebody_without_an_account_asks_is_invited_and_gets_one() {
    let portal = Portal::start().await;
    portal.anonymous().page("/logga-in").await.says("Be om att bli kontakt");
    let link = asked(&portal, "Ny.Person@Lindangen.example").await;
    assert_eq!(portal.told("N-03"), [NEW]);
    let samira = portal.as_person(SAMIRA).await;
    let list = format!("{LINDANGEN}/kontakter");
    samira.page(&list).await.does_not_say("Vill bli kontakter");
    // Reading sends nothing; two clicks are one.
    let (reader, other) = (portal.anonymous(), portal.anonymous());
    reader.page(&link).await.says("ber om att bli kontakt hos Lindängens Vårdcentral AB");
    samira.page(&list).await.does_not_say("Vill bli kontakter");
    let (a, b) = tokio::join!(reader.post(&link, &[]), other.post(&link, &[]));
    let mut codes = [a.status.as_u16(), b.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [200, 410]);
    portal.work().await;
    assert_eq!(portal.told("N-128"), [SAMIRA]);
    reader.get(&link).await.is(410).says("redan skickad");
    samira.page(LINDANGEN).await.says("Ny Person vill bli kontakt");
    samira.page(&list).await.says("Vill bli kontakter").says("Jag ska beställa Journalen").says(NEW);
    // The page has what was asked; the invitation answers it.
    let id = request(&portal).await;
    samira
        .page(&format!("{list}/bjud-in?begaran={id}"))
        .await
        .holds(&format!("value=\"{NEW}\""))
        .holds("value=\"Verksamhetschef\"");
    invite(&samira, NEW).await.is(303);
    samira.page(&list).await.does_not_say("Vill bli kontakter").says("Inbjudna som inte har svarat");
    reader.get(&link).await.is(410).says("besvarad");
    let invitation = link_in_mail(&portal).await;
    let yes = [("sasom", "ny"), ("nytt", "tre blå hästar dansar"), ("igen", "tre blå hästar dansar")];
    reader.post(&invitation, &yes).await.is(303);
    let place = format!("SELECT count(*) FROM membership WHERE email = '{NEW}' AND ended_at IS NULL");
    assert_eq!(portal.value(&place).await, "1");
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn the_answer_says_nothing_of_organisations_or_accounts() {
    let portal = Portal::start().await;
    let real = portal.value(ORG).await;
    let mut texts = Vec::new();
    for (email, org_nr) in [(NEW, real.as_str()), (KARIN, real.as_str()), ("x@y.example", "5565594230")] {
        let answer = ask(&portal, email, org_nr).await;
        answer.is(200).says("Titta i din mejl");
        texts.push(answer.text().replace(&email.to_lowercase(), "ADRESSEN"));
    }
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
    assert_eq!(portal.value("SELECT count(*) FROM join_request").await, "3");
    assert_eq!(portal.mailed().await, ["N-03", "N-03", "N-03"]);
    // A sole trader's number is a personal number.
    let elsas = portal.value("SELECT org_nr FROM organisation WHERE customer_no = 11204").await;
    ask(&portal, NEW, &elsas).await.is(422).says("Skriv organisationsnumret");
    // Nobody's mailbox is filled.
    for _ in 0..2 {
        ask(&portal, NEW, &real).await.is(200);
    }
    ask(&portal, NEW, &real).await.is(422).says("För många försök").holds("Ny Person");
    for (field, typed, says) in [
        ("orgnr", "123", "organisationsnumret"),
        ("epost", "x", "Skriv en e-postadress"),
        ("varfor", "19121212-1212", "personnummer"),
    ] {
        let mut fields =
            vec![("orgnr", real.as_str()), ("namn", "Ny Person"), ("epost", NEW), ("varfor", "Ska beställa")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, typed));
        portal.anonymous().post(ASK, &fields).await.is(422).says(says).holds(typed);
    }
}

#[tokio::test]
async fn a_link_that_can_lead_nowhere_says_why() {
    let portal = Portal::start().await;
    let reader = portal.anonymous();
    ask(&portal, NEW, "5565594230").await.is(200);
    let unknown = link_in(&portal, "N-03", "/bli-kontakt/").await;
    reader.get(&unknown).await.is(410).says("Organisationen finns inte");
    reader.post(&unknown, &[]).await.is(410);
    let known = asked(&portal, KARIN).await;
    reader.get(&known).await.is(410).says("Du är redan kontakt");
    reader.post(&known, &[]).await.is(410);
    let invited_link = asked(&portal, "inbjuden@lindangen.example").await;
    invited(&portal, "inbjuden@lindangen.example", &["orderer"]).await;
    reader.get(&invited_link).await.is(410).says("Du är redan inbjuden");
    reader.post(&invited_link, &[]).await.is(410);
    let late = asked(&portal, "sen@lindangen.example").await;
    let orphan = asked(&portal, "ensam@lindangen.example").await;
    portal.sql("DELETE FROM role_grant WHERE role = 'administrator'").await;
    reader.get(&orphan).await.is(410).says("ingen administratör");
    reader.post(&orphan, &[]).await.is(410);
    portal.advance(time::Duration::hours(72));
    reader.get(&late).await.is(410).says("Länken har gått ut");
    reader.post(&late, &[]).await.is(410);
    assert_eq!(portal.value("SELECT count(*) FROM join_request WHERE confirmed_at IS NOT NULL").await, "0");
    reader.get(&format!("{ASK}/{}", "0".repeat(64))).await.is(404);
}

#[tokio::test]
async fn only_an_administrator_of_the_organisation_answers_and_once() {
    let portal = Portal::start().await;
    let link = asked(&portal, NEW).await;
    portal.anonymous().post(&link, &[]).await.is(200);
    let id = request(&portal).await;
    let no = |kundnr: &str| format!("/kund/{kundnr}/kontakter/vill-bli/{id}/nej");
    portal.as_person(KARIN).await.post(&no("10482"), &[]).await.is(403);
    let (samira, nils) = (portal.as_person(SAMIRA).await, portal.as_person(NILS).await);
    nils.post(&no("10482"), &[]).await.is(404);
    // An administrator of two organisations answers each in its own name.
    samira.post(&no("10733"), &[]).await.is(404);
    // Somebody else is invited: the request waits.
    invite(&samira, "annan@lindangen.example").await.is(303);
    assert_eq!(request(&portal).await, id);
    portal.mailed().await;
    let other = portal.as_person(SAMIRA).await;
    let (path, none) = (no("10482"), []);
    let (a, b) = tokio::join!(samira.post(&path, &none), other.post(&path, &none));
    let mut codes = [a.status.as_u16(), b.status.as_u16()];
    codes.sort_unstable();
    assert!(codes == [303, 404] || codes == [303, 409], "{codes:?}");
    portal.work().await;
    assert_eq!(portal.told("N-129"), [NEW]);
    // By hand: not as somebody without the role, not as invited when nobody was, not another's.
    let link = asked(&portal, "andra@lindangen.example").await;
    portal.anonymous().post(&link, &[]).await.is(200);
    let id = request(&portal).await;
    let close = |outcome: &str| {
        format!(
            "UPDATE join_request SET closed_at = now(), outcome = '{outcome}', closed_by = ctx_person() WHERE id = '{id}'"
        )
    };
    for (who, sql) in [(KARIN, close("declined")), (SAMIRA, close("invited"))] {
        let mut tx = enter(&portal, who, Side::Customer, 10482).await;
        let answer = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(tx.conn()).await.map_err(DbError::from);
        assert!(matches!(&answer, Err(DbError::Rule(key)) if key == "not_this_person"), "{who}: {answer:?}");
    }
    let mut tx = enter(&portal, NILS, Side::Customer, 10901).await;
    let done = sqlx::query(sqlx::AssertSqlSafe(close("declined"))).execute(tx.conn()).await.unwrap();
    assert_eq!(done.rows_affected(), 0);
}

#[tokio::test]
async fn what_was_asked_is_not_kept_for_ever() {
    let portal = Portal::start().await;
    let link = asked(&portal, NEW).await;
    asked(&portal, "aldrig@lindangen.example").await;
    let unanswered = asked(&portal, "obesvarad@lindangen.example").await;
    portal.anonymous().post(&link, &[]).await.is(200);
    let samira = portal.as_person(SAMIRA).await;
    samira.post(&format!("{LINDANGEN}/kontakter/vill-bli/{}/nej", request(&portal).await), &[]).await.is(303);
    portal.anonymous().post(&unanswered, &[]).await.is(200);
    for statement in [
        "ALTER TABLE join_request DISABLE TRIGGER join_request_closes",
        "UPDATE join_request SET closed_at = now() - interval '91 days' WHERE closed_at IS NOT NULL",
        "UPDATE join_request SET made_at = now() - interval '11 days', expires_at = now() - interval '8 days' WHERE closed_at IS NULL",
        "UPDATE join_request SET confirmed_at = now() - interval '91 days' WHERE confirmed_at IS NOT NULL",
        "ALTER TABLE join_request ENABLE TRIGGER join_request_closes",
    ] {
        portal.sql(statement).await;
    }
    portal.worker.run_schedule().await.unwrap();
    let left = "SELECT count(*) FROM join_request WHERE email LIKE '%lindangen%' OR name <> 'Borttagen' OR reason <> ''";
    assert_eq!(portal.value(left).await, "0");
}
