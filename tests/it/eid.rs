//! e-legitimation in the portal itself; the providers' side is tests/browser/eid.test.mjs, against an independent one.

use kundportal::identity::{
    PersonalNumber, Side,
    eid::{self, mark_of},
    sign_in::{self, ByEid},
};

use crate::harness::{Answer, Client, PASSWORD, Portal, contacts::connect_eid, enter, orders::*};

const KARINS: &str = "19850314-2385";
const NOBODYS: &str = "19121212-1212";

/// A demo in which Karin's made-up e-legitimation is connected.
async fn demo() -> Portal {
    let portal = Portal::start_with(true).await;
    connect_eid(&portal, KARIN, KARINS).await;
    portal
}

#[tokio::test]
async fn a_connected_e_legitimation_signs_in_and_a_strange_one_says_what_to_do() {
    let portal = demo().await;
    let anonymous = portal.anonymous();
    let to = "/kund/10482/bestallningar";
    let signed_in = anonymous.post("/legitimera/test", &[("personnummer", KARINS), ("till", to)]).await;
    assert_eq!(signed_in.location(), to);
    assert!(signed_in.headers.get("set-cookie").unwrap().to_str().unwrap().starts_with("kp_session="));
    let strange = anonymous.post("/legitimera/test", &[("personnummer", NOBODYS)]).await;
    strange.is(403).says("Vi känner inte igen din e-legitimation").says("Logga in med lösenord och koppla");
    assert!(!strange.headers.get("set-cookie").unwrap().to_str().unwrap().contains("kp_session"));
    let mistyped = anonymous.post("/legitimera/test", &[("personnummer", "19121212-1213")]).await;
    mistyped.is(422).says("Kontrollera personnumret");
    assert!(mistyped.body.contains("value=\"19121212-1213\""));
    let written = "SELECT string_agg(action, ' ' ORDER BY seq) FROM audit_entry WHERE action LIKE 'sign_in%' OR action LIKE 'eid%'";
    assert_eq!(portal.value(written).await, "eid.connect sign_in sign_in.unknown");
    let kept = "SELECT count(*) FROM audit_entry WHERE detail LIKE '%19850314%' OR object LIKE '%19850314%'";
    assert_eq!(portal.value(kept).await, "0");
}

#[tokio::test]
async fn an_answer_of_a_provider_counts_once_even_at_the_same_moment() {
    let portal = demo().await;
    let identified = eid::by_test(&portal.app, KARINS).unwrap();
    let again = || sign_in::by_eid(portal.app.db(), portal.app.keys(), &identified, "one answer", "");
    let results = tokio::join!(again(), again(), again(), again());
    let results = [results.0, results.1, results.2, results.3].map(Result::unwrap);
    assert_eq!(results.iter().filter(|one| matches!(one, ByEid::In(_))).count(), 1);
    assert_eq!(results.iter().filter(|one| matches!(one, ByEid::Replayed)).count(), 3);
}

#[tokio::test]
async fn a_person_who_may_not_sign_in_is_not_signed_in_by_e_legitimation_either() {
    let portal = demo().await;
    portal.sql(&format!("UPDATE person SET disabled_at = now() WHERE email = '{KARIN}'")).await;
    portal.anonymous().post("/legitimera/test", &[("personnummer", KARINS)]).await.is(403);
}

#[tokio::test]
async fn connecting_needs_a_visit_of_this_browser_and_the_password() {
    let portal = demo().await;
    let mats = portal.as_person(MATS).await;
    // Nothing found: nothing to connect, whatever is posted.
    assert_eq!(mats.get("/konto/e-legitimation").await.location(), "/konto");
    mats.post("/konto/e-legitimation", &[("losenord", PASSWORD)]).await.is(409);
    let forged = mats.with_visit(&"ab".repeat(200));
    forged.post("/konto/e-legitimation", &[("losenord", PASSWORD)]).await.is(409);
    // Somebody else's e-legitimation is not taken over.
    let found = mats.post("/legitimera/test", &[("personnummer", KARINS), ("syfte", "koppla")]).await;
    let visiting = mats.with_visit(&found.visit());
    visiting
        .page("/konto/e-legitimation")
        .await
        .says("19850314-XXXX")
        .says("ett annat än på kontot")
        .does_not_say("2385");
    visiting
        .post("/konto/e-legitimation", &[("losenord", "fel")])
        .await
        .is(422)
        .says("Lösenordet stämmer inte");
    visiting.post("/konto/e-legitimation", &[("losenord", PASSWORD)]).await.is(409).says("ett annat konto");
    // A visit grows old.
    let found = mats.post("/legitimera/test", &[("personnummer", NOBODYS), ("syfte", "koppla")]).await;
    portal.advance(time::Duration::minutes(11));
    let late = mats.with_visit(&found.visit()).post("/konto/e-legitimation", &[("losenord", PASSWORD)]).await;
    late.is(409).says("för lång tid");
    let connected = "SELECT count(*) FROM person_eid e JOIN person p ON p.id = e.person_id WHERE p.email = 'mats@lindangen.example'";
    assert_eq!(portal.value(connected).await, "0");
}

