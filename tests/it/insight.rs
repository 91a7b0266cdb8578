//! "Se som kund": Kundservice sees a customer's pages as one of its contacts does, reading only, and the customer can tell.

use kundportal::{db::DbError, identity::Side};

use crate::harness::{Client, Portal, contacts::*, enter, orders::*};

async fn se_som(portal: &Portal, email: &str, place: &str, no: &str) -> String {
    format!("/inera/{place}/{no}/kontakter/{}/se-som", member(portal, email, no).await)
}

#[tokio::test]
async fn kundservice_sees_what_the_customer_sees_and_the_customer_sees_that() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let draft = via_agent_draft(&karin, LINDANGEN, "2077").await;
    let petra = portal.as_person(PETRA).await;
    petra.get(LINDANGEN).await.is(404);
    let page = se_som(&portal, KARIN, "kunder", "10482").await;
    assert!(petra.page("/inera/kunder/10482").await.body.contains(&page), "the customer's page leads there");
    petra.page(&page).await.says("Se som Karin Ålund").says("kan läsa att du har tittat");
    petra.post(&page, &[("anledning", " ")]).await.is(422).says("Skriv varför");
    petra.post(&page, &[("anledning", "Gäller 19121212-1212")]).await.is(422).says("inget personnummer");
    let answer = petra.post(&page, &[("anledning", "Hjälp med beställning, samtal i dag")]).await;
    answer.is(303);
    assert_eq!(answer.location(), LINDANGEN);
    // What Karin sees, her drafts too.
    petra
        .page(LINDANGEN)
        .await
        .says("Du ser det som Karin Ålund hos Lindängens Vårdcentral AB ser")
        .says("Avsluta insynen")
        .says("du är beställare");
    let theirs = petra.page(&format!("{LINDANGEN}/bestallningar/{draft}")).await;
    let hers = karin.page(&format!("{LINDANGEN}/bestallningar/{draft}")).await;
    let body = |text: &str| text[text.find("<main").unwrap()..text.find("</main>").unwrap()].to_owned();
    let without = |text: String| {
        let start = text.find("kp-printhead").unwrap();
        let end = start + text[start..].find("</p>").unwrap();
        let token = text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let token = token.unwrap_or("-").to_owned();
        format!("{}{}", &text[..start], &text[end..]).replace(&token, "")
    };
    assert_eq!(without(body(&theirs.body)), without(body(&hers.body)));
    // Nothing can be changed, neither by a form nor around it.
    for (path, fields) in [
        (format!("{LINDANGEN}/bestall"), vec![("tjanst", "NPO"), ("erbjudande", "NPO_DIRECT")]),
        (format!("{LINDANGEN}/bestallningar/{draft}/meddelanden"), vec![("text", "Hej")]),
        (format!("{LINDANGEN}/aviseringar"), vec![]),
    ] {
        petra.post(&path, &fields).await.is(403).says("kan bara läsa");
    }
    // Not elsewhere, not another's session, not invoice details.
    petra.get("/kund/10733").await.is(404);
    petra.get(NORDJOURNAL).await.is(404);
    portal.as_person(PETRA).await.get(LINDANGEN).await.is(404);
    petra.get(&format!("{LINDANGEN}/faktura")).await.is(403);
    // The customer's administrator can read who looked, as whom and why.
    let samira = portal.as_person(SAMIRA).await;
    samira
        .page(&format!("{LINDANGEN}/uppgifter"))
        .await
        .says("Ineras insyn")
        .says("Petra Sjögren, Inera, såg sidorna som Karin Ålund")
        .says("Hjälp med beställning, samtal i dag");
    // And so can Karin, on her own page and in her extract; a colleague not.
    let own = format!("{LINDANGEN}/kontakter/{}", member(&portal, KARIN, "10482").await);
    karin.page(&own).await.says("Ineras insyn").says("Hjälp med beställning, samtal i dag");
    samira.page(&own).await.does_not_say("Ineras insyn");
    karin
        .page("/konto/mina-uppgifter")
        .await
        .says("Ineras insyn")
        .says("Hjälp med beställning, samtal i dag");
    portal.as_person(MATS).await.page("/konto/mina-uppgifter").await.does_not_say("samtal i dag");
    assert_eq!(
        portal
            .value("SELECT side || ' ' || person_name FROM audit_entry WHERE action = 'insight.begin'")
            .await,
        "inera Petra Sjögren"
    );
    petra.post("/inera/insyn/avsluta", &[]).await.is(303);
    petra.get(LINDANGEN).await.is(404);
    petra.post("/inera/insyn/avsluta", &[]).await.is(303);
}

#[tokio::test]
async fn an_administrators_pages_show_no_invoice_details_to_kundservice() {
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    let page = se_som(&portal, SAMIRA, "kunder", "10482").await;
    petra.post(&page, &[("anledning", "Frågor om kontakter")]).await.is(303);
    petra.page(&format!("{LINDANGEN}/kontakter")).await.says("Bjud in en kontakt");
    petra.page(LINDANGEN).await.does_not_say("Faktura ");
    for page in ["faktura", "faktura/andra?tjanst=standard"] {
        petra.get(&format!("{LINDANGEN}/{page}")).await.is(403);
    }
    petra.page(&format!("{LINDANGEN}/uppgifter")).await.does_not_say("Fakturauppgifter saknas");
}

