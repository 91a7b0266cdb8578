//! Confirming a decision with the account's own code app (a passkey needs a browser: tests/browser): shown once, for one page,
//! by its owner.

use time::Duration;

use crate::{
    harness::{Answer, Client, Portal, orders::*},
    second_step::{code, with_app},
};

fn attests(number: &str) -> String {
    format!("{LINDANGEN}/bestallningar/{number}/attestera")
}

/// An order that waits for Mats, who has an app.
async fn waiting() -> (Portal, String, String, Client) {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let (secret, _, mats) = with_app(&portal, MATS).await;
    let page = attests(&number);
    (portal, page, secret, mats)
}

/// The form of the page, sent on to the app; answers where to.
async fn sent_on(mats: &Client, page: &str) -> String {
    let shown = mats.page(page).await;
    shown.says("Bekräfta med passnyckel eller kodapp");
    let (revision, seen) = (shown.hidden("revision"), shown.hidden("visat"));
    let form = [("revision", &*revision), ("visat", &seen), ("beslut", "attestera"), ("legitimera", "eget")];
    let to = mats.must_post(page, &form).await;
    assert!(to.starts_with("/bekrafta?till="), "{to}");
    mats.page(&to).await.says("Det gäller: Attestera BES-").says("Det du har fyllt i är kvar").hidden("till")
}

/// A decision with nothing typed to confirm it.
async fn decide_as(client: &Client, page: &str, extra: &[(&str, &str)]) -> Answer {
    let shown = client.get(page).await;
    if shown.status != 200 {
        return shown;
    }
    let (revision, seen) = (shown.hidden("revision"), shown.hidden("visat"));
    let mut form = vec![("revision", revision.as_str()), ("visat", &seen)];
    form.extend_from_slice(extra);
    client.post(page, &form).await
}

async fn decide_with(client: &Client, page: &str) -> Answer {
    decide_as(client, page, &[("beslut", "attestera")]).await
}

#[tokio::test]
async fn a_decision_is_confirmed_with_the_apps_code_and_says_so() {
    let (portal, page, secret, mats) = waiting().await;
    let till = sent_on(&mats, &page).await;
    assert!(till.starts_with(&format!("{page}?kvar=")), "{till}");
    let show = |kod: String| {
        let (mats, till) = (mats.clone(), till.clone());
        async move { mats.post("/bekrafta", &[("till", &till), ("satt", "app"), ("kod", &kod)]).await }
    };
    show(String::new()).await.is(422).says("Skriv de sex siffror");
    show("000000".to_owned()).await.is(422).says("Koden stämmer inte");
    // The code that the app was added with is used up.
    show(code(&secret, 0)).await.is(422).says("redan använd");
    let done = show(code(&secret, 30)).await;
    done.is(303);
    assert_eq!(done.location(), format!("{till}#legitimerad"));
    let with = mats.with_visit(&done.visit());
    let back = till.split('#').next().unwrap();
    let shown = with.page(back).await;
    shown.says("Du har bekräftat att det är du: Mats Öberg, kodapp").says("Det gäller: Attestera BES-");
    decide_with(&with, &page).await.is(303);
    let how = portal.value("SELECT c.method || ' ' || (f.id IS NOT NULL) FROM confirmation c LEFT JOIN second_factor f ON c.reference LIKE f.id || ' %' ORDER BY c.at DESC LIMIT 1").await;
    assert_eq!(how, "totp true");
    let number = portal.value("SELECT number FROM orders").await;
    mats.page(&format!("{LINDANGEN}/bestallningar/{number}")).await.says("Bekräftat med kodapp.");
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn what_was_shown_is_worth_one_decision_on_one_page_by_its_owner() {
    let (portal, page, secret, mats) = waiting().await;
    let other = sent_via_agent(&portal).await;
    approve_as_johan(&portal, &other).await;
    attest_as_helena(&portal, &other).await;
    let till = sent_on(&mats, &page).await;
    let kod = code(&secret, 30);
    let done = mats.post("/bekrafta", &[("till", &till), ("satt", "app"), ("kod", &kod)]).await;
    let with = mats.with_visit(&done.visit());
    // Another page, and another person with the same browser's cookie.
    decide_with(&with, &attests(&other)).await.is(422).says("Skriv ditt lösenord");
    let karin = portal.as_person(KARIN).await.with_visit(&done.visit());
    karin.get(&page).await.is(403);
    portal
        .sql(&format!(
            "INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE email = '{KARIN}'"
        ))
        .await;
    let karins = decide_with(&karin, &page).await;
    assert!([403, 422].contains(&karins.status.as_u16()), "{}", karins.text());
    // Another decision than the one that was filled in.
    let back = [("beslut", "atersand"), ("motivering", "Komplettera omfattningen")];
    decide_as(&with, &page, &back).await.is(422).says("Du har ändrat något sedan du bekräftade");
    // In another session of the same person, with a copy of the cookie.
    let elsewhere = portal.as_person(MATS).await.with_visit(&done.visit());
    portal.sql("UPDATE session SET method = 'totp'").await;
    decide_with(&elsewhere, &page).await.is(422).says("hör inte till ditt konto");
    decide_with(&with, &page).await.is(303);
    assert_eq!(portal.value("SELECT count(*) FROM confirmation WHERE method = 'totp'").await, "1");
    assert_ne!(decide_with(&mats.with_visit(&done.visit()), &page).await.status, 303);
    let shown = "SELECT count(*) FROM audit_entry a JOIN confirmation c ON a.detail LIKE 'totp ' || c.reference || ' for %' WHERE a.action = 'confirmation.shown'";
    assert_eq!(portal.value(shown).await, "1", "the evidence leads to when and where it was shown");
}

#[tokio::test]
async fn what_was_shown_invites_one_person_the_one_that_was_filled_in() {
    let portal = Portal::start().await;
    let (secret, _, samira) = with_app(&portal, SAMIRA).await;
    let invite = format!("{LINDANGEN}/kontakter/bjud-in");
    let seen = samira.page(&invite).await.hidden("visat");
    let fields =
        |name: &'static str, email: &'static str, role: &'static str, more: (&'static str, &'static str)| {
            [("namn", name), ("epost", email), ("titel", ""), ("roll", role), ("visat", seen.as_str()), more]
        };
    let anna = fields("Anna Ek", "anna.ek@lindangen.example", "orderer", ("legitimera", "eget"));
    let to = samira.must_post(&invite, &anna).await;
    let till = samira.page(&to).await.hidden("till");
    let done =
        samira.post("/bekrafta", &[("till", &till), ("satt", "app"), ("kod", &code(&secret, 30))]).await;
    let with = samira.with_visit(&done.visit());
    let eve = fields("Eve", "eve@lindangen.example", "administrator", ("losenord", ""));
    with.post(&invite, &eve).await.is(422).says("Du har ändrat något sedan du bekräftade");
    let anna = fields("Anna Ek", "anna.ek@lindangen.example", "orderer", ("losenord", ""));
    let (one, other) = tokio::join!(with.post(&invite, &anna), with.post(&invite, &anna));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422]);
    with.post(&invite, &anna).await.is(422).says("redan använts");
    assert_eq!(portal.value("SELECT count(*) FROM invitation").await, "1");
    // One's own, sent again, is no guess: the password's tries are all left.
    let used =
        "SELECT count(*) > 1 FROM audit_entry WHERE action = 'confirmation.refused' AND detail = 'totp used'";
    assert_eq!(portal.value(used).await, "true");
}

