//! Signing in and out, what ends a session, and what every answer carries.

use axum::http::header;

use crate::harness::{Client, PASSWORD, Portal, orders::*};

async fn sign_in(portal: &Portal, email: &str, password: &str) -> crate::harness::Answer {
    portal.anonymous().post("/logga-in", &[("epost", email), ("losenord", password), ("till", "")]).await
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer_with_the_address_kept() {
    let portal = Portal::start().await;
    let wrong = sign_in(&portal, KARIN, "fel").await;
    let unknown = sign_in(&portal, "ingen@lindangen.example", "fel").await;
    wrong.is(422).says("De passar inte ihop");
    assert_eq!(wrong.text(), unknown.text());
    assert!(wrong.body.contains(r#"value="karin@lindangen.example""#));
    assert!(wrong.headers.get(header::SET_COOKIE).is_none());
}

#[tokio::test]
async fn signing_in_gives_a_new_host_only_cookie_and_never_adopts_one_that_was_set_before() {
    let portal = Portal::start().await;
    let planted = "a".repeat(64);
    let client = Client::new(portal.router.clone(), Some(planted.clone()));
    let answer = client.post("/logga-in", &[("epost", KARIN), ("losenord", PASSWORD), ("till", "")]).await;
    answer.is(303);
    let cookie = answer.headers.get(header::SET_COOKIE).unwrap().to_str().unwrap().to_owned();
    assert!(
        cookie.starts_with("kp_session=") && cookie.contains("; Path=/; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    assert!(!cookie.contains(&planted) && !cookie.contains("Domain"));
    let token = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    let signed_in = Client::new(portal.router.clone(), Some(token.clone()));
    signed_in.page(LINDANGEN).await.says("Lindängens Vårdcentral AB");
    client.get(LINDANGEN).await.is(303);
    assert_eq!(
        portal
            .value(&format!("SELECT count(*) FROM session WHERE encode(token_hash, 'hex') = '{token}'"))
            .await,
        "0",
        "only its hash is kept"
    );
}

#[tokio::test]
async fn after_signing_in_only_own_paths_are_followed() {
    let portal = Portal::start().await;
    for (till, leads_to) in [
        ("/kund/10482/bestallningar", "/kund/10482/bestallningar"),
        ("//ond.example", "/valj-organisation"),
        ("https://ond.example", "/valj-organisation"),
    ] {
        let answer = portal
            .anonymous()
            .post("/logga-in", &[("epost", KARIN), ("losenord", PASSWORD), ("till", till)])
            .await;
        assert_eq!(answer.location(), leads_to);
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_for_the_guesser_and_not_for_the_owner_elsewhere() {
    let portal = Portal::start().await;
    for _ in 0..10 {
        sign_in(&portal, KARIN, "gissning").await.is(422);
    }
    let answer = sign_in(&portal, KARIN, PASSWORD).await;
    answer.is(429).says("För många försök");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    // The same account from another address.
    let request = portal
        .anonymous()
        .request(axum::http::Method::POST, "/logga-in")
        .extension(axum::extract::ConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 7], 1))))
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(axum::body::Body::from(crate::harness::client::encoded(&[
            ("epost", KARIN),
            ("losenord", PASSWORD),
        ])))
        .unwrap();
    portal.anonymous().send(request).await.is(303);
}

#[tokio::test]
async fn a_session_ends_when_idle_too_long_too_old_signed_out_or_when_the_person_is_disabled() {
    let portal = Portal::start().await;
    for ending in [
        "UPDATE session SET seen_at = now() - interval '31 minutes'",
        "UPDATE session SET created_at = now() - interval '13 hours'",
        "UPDATE person SET disabled_at = now() WHERE email = 'karin@lindangen.example'",
    ] {
        let karin = portal.as_person(KARIN).await;
        karin.page(LINDANGEN).await;
        portal.sql(ending).await;
        let answer = karin.get(LINDANGEN).await;
        answer.is(303);
        assert!(
            answer.location().starts_with("/logga-in?till=/kund/10482&utloggad=1"),
            "{}",
            answer.location()
        );
        portal.sql("UPDATE person SET disabled_at = NULL").await;
        portal.sql("DELETE FROM session").await;
    }
    let karin = portal.as_person(KARIN).await;
    let answer = karin.post("/logga-ut", &[]).await;
    answer.is(303);
    assert!(answer.headers.get(header::SET_COOKIE).unwrap().to_str().unwrap().contains("Max-Age=0"));
    assert!(answer.headers.contains_key("clear-site-data"));
    karin.get(LINDANGEN).await.is(303);
}

#[tokio::test]
async fn a_lost_role_is_gone_at_the_next_click() {
    let portal = Portal::start().await;
    let mats = portal.as_person(MATS).await;
    mats.page(&format!("{LINDANGEN}/attester")).await;
    portal.sql("DELETE FROM role_grant WHERE role = 'attestant'").await;
    mats.get(&format!("{LINDANGEN}/attester")).await.is(403).says("Be er administratör");
    portal.sql("UPDATE membership SET ended_at = now() WHERE email = 'mats@lindangen.example'").await;
    mats.get(LINDANGEN).await.is(404);
}

#[tokio::test]
async fn other_sessions_are_listed_and_can_be_ended_but_only_ones_own() {
    let portal = Portal::start().await;
    let (one, other) = (portal.as_person(KARIN).await, portal.as_person(KARIN).await);
    let mats = portal.as_person(MATS).await;
    let page = one.page("/konto").await;
    let id = page.body.split("/konto/inloggningar/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let path = format!("/konto/inloggningar/{id}/avsluta");
    mats.post(&path, &[]).await.is(404);
    other.page(LINDANGEN).await;
    one.post(&path, &[]).await.is(303);
    other.get(LINDANGEN).await.is(303);
    one.page(LINDANGEN).await;
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_signed_in_pages_are_not_stored() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let anonymous = portal.anonymous();
    let answers = [
        anonymous.get("/").await,
        anonymous.get("/finns-inte").await,
        anonymous.get(LINDANGEN).await,
        karin.get(LINDANGEN).await,
        karin.post("/logga-in", &[("epost", "x"), ("losenord", "x")]).await,
    ];
    for answer in &answers {
        let header = |name: &str| {
            answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "trusted-types 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cache-control"), "no-store");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    let asset = kundportal::http::assets::address("kp.css");
    let css = anonymous.get(&asset).await;
    assert_eq!(css.headers.get("cache-control").unwrap(), "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn liveness_and_readiness_answer_and_readiness_says_no_while_draining() {
    let portal = Portal::start().await;
    let anonymous = portal.anonymous();
    anonymous.get("/halsa").await.is(200);
    anonymous.get("/redo").await.is(200);
    portal.app.start_draining();
    anonymous.get("/halsa").await.is(200);
    anonymous.get("/redo").await.is(503);
}

#[tokio::test]
async fn a_password_is_changed_by_its_owner_and_other_sessions_are_out_at_the_next_click() {
    let portal = Portal::start().await;
    let (karin, elsewhere) = (portal.as_person(KARIN).await, portal.as_person(KARIN).await);
    let new = "tre blå hästar dansar";
    let change = async |old: &str, new: &str, again: &str| {
        karin.post("/konto/losenord", &[("losenord", old), ("nytt", new), ("igen", again)]).await
    };
    change("", "", "").await.is(422).says("Skriv ditt nuvarande lösenord").says("minst 12 tecken");
    change(PASSWORD, "elva tecken", "elva tecken").await.is(422).says("minst 12 tecken");
    change(PASSWORD, "qwertyuiop123", "qwertyuiop123").await.is(422).says("för lätt att gissa");
    change(PASSWORD, "karin@lindangen.example", "").await.is(422).says("för lätt att gissa");
    change(PASSWORD, PASSWORD, PASSWORD).await.is(422).says("ett annat lösenord");
    change(PASSWORD, new, "tre blå hästar dansade").await.is(422).says("en gång till");
    let wrong = change("fel lösenord", new, new).await;
    wrong.is(422).says("Lösenordet stämmer inte");
    assert!(!wrong.body.contains(new));
    elsewhere.page("/konto").await;
    assert_eq!(change(PASSWORD, new, new).await.location(), "/konto?klart=losenord-bytt");
    karin.page("/konto").await;
    assert!(elsewhere.get("/konto").await.location().starts_with("/logga-in"));
    assert_eq!(sign_in(&portal, KARIN, PASSWORD).await.status, 422);
    assert_eq!(sign_in(&portal, KARIN, new).await.status, 303);
    let written = "SELECT detail FROM audit_entry WHERE action = 'password.change'";
    assert_eq!(portal.value(written).await, "1 other sessions ended");
}

#[tokio::test]
async fn a_password_hashed_at_a_lower_cost_is_hashed_anew_when_its_owner_signs_in() {
    use argon2::{Algorithm, Argon2, Params, Version, password_hash::PasswordHasher as _};
    let portal = Portal::start().await;
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let old = cheap.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    portal.sql(&format!("UPDATE person SET password_hash = '{old}' WHERE email = '{KARIN}'")).await;
    let elsewhere = portal.as_person(KARIN).await;
    portal.mailed().await;
    let stored = format!("SELECT password_hash FROM person WHERE email = '{KARIN}'");
    sign_in(&portal, KARIN, "fel lösenord").await.is(422);
    assert_eq!(portal.value(&stored).await, old);
    sign_in(&portal, KARIN, PASSWORD).await.is(303);
    let anew = portal.value(&stored).await;
    assert!(anew.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{anew}");
    // It is the same password: nothing else has happened.
    sign_in(&portal, KARIN, PASSWORD).await.is(303);
    assert_eq!(portal.value(&stored).await, anew);
    elsewhere.page("/konto").await.says("Karin Ålund");
    assert_eq!(portal.mailed().await, Vec::<String>::new());
    // A new one is told of, as ever.
    let change =
        [("losenord", PASSWORD), ("nytt", "tre blå hästar dansar"), ("igen", "tre blå hästar dansar")];
    elsewhere.post("/konto/losenord", &change).await.is(303);
    assert_eq!(portal.mailed().await, ["N-37"]);
}
