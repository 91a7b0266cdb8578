//! A passkey as the only way in (issue 3, "no personnummer (passkey route)"), and the same answer shown twice.

use crate::{
    harness::{
        Answer, Client, PASSWORD, Portal,
        authenticator::{Authenticator, options},
        client::cookie,
        contacts::{act, invited, link_in, link_in_mail},
        orders::*,
    },
    second_step::{halfway, with_app},
};

const NEW: &str = "ny@lindangen.example";
const ALONE: &str = "/logga-in/passnyckel";
const HUB: &str = "/konto/tvasteg";
const MAKE: &str = "/konto/tvasteg/passnyckel";
const PASSWORDS: &str = "/konto/losenord";
const CODES_PAGE: &str = "/konto/tvasteg/reservkoder";
/// Ten codes are shown with the first.
const CODES: &str = "SELECT count(*) FROM recovery_code WHERE used_at IS NULL";

/// Says yes to an invitation with a passkey made by `key`; what the page answered.
async fn says_yes(portal: &Portal, link: &str, key: &mut Authenticator) -> Answer {
    let visitor = portal.anonymous();
    let page = visitor.page(link).await;
    let answer = key.makes(&options(&page));
    visitor.post(link, &[("sasom", "passnyckel"), ("fraga", &page.hidden("fraga")), ("svar", &answer)]).await
}

fn browser(portal: &Portal, answer: &Answer) -> Client {
    Client::new(portal.router.clone(), Some(cookie(answer, "kp_session")))
}

/// Somebody new whose only way in is the passkey of `key`.
async fn somebody(portal: &Portal, key: &mut Authenticator) -> Client {
    let link = invited(portal, NEW, &["administrator"]).await;
    let done = says_yes(portal, &link, key).await;
    done.is(200).says("Kontot är klart").says("Dina reservkoder").says("väljer du ett lösenord");
    browser(portal, &done)
}

/// The sign-in page's question, answered by `key`.
async fn shown(portal: &Portal, key: &mut Authenticator) -> (String, String) {
    let page = portal.anonymous().page(ALONE).await;
    (page.hidden("fraga"), key.shows(&options(&page)))
}

async fn signs_in(portal: &Portal, (question, answer): &(String, String)) -> Answer {
    portal.anonymous().post(ALONE, &[("fraga", question), ("svar", answer), ("till", "/konto")]).await
}

/// Shows the passkey for a page of the account's; the browser as it comes back.
async fn confirmed(client: &Client, key: &mut Authenticator, here: &str) -> Client {
    let page = client.page(&format!("/bekrafta?till={here}")).await;
    let (question, answer) = (page.hidden("fraga"), key.shows(&options(&page)));
    let fields = [("till", here), ("satt", "passnyckel"), ("fraga", &question), ("svar", &answer)];
    let done = client.post("/bekrafta", &fields).await;
    assert_eq!(done.location(), format!("{here}#legitimerad"));
    client.with_visit(&done.visit())
}

#[tokio::test]
async fn somebody_invited_says_yes_with_a_passkey_and_signs_in_with_it_alone() {
    let portal = Portal::start().await;
    let mut key = Authenticator::new(1);
    let nya = somebody(&portal, &mut key).await;
    nya.page(LINDANGEN).await.says("Ny Person");
    nya.page("/konto").await.says("Du loggar in med passnyckel").says("Välj ett lösenord").says(NEW);
    assert_eq!(portal.value(CODES).await, "10");
    let kept =
        "SELECT (password_hash IS NULL) || ' ' || email FROM person WHERE email = 'ny@lindangen.example'";
    assert_eq!(portal.value(kept).await, format!("true {NEW}"));

    portal.anonymous().page("/logga-in").await.says("Logga in med passnyckel");
    let answer = shown(&portal, &mut key).await;
    let done = signs_in(&portal, &answer).await;
    done.is(303);
    assert_eq!(done.location(), "/konto");
    let again = browser(&portal, &done);
    again.page("/konto").await.says(NEW);
    let began = "SELECT count(*) FROM audit_entry a, second_factor f, session s WHERE a.action = 'member.join' AND a.detail LIKE '%' || s.id || '%' || f.id";
    assert_eq!(portal.value(began).await, "1", "the log says with what the account began");
    // Signing in again in the same browser leaves no session behind.
    let (question, answer) = shown(&portal, &mut key).await;
    let anew = again.post(ALONE, &[("fraga", &question), ("svar", &answer)]).await;
    again.get("/konto").await.is(303);
    let done = anew.is(303);
    let log = "SELECT detail LIKE '% by passkey % alone' FROM audit_entry WHERE action = 'sign_in' ORDER BY at DESC LIMIT 1";
    assert_eq!(portal.value(log).await, "true");
    // An administrator without a password needs no second step beside it: the passkey is two.
    browser(&portal.demanding_a_second_step(), done).page(LINDANGEN).await.says("Ny Person");
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn an_answer_signs_in_once_however_it_is_written() {
    let portal = Portal::start().await;
    let mut key = Authenticator::new(1);
    somebody(&portal, &mut key).await;
    let (question, answer) = shown(&portal, &mut key).await;
    // In capitals it is another text, and the same bytes.
    let loud = question.to_uppercase();
    assert_ne!(loud, question);
    signs_in(&portal, &(loud, answer.clone())).await.is(422);
    let both = (question, answer);
    let (one, other) = tokio::join!(signs_in(&portal, &both), signs_in(&portal, &both));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422], "one session begins");
    signs_in(&portal, &both).await.is(422).says("Passnyckeln kunde inte kontrolleras");
    portal.advance(time::Duration::minutes(11));
    let old = shown(&portal, &mut key).await;
    portal.advance(time::Duration::minutes(11));
    signs_in(&portal, &old).await.is(422);
}

