//! Invitations: how somebody gets into an organisation (portal.md 2.1; scenario 16).

use axum::http::header;

use crate::harness::{Client, PASSWORD, Portal, contacts::*, orders::*};

const NEW: &str = "ny@lindangen.example";
/// Nobody in the demo has these.
const UNKNOWN: &str = "19900101-2385";
const ELSAS: &str = "19590703-2386";

async fn identified(portal: &Portal, number: &str, link: &str) -> (crate::harness::Answer, Client) {
    let answer =
        portal.anonymous().post("/legitimera/test", &[("personnummer", number), ("till", link)]).await;
    let cookie = answer
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok()?.strip_prefix("kp_session=")?.split(';').next())
        .find(|token| !token.is_empty())
        .map(str::to_owned);
    let client = Client::new(portal.router.clone(), cookie);
    (answer, client)
}

fn session_of(answer: &crate::harness::Answer) -> String {
    answer
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok()?.strip_prefix("kp_session=")?.split(';').next())
        .find(|token| !token.is_empty())
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn somebody_new_says_yes_with_a_password_and_has_what_the_invitation_says() {
    let portal = Portal::start().await;
    let link = invited(&portal, NEW, &["orderer"]).await;
    portal.mailed().await;
    let visitor = portal.anonymous();
    visitor
        .page(&link)
        .await
        .says("Lindängens Vårdcentral AB bjuder in dig")
        .says("Samira Haddad vill att du blir kontakt")
        .says("Beställare");
    assert_eq!(
        portal.value("SELECT count(*) FROM invitation WHERE accepted_at IS NULL").await,
        "1",
        "reading changes nothing"
    );
    visitor.post(&link, &[]).await.is(422).says("Välj hur du vill tacka ja");
    visitor
        .post(&link, &[("sasom", "ny"), ("nytt", "kort"), ("igen", "kort")])
        .await
        .is(422)
        .says("minst 12 tecken");
    let fields = [("sasom", "ny"), ("nytt", PASSWORD), ("igen", PASSWORD)];
    visitor
        .post(&link, &[("sasom", "ny"), ("nytt", PASSWORD), ("igen", "annat")])
        .await
        .is(422)
        .says("Skriv samma lösenord");
    let answer = visitor.post(&link, &fields).await;
    answer.is(303);
    let nya = Client::new(portal.router.clone(), Some(session_of(&answer)));
    nya.page(LINDANGEN).await.says("du är beställare").says("Ny Person");
    let mut mailed = portal.mailed().await;
    mailed.sort();
    assert_eq!(mailed, ["N-04", "N-05"], "the administrator is told who came");
    // Used once.
    visitor.post(&link, &fields).await.is(410).says("redan använd");
    visitor.get(&link).await.is(410).says("redan använd");
    let signed_in = visitor.post("/logga-in", &[("epost", NEW), ("losenord", PASSWORD), ("till", "")]).await;
    signed_in.is(303);
    let id = member(&portal, NEW, "10482").await;
    portal
        .as_person(SAMIRA)
        .await
        .page(&format!("{LINDANGEN}/kontakter/{id}"))
        .await
        .says("Ny Person tackade ja till inbjudan och fick Beställare");
    assert_eq!(
        portal.value("SELECT person_name FROM audit_entry WHERE action = 'member.join'").await,
        "Ny Person"
    );
}

#[tokio::test]
async fn scenario_16_the_same_person_with_another_address_is_still_one_sign_in() {
    let portal = Portal::start_with(true).await;
    connect_eid(&portal, ELSA, ELSAS).await;
    // Elsa of Norlings is invited to Lindängen at an address nobody knows.
    let link = invited(&portal, "elsa.norling@lindangen.example", &["attestant"]).await;
    let (answer, elsa) = identified(&portal, ELSAS, &link).await;
    assert_eq!(answer.location(), link, "known by the e-legitimation, signed in, and back");
    let page = elsa.page(&link).await;
    page.says("Du är inloggad som Elsa Norling");
    let token = page.hidden("csrf");
    elsa.must_post(&link, &[("sasom", "inloggad"), ("csrf", &token)]).await;
    elsa.page("/valj-organisation").await.says("Norlings Hudmottagning").says("Lindängens Vårdcentral AB");
    elsa.page(LINDANGEN).await.says("du är attestant");
    assert_eq!(portal.value("SELECT count(*) FROM person WHERE name = 'Elsa Norling'").await, "1");
    // Mail for each organisation goes to the address it knows.
    assert_eq!(
        portal
            .value("SELECT string_agg(m.email, ' ' ORDER BY m.email) FROM membership m JOIN person p ON p.id = m.person_id WHERE p.name = 'Elsa Norling'")
            .await,
        "elsa.norling@lindangen.example elsa@norling.example"
    );
}

