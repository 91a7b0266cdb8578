//! The second step of a sign-in: adding, using up, losing, clearing, and who must have one (statements 42, 45, 46).

use kundportal::identity::Side;
use time::Duration;
use totp_rs::{Builder, Secret};
use uuid::Uuid;

use crate::harness::{
    Answer, Client, NOW, PASSWORD, Portal,
    client::cookie,
    contacts::{act, connect_eid, link_in, member},
    enter_by,
    orders::*,
};

const HUB: &str = "/konto/tvasteg";
const APP: &str = "/konto/tvasteg/kodapp";
const STEP: &str = "/logga-in/tvasteg";

/// The code an app with this secret shows some seconds from the test's morning.
pub fn code(secret: &str, seconds: i64) -> String {
    let totp =
        Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).with_account_name("x").build();
    totp.unwrap().generate(u64::try_from(NOW.unix_timestamp() + seconds).unwrap()).to_string()
}

/// The secret a page shows in groups of four.
fn secret(page: &Answer) -> String {
    let text = page.text();
    let rest = text.split("Skriv in den här nyckeln i appen: ").nth(1).expect("a secret");
    rest.split_whitespace().take(8).collect()
}

fn session(answer: &Answer) -> String {
    cookie(answer, "kp_session")
}

/// Adds an app; answers its secret, the recovery codes and the browser with its new session.
pub async fn with_app(portal: &Portal, email: &str) -> (String, Vec<String>, Client) {
    let client = portal.as_person(email).await;
    let page = client.page(APP).await;
    let secret = secret(&page);
    let fields =
        [("hemlig", page.hidden("hemlig")), ("kod", code(&secret, 0)), ("losenord", PASSWORD.to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let done = client.post(APP, &fields).await;
    done.is(200).says("Dina reservkoder").says("visas bara den här gången");
    let codes = done.body.split("<li class=\"kp-mono\">").skip(1).map(|rest| rest[..24].to_owned()).collect();
    let client = Client::new(portal.router.clone(), Some(session(&done)));
    (secret, codes, client)
}

/// Address and password; answers the browser on its way to the second step.
pub async fn halfway(portal: &Portal, email: &str) -> Client {
    let visitor = portal.anonymous();
    let fields = [("epost", email), ("losenord", PASSWORD), ("till", "/konto")];
    let answer = visitor.post("/logga-in", &fields).await;
    answer.is(303);
    assert_eq!(answer.location(), STEP, "the password alone begins no session");
    assert!(
        !answer
            .headers
            .get_all("set-cookie")
            .iter()
            .any(|line| line.to_str().unwrap().contains("kp_session"))
    );
    Client::new(portal.router.clone(), Some(format!("x; kp_step={}", cookie(&answer, "kp_step"))))
}

#[tokio::test]
async fn an_app_is_added_with_its_code_and_the_password_and_the_session_gets_a_new_token() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    karin.page("/konto").await.says("Tvåstegsverifiering").says("Lägg till");
    let page = karin.page(APP).await;
    page.says("Läs av QR-koden med appen").says("Sex siffror");
    let (sealed, shown) = (page.hidden("hemlig"), secret(&page));
    let send = |code: String, password: &'static str, sealed: String| {
        let karin = karin.clone();
        async move {
            let fields = [
                ("hemlig", sealed.as_str()),
                ("kod", &code),
                ("losenord", password),
                ("namn", "Min telefon"),
            ];
            karin.post(APP, &fields).await
        }
    };
    let again = send("000000".to_owned(), PASSWORD, sealed.clone()).await;
    again.is(422).says("Koden stämmer inte");
    assert_eq!(secret(&again), shown, "the app need not be filled anew");
    assert!(again.body.contains("value=\"Min telefon\""), "nothing typed is lost");
    send(code(&shown, 0), "fel lösenord", sealed.clone()).await.is(422).says("Lösenordet stämmer inte");
    send(code(&shown, 0), "", sealed.clone()).await.is(422).says("Skriv ditt lösenord");
    assert_eq!(portal.value("SELECT count(*) FROM second_factor").await, "0");

    let done = send(code(&shown, 0), PASSWORD, sealed.clone()).await;
    done.is(200).says("Tvåstegsverifieringen är på");
    karin.get("/konto").await.is(303);
    let fresh = Client::new(portal.router.clone(), Some(session(&done)));
    fresh.page(HUB).await.says("Min telefon").says("Kodapp, tillagd").says("10 reservkoder kvar");
    assert_eq!(portal.mailed().await, ["N-170"]);
    assert_eq!(portal.value("SELECT count(*) FROM audit_entry WHERE action = 'second_step.add'").await, "1");
    // The same form once more, now from the new session, adds nothing.
    let fields = [("hemlig", sealed.as_str()), ("kod", &code(&shown, 30)), ("losenord", PASSWORD)];
    fresh.post(APP, &fields).await.is(303);
    assert_eq!(portal.value("SELECT count(*) FROM second_factor").await, "1");
    // Neither the secret nor a code is kept in clear.
    assert_eq!(
        portal
            .value(&format!(
                "SELECT count(*) FROM second_factor WHERE position('{shown}'::bytea IN sealed) > 0"
            ))
            .await,
        "0"
    );
}