#[tokio::test]
async fn what_is_not_shown_by_its_owner_signs_nobody_in() {
    let portal = Portal::start().await;
    let mut key = Authenticator::new(1);
    somebody(&portal, &mut key).await;
    let (_, _, mats) = with_app(&portal, MATS).await;
    let sessions = portal.value("SELECT count(*) FROM session").await;
    let refused = async |portal: &Portal, key: &mut Authenticator| {
        let answer = shown(portal, key).await;
        signs_in(portal, &answer).await.is(422).says("Passnyckeln kunde inte kontrolleras");
    };
    // Found in the street: whoever holds it does not know its code.
    key.verifies = false;
    refused(&portal, &mut key).await;
    key.verifies = true;
    // Said to be somebody else's.
    let owner = portal.value("SELECT id FROM person WHERE email = 'ny@lindangen.example'").await;
    let samira = portal.value("SELECT id FROM person WHERE email = 'samira@lindangen.example'").await;
    for another in [&samira, "00000000-0000-0000-0000-000000000000"] {
        key.claims(another);
        refused(&portal, &mut key).await;
    }
    // Another key under the owner's name.
    let mut other = Authenticator::new(2);
    other.claims(&owner);
    refused(&portal, &mut other).await;
    key.claims(&owner);
    // The answer to a question that was asked for something else.
    let page = mats.page(MAKE).await;
    let (_, answer) = shown(&portal, &mut key).await;
    signs_in(&portal, &(page.hidden("fraga"), answer)).await.is(422);
    for nothing in ["", "{", "[]"] {
        signs_in(&portal, &("00".to_owned(), nothing.to_owned())).await.is(422);
    }
    portal.sql("UPDATE second_factor SET ended_at = now() WHERE kind = 'passkey'").await;
    refused(&portal, &mut key).await;
    portal.sql("UPDATE second_factor SET ended_at = NULL WHERE kind = 'passkey'").await;
    assert_eq!(portal.value("SELECT count(*) FROM session").await, sessions, "nobody came in");
    // Somebody's own log says only what is about them.
    let written = "SELECT count(*) FROM audit_entry WHERE action = 'sign_in.refused' AND object = 'person:";
    assert_ne!(portal.value(&format!("{written}{owner}'")).await, "0");
    assert_eq!(portal.value(&format!("{written}{samira}'")).await, "0");
    // A blocked account is told so, when the passkey holds.
    portal
        .sql(&format!("UPDATE person SET disabled_at = now(), blocked_at = now() WHERE id = '{owner}'"))
        .await;
    let answer = shown(&portal, &mut key).await;
    signs_in(&portal, &answer).await.is(403).says("Kontot är spärrat");
    key.verifies = false;
    refused(&portal, &mut key).await;
}