#[tokio::test]
async fn somebody_new_says_yes_with_an_e_legitimation_even_when_another_has_the_address() {
    let portal = Portal::start_with(true).await;
    // Two people with one address: Mats has it, somebody else is invited at it.
    portal
        .sql("UPDATE membership SET email = 'annan@lindangen.example' WHERE email = 'mats@lindangen.example'")
        .await;
    let link = invited(&portal, MATS, &["attestant"]).await;
    let visitor = portal.anonymous();
    visitor
        .post(&link, &[("sasom", "ny"), ("nytt", PASSWORD), ("igen", PASSWORD)])
        .await
        .is(422)
        .says("Det finns redan ett konto");
    visitor.post(&link, &[("sasom", "legitimerad")]).await.is(422).says("Legitimera dig igen");
    let (answer, _) = identified(&portal, UNKNOWN, &link).await;
    assert_eq!(answer.location(), link);
    let browser = Client::new(portal.router.clone(), Some(format!("x; kp_eid={}", answer.visit())));
    browser.page(&link).await.says("Du har legitimerat dig som Testperson");
    let joined = browser.post(&link, &[("sasom", "legitimerad")]).await;
    joined.is(303);
    let person = Client::new(portal.router.clone(), Some(session_of(&joined)));
    person.page(LINDANGEN).await.says("du är attestant");
    // Next time the e-legitimation is enough, and Mats is still Mats.
    let (answer, again) = identified(&portal, UNKNOWN, "").await;
    answer.is(303);
    again.page(LINDANGEN).await.says("du är attestant");
    assert_eq!(portal.value("SELECT count(*) FROM person WHERE email = 'mats@lindangen.example'").await, "1");
}

#[tokio::test]
async fn an_invitation_can_be_taken_back_runs_out_and_is_sent_again_with_a_new_link() {
    let portal = Portal::start().await;
    let first = invited(&portal, NEW, &[]).await;
    let samira = portal.as_person(SAMIRA).await;
    let id = portal.value("SELECT id FROM invitation").await;
    let way = |what: &str| format!("{LINDANGEN}/kontakter/inbjudningar/{id}/{what}");
    assert!(samira.must_post(&way("skicka-igen"), &[]).await.ends_with("klart=inbjudan-nyss"));
    portal.advance(time::Duration::minutes(6));
    samira.post(&way("skicka-igen"), &[]).await.is(303);
    let second = link_in_mail(&portal).await;
    assert_ne!(first, second);
    portal.anonymous().get(&first).await.is(404).says("Länken fungerar inte");
    portal.anonymous().page(&second).await;
    // It runs out, and whoever invited is told once.
    portal.mailed().await;
    portal.advance(time::Duration::days(14));
    portal.anonymous().get(&second).await.is(410).says("har gått ut");
    portal
        .anonymous()
        .post(&second, &[("sasom", "ny"), ("nytt", PASSWORD), ("igen", PASSWORD)])
        .await
        .is(410);
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.mailed().await, ["N-06"]);
    portal.worker.run_schedule().await.unwrap();
    assert!(portal.mailed().await.is_empty());
    samira.page(&format!("{LINDANGEN}/kontakter")).await.says("Har gått ut");
    samira.post(&way("skicka-igen"), &[]).await.is(303);
    let third = link_in_mail(&portal).await;
    samira.post(&way("aterkalla"), &[]).await.is(303);
    portal.anonymous().get(&third).await.is(410).says("gäller inte längre");
    samira.post(&way("aterkalla"), &[]).await.is(404);
    samira.post(&way("skicka-igen"), &[]).await.is(404);
    // Another organisation's invitation does not exist.
    portal
        .as_person(SAMIRA)
        .await
        .post(&format!("/kund/10733/kontakter/inbjudningar/{id}/aterkalla"), &[])
        .await
        .is(404);
}

#[tokio::test]
async fn an_administrator_who_is_removed_takes_the_open_invitations_along() {
    let portal = Portal::start().await;
    let link = invited(&portal, NEW, &["administrator"]).await;
    portal.sql("DELETE FROM role_grant WHERE role = 'administrator'").await;
    portal.anonymous().get(&link).await.is(410).says("gäller inte längre");
    portal.anonymous().post(&link, &[("sasom", "ny"), ("nytt", PASSWORD), ("igen", PASSWORD)]).await.is(410);
    assert_eq!(portal.value("SELECT count(*) FROM person WHERE email = 'ny@lindangen.example'").await, "0");
}

#[tokio::test]
async fn two_who_say_yes_at_the_same_moment_get_one_place() {
    let portal = Portal::start().await;
    let link = invited(&portal, NEW, &["attestant"]).await;
    let fields = [("sasom", "ny"), ("nytt", PASSWORD), ("igen", PASSWORD)];
    let (one, other) = (portal.anonymous(), portal.anonymous());
    let (a, b) = tokio::join!(one.post(&link, &fields), other.post(&link, &fields));
    let mut codes = [a.status.as_u16(), b.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [303, 410], "{} {}", a.text(), b.text());
    assert_eq!(
        portal.value("SELECT count(*) FROM membership WHERE email = 'ny@lindangen.example'").await,
        "1"
    );
}