#[tokio::test]
async fn the_first_step_rests_on_a_link_in_the_mail_opened_in_the_session_that_adds_it() {
    let portal = Portal::start().await;
    // A thief with the password, and the owner.
    let (thief, karin) = (portal.as_person(KARIN).await, portal.as_person(KARIN).await);
    portal.sql("UPDATE session SET mail_shown = false").await;
    thief.page(HUB).await.says("Öppna först en länk i din mejl").does_not_say("Lägg till kodapp");
    for page in [APP, "/konto/tvasteg/passnyckel"] {
        assert_eq!(thief.get(page).await.location(), HUB);
    }
    assert_eq!(thief.post("/konto/tvasteg/lank", &[]).await.location(), format!("{HUB}?klart=steg-lank"));
    let link = link_in(&portal, "N-183", "/konto/tvasteg/lank/").await;
    assert_eq!(portal.mails().last().unwrap().to, KARIN);
    // Reading opens nothing, another account neither; what the owner opens is the owner's session alone.
    portal.as_person(MATS).await.get(&link).await.is(410);
    portal.as_person(MATS).await.post(&link, &[]).await.is(410);
    karin.page(&link).await.says("byt det");
    let sealed = portal.as_person(KARIN).await.page(APP).await;
    let (hidden, shown) = (sealed.hidden("hemlig"), secret(&sealed));
    let now = code(&shown, 0);
    let add = [("hemlig", hidden.as_str()), ("kod", now.as_str()), ("losenord", PASSWORD)];
    assert_eq!(thief.post(APP, &add).await.location(), HUB);
    let (a, b) = (karin.post(&link, &[]).await, karin.post(&link, &[]).await);
    assert_eq!((a.status.as_u16(), b.status.as_u16()), (303, 410));
    thief.post(APP, &add).await.is(303);
    assert_eq!(portal.value("SELECT count(*) FROM second_factor").await, "0");
    karin.page(HUB).await.says("Lägg till kodapp");
    // Half an hour, and the newest alone.
    portal.sql("UPDATE session SET mail_shown = false").await;
    thief.post("/konto/tvasteg/lank", &[]).await.is(303);
    let first = link_in(&portal, "N-183", "/konto/tvasteg/lank/").await;
    thief.post("/konto/tvasteg/lank", &[]).await.is(303);
    let second = link_in(&portal, "N-183", "/konto/tvasteg/lank/").await;
    karin.get(&first).await.is(410);
    portal.advance(time::Duration::minutes(30));
    karin.post(&second, &[]).await.is(410);
    for _ in 0..2 {
        thief.post("/konto/tvasteg/lank", &[]).await;
    }
    thief.post("/konto/tvasteg/lank", &[]).await.is(429);
}