#[tokio::test]
async fn guesses_at_the_password_are_counted() {
    let portal = demo().await;
    let mats = portal.as_person(MATS).await;
    let found = mats.post("/legitimera/test", &[("personnummer", NOBODYS), ("syfte", "koppla")]).await;
    let visiting = mats.with_visit(&found.visit());
    for _ in 0..10 {
        visiting.post("/konto/e-legitimation", &[("losenord", "fel")]).await.says("Lösenordet stämmer inte");
    }
    visiting.post("/konto/e-legitimation", &[("losenord", PASSWORD)]).await.is(422).says("För många försök");
}

#[tokio::test]
async fn one_disconnects_ones_own_but_not_the_last_way_in() {
    let portal = demo().await;
    let karin = portal.as_person(KARIN).await;
    let id = portal.value("SELECT id FROM person_eid").await;
    assert!(karin.page("/konto").await.says("Test-e-legitimation").body.contains(&id));
    let path = format!("/konto/e-legitimation/{id}/ta-bort");
    portal.as_person(MATS).await.post(&path, &[]).await.is(404);
    portal.sql(&format!("UPDATE person SET password_hash = NULL WHERE email = '{KARIN}'")).await;
    karin.post(&path, &[]).await.is(404);
    portal.sql(&format!("UPDATE person SET password_hash = 'x' WHERE email = '{KARIN}'")).await;
    karin.post(&path, &[]).await.is(303);
    karin.post(&path, &[]).await.is(404);
    portal.anonymous().post("/legitimera/test", &[("personnummer", KARINS)]).await.is(403);
    // It can be connected again, by whoever's it is.
    connect_eid(&portal, MATS, KARINS).await;
}

#[tokio::test]
async fn outside_the_demo_the_made_up_one_does_not_exist() {
    let portal = Portal::start().await;
    let anonymous = portal.anonymous();
    anonymous.get("/legitimera/test").await.is(404);
    anonymous.post("/legitimera/test", &[("personnummer", KARINS)]).await.is(404);
    anonymous.page("/logga-in").await.does_not_say("e-legitimation");
    assert!(eid::by_test(&portal.app, KARINS).is_err());
    anonymous.get("/legitimera/svar?code=x&state=y").await.is(403).says("hann bli för gammal");
}

#[tokio::test]
async fn the_application_reaches_nobodys_e_legitimation_but_by_the_functions() {
    let portal = demo().await;
    let mut tx = enter(&portal, KARIN, Side::Customer, 10482).await;
    let denied = sqlx::query("SELECT FROM person_eid").execute(tx.conn()).await.unwrap_err();
    assert_eq!(denied.as_database_error().unwrap().code().as_deref(), Some("42501"));
    // A number can't be tried against the marks without the program's secret.
    let number = PersonalNumber::parse(KARINS).unwrap();
    let kept = portal.value("SELECT encode(mark, 'hex') FROM person_eid").await;
    assert_eq!(kept, kundportal::text::hex(&mark_of(portal.app.keys(), &number)));
    assert_ne!(kept, portal.value("SELECT encode(sha256('198503142385'), 'hex')").await);
}

/// Mats' made-up e-legitimation.
const MATS_NUMBER: &str = "19720930-1188";

/// The same from a page that may have been refused.
async fn decide_with(client: &Client, path: &str, page: &str, extra: &[(&str, &str)]) -> Answer {
    let page = client.get(page).await;
    let (revision, shown) = (page.hidden("revision"), page.hidden("visat"));
    let mut fields = vec![("revision", revision.as_str()), ("visat", shown.as_str())];
    fields.extend(extra);
    client.post(path, &fields).await
}

/// A decision with what the page was made from, and what else is posted.
async fn post_decision(client: &Client, path: &str, extra: &[(&str, &str)]) -> Answer {
    let page = client.page(path).await;
    let (revision, shown) = (page.hidden("revision"), page.hidden("visat"));
    let mut fields = vec![("revision", revision.as_str()), ("visat", shown.as_str())];
    fields.extend(extra);
    client.post(path, &fields).await
}

