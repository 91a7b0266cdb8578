//! Kundservice helps with contacts: their data (portal.md 1.4, `user.update`), and the first administrator of an organisation
//! that nobody runs (2.6).

use kundportal::{db::DbError, identity::Side};

use crate::harness::{Answer, Client, PASSWORD, Portal, contacts::*, enter, orders::*};

const NEW: &str = "eva@lindangen.example";

fn data_of(member: &str) -> String {
    format!("/inera/kunder/10482/kontakter/{member}/uppgifter")
}

/// The form as it stands, with some fields typed over.
async fn change(client: &Client, member: &str, typed: &[(&str, &str)]) -> Answer {
    let path = data_of(member);
    let page = client.page(&path).await;
    let mut fields: Vec<(String, String)> = Vec::new();
    for name in ["namn", "titel", "telefon", "epost"] {
        let value = page.hidden_or(name, "");
        fields.push(("forut".to_owned(), value.clone()));
        let over = typed.iter().find(|(typed, _)| *typed == name);
        fields.push((name.to_owned(), over.map_or(value, |(_, value)| (*value).to_owned())));
    }
    if let Some((_, why)) = typed.iter().find(|(name, _)| *name == "anledning") {
        fields.push(("anledning".to_owned(), (*why).to_owned()));
    }
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    client.post(&path, &fields).await
}

const WHY: (&str, &str) = ("anledning", "Karin ringde från sitt gamla nummer");