#[tokio::test]
async fn a_code_is_used_once_in_its_time_and_a_password_alone_opens_nothing() {
    let portal = Portal::start().await;
    let (secret, ..) = with_app(&portal, KARIN).await;
    let browser = halfway(&portal, KARIN).await;
    browser.page(STEP).await.says("Lösenordet stämmer. Nu är det ett steg kvar");
    browser.get("/konto").await.is(303);
    let send = |code: String| {
        let browser = browser.clone();
        async move { browser.post(STEP, &[("satt", "app"), ("kod", &code)]).await }
    };
    // The code that added the app is used up; an older one too.
    send(code(&secret, 0)).await.is(422).says("redan använd");
    send(code(&secret, -30)).await.is(422);
    send(String::new()).await.is(422).says("Skriv de sex siffror");
    let done = send(code(&secret, 30)).await;
    done.is(303);
    assert_eq!(done.location(), "/konto");
    Client::new(portal.router.clone(), Some(session(&done))).page("/konto").await;
    assert_eq!(portal.value("SELECT method FROM session ORDER BY created_at DESC LIMIT 1").await, "totp");
    send(code(&secret, 30)).await.is(422);
    // Ten minutes after the password it begins anew.
    portal.advance(Duration::minutes(11));
    assert_eq!(browser.get(STEP).await.location(), "/logga-in?klart=borja-om");
}

#[tokio::test]
async fn whoever_was_in_with_the_password_alone_is_out_when_a_step_is_added() {
    let portal = Portal::start_with(true).await;
    let thief = portal.as_person(KARIN).await;
    connect_eid(&portal, KARIN, "19850314-2385").await;
    let answer = portal.anonymous().post("/legitimera/test", &[("personnummer", "19850314-2385")]).await;
    let by_eid = Client::new(portal.router.clone(), Some(session(&answer)));
    let (.., karin) = with_app(&portal, KARIN).await;
    let id = portal.value("SELECT id FROM second_factor").await;
    let remove = format!("{HUB}/{id}/ta-bort");
    for path in [LINDANGEN, "/konto", HUB, &remove] {
        assert!(thief.get(path).await.location().starts_with("/logga-in"), "{path}");
    }
    for path in [remove.as_str(), &format!("{HUB}/reservkoder")] {
        assert!(
            thief.post(path, &[("losenord", PASSWORD)]).await.location().starts_with("/logga-in"),
            "{path}"
        );
    }
    assert_eq!(portal.value("SELECT count(*) FROM second_factor WHERE ended_at IS NULL").await, "1");
    // The one who added it goes on, and so does whoever came in with more than a password.
    karin.page(LINDANGEN).await;
    by_eid.page(LINDANGEN).await;
}

#[tokio::test]
async fn a_visit_to_an_e_legitimation_survives_the_second_step() {
    let portal = Portal::start_with(true).await;
    let (secret, ..) = with_app(&portal, KARIN).await;
    let found = portal.anonymous().post("/legitimera/test", &[("personnummer", "19850314-2385")]).await;
    found.is(403).says("känner inte igen");
    let visit = found.visit();
    let fields = [("epost", KARIN), ("losenord", PASSWORD), ("till", "/konto/e-legitimation")];
    let answer = portal.anonymous().post("/logga-in", &fields).await;
    let jar = format!("x; kp_eid={visit}; kp_step={}", cookie(&answer, "kp_step"));
    let browser = Client::new(portal.router.clone(), Some(jar));
    let done = browser.post(STEP, &[("satt", "app"), ("kod", &code(&secret, 30))]).await;
    assert_eq!(done.location(), "/konto/e-legitimation");
    assert!(!done.headers.get_all("set-cookie").iter().any(|line| line.to_str().unwrap().contains("kp_eid")));
    let karin = Client::new(portal.router.clone(), Some(session(&done)));
    karin.with_visit(&visit).page("/konto/e-legitimation").await.says("Koppla");
}