/// Posts what is decided, goes to the e-legitimation and comes back: the browser with the identification, and the address
/// it came back to.
async fn identified(client: &Client, path: &str, fields: &[(&str, &str)], number: &str) -> (Client, String) {
    let mut wanted = vec![("legitimera", "test")];
    wanted.extend(fields);
    let departing = post_decision(client, path, &wanted).await;
    departing.is(200).says("Det du har fyllt i är kvar när du kommer tillbaka");
    let kept = departing.body.split("kvar%3D").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let till = format!("{path}?kvar={kept}");
    let form = [("personnummer", number), ("syfte", "bekrafta"), ("till", till.as_str())];
    let back = client.post("/legitimera/test", &form).await;
    assert_eq!(back.location(), format!("{till}#legitimerad"));
    (client.with_visit(&back.visit()), till)
}

#[tokio::test]
async fn a_decision_is_confirmed_by_e_legitimation_and_nothing_typed_is_lost() {
    let portal = demo().await;
    connect_eid(&portal, MATS, MATS_NUMBER).await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    // Faults are shown before anybody is sent away.
    post_decision(&mats, &path, &[("legitimera", "test")]).await.is(422).says("Välj vad du vill göra");
    let typed = [("beslut", "atersand"), ("motivering", "Ta med fler enheter & namn")];
    let (visiting, till) = identified(&mats, &path, &typed, MATS_NUMBER).await;
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
    let page = visiting.page(&till).await;
    page.says("Du har bekräftat att det är du").says("Mats Öberg").does_not_say("Bekräfta med ditt lösenord");
    assert!(page.body.contains("Ta med fler enheter &#38; namn"));
    post_decision(&visiting, &path, &typed).await.is(303);
    assert_eq!(state(&portal, &number).await, "returned");
    mats.page(&format!("{LINDANGEN}/bestallningar/{number}")).await.says("Bekräftat med e-legitimation.");
    let evidence = portal.value("SELECT method || ' ' || left(reference, 5) || ' ' || (shown LIKE '%Ta med fler enheter%') FROM confirmation").await;
    assert_eq!(evidence, "test_eid TEST- true");
    // The same identification does not confirm the same order a second time.
    let karin = portal.as_person(KARIN).await;
    send(&karin, LINDANGEN, &number).await;
    let again = decide_with(&visiting, &path, &path, &[("beslut", "attestera")]).await;
    again.is(422).says("Skriv ditt lösenord");
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
    decide(&mats, &path, "attestera", &[]).await.is(303);
    mats.page(&format!("{LINDANGEN}/bestallningar/{number}")).await.says("Bekräftat med lösenord.");
}

#[tokio::test]
async fn an_identification_is_for_one_page_one_person_and_ten_minutes() {
    let portal = demo().await;
    connect_eid(&portal, MATS, MATS_NUMBER).await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let yes = [("beslut", "attestera")];
    // Karin's e-legitimation is connected, but not to Mats' account.
    let (as_karin, till) = identified(&mats, &path, &yes, KARINS).await;
    as_karin
        .get(&till)
        .await
        .is(422)
        .says("hör inte till ditt konto")
        .does_not_say("Du har bekräftat att det är du");
    let answer = decide_with(&as_karin, &path, &till, &yes).await;
    answer.is(422).says("hör inte till ditt konto");
    // One that was made for another page.
    let form = [("personnummer", MATS_NUMBER), ("syfte", "bekrafta"), ("till", LINDANGEN)];
    assert_eq!(mats.post("/legitimera/test", &form).await.location(), "/valj-organisation");
    let other = format!("{LINDANGEN}?kvar={}", uuid::Uuid::nil());
    let form = [("personnummer", MATS_NUMBER), ("syfte", "bekrafta"), ("till", other.as_str())];
    let elsewhere = mats.with_visit(&mats.post("/legitimera/test", &form).await.visit());
    elsewhere.page(&path).await.does_not_say("Du har bekräftat att det är du");
    post_decision(&elsewhere, &path, &yes).await.is(422).says("Skriv ditt lösenord");
    // One that has been disconnected since.
    let (gone, till) = identified(&mats, &path, &yes, MATS_NUMBER).await;
    portal.sql("UPDATE person_eid SET ended_at = now() WHERE person_id = (SELECT id FROM person WHERE email = 'mats@lindangen.example')").await;
    gone.get(&till).await.is(422).says("hör inte till ditt konto");
    // Opened anew the page does not speak of it.
    gone.page(&path).await.does_not_say("hör inte till ditt konto");
    portal.sql("UPDATE person_eid SET ended_at = NULL").await;
    // What one person typed is not another's to see.
    let (_, till) =
        identified(&mats, &path, &[("beslut", "avsla"), ("motivering", "en hemlighet")], MATS_NUMBER).await;
    portal.sql("UPDATE orders SET customer_attestant_id = NULL").await;
    portal.sql("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE email = 'karin@lindangen.example'").await;
    let others = portal.as_person(KARIN).await.page(&till).await;
    assert!(!others.body.contains("en hemlighet"));
    // One that has grown old.
    let (late, _) = identified(&mats, &path, &yes, MATS_NUMBER).await;
    portal.advance(time::Duration::minutes(11));
    post_decision(&late, &path, &yes).await.is(422).says("Skriv ditt lösenord");
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
}

