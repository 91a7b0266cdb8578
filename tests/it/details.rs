//! A contact's own data and addresses: who changes what, and that a new address holds when its reader says so.

use kundportal::{db::DbError, identity::Side};

use crate::harness::{Answer, Client, PASSWORD, Portal, contacts::*, enter, orders::*};

const FIELDS: [(&str, &str); 4] =
    [("namn", "name"), ("titel", "title"), ("telefon", "phone"), ("epost", "email")];

/// The form as somebody opened it, with some fields typed over.
async fn change(portal: &Portal, client: &Client, member: &str, typed: &[(&str, &str)]) -> Answer {
    let mut opened = Vec::new();
    for (_, column) in FIELDS {
        opened.push(portal.value(&format!("SELECT {column} FROM membership WHERE id = '{member}'")).await);
    }
    sent(client, member, &opened, typed).await
}

async fn sent(client: &Client, member: &str, opened: &[String], typed: &[(&str, &str)]) -> Answer {
    let mut fields: Vec<(&str, &str)> = Vec::new();
    for ((field, _), value) in FIELDS.iter().zip(opened) {
        fields.push(("forut", value));
        let over = typed.iter().find(|(name, _)| name == field);
        fields.push((field, over.map_or(value.as_str(), |(_, value)| value)));
    }
    client.post(&at(member), &fields).await
}

fn at(member: &str) -> String {
    format!("/kund/10482/kontakter/{member}/uppgifter")
}

async fn email_of(portal: &Portal, member: &str) -> String {
    portal.value(&format!("SELECT email FROM membership WHERE id = '{member}'")).await
}

#[tokio::test]
async fn ones_own_title_and_telephone_change_at_once_and_a_name_is_the_administrators() {
    let portal = Portal::start().await;
    let (karin, samira) = (portal.as_person(KARIN).await, portal.as_person(SAMIRA).await);
    let own = member(&portal, KARIN, "10482").await;
    karin.page(&at(&own)).await.says("Bara en administratör kan ändra namnet");
    let typed = [("titel", "Chef för e-hälsa"), ("telefon", "070-123 45 67")];
    let done = change(&portal, &karin, &own, &typed).await;
    assert_eq!(done.location(), format!("/kund/10482/kontakter/{own}?klart=kontaktuppgifter"));
    karin
        .page(&format!("/kund/10482/kontakter/{own}"))
        .await
        .says("070-123 45 67")
        .says("Karin Ålund ändrade titel och telefon");
    assert_eq!(portal.mailed().await, ["N-32"], "Kundservice calls back to the telephone");
    change(&portal, &karin, &own, &[("titel", "Chef")]).await.is(303);
    assert!(portal.mailed().await.is_empty(), "one's own title is no news");
    // A name that is sent all the same changes nothing.
    change(&portal, &karin, &own, &[("namn", "Någon Annan")]).await.is(422).says("Inget är ändrat");
    // An administrator writes it, and the contact is told.
    change(&portal, &samira, &own, &[("namn", "Karin Berg")]).await.is(303);
    portal.work().await;
    assert_eq!(portal.told("N-32"), [KARIN]);
    karin.page("/kund/10482").await.says("Karin Berg");
    let log = karin.page(&format!("/kund/10482/kontakter/{own}")).await;
    log.says("Samira Haddad bytte namnet Karin Ålund till Karin Berg");
    // Never a colleague's, nothing that reads as an address, no letters that only look alike.
    for name in
        ["mats öberg", "Vinn http://evil.example", "www.evil.example", "K\u{430}rin Berg", "Karin 2", " "]
    {
        change(&portal, &samira, &own, &[("namn", name)]).await.is(422);
    }
    let detail = "SELECT detail FROM audit_entry WHERE action = 'member.details' ORDER BY seq DESC LIMIT 1";
    assert_eq!(portal.value(detail).await, "name", "the log says which data, not what");
}