#[tokio::test]
async fn two_who_show_the_same_code_at_the_same_moment_are_one() {
    let portal = Portal::start().await;
    let (secret, codes, _) = with_app(&portal, KARIN).await;
    let (one, other) = (halfway(&portal, KARIN).await, halfway(&portal, KARIN).await);
    let fresh = code(&secret, 30);
    for fields in [
        [("satt", "app"), ("kod", fresh.as_str())],
        [("satt", "reservkod"), ("reservkod", codes[0].as_str())],
    ] {
        let (a, b) = tokio::join!(one.post(STEP, &fields), other.post(STEP, &fields));
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 422], "{fields:?}");
    }
}

#[tokio::test]
async fn five_wrong_codes_wait_and_the_owner_is_told_and_has_other_ways() {
    let portal = Portal::start().await;
    let (secret, codes, karin) = with_app(&portal, KARIN).await;
    portal.mailed().await;
    let browser = halfway(&portal, KARIN).await;
    for _ in 0..5 {
        browser.post(STEP, &[("satt", "app"), ("kod", "000000")]).await.is(422);
    }
    let right = code(&secret, 30);
    let refused = browser.post(STEP, &[("satt", "app"), ("kod", &right)]).await;
    refused.is(429).says("För många försök");
    assert!(refused.headers.contains_key("retry-after"));
    karin.page(LINDANGEN).await;
    browser.post(STEP, &[("satt", "app"), ("kod", &right)]).await.is(429);
    assert_eq!(portal.mailed().await, ["N-175"], "told once");
    assert_eq!(
        portal.value("SELECT count(*) FROM audit_entry WHERE action = 'sign_in.throttled'").await,
        "2"
    );
    browser.post(STEP, &[("satt", "reservkod"), ("reservkod", &codes[0])]).await.is(303);
    // Who knows no password reaches no second step to lock.
    portal.anonymous().post(STEP, &[("satt", "app"), ("kod", "000000")]).await.is(303);
}

#[tokio::test]
async fn a_recovery_code_works_once_and_tells_the_owner() {
    let portal = Portal::start().await;
    let (_, codes, karin) = with_app(&portal, KARIN).await;
    assert_eq!(codes.len(), 10);
    portal.mailed().await;
    let typed = codes[3].to_uppercase().replace('-', " ");
    let browser = halfway(&portal, KARIN).await;
    browser
        .post(STEP, &[("satt", "reservkod"), ("reservkod", "aaaa-bbbb")])
        .await
        .is(422)
        .says("stämmer inte");
    let done = browser.post(STEP, &[("satt", "reservkod"), ("reservkod", &typed)]).await;
    done.is(303);
    let fresh = Client::new(portal.router.clone(), Some(session(&done)));
    fresh.page(&done.location()).await.says("inloggad med en reservkod").says("9 reservkoder kvar");
    assert_eq!(portal.mailed().await, ["N-174"]);
    browser.post(STEP, &[("satt", "reservkod"), ("reservkod", &typed)]).await.is(422);
    // New ones end the old.
    karin
        .post(&format!("{HUB}/reservkoder"), &[("losenord", "fel")])
        .await
        .is(422)
        .says("Lösenordet stämmer inte");
    karin
        .post(&format!("{HUB}/reservkoder"), &[("losenord", PASSWORD)])
        .await
        .is(200)
        .says("Dina reservkoder");
    browser.post(STEP, &[("satt", "reservkod"), ("reservkod", &codes[4])]).await.is(422);
    assert_eq!(portal.mailed().await, ["N-173"]);
}

#[tokio::test]
async fn a_new_password_by_mail_does_not_pass_the_second_step() {
    let portal = Portal::start().await;
    let (secret, ..) = with_app(&portal, KARIN).await;
    let before = halfway(&portal, KARIN).await;
    portal.mailed().await;
    portal.anonymous().post("/losenord/glomt", &[("epost", KARIN)]).await.is(200);
    portal.work().await;
    let mail = portal.mails().into_iter().find(|mail| mail.code == "N-09").unwrap();
    let link =
        mail.text[mail.text.find("/losenord/").unwrap()..].split_whitespace().next().unwrap().to_owned();
    let new = "tre blå hästar dansar";
    let visitor = portal.anonymous();
    visitor.post(&link, &[("nytt", new), ("igen", new)]).await.is(303);
    // Who was halfway with the old password begins anew, whatever the code.
    let over = before.post(STEP, &[("satt", "app"), ("kod", &code(&secret, 30))]).await;
    assert_eq!(over.location(), "/logga-in?klart=borja-om");
    let answer = visitor.post("/logga-in", &[("epost", KARIN), ("losenord", new)]).await;
    assert_eq!(answer.location(), STEP);
}