#[tokio::test]
async fn one_identification_confirms_one_decision_even_at_the_same_moment() {
    let portal = demo().await;
    connect_eid(&portal, MATS, MATS_NUMBER).await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let (visiting, _) = identified(&mats, &path, &[("beslut", "attestera")], MATS_NUMBER).await;
    let page = visiting.page(&path).await;
    let (revision, shown) = (page.hidden("revision"), page.hidden("visat"));
    let fields = [("revision", revision.as_str()), ("visat", shown.as_str()), ("beslut", "attestera")];
    let once = || visiting.post(&path, &fields);
    let answers = tokio::join!(once(), once(), once());
    let made = [answers.0, answers.1, answers.2].iter().filter(|answer| answer.status == 303).count();
    assert_eq!(made, 1);
    assert_eq!(portal.value("SELECT count(*) FROM confirmation").await, "1");
}

#[tokio::test]
async fn the_database_refuses_the_made_up_method_outside_the_demo() {
    let portal = Portal::start().await;
    let mut tx = enter(&portal, KARIN, Side::Customer, 10482).await;
    let insert = "INSERT INTO confirmation (id, org_id, person_id, session_id, method, subject, shown, shown_sha256, reference)
        VALUES (gen_random_uuid(), ctx_org(), ctx_person(), gen_random_uuid(), 'test_eid', 'x', 'x', sha256('x'), 'TEST-1')";
    let refused = sqlx::query(insert).execute(tx.conn()).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("P0403"));
}

#[tokio::test]
async fn what_changed_while_somebody_was_away_is_not_decided_on_by_an_old_choice() {
    let portal = demo().await;
    connect_eid(&portal, MATS, MATS_NUMBER).await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let (visiting, till) = identified(&mats, &path, &[("beslut", "attestera")], MATS_NUMBER).await;
    let karin = portal.as_person(KARIN).await;
    let files = format!("{LINDANGEN}/bestallningar/{number}/bilagor");
    karin.upload(&files, "ny.pdf", b"%PDF-1.7\nx").await.is(303);
    let page = visiting.get(&till).await;
    page.is(422)
        .says("har ändrats medan du bekräftade att det är du")
        .does_not_say("Du har bekräftat att det är du");
    assert!(!page.body.contains(" checked"));
    decide_with(&visiting, &path, &till, &[("beslut", "attestera")])
        .await
        .is(422)
        .says("Skriv ditt lösenord");
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
}

#[tokio::test]
async fn what_is_kept_is_small_and_the_last_of_each_page() {
    let portal = demo().await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let noise = "\u{1}".repeat(6_000);
    for fields in [
        [("beslut", "attestera"), ("motivering", noise.as_str())],
        [("beslut", "atersand"), ("motivering", noise.as_str())],
        [("beslut", "attestera"), ("motivering", "se 19121212-1212")],
    ] {
        let mut fields = fields.to_vec();
        fields.push(("legitimera", "test"));
        post_decision(&mats, &path, &fields).await.is(422);
    }
    let noisy = [("legitimera", "test"), ("beslut", "attestera"), ("intygar", &noise), ("attestant", &noise)];
    for _ in 0..3 {
        post_decision(&mats, &path, &noisy).await.is(200);
    }
    assert_eq!(
        portal.value("SELECT count(*) || ' ' || (max(octet_length(sealed)) < 1000) FROM kept_form").await,
        "1 true"
    );
}

#[tokio::test]
async fn an_account_has_at_most_five_and_shows_them_all() {
    let portal = demo().await;
    let numbers = ["19790622-1184", "19880105-2377", "19910217-2385", "19830811-2393", "19760519-2389"];
    for number in &numbers[..4] {
        connect_eid(&portal, KARIN, number).await;
    }
    let karin = portal.as_person(KARIN).await;
    let found = karin.post("/legitimera/test", &[("personnummer", numbers[4]), ("syfte", "koppla")]).await;
    let visiting = karin.with_visit(&found.visit());
    visiting.post("/konto/e-legitimation", &[("losenord", PASSWORD)]).await.is(409).says("redan fem");
    let page = karin.page("/konto").await;
    assert_eq!(page.body.matches("/ta-bort").count(), 5);
}