#[tokio::test]
async fn an_invitation_is_answered_with_a_passkey_once_and_for_its_own_link() {
    let portal = Portal::start().await;
    let link = invited(&portal, NEW, &["orderer"]).await;
    let samira = portal.as_person(SAMIRA).await;
    let fields =
        [("namn", "Nästa Person"), ("epost", "nasta@lindangen.example"), ("titel", ""), ("roll", "orderer")];
    portal.mailed().await;
    act(&samira, "/kund/10482/kontakter/bjud-in", &fields).await.is(303);
    let next = link_in_mail(&portal).await;
    assert_ne!(link, next);
    let (visitor, mut key) = (portal.anonymous(), Authenticator::new(1));
    let page = visitor.page(&link).await;
    page.says("Skapa passnyckel och tacka ja");
    let (question, answer) = (page.hidden("fraga"), key.makes(&options(&page)));
    let yes = [("sasom", "passnyckel"), ("fraga", question.as_str()), ("svar", answer.as_str())];
    visitor.post(&next, &yes).await.is(422).says("Passnyckeln kunde inte skapas");
    visitor.post(&link, &[("sasom", "passnyckel"), ("fraga", &question), ("svar", "")]).await.is(422);
    key.verifies = false;
    says_yes(&portal, &link, &mut key).await.is(422);
    assert_eq!(portal.value("SELECT count(*) FROM second_factor").await, "0");
    let (one, other) = tokio::join!(visitor.post(&link, &yes), visitor.post(&link, &yes));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410], "one account");
    visitor.post(&link, &yes).await.is(410);
    // The same authenticator is one account's.
    key.verifies = true;
    says_yes(&portal, &next, &mut key).await.is(422).says("Det finns redan ett konto");
    assert_eq!(
        portal.value("SELECT count(*) FROM person WHERE email = 'nasta@lindangen.example'").await,
        "0"
    );
    // Whoever has the address has an account, whatever opens it.
    let again =
        "UPDATE invitation SET email = 'ny@lindangen.example' WHERE email = 'nasta@lindangen.example'";
    portal.sql(again).await;
    visitor.page(&next).await.says("Jag har redan ett konto").does_not_say("Skapa passnyckel");
}