#[tokio::test]
async fn who_must_have_a_second_step_comes_no_further_without_one() {
    let portal = Portal::start_with(true).await;
    let strict = portal.demanding_a_second_step();
    for (email, page) in [(SAMIRA, LINDANGEN), (PETRA, "/inera"), (LINA, NORDJOURNAL)] {
        let client = strict.as_person(email).await;
        let sent = client.get(page).await;
        sent.is(303);
        assert_eq!(sent.location(), format!("{HUB}?till={page}"), "{email}");
        client.page(&sent.location()).await.says("Lägg till ett andra steg för att gå vidare");
    }
    // Whose role does not demand it goes on; so does e-legitimation.
    strict.as_person(KARIN).await.page(LINDANGEN).await;
    connect_eid(&portal, SAMIRA, "19850314-2385").await;
    let answer = portal.anonymous().post("/legitimera/test", &[("personnummer", "19850314-2385")]).await;
    Client::new(strict.router.clone(), Some(session(&answer))).page(LINDANGEN).await;
    // A form does nothing either.
    let samira = strict.as_person(SAMIRA).await;
    let path = format!("{LINDANGEN}/kontakter/{}/ta-bort", member(&portal, KARIN, "10482").await);
    let sent = samira.post(&path, &[("losenord", PASSWORD)]).await;
    assert_eq!(sent.location(), format!("{HUB}?till={LINDANGEN}"));
    assert_eq!(portal.value("SELECT count(*) FROM member_event WHERE kind = 'removed'").await, "0");
    // Added, one goes on in the same browser.
    let (.., samira) = with_app(&strict, SAMIRA).await;
    samira.page(LINDANGEN).await;
}

#[tokio::test]
async fn nobody_adds_or_removes_for_somebody_else() {
    let portal = Portal::start().await;
    let (.., karin) = with_app(&portal, KARIN).await;
    let mats = portal.as_person(MATS).await;
    let sealed = karin.page(APP).await.hidden("hemlig");
    let fields = [("hemlig", sealed.as_str()), ("kod", "123456"), ("losenord", PASSWORD)];
    mats.post(APP, &fields).await.is(422).says("Sidan hann bli för gammal");
    mats.post(APP, &[("hemlig", "zz"), ("kod", "1"), ("losenord", PASSWORD)]).await.is(422);
    portal.advance(Duration::minutes(31));
    karin.post(APP, &fields).await.is(422).says("Sidan hann bli för gammal");
    let id = portal.value("SELECT id FROM second_factor").await;
    mats.post(&format!("{HUB}/{id}/ta-bort"), &[("losenord", PASSWORD)]).await.is(404);
    mats.get(&format!("{HUB}/{id}/ta-bort")).await.is(404);
    mats.get(&format!("{HUB}/reservkoder")).await.is(404);
    karin.post(&format!("{HUB}/{id}/ta-bort"), &[("losenord", "fel")]).await.is(422);
    karin.page(&format!("{HUB}/{id}/ta-bort")).await.says("Det är ditt enda andra steg");
    karin.post(&format!("{HUB}/{id}/ta-bort"), &[("losenord", PASSWORD)]).await.is(303);
    assert_eq!(portal.value("SELECT count(*) FROM recovery_code").await, "0");
    // Removed, it opens nothing, and the password is enough again.
    let answer = portal.anonymous().post("/logga-in", &[("epost", KARIN), ("losenord", PASSWORD)]).await;
    assert_ne!(answer.location(), STEP);
}

