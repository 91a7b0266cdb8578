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
    mats.page(&to).await.says("Det du har fyllt i är kvar").hidden("till")
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
    with.page(back).await.says("Du har legitimerat dig: Mats Öberg, kodapp");
    decide_with(&with, &page).await.is(303);
    let how = portal.value("SELECT c.method || ' ' || (f.id IS NOT NULL) FROM confirmation c LEFT JOIN second_factor f ON f.id::text = c.reference ORDER BY c.at DESC LIMIT 1").await;
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
    // Spent with the first decision: sent back, and decided again with the same.
    let back = [("beslut", "atersand"), ("motivering", "Komplettera omfattningen")];
    decide_as(&with, &page, &back).await.is(303);
    assert_eq!(portal.value("SELECT count(*) FROM confirmation WHERE method = 'totp'").await, "1");
    assert_ne!(decide_with(&mats.with_visit(&done.visit()), &page).await.status, 303);
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
    // Who has no second step is not offered one, nor shown the page.
    let samira = portal.as_person(SAMIRA).await;
    let mats = crate::harness::contacts::member(&portal, MATS, "10482").await;
    let roles = format!("{LINDANGEN}/kontakter/{mats}/roller");
    samira.page(&roles).await.does_not_say("passnyckel eller kodapp");
    let page = samira.page(&roles).await;
    let (revision, seen) = (page.hidden("revision"), page.hidden("visat"));
    samira.post(&roles, &[("revision", &revision), ("visat", &seen), ("legitimera", "eget")]).await.is(404);
    let to = samira.get(&format!("/bekrafta?till={till}")).await;
    assert_eq!(to.location(), till);
}