#[tokio::test]
async fn a_new_address_holds_when_its_reader_opens_the_link_and_the_old_one_is_told() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let own = member(&portal, KARIN, "10482").await;
    let done = change(&portal, &karin, &own, &[("epost", "Karin.Ny@Lindangen.example")]).await;
    assert_eq!(done.location(), format!("/kund/10482/kontakter/{own}?klart=ny-adress"));
    let first = link_in(&portal, "N-126", "/kontaktadress/").await;
    assert_eq!(
        (portal.told("N-126"), portal.told("N-32")),
        (vec!["karin.ny@lindangen.example".to_owned()], vec![KARIN.to_owned()])
    );
    karin.page(&format!("/kund/10482/kontakter/{own}")).await.says("väntar på att bekräftas");
    // A newer one makes the older useless; reading changes nothing; two clicks are one.
    change(&portal, &karin, &own, &[("epost", "ratt@lindangen.example")]).await.is(303);
    let second = link_in(&portal, "N-126", "/kontaktadress/").await;
    let (reader, other) = (portal.anonymous(), portal.anonymous());
    reader.get(&first).await.is(410).says("Länken går inte att använda");
    reader.post(&first, &[]).await.is(410);
    reader.page(&second).await.says("ratt@lindangen.example");
    assert_eq!(email_of(&portal, &own).await, KARIN);
    let (a, b) = tokio::join!(reader.post(&second, &[]), other.post(&second, &[]));
    let mut codes = [a.status.as_u16(), b.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [200, 410]);
    assert_eq!(email_of(&portal, &own).await, "ratt@lindangen.example");
    portal.work().await;
    assert_eq!(portal.told("N-32").last().unwrap(), "ratt@lindangen.example");
    // What was told the old address goes there also when it had waited.
    portal.sql("UPDATE mail SET sent_at = NULL, due_at = '2026-01-01' WHERE code = 'N-32'").await;
    portal.work().await;
    assert_eq!(portal.told("N-32").iter().filter(|to| *to == KARIN).count(), 4);
    // Signing in has not changed.
    let sign_in = [("epost", KARIN), ("losenord", PASSWORD), ("till", "")];
    portal.anonymous().post("/logga-in", &sign_in).await.is(303);
    karin
        .page(&format!("/kund/10482/kontakter/{own}"))
        .await
        .says("noterade att den nya e-postadressen bekräftades");
}

#[tokio::test]
async fn an_address_dies_when_withdrawn_too_old_a_colleagues_or_asked_for_by_somebody_who_left() {
    let portal = Portal::start().await;
    let (karin, samira) = (portal.as_person(KARIN).await, portal.as_person(SAMIRA).await);
    let own = member(&portal, KARIN, "10482").await;
    let withdraw = format!("{}/dra-tillbaka", at(&own));
    karin.post(&withdraw, &[]).await.is(409);
    change(&portal, &karin, &own, &[("epost", "fel@lindangen.example")]).await.is(303);
    let link = link_in(&portal, "N-126", "/kontaktadress/").await;
    karin.post(&withdraw, &[]).await.is(303);
    portal.anonymous().post(&link, &[]).await.is(410);
    // Three days.
    change(&portal, &karin, &own, &[("epost", "sen@lindangen.example")]).await.is(303);
    let link = link_in(&portal, "N-126", "/kontaktadress/").await;
    portal.advance(time::Duration::hours(72));
    portal.anonymous().post(&link, &[]).await.is(410);
    // A colleague's is refused, also when it became one's meanwhile.
    change(&portal, &karin, &own, &[("epost", MATS)]).await.is(422).says("tillhör redan en kontakt");
    change(&portal, &samira, &own, &[("epost", "delad@lindangen.example")]).await.is(303);
    let link = link_in(&portal, "N-126", "/kontaktadress/").await;
    portal
        .sql(&format!("UPDATE membership SET email = 'delad@lindangen.example' WHERE email = '{MATS}'"))
        .await;
    portal.anonymous().post(&link, &[]).await.is(410);
    portal
        .sql(&format!("UPDATE membership SET email = '{MATS}' WHERE email = 'delad@lindangen.example'"))
        .await;
    portal.anonymous().get(&link).await.is(200);
    // An address that somebody else is invited with is theirs.
    invited(&portal, "inbjuden@lindangen.example", &["orderer"]).await;
    change(&portal, &karin, &own, &[("epost", "inbjuden@lindangen.example")])
        .await
        .is(422)
        .says("redan en inbjudan");
    // Removed and restored: a link that was out does not live again.
    portal.sql(&format!("INSERT INTO member_event (membership_id, seq, org_id, kind, side, at) SELECT id, revision + 1, org_id, 'removed', 'system', now() FROM membership WHERE id = '{own}'")).await;
    portal.sql(&format!("UPDATE membership SET ended_at = NULL WHERE id = '{own}'")).await;
    portal.anonymous().get(&link).await.is(410);
    change(&portal, &samira, &own, &[("epost", "delad@lindangen.example")]).await.is(303);
    let link = link_in(&portal, "N-126", "/kontaktadress/").await;
    // Whoever asked runs nothing any more.
    portal.sql("DELETE FROM role_grant g USING membership m WHERE m.id = g.membership_id AND m.email = 'samira@lindangen.example'").await;
    portal.anonymous().post(&link, &[]).await.is(410);
    assert_eq!(email_of(&portal, &own).await, KARIN);
}