#[tokio::test]
async fn a_passkey_that_answers_nothing_of_ours_is_refused() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let path = format!("{HUB}/passnyckel");
    let page = karin.page(&path).await;
    page.says("Lägg till en passnyckel");
    let asked = page.hidden("fraga");
    let answer = r#"{"id":"AAAA","rawId":"AAAA","type":"public-key","extensions":{},"response":{"attestationObject":"AAAA","clientDataJSON":"AAAA"}}"#;
    for (asked, answer) in
        [(asked.as_str(), answer), (asked.as_str(), ""), (asked.as_str(), "{"), ("00", answer)]
    {
        let fields = [("fraga", asked), ("svar", answer), ("losenord", PASSWORD), ("namn", "Jobbdatorn")];
        let again = karin.post(&path, &fields).await;
        again.is(422).says("Passnyckeln kunde inte läggas till");
        assert!(again.body.contains("value=\"Jobbdatorn\""));
    }
    karin.post(&path, &[("fraga", &asked), ("svar", answer)]).await.is(422).says("Skriv ditt lösenord");
    assert_eq!(portal.value("SELECT count(*) FROM second_factor").await, "0");
    with_app(&portal, MATS).await;
    let browser = halfway(&portal, MATS).await;
    for answer in [answer, "{"] {
        browser.post(STEP, &[("satt", "passnyckel"), ("fraga", &asked), ("svar", answer)]).await.is(422);
    }
    browser
        .post(STEP, &[("satt", "passnyckel"), ("svar", "")])
        .await
        .is(422)
        .says("skickade ingen passnyckel");
}

#[tokio::test]
async fn kundservice_clears_the_steps_of_a_customers_contact_and_nobody_else_does() {
    let portal = Portal::start().await;
    let (_, _, karin) = with_app(&portal, KARIN).await;
    let (_, _, petra) = with_app(&portal, PETRA).await;
    portal.mailed().await;
    let id = member(&portal, KARIN, "10482").await;
    let path = format!("/inera/kunder/10482/kontakter/{id}/tvasteg");
    petra.page("/inera/kunder/10482").await.says("Ta bort tvåstegsverifieringen för Karin");
    petra.page(&path).await.says("Förvissa dig om att det verkligen är personen");
    act(&petra, &path, &[("losenord", "fel")]).await.is(422).says("Lösenordet stämmer inte");
    karin.page(LINDANGEN).await;
    karin.get(&path).await.is(404);
    for email in [SAMIRA, LINA] {
        portal.as_person(email).await.get(&path).await.is(404);
    }
    act(&petra, &path, &[]).await.is(303);
    karin.get(LINDANGEN).await.is(303);
    let left = "SELECT string_agg(p.email, ' ') FROM second_factor f JOIN person p ON p.id = f.person_id WHERE f.ended_at IS NULL";
    assert_eq!(portal.value(left).await, PETRA, "the officer's own stays");
    assert_eq!(portal.value("SELECT count(*) FROM recovery_code").await, "10");
    assert_eq!(portal.mailed().await, ["N-172"]);
    let evidence = "SELECT c.shown FROM account_event e JOIN confirmation c ON c.id = e.confirmation_id WHERE e.kind = 'step_cleared'";
    assert!(portal.value(evidence).await.starts_with("Ta bort tvåstegsverifieringen: Karin"));
    petra.get(&path).await.is(409);
    // The database asks for the same: a confirmation of one's own, and never a colleague at Inera.
    let of = |email: &str| {
        format!("SELECT m.id FROM membership m JOIN person p ON p.id = m.person_id WHERE p.email = '{email}'")
    };
    for email in [KARIN, IVAR, PETRA] {
        let member: Uuid = portal.value(&of(email)).await.parse().unwrap();
        let mut tx = enter_by(&portal, &petra, Side::Inera, 0).await;
        let refused = sqlx::query("SELECT second_factors_clear($1, gen_random_uuid(), now())")
            .bind(member)
            .execute(tx.conn())
            .await;
        let code = refused.unwrap_err().into_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(code, if email == KARIN { "P0412" } else { "P0403" }, "{email}");
    }
}