#[tokio::test]
async fn an_invitation_gives_no_more_than_its_sender_may_and_only_once_to_an_address() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let path = format!("{LINDANGEN}/kontakter/bjud-in");
    let new = [("namn", "Ny Person"), ("epost", NEW), ("titel", "")];
    samira.post(&path, &new).await.is(422).says("Skriv ditt lösenord");
    act(&samira, &path, &[("namn", ""), ("epost", "inte en adress")])
        .await
        .is(422)
        .says("Skriv för- och efternamn")
        .says("Skriv en e-postadress");
    act(&samira, &path, &[("namn", "Karin"), ("epost", KARIN)]).await.is(422).says("redan en kontakt");
    let mut more = new.to_vec();
    more.extend([("roll", "support"), ("roll", "agent_handler")]);
    act(&samira, &path, &more).await.is(303);
    assert_eq!(portal.value("SELECT cardinality(roles) FROM invitation").await, "0");
    act(&samira, &path, &new).await.is(422).says("redan en inbjudan");
    samira.page(&path).await.does_not_say("Agentuppdrag");
    // Nobody else invites, not past the pages either.
    portal.as_person(KARIN).await.get(&path).await.is(403);
    act(&portal.as_person(KARIN).await, &path, &new).await.is(403);
}

#[tokio::test]
async fn nobodys_mailbox_is_filled_with_invitations() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let path = format!("{LINDANGEN}/kontakter/bjud-in");
    for _ in 0..3 {
        invited(&portal, NEW, &[]).await;
        let id = portal.value("SELECT id FROM invitation WHERE revoked_at IS NULL").await;
        samira.post(&format!("{LINDANGEN}/kontakter/inbjudningar/{id}/aterkalla"), &[]).await.is(303);
    }
    act(&samira, &path, &[("namn", "Ny Person"), ("epost", NEW)]).await.is(422).says("på kort tid");
    // A name that reads as another is no name.
    for name in ["Kundservice\u{202e}arenI", "Rad\u{2028}bryt", "Karin 19850314-2385"] {
        act(&samira, &path, &[("namn", name), ("epost", "annan@lindangen.example")]).await.is(422);
    }
    let foreign = [("namn", "Ny"), ("epost", "ẞa@lindangen.example")];
    act(&samira, &path, &foreign).await.is(422).says("bokstäverna a–z");
}

#[tokio::test]
async fn somebody_who_was_removed_does_not_come_back_by_an_invitation() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let karin = member(&portal, KARIN, "10482").await;
    act(&samira, &format!("{LINDANGEN}/kontakter/{karin}/ta-bort"), &[]).await.is(303);
    // Not at the same address, whoever would say yes there; and not as the same person at another.
    let path = format!("{LINDANGEN}/kontakter/bjud-in");
    act(&samira, &path, &[("namn", "Karin"), ("epost", KARIN)]).await.is(422).says("Bara Kundservice");
    let link = invited(&portal, "karin2@lindangen.example", &["administrator"]).await;
    let client = portal.as_person(KARIN).await;
    let token = client.page(&link).await.hidden("csrf");
    client
        .post(&link, &[("sasom", "inloggad"), ("csrf", &token)])
        .await
        .is(410)
        .says("Kundservice kan återställa dig");
    client.get(LINDANGEN).await.is(404);
    // The yes of somebody signed in needs the form's token: this route has no guard to ask for it.
    client.post(&link, &[("sasom", "inloggad"), ("csrf", "x")]).await.is(422).says("inte inloggad längre");
    // One who is there already keeps what they have and gets the rest.
    let link = invited(&portal, "tove2@lindangen.example", &["orderer"]).await;
    let mats = portal.as_person(MATS).await;
    let token = mats.page(&link).await.hidden("csrf");
    mats.post(&link, &[("sasom", "inloggad"), ("csrf", &token)]).await.is(303);
    mats.page(LINDANGEN).await.says("du är beställare och attestant");
}

#[tokio::test]
async fn two_places_that_come_at_the_same_moment_are_both_in_the_switcher() {
    let portal = Portal::start().await;
    let person = "INSERT INTO person (id, name, email) VALUES (gen_random_uuid(), 'Ny Person', 'ny@lindangen.example')";
    portal.sql(person).await;
    let place = |no: i64| {
        format!(
            "INSERT INTO membership (id, org_id, person_id, name, email)
             SELECT gen_random_uuid(), o.id, p.id, p.name, p.email FROM organisation o, person p
              WHERE o.customer_no = {no} AND p.email = 'ny@lindangen.example'"
        )
    };
    let (mut first, mut second) = (portal.owner().await, portal.owner().await);
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("BEGIN; {}", place(10482)))).execute(&mut first).await.unwrap();
    let waits = portal.app.tasks().spawn(async move {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("BEGIN; {}; COMMIT", place(10901))))
            .execute(&mut second)
            .await
    });
    // The second has come as far as the first lets it.
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while portal.value(waiting).await == "0" {
        assert!(!waits.is_finished(), "the second waits for the first");
        tokio::task::yield_now().await;
    }
    sqlx::raw_sql("COMMIT").execute(&mut first).await.unwrap();
    waits.await.unwrap().unwrap();
    let client = portal.as_person(NEW).await;
    client.page(LINDANGEN).await.says("Norrbäcks kommun");
    client.page("/valj-organisation").await.says("Lindängens Vårdcentral AB").says("Norrbäcks kommun");
}