#[tokio::test]
async fn others_data_is_not_ones_own_and_nobodys_mailbox_is_filled() {
    let portal = Portal::start_with(true).await;
    let (karin, samira) = (portal.as_person(KARIN).await, portal.as_person(SAMIRA).await);
    let (own, mats) = (member(&portal, KARIN, "10482").await, member(&portal, MATS, "10482").await);
    let theirs = member(&portal, NILS, "10901").await;
    change(&portal, &karin, &mats, &[("titel", "Kapad")]).await.is(403);
    karin.get(&at(&mats)).await.is(403);
    karin.post(&format!("{}/dra-tillbaka", at(&mats)), &[]).await.is(403);
    change(&portal, &samira, &theirs, &[("titel", "Kapad")]).await.is(404);
    portal.as_person(NILS).await.get(&at(&mats)).await.is(404);
    portal
        .as_person("petra@kundservice.example")
        .await
        .get(&format!("/inera/kontakter/{mats}/uppgifter"))
        .await
        .is(404);
    assert_eq!(portal.value("SELECT count(*) FROM membership WHERE title = 'Kapad'").await, "0");
    // What can't be read comes back with what was typed.
    for (field, typed, says) in [
        ("telefon", "ring mig", "Skriv telefonnumret med siffror"),
        ("epost", "inte en adress", "Skriv en e-postadress"),
        ("titel", "19121212-1212", "personnummer"),
    ] {
        change(&portal, &karin, &own, &[(field, typed)])
            .await
            .is(422)
            .says(says)
            .holds(&format!("value=\"{typed}\""));
    }
    // Somebody else was first.
    let opened: Vec<String> = ["Karin Ålund", "Gammal titel", "", KARIN].map(str::to_owned).to_vec();
    sent(&karin, &own, &opened, &[("titel", "Ny titel")]).await.is(409).says("Någon annan har ändrat fältet");
    for made in 0..5 {
        let email = format!("ny{made}@lindangen.example");
        change(&portal, &karin, &own, &[("epost", &email)]).await.is(303);
    }
    change(&portal, &karin, &own, &[("epost", "ny6@lindangen.example")])
        .await
        .is(422)
        .says("För många nya adresser");
}