#[tokio::test]
async fn kundservice_changes_a_contacts_data_and_says_why() {
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    let karin = member(&portal, KARIN, "10482").await;
    assert!(petra.page("/inera/kunder/10482").await.body.contains(&format!("{}\"", data_of(&karin))));
    let back = change(&petra, &karin, &[("telefon", "070-123 45 67")]).await;
    back.is(422).says("Skriv hur du vet att uppgiften stämmer");
    assert!(back.body.contains("070-123 45 67"), "what was typed is there");
    change(&petra, &karin, &[WHY]).await.is(422).says("Inget är ändrat");
    let typed = [("telefon", "070-123 45 67"), ("namn", "Karin Berg"), WHY];
    let done = change(&petra, &karin, &typed).await;
    assert_eq!(done.location(), "/inera/kunder/10482?klart=kontaktuppgifter");
    portal.work().await;
    assert_eq!(portal.told("N-32"), [KARIN]);
    let mail = portal.mails().pop().unwrap();
    assert!(
        mail.text.contains("Kundservice har ändrat dina kontaktuppgifter")
            && mail.text.contains("Kontakta Kundservice"),
        "{}",
        mail.text
    );
    // The customer reads who, what and why.
    let log = portal.as_person(SAMIRA).await.page(&format!("{LINDANGEN}/kontakter/{karin}")).await;
    log.says("Karin Berg").says("Inera, ändrade kontaktens telefon och bytte namnet").says(WHY.1);
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn an_address_from_kundservice_waits_for_its_link_and_can_be_taken_back() {
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    let karin = member(&portal, KARIN, "10482").await;
    let asked = [("epost", "karin.ny@lindangen.example"), WHY];
    change(&petra, &karin, &asked).await.is(303);
    let first = link_in(&portal, "N-126", "/kontaktadress/").await;
    let address = "SELECT email FROM membership WHERE id = ".to_owned() + &format!("'{karin}'");
    assert_eq!(portal.value(&address).await, KARIN, "the old one holds until then");
    petra.page(&data_of(&karin)).await.says("karin.ny@lindangen.example väntar på att bekräftas");
    petra.post(&format!("{}/dra-tillbaka", data_of(&karin)), &[]).await.is(303);
    portal.anonymous().get(&first).await.is(410);
    // Whoever has left Kundservice has no say any more.
    change(&petra, &karin, &asked).await.is(303);
    let second = link_in(&portal, "N-126", "/kontaktadress/").await;
    let roles = "role_grant WHERE role = 'support' AND membership_id = (SELECT id FROM membership WHERE email = 'petra@kundservice.example')";
    portal.sql(&format!("DELETE FROM {roles}")).await;
    portal.anonymous().get(&second).await.is(410);
    portal
        .sql("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'support' FROM membership WHERE email = 'petra@kundservice.example'")
        .await;
    portal.anonymous().post(&second, &[]).await.is(200);
    assert_eq!(portal.value(&address).await, "karin.ny@lindangen.example");
}

#[tokio::test]
async fn only_kundservice_helps_and_never_its_own_colleagues() {
    let portal = Portal::start().await;
    let karin = member(&portal, KARIN, "10482").await;
    for other in [SIV, IVAR, STEN] {
        portal.as_person(other).await.get(&data_of(&karin)).await.is(403);
        portal.as_person(other).await.get("/inera/kunder/10482/kontakter/bjud-in").await.is(403);
    }
    portal.as_person(SAMIRA).await.get(&data_of(&karin)).await.is(404);
    let petra = portal.as_person(PETRA).await;
    petra.get(&format!("/inera/kunder/10901/kontakter/{karin}/uppgifter")).await.is(404);
    // Somebody who works at Inera is met as a customer's contact too.
    portal
        .sql("INSERT INTO membership (id, org_id, person_id, name, email)
              SELECT gen_random_uuid(), o.id, p.id, p.name, 'ivar@lindangen.example' FROM organisation o, person p
               WHERE o.customer_no = 10482 AND p.email = 'ivar@kundservice.example'")
        .await;
    let ivar = member(&portal, "ivar@lindangen.example", "10482").await;
    petra.get(&data_of(&ivar)).await.is(403).says("arbetar hos Inera");
    petra.post(&format!("{}/dra-tillbaka", data_of(&ivar)), &[]).await.is(403);
    // Nor does the database, whoever asks it.
    let insert = |member: &str, reason: &str| {
        format!(
            "INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at, wanted, reason)
             SELECT m.id, m.revision + 1, m.org_id, 'details', 'inera', ctx_person(), now(), '{{\"title\": \"Kapad\"}}', {reason} FROM membership m WHERE m.id = '{member}'"
        )
    };
    for (who, sql, why) in [
        (PETRA, insert(&karin, "NULL"), "reason"),
        (PETRA, insert(&ivar, "'för skojs skull'"), "not_this_person"),
        (SIV, insert(&karin, "'för skojs skull'"), "not_this_person"),
    ] {
        let mut tx = enter(&portal, who, Side::Inera, 0).await;
        let answer = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(tx.conn()).await.map_err(DbError::from);
        assert!(matches!(&answer, Err(DbError::Rule(key)) if key == why), "{who} {why}: {answer:?}");
    }
}

/// Lindängen without anybody to run it.
async fn unled() -> Portal {
    let portal = Portal::start().await;
    portal.sql("DELETE FROM role_grant WHERE role = 'administrator' AND org_id = (SELECT id FROM organisation WHERE customer_no = 10482)").await;
    portal
}

const INVITE: &str = "/inera/kunder/10482/kontakter/bjud-in";
const FIELDS: [(&str, &str); 3] =
    [("namn", "Eva Lind"), ("epost", NEW), ("behorighet", "Ringde växeln, vd bekräftade")];

#[tokio::test]
async fn kundservice_invites_the_first_administrator_of_an_organisation_that_nobody_runs() {
    let portal = unled().await;
    let petra = portal.as_person(PETRA).await;
    petra.page("/inera/kunder/10482").await.says("Ingen administratör").says("Bjud in en administratör");
    act(&petra, INVITE, &FIELDS[..2]).await.is(422).says("Skriv hur du har kontrollerat").says("Eva Lind");
    let wrong = [FIELDS.as_slice(), &[("losenord", "inte det här")]].concat();
    act(&petra, INVITE, &wrong).await.is(422).says("Eva Lind");
    let known = [("namn", "Karin Ålund"), ("epost", KARIN), FIELDS[2]];
    act(&petra, INVITE, &known).await.is(422).says("Gör kontakten till administratör i stället");
    assert_eq!(act(&petra, INVITE, &FIELDS).await.location(), "/inera/kunder/10482?klart=inbjudan");
    let link = link_in_mail(&portal).await;
    let mail = portal.mails().into_iter().find(|mail| mail.code == "N-01").unwrap();
    assert!(
        mail.text.contains("Kundservice hos Inera bjuder in dig") && mail.text.contains("Administratör"),
        "{}",
        mail.text
    );
    // Whoever is there, and whoever reads the common address, is told before anybody is in.
    let mut told = portal.told("N-192");
    told.sort();
    let common = portal.value("SELECT email FROM organisation WHERE customer_no = 10482").await;
    assert_eq!(told, [common.as_str(), SAMIRA]);
    let kept = "SELECT authority FROM invitation WHERE email = 'eva@lindangen.example'";
    assert_eq!(portal.value(kept).await, FIELDS[2].1);
    petra.page("/inera/kunder/10482").await.says("En inbjudan är skickad").says(NEW).says(FIELDS[2].1);

    let visitor = portal.anonymous();
    let fields = [("sasom", "ny"), ("nytt", PASSWORD), ("igen", PASSWORD)];
    visitor.post(&link, &fields).await.is(303);
    let eva = member(&portal, NEW, "10482").await;
    assert_eq!(
        portal
            .value(&format!(
                "SELECT string_agg(role::text, ',') FROM role_grant WHERE membership_id = '{eva}'"
            ))
            .await,
        "administrator"
    );
    petra.get(INVITE).await.is(409).says("Organisationen har en administratör");
    assert!(!petra.page("/inera/kunder/10482").await.text().contains("Ingen administratör"));
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn such_an_invitation_is_sent_again_taken_back_and_worth_nothing_when_somebody_runs_it() {
    let portal = unled().await;
    let petra = portal.as_person(PETRA).await;
    act(&petra, INVITE, &FIELDS).await.is(303);
    let first = link_in_mail(&portal).await;
    let id = portal.value("SELECT id FROM invitation").await;
    let at = |step: &str| format!("/inera/kunder/10482/inbjudningar/{id}/{step}");
    assert!(petra.post(&at("skicka-igen"), &[]).await.location().contains("klart="), "too soon is told");
    portal.anonymous().get(&first).await.is(200);
    portal.advance(time::Duration::minutes(6));
    petra.post(&at("skicka-igen"), &[]).await.is(303);
    let second = link_in_mail(&portal).await;
    portal.anonymous().get(&first).await.is(404);
    portal.anonymous().get(&second).await.is(200);
    // Another customer's address, and another of Inera's people.
    petra.post(&format!("/inera/kunder/10901/inbjudningar/{id}/aterkalla"), &[]).await.is(404);
    portal.as_person(SIV).await.post(&at("aterkalla"), &[]).await.is(403);
    // Somebody becomes administrator otherwise: nobody gets in over their heads.
    let tove = member(&portal, TOVE, "10482").await;
    act(&petra, &format!("/inera/kunder/10482/kontakter/{tove}/administrator"), &[]).await.is(303);
    portal.anonymous().get(&second).await.is(410).says("återkallad");
    let yes = [("sasom", "ny"), ("nytt", PASSWORD), ("igen", PASSWORD)];
    portal.anonymous().post(&second, &yes).await.is(410);
    assert_eq!(
        portal.value("SELECT count(*) FROM membership WHERE email = 'eva@lindangen.example'").await,
        "0"
    );
    // For good: it does not come back when the organisation is without one again.
    assert_eq!(portal.value("SELECT count(*) FROM invitation WHERE revoked_at IS NOT NULL").await, "1");
    portal.sql("DELETE FROM role_grant WHERE role = 'administrator' AND org_id = (SELECT id FROM organisation WHERE customer_no = 10482)").await;
    portal.anonymous().get(&second).await.is(410);
    act(&petra, INVITE, &FIELDS).await.is(303);
}

#[tokio::test]
async fn nobody_at_kundservice_makes_an_organisation_their_own() {
    let portal = unled().await;
    let petra = portal.as_person(PETRA).await;
    act(&petra, INVITE, &FIELDS).await.is(303);
    let link = link_in_mail(&portal).await;
    // With one's own account.
    let csrf = petra.page(&link).await.hidden("csrf");
    let yes = petra.post(&link, &[("sasom", "inloggad"), ("csrf", &csrf)]).await;
    yes.is(409).says("arbetar hos Inera");
    assert_eq!(portal.value("SELECT count(*) FROM role_grant r JOIN organisation o ON o.id = r.org_id WHERE o.customer_no = 10482 AND r.role = 'administrator'").await, "0");
    // Having left Kundservice.
    portal.anonymous().get(&link).await.is(200);
    portal.sql("DELETE FROM role_grant WHERE role = 'support'").await;
    portal.anonymous().get(&link).await.is(410);
    portal
        .sql("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'support' FROM membership WHERE email = 'petra@kundservice.example'")
        .await;
    portal.anonymous().get(&link).await.is(200);
    // Having blocked the last administrator oneself.
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    let samira = member(&portal, SAMIRA, "10482").await;
    let block = format!("/inera/kunder/10482/kontakter/{samira}/sparra");
    act(&petra, &block, &[("anledning", "Har slutat")]).await.is(303);
    act(&petra, INVITE, &FIELDS).await.is(422).says("Någon annan på Kundservice bjuder in en ny");
    portal.sql("UPDATE account_event SET actor_id = (SELECT id FROM person WHERE email = 'ivar@kundservice.example') WHERE kind = 'blocked'").await;
    act(&petra, INVITE, &FIELDS).await.is(303);
    let link = link_in_mail(&portal).await;
    // The account is opened again: its owner runs the organisation.
    act(&petra, &format!("/inera/kunder/10482/kontakter/{samira}/oppna"), &[("anledning", "Är tillbaka")])
        .await
        .is(303);
    portal.anonymous().get(&link).await.is(410);
    assert_eq!(portal.value("SELECT count(*) FROM invitation WHERE revoked_at IS NOT NULL").await, "1");
}

#[tokio::test]
async fn ones_own_extract_tells_what_kundservice_did_and_why() {
    let portal = unled().await;
    let petra = portal.as_person(PETRA).await;
    let karin = member(&portal, KARIN, "10482").await;
    change(&petra, &karin, &[("telefon", "070-123 45 67"), WHY]).await.is(303);
    portal.as_person(KARIN).await.page("/konto/mina-uppgifter").await.says("Kundservice har ändrat");
    let extract = portal.as_person(KARIN).await.page("/konto/mina-uppgifter.json").await;
    assert!(extract.body.contains(WHY.1), "{}", extract.body);
    act(&petra, INVITE, &FIELDS).await.is(303);
    let link = link_in_mail(&portal).await;
    let yes = [("sasom", "ny"), ("nytt", PASSWORD), ("igen", PASSWORD)];
    portal.anonymous().post(&link, &yes).await.is(303);
    portal.as_person(NEW).await.page("/konto/mina-uppgifter").await.says("Kundservice har bjudit in");
    let extract = portal.as_person(NEW).await.page("/konto/mina-uppgifter.json").await;
    assert!(extract.body.contains(FIELDS[2].1), "{}", extract.body);
    let detail = portal.value("SELECT string_agg(detail, ' | ') FROM audit_entry WHERE action IN ('member.details', 'invitation.send')").await;
    assert!(detail.contains(WHY.1) && detail.contains(FIELDS[2].1), "{detail}");
}

#[tokio::test]
async fn the_database_lets_kundservice_invite_administrators_alone_and_only_where_nobody_runs_it() {
    let portal = Portal::start().await;
    let insert = |roles: &str, side: &str, authority: &str, org: &str| {
        format!(
            "INSERT INTO invitation (id, org_id, name, email, roles, link_sha256, sent_at, expires_at, invited_by, side, confirmation_id, authority)
             SELECT gen_random_uuid(), o.id, 'Eva', 'eva@lindangen.example', '{roles}', sha256('x'), now(), now() + interval '14 days', ctx_person(), '{side}', NULL, {authority}
               FROM organisation o WHERE {org}"
        )
    };
    let said = "'vd sade ja'";
    let lindangen = "o.customer_no = 10482";
    for (who, sql, why) in [
        (PETRA, insert("{administrator}", "customer", said, lindangen), "has_administrator"),
        (PETRA, insert("{administrator,attestant}", "customer", said, lindangen), "role"),
        (PETRA, insert("{administrator}", "customer", "NULL", lindangen), "not_this_person"),
        (PETRA, insert("{administrator}", "inera", said, "o.is_inera"), "role"),
        (PETRA, insert("{administrator}", "customer", said, "o.is_inera"), "not_this_person"),
        (SIV, insert("{administrator}", "customer", said, lindangen), "not_this_person"),
    ] {
        let mut tx = enter(&portal, who, Side::Inera, 0).await;
        let answer = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(tx.conn()).await;
        let text = answer.map_err(DbError::from).unwrap_err().to_string();
        assert!(text.contains(why), "{who} {why}: {text}");
    }
    // A customer can't make an invitation look like Kundservice's.
    let mut tx = enter(&portal, SAMIRA, Side::Customer, 10482).await;
    let forged = insert("{administrator}", "customer", said, lindangen);
    let answer = sqlx::query(sqlx::AssertSqlSafe(forged)).execute(tx.conn()).await.map_err(DbError::from);
    assert!(matches!(&answer, Err(DbError::Rule(key)) if key == "has_administrator"), "{answer:?}");
    // Nor a change of a contact.
    let mut tx = enter(&portal, SAMIRA, Side::Customer, 10482).await;
    let forged = "INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at, wanted, reason)
         SELECT m.id, m.revision + 1, m.org_id, 'details', 'customer', ctx_person(), now(), '{\"title\": \"Chef\"}', 'som Kundservice'
           FROM membership m WHERE m.email = 'karin@lindangen.example'";
    let answer = sqlx::query(forged).execute(tx.conn()).await;
    assert!(answer.is_err_and(|error| error.to_string().contains("row-level security")));
}