#[tokio::test]
async fn evidence_of_a_step_that_is_not_the_persons_is_not_stored() {
    let portal = Portal::start().await;
    with_app(&portal, MATS).await;
    let of_mats = "INSERT INTO confirmation (id, org_id, person_id, session_id, method, subject, shown, shown_sha256, reference)
        SELECT gen_random_uuid(), m.org_id, m.person_id, gen_random_uuid(), 'METHOD', 'order:x:1', '', sha256(''), f.id || ' x'
          FROM second_factor f, membership m WHERE m.email = 'WHO'";
    let stored = async |who: &str, method: &str| {
        let mut owner = portal.owner().await;
        let statement = of_mats.replace("METHOD", method).replace("WHO", who);
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut owner).await.is_ok()
    };
    assert!(stored(MATS, "totp").await);
    assert!(!stored(MATS, "passkey").await, "it is an app");
    assert!(!stored(SAMIRA, "totp").await, "it is his");
    portal.sql("UPDATE second_factor SET ended_at = now()").await;
    assert!(!stored(MATS, "totp").await, "it is gone");
}

#[tokio::test]
async fn a_step_that_is_removed_or_old_confirms_nothing() {
    let (portal, page, secret, mats) = waiting().await;
    let till = sent_on(&mats, &page).await;
    let kod = code(&secret, 30);
    let done = mats.post("/bekrafta", &[("till", &till), ("satt", "app"), ("kod", &kod)]).await;
    let with = mats.with_visit(&done.visit());
    portal.sql("UPDATE second_factor SET ended_at = now()").await;
    decide_with(&with, &page).await.is(422);
    portal.sql("UPDATE second_factor SET ended_at = NULL").await;
    portal.advance(Duration::minutes(11));
    decide_with(&with, &page).await.is(422);
    assert_eq!(portal.value("SELECT count(*) FROM confirmation WHERE method = 'totp'").await, "0");
}

#[tokio::test]
async fn codes_are_not_guessed_and_nobody_is_sent_elsewhere() {
    let (portal, page, _, mats) = waiting().await;
    let till = sent_on(&mats, &page).await;
    for _ in 0..5 {
        mats.post("/bekrafta", &[("till", &till), ("satt", "app"), ("kod", "000000")]).await.is(422);
    }
    mats.post("/bekrafta", &[("till", &till), ("satt", "app"), ("kod", "000000")]).await.is(429);
    // The password still does, and so does the sign-in: their tries are others.
    decide(&mats, &page, "attestera", &[]).await.is(303);
    for nowhere in ["", "https://ont.example/?kvar=1", "//ont.example?kvar=1", "/kund/10482"] {
        let to = mats.get(&format!("/bekrafta?till={nowhere}")).await;
        to.is(303);
        assert_eq!(to.location(), "/valj-organisation", "{nowhere}");
    }
    // The owner is told, and the log has it.
    let stopped =
        "SELECT count(*) FROM audit_entry WHERE action = 'sign_in.throttled' AND detail = 'confirmation'";
    assert_eq!(portal.value(stopped).await, "1");
    assert!(portal.mailed().await.contains(&"N-175".to_owned()));
    // Who has no second step is not offered one, nor shown the page, and what another has kept leads nowhere.
    let samira = portal.as_person(SAMIRA).await;
    let mats = crate::harness::contacts::member(&portal, MATS, "10482").await;
    let roles = format!("{LINDANGEN}/kontakter/{mats}/roller");
    samira.page(&roles).await.does_not_say("passnyckel eller kodapp");
    let page = samira.page(&roles).await;
    let (revision, seen) = (page.hidden("revision"), page.hidden("visat"));
    samira.post(&roles, &[("revision", &revision), ("visat", &seen), ("legitimera", "eget")]).await.is(404);
    let to = samira.get(&format!("/bekrafta?till={till}")).await;
    assert_eq!(to.location(), "/valj-organisation");
}