#[tokio::test]
async fn the_database_says_so_too() {
    let portal = Portal::start().await;
    let (own, mats) = (member(&portal, KARIN, "10482").await, member(&portal, MATS, "10482").await);
    let insert = |member: &str, kind: &str, side: &str, wanted: &str| {
        format!(
            "INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at, wanted)
             SELECT m.id, m.revision + 1, m.org_id, '{kind}', '{side}', ctx_person(), now(), '{wanted}' FROM membership m WHERE m.id = '{member}'"
        )
    };
    let claim = format!(
        "INSERT INTO member_email_claim (membership_id, seq, org_id, email, link_sha256, made_at, expires_at)
         SELECT m.id, 1, m.org_id, 'x@y.example', '\\x{}', now(), now() + interval '1 day' FROM membership m WHERE m.id = '{mats}'",
        "00".repeat(32)
    );
    for (who, sql, why) in [
        (KARIN, insert(&mats, "details", "customer", r#"{"title": "Kapad"}"#), "not_this_person"),
        (KARIN, insert(&own, "details", "customer", r#"{"name": "Kapad"}"#), "own_name"),
        (KARIN, insert(&own, "details", "customer", r#"{"person_id": "x"}"#), "not_this_person"),
        (KARIN, insert(&own, "details", "customer", "{}"), "nothing_changed"),
        (
            SAMIRA,
            insert(&mats, "email_confirmed", "customer", r#"{"email": "x@y.example"}"#),
            "not_this_person",
        ),
        (SAMIRA, claim, "not_this_person"),
    ] {
        let mut tx = enter(&portal, who, Side::Customer, 10482).await;
        let answer = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(tx.conn()).await.map_err(DbError::from);
        assert!(matches!(&answer, Err(DbError::Rule(key)) if key == why), "{who} {why}: {answer:?}");
    }
    // In the portal's own name only the owner's function does it.
    let mut tx = enter(&portal, SAMIRA, Side::Customer, 10482).await;
    let own_name = insert(&mats, "email_confirmed", "system", r#"{"email": "x@y.example"}"#);
    let answer = sqlx::query(sqlx::AssertSqlSafe(own_name)).execute(tx.conn()).await;
    assert!(answer.is_err_and(|error| error.to_string().contains("row-level security")));
}

#[tokio::test]
async fn the_address_one_signs_in_with_changes_by_its_own_link() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    karin
        .page("/konto")
        .await
        .says("Du loggar in med")
        .says("Byt inloggningsadress")
        .does_not_say("väntar på");
    let ask = |ny: &'static str, word: &'static str| [("ny", ny), ("losenord", word)];
    karin
        .post("/konto/epost", &ask("inte en adress", PASSWORD))
        .await
        .is(422)
        .holds("value=\"inte en adress\"");
    karin.post("/konto/epost", &ask("ny@karin.example", "fel")).await.is(422).says("Lösenordet stämmer inte");
    karin
        .post("/konto/epost", &ask("Karin@Lindangen.example", PASSWORD))
        .await
        .is(422)
        .says("loggar in med nu");
    let done = karin.post("/konto/epost", &ask("Ny@Karin.example", PASSWORD)).await;
    assert_eq!(done.location(), "/konto?klart=ny-inloggning");
    karin.page("/konto").await.says("ny@karin.example väntar på att bekräftas");
    let link = link_in(&portal, "N-176", "/inloggningsadress/").await;
    assert_eq!(portal.told("N-176"), ["ny@karin.example"]);
    assert_eq!(portal.told("N-177"), [KARIN]);
    // The link is for this and for nothing else.
    let as_reset = link.replace("/inloggningsadress/", "/losenord/");
    let reader = portal.anonymous();
    reader.get(&as_reset).await.is(410);
    reader
        .post(&as_reset, &[("nytt", "tre blå hästar dansar"), ("igen", "tre blå hästar dansar")])
        .await
        .is(410);
    reader.page(&link).await.says("ny@karin.example blir den adress");
    let (other, none) = (portal.anonymous(), []);
    let (a, b) = tokio::join!(reader.post(&link, &none), other.post(&link, &none));
    let mut codes = [a.status.as_u16(), b.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [200, 410]);
    let back = link_in(&portal, "N-178", "/inloggningsadress/").await;
    assert_eq!(portal.told("N-178"), [KARIN], "the old address is told");
    karin.get("/konto").await.is(303);
    let sign_in = |email: &'static str| [("epost", email), ("losenord", PASSWORD), ("till", "")];
    reader.post("/logga-in", &sign_in(KARIN)).await.is(422);
    reader.post("/logga-in", &sign_in("ny@karin.example")).await.is(303);
    // The old address takes it back, once; until then the account can't be closed, and every session is over.
    portal.sql(&format!("UPDATE membership SET ended_at = now() WHERE email = '{KARIN}'")).await;
    let thief = portal.as_person("ny@karin.example").await;
    thief.post("/konto/avsluta", &[("losenord", PASSWORD)]).await.is(409).says("en vecka efter bytet");
    portal
        .sql("INSERT INTO second_factor (id, person_id, kind, name, sealed, created_at) SELECT gen_random_uuid(), id, 'totp', 'Tjuvens', 'x', now() FROM person WHERE email = 'ny@karin.example'")
        .await;
    portal.sql("UPDATE session SET method = 'totp'").await;
    reader.page(&back).await.says("Du loggar åter in med karin@lindangen.example");
    let (a, b) = tokio::join!(reader.post(&back, &none), other.post(&back, &none));
    let mut codes = [a.status.as_u16(), b.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [200, 410]);
    thief.get("/konto").await.is(303);
    // Straight on to a new password, and nothing that the thief added stands in the way.
    let done = if a.status == 200 { &a } else { &b };
    let to_password = done.body.split("href=\"").find(|part| part.starts_with("/losenord/")).unwrap();
    let to_password = to_password.split('"').next().unwrap();
    let new = "tre blå hästar dansar";
    reader.post(to_password, &[("nytt", new), ("igen", new)]).await.is(303);
    reader.post("/logga-in", &sign_in(KARIN)).await.is(422);
    let signed_in = reader.post("/logga-in", &[("epost", KARIN), ("losenord", new), ("till", "")]).await;
    assert!(!signed_in.is(303).location().contains("tvasteg"));
    portal.work().await;
    assert_eq!(portal.told("N-185"), ["ny@karin.example"]);
    assert_eq!(
        portal.value("SELECT count(*) FROM audit_entry WHERE action = 'login_email.change'").await,
        "1"
    );
}

#[tokio::test]
async fn a_link_to_a_sign_in_address_stops_at_somebody_elses_account_and_at_a_new_password() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    // Asking says the same whoever has the address; its reader is told.
    let done = karin.post("/konto/epost", &[("ny", MATS), ("losenord", PASSWORD)]).await;
    assert_eq!(done.location(), "/konto?klart=ny-inloggning");
    let link = link_in(&portal, "N-176", "/inloggningsadress/").await;
    let reader = portal.anonymous();
    reader.get(&link).await.is(410).says("används redan för att logga in");
    reader.post(&link, &[]).await.is(410);
    // Whoever changes the password makes a waiting link useless.
    karin.post("/konto/epost", &[("ny", "kapad@karin.example"), ("losenord", PASSWORD)]).await.is(303);
    let link = link_in(&portal, "N-176", "/inloggningsadress/").await;
    let new = "tre blå hästar dansar";
    let change = [("losenord", PASSWORD), ("nytt", new), ("igen", new)];
    karin.post("/konto/losenord", &change).await.is(303);
    reader.post(&link, &[]).await.is(410);
    assert_eq!(portal.value(&format!("SELECT count(*) FROM person WHERE email = '{KARIN}'")).await, "1");
}