#[tokio::test]
async fn an_agents_pages_too_and_one_organisation_at_a_time() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let petra = portal.as_person(PETRA).await;
    let agent = se_som(&portal, JOHAN, "agenter", "2041").await;
    petra.post(&agent, &[("anledning", "Hittar inte beställningen")]).await.is(303);
    petra.page(&format!("{NORDJOURNAL}/godkannanden/{number}")).await.says(&number);
    approve_is_refused(&petra, &number).await;
    let customer = se_som(&portal, KARIN, "kunder", "10482").await;
    petra.post(&customer, &[("anledning", "Kunden ringer")]).await.is(303);
    petra.get(NORDJOURNAL).await.is(404);
    petra.page(LINDANGEN).await;
}

async fn approve_is_refused(petra: &Client, number: &str) {
    let path = format!("{NORDJOURNAL}/godkannanden/{number}");
    petra.post(&path, &[("beslut", "godkann"), ("losenord", crate::harness::PASSWORD)]).await.is(403);
}

#[tokio::test]
async fn only_kundservice_and_only_for_as_long_as_it_lasts() {
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    let page = se_som(&portal, KARIN, "kunder", "10482").await;
    for other in [IVAR, "sten@kundservice.example", "siv@kundservice.example"] {
        let client = portal.as_person(other).await;
        client.get(&page).await.is(403);
        client.post(&page, &[("anledning", "Nyfiken")]).await.is(403);
    }
    let karin = portal.as_person(KARIN).await;
    karin.get(&page).await.is(404);
    petra.post(&page, &[("anledning", "Kunden ringer")]).await.is(303);
    petra.page(LINDANGEN).await;
    // The half hour is over; the contact is gone; the role is gone.
    portal.sql("ALTER TABLE insight DISABLE TRIGGER USER; UPDATE insight SET ends_at = started_at; ALTER TABLE insight ENABLE TRIGGER USER").await;
    petra.get(LINDANGEN).await.is(404);
    petra.post(&page, &[("anledning", "Igen")]).await.is(303);
    portal.sql("UPDATE membership SET ended_at = now() WHERE email = 'karin@lindangen.example'").await;
    petra.get(LINDANGEN).await.is(404);
    petra.get(&page).await.is(404);
    portal.sql("UPDATE membership SET ended_at = NULL WHERE email = 'karin@lindangen.example'").await;
    petra.page(LINDANGEN).await;
    portal.sql("UPDATE role_grant g SET role = 'auditor' FROM membership m WHERE m.id = g.membership_id AND m.email = 'petra@kundservice.example'").await;
    petra.get(LINDANGEN).await.is(404);
}

#[tokio::test]
async fn the_database_judges_and_a_look_cannot_write() {
    let portal = Portal::start().await;
    let karin = member(&portal, KARIN, "10482").await;
    let ivar = enter(&portal, IVAR, Side::Inera, 0).await;
    let insert = format!(
        "INSERT INTO insight (id, org_id, membership_id, session_id, staff_id, reason)
         SELECT gen_random_uuid(), m.org_id, m.id, gen_random_uuid(), ctx_person(), 'Nyfiken' FROM membership m WHERE m.id = '{karin}'"
    );
    let mut tx = ivar;
    let answer =
        sqlx::query(sqlx::AssertSqlSafe(insert.clone())).execute(tx.conn()).await.map_err(DbError::from);
    assert!(matches!(&answer, Err(DbError::Rule(key)) if key == "not_this_person"), "{answer:?}");
    // Kundservice with somebody else's session.
    let mut tx = enter(&portal, PETRA, Side::Inera, 0).await;
    let answer = sqlx::query(sqlx::AssertSqlSafe(insert)).execute(tx.conn()).await.map_err(DbError::from);
    assert!(matches!(&answer, Err(DbError::Rule(key)) if key == "not_this_person"), "{answer:?}");
    let petra = portal.as_person(PETRA).await;
    let page = se_som(&portal, KARIN, "kunder", "10482").await;
    petra.post(&page, &[("anledning", "Kunden ringer")]).await.is(303);
    let token = kundportal::identity::token::Token::from_cookie(petra.cookie.as_deref().unwrap()).unwrap();
    let (entered, mut tx) =
        portal.app.db().enter_insight(&token.hash(), Side::Customer, 10482).await.unwrap().unwrap();
    drop(entered);
    let answer = sqlx::query("UPDATE notice SET read_at = now()").execute(tx.conn()).await;
    assert!(answer.is_err_and(|error| error.to_string().contains("read-only")));
}

#[tokio::test]
async fn two_looks_at_the_same_moment_leave_one() {
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    let one = se_som(&portal, KARIN, "kunder", "10482").await;
    let other = se_som(&portal, NILS, "kunder", "10901").await;
    for _ in 0..4 {
        let why = [("anledning", "Kunden ringer")];
        let (a, b) = tokio::join!(petra.post(&one, &why), petra.post(&other, &why));
        assert_eq!((a.status.as_u16(), b.status.as_u16()), (303, 303));
        let seen = [petra.get(LINDANGEN).await.status, petra.get(NORRBACK).await.status];
        assert_eq!(seen.iter().filter(|status| status.as_u16() == 200).count(), 1, "{seen:?}");
    }
    // A colleague who works for a customer too is not looked at.
    portal
        .sql("INSERT INTO membership (id, org_id, person_id, name, email) SELECT gen_random_uuid(), o.id, p.id, 'Ivar Dahl', 'ivar@x.example'
                FROM organisation o, person p WHERE o.customer_no = 10482 AND p.email = 'ivar@kundservice.example'")
        .await;
    let ivar =
        format!("/inera/kunder/10482/kontakter/{}/se-som", member(&portal, "ivar@x.example", "10482").await);
    petra.post(&ivar, &[("anledning", "Nyfiken")]).await.is(404);
}