#[tokio::test]
async fn an_account_without_a_password_is_changed_by_whoever_shows_the_passkey_for_it() {
    let portal = Portal::start().await;
    let mut key = Authenticator::new(1);
    let nya = somebody(&portal, &mut key).await;
    portal.mailed().await;
    let id = portal.value("SELECT id FROM second_factor").await;
    let last = format!("{HUB}/{id}/ta-bort");
    nya.page(HUB)
        .await
        .says("Du loggar in med passnyckel och inget lösenord")
        .does_not_say("Lägg till kodapp");
    nya.page(&last).await.says("Det är ditt enda sätt att logga in");

    // Signed in is not enough, however short a time ago: the passkey is shown first, for each page.
    let mut second = Authenticator::new(2);
    let new = [("nytt", PASSWORD), ("igen", PASSWORD)];
    for place in [MAKE, PASSWORDS, "/konto/epost", CODES_PAGE] {
        nya.page(place).await.says("Bekräfta först att det är du").does_not_say("Ditt lösenord");
    }
    nya.post(PASSWORDS, &new).await.is(422).says("Bekräfta först att det är du");
    nya.post("/konto/epost", &[("ny", "annan@lindangen.example")]).await.is(422).says("Bekräfta först");
    nya.post(CODES_PAGE, &[]).await.is(422).says("Bekräfta först att det är du");
    nya.post(&last, &[]).await.is(422);
    let sure = confirmed(&nya, &mut key, MAKE).await;
    sure.post(PASSWORDS, &new).await.is(422).says("Bekräfta först att det är du");
    let elsewhere = browser(&portal, &signs_in(&portal, &shown(&portal, &mut key).await).await);
    let (_, cookie) = sure
        .cookie
        .clone()
        .unwrap()
        .split_once("kp_eid=")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    elsewhere.with_visit(&cookie).page(MAKE).await.says("Bekräfta först att det är du");

    // One more, and the first may go; with it go the sessions elsewhere.
    let page = sure.page(MAKE).await;
    page.says("Du har bekräftat att det är du").does_not_say("Ditt lösenord");
    let (question, answer) = (page.hidden("fraga"), second.makes(&options(&page)));
    let fields = [("fraga", question.as_str()), ("svar", &answer), ("namn", "Nyckelknippan")];
    nya.post(MAKE, &fields).await.is(422).says("Bekräfta först att det är du");
    sure.post(MAKE, &fields).await.is(303);
    nya.page(HUB).await.says("Nyckelknippan");
    let sure = confirmed(&nya, &mut key, CODES_PAGE).await;
    sure.post(CODES_PAGE, &[]).await.is(200).says("Dina reservkoder").says("väljer du ett lösenord");
    confirmed(&nya, &mut second, &last).await.post(&last, &[]).await.is(303);
    elsewhere.get("/konto").await.is(303);
    nya.page("/konto").await.says(NEW);
    let answer = shown(&portal, &mut key).await;
    signs_in(&portal, &answer).await.is(422);
    let left = portal.value("SELECT id FROM second_factor WHERE ended_at IS NULL").await;
    let last = format!("{HUB}/{left}/ta-bort");
    confirmed(&nya, &mut second, &last).await.post(&last, &[]).await.is(409).says("enda sätt att logga in");
    assert_eq!(portal.value("SELECT count(*) FROM second_factor WHERE ended_at IS NULL").await, "1");

    // A password beside it: from then on it asks for the passkey after itself, and is asked for on these pages.
    let sure = confirmed(&nya, &mut second, PASSWORDS).await;
    sure.post(PASSWORDS, &[("nytt", "kort"), ("igen", "kort")]).await.is(422).says("minst 12 tecken");
    sure.post(PASSWORDS, &new).await.is(303);
    let halfway = portal.anonymous().post("/logga-in", &[("epost", NEW), ("losenord", PASSWORD)]).await;
    assert_eq!(halfway.location(), "/logga-in/tvasteg");
    nya.page(CODES_PAGE).await.says("Ditt lösenord");
    sure.post(CODES_PAGE, &[]).await.is(422).says("Skriv ditt lösenord");
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn whoever_has_no_password_is_not_asked_for_one() {
    let portal = Portal::start().await;
    let mut key = Authenticator::new(1);
    let nya = somebody(&portal, &mut key).await;
    let invite = format!("{LINDANGEN}/kontakter/bjud-in");
    nya.page(&invite).await.says("bekräfta med en av knapparna").does_not_say("Bekräfta med ditt lösenord");
    let fields =
        [("namn", "Anna Ek"), ("epost", "anna.ek@lindangen.example"), ("titel", ""), ("roll", "orderer")];
    nya.post(&invite, &fields).await.is(422).says("Bekräfta att det är du med en av knapparna");
    portal.as_person(SAMIRA).await.page(&invite).await.says("Bekräfta med ditt lösenord");
    // Nor on a decision's page.
    let number = sent_direct(&portal).await;
    portal
        .sql(&format!("INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership WHERE email = '{NEW}'"))
        .await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let page = nya.page(&attest).await;
    page.does_not_say("Bekräfta med ditt lösenord");
    let fields = [
        ("revision", page.hidden("revision")),
        ("visat", page.hidden("visat")),
        ("beslut", "attestera".to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    nya.post(&attest, &fields).await.is(422).says("Bekräfta att det är du med en av knapparna");
}

#[tokio::test]
async fn an_account_with_e_legitimation_alone_gets_no_step_that_nothing_stands_beside() {
    let portal = Portal::start().await;
    let tove = portal.as_person("tove@lindangen.example").await;
    let page = tove.page(MAKE).await;
    let app = tove.page("/konto/tvasteg/kodapp").await.hidden("hemlig");
    portal.sql("UPDATE session SET method = 'eid'").await;
    portal
        .sql("UPDATE person SET password_hash = NULL, email = NULL WHERE email = 'tove@lindangen.example'")
        .await;
    let (question, answer) = (page.hidden("fraga"), Authenticator::new(3).makes(&options(&page)));
    let passkey = tove.post(MAKE, &[("fraga", &question), ("svar", &answer)]).await;
    assert_eq!(passkey.location(), HUB);
    let app = tove.post("/konto/tvasteg/kodapp", &[("hemlig", &app), ("kod", "000000")]).await;
    assert_eq!(app.location(), HUB);
    tove.get(PASSWORDS).await.is(404);
    // Nor past the pages.
    let mut owner = portal.owner().await;
    let outcome: String = sqlx::query_scalar("SELECT outcome FROM second_factor_add((SELECT token_hash FROM session LIMIT 1), gen_random_uuid(), 'totp', 'x', 'x', NULL, 0, '{}', now())")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(outcome, "no_address");
}

#[tokio::test]
async fn taking_back_an_address_ends_the_passkey_that_came_before_it() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    // Somebody who knows the password gives themselves a passkey first, and then the address.
    let (page, mut thiefs) = (karin.page(MAKE).await, Authenticator::new(9));
    let (question, answer) = (page.hidden("fraga"), thiefs.makes(&options(&page)));
    let fields = [("fraga", question.as_str()), ("svar", &answer), ("losenord", PASSWORD)];
    let karin = browser(&portal, &karin.post(MAKE, &fields).await);
    portal.advance(time::Duration::hours(1));
    let new = [("ny", "karin.ny@annanstans.example"), ("losenord", PASSWORD)];
    karin.post("/konto/epost", &new).await.is(303);
    let link = link_in(&portal, "N-176", "/inloggningsadress/").await;
    portal.anonymous().post(&link, &[]).await;
    let back = link_in(&portal, "N-178", "/inloggningsadress/").await;
    portal.anonymous().post(&back, &[]).await;
    assert_eq!(portal.value("SELECT email FROM person WHERE name = 'Karin Ålund'").await, KARIN);
    let answer = shown(&portal, &mut thiefs).await;
    signs_in(&portal, &answer).await.is(422);
}

#[tokio::test]
async fn whoever_loses_the_only_passkey_comes_in_with_a_mail_and_a_recovery_code() {
    let portal = Portal::start().await;
    let link = invited(&portal, NEW, &["orderer"]).await;
    let done = says_yes(&portal, &link, &mut Authenticator::new(1)).await;
    let code = done.body.split("<li class=\"kp-mono\">").nth(1).map(|rest| rest[..24].to_owned()).unwrap();
    portal.mailed().await;
    let visitor = portal.anonymous();
    visitor.post("/losenord/glomt", &[("epost", NEW)]).await;
    let link = link_in(&portal, "N-09", "/losenord/").await;
    visitor.post(&link, &[("nytt", PASSWORD), ("igen", PASSWORD)]).await.is(303);
    browser(&portal, &done).get("/konto").await.is(303);
    // The mail alone opens nothing.
    halfway(&portal, NEW)
        .await
        .post("/logga-in/tvasteg", &[("satt", "reservkod"), ("reservkod", &code)])
        .await
        .is(303);
}

#[tokio::test]
async fn a_passkeys_answer_confirms_one_page_and_is_not_used_again_in_capitals() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    // Mats has a passkey beside the password.
    let (mats, mut key) = (portal.as_person(MATS).await, Authenticator::new(7));
    let page = mats.page(MAKE).await;
    let fields = [
        ("fraga", page.hidden("fraga")),
        ("svar", key.makes(&options(&page))),
        ("losenord", PASSWORD.to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mats = browser(&portal, &mats.post(MAKE, &fields).await);
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let sent = async || {
        let shown = mats.page(&attest).await;
        let (revision, seen) = (shown.hidden("revision"), shown.hidden("visat"));
        let form =
            [("revision", &*revision), ("visat", &seen), ("beslut", "attestera"), ("legitimera", "eget")];
        mats.must_post(&attest, &form).await
    };
    let to = sent().await;
    let page = mats.page(&to).await;
    let (till, question, answer) = (page.hidden("till"), page.hidden("fraga"), key.shows(&options(&page)));
    let confirm = async |till: &str, question: &str| {
        let fields = [("till", till), ("satt", "passnyckel"), ("fraga", question), ("svar", &answer)];
        mats.post("/bekrafta", &fields).await
    };
    // For another page, with the form kept there.
    let invite = format!("{LINDANGEN}/kontakter/bjud-in?kvar={}", till.split("kvar=").nth(1).unwrap());
    assert_eq!(confirm(&invite, &question).await.location(), "/valj-organisation");
    let later = mats.page(&sent().await).await.hidden("till");
    confirm(&later, &question).await.is(422);
    let to = sent().await;
    let page = mats.page(&to).await;
    let (till, question) = (page.hidden("till"), page.hidden("fraga"));
    let answer = key.shows(&options(&page));
    let confirm = async |question: &str| {
        let fields =
            [("till", till.as_str()), ("satt", "passnyckel"), ("fraga", question), ("svar", &answer)];
        mats.post("/bekrafta", &fields).await
    };
    let done = confirm(&question).await;
    assert_eq!(done.location(), format!("{till}#legitimerad"));
    confirm(&question).await.is(422);
    confirm(&question.to_uppercase()).await.is(422).says("Passnyckeln kunde inte kontrolleras");
}
