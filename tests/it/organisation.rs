//! An organisation's own data: contact data, identity, standing, four eyes, health (portal.md 1.4, 3.5).

use kundportal::identity::Side;

use crate::harness::{Answer, Client, PASSWORD, Portal, agreements::ASTRID, contacts::*, enter, orders::*};

const PAGE: &str = "/kund/10482/uppgifter";
const EDIT: &str = "/kund/10482/uppgifter/andra";
const STAFF: &str = "/inera/kunder/10482/uppgifter";

const FIELDS: [(&str, &str); 5] = [
    ("epost", "email"),
    ("telefon", "phone"),
    ("besoksadress", "visiting_address"),
    ("postadress", "postal_address"),
    ("hsa", "hsa_id"),
];

/// The contact data as it is, in the order of the form.
async fn known(portal: &Portal) -> Vec<String> {
    let mut now = Vec::new();
    for (_, column) in FIELDS {
        now.push(portal.value(&format!("SELECT {column} FROM organisation WHERE customer_no = 10482")).await);
    }
    now
}

/// The form of contact data as it was opened, with some fields typed over.
async fn sent(client: &Client, at: &str, opened: &[String], typed: &[(&str, &str)]) -> Answer {
    let mut fields: Vec<(&str, &str)> = Vec::new();
    for ((field, _), value) in FIELDS.iter().zip(opened) {
        fields.push(("forut", value));
        let over = typed.iter().find(|(name, _)| name == field);
        fields.push((field, over.map_or(value.as_str(), |(_, value)| value)));
    }
    client.post(at, &fields).await
}

/// The same, opened just now.
async fn contact(portal: &Portal, client: &Client, at: &str, typed: &[(&str, &str)]) -> Answer {
    sent(client, at, &known(portal).await, typed).await
}

async fn address_link(portal: &Portal) -> String {
    link_in(portal, "N-122", "/e-postadress/").await
}

#[tokio::test]
async fn contact_data_is_the_administrators_and_a_new_address_holds_when_its_link_is_opened() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    samira.page(EDIT).await.says("En ny adress gäller när någon har öppnat länken");
    let typed = [
        ("epost", "Ny@Lindangen.example"),
        ("telefon", "0771-25 10 10"),
        ("besoksadress", "Storgatan 1\r\n123 45 Exempelstad"),
    ];
    let done = contact(&portal, &samira, EDIT, &typed).await;
    assert_eq!(done.location(), "/kund/10482/uppgifter?klart=ny-adress");
    let page = samira.page(PAGE).await;
    page.says("0771-25 10 10")
        .says("Storgatan 1, 123 45 Exempelstad")
        .says("Ny e-postadress väntar på bekräftelse");
    assert_eq!(
        portal.value("SELECT email FROM organisation WHERE customer_no = 10482").await,
        "info@lindangen.example"
    );
    let first = address_link(&portal).await;
    let to: Vec<(String, String)> = portal.mails().into_iter().map(|mail| (mail.code, mail.to)).collect();
    for (code, address) in
        [("N-122", "ny@lindangen.example"), ("N-123", "info@lindangen.example"), ("N-121", SAMIRA)]
    {
        assert!(to.contains(&(code.to_owned(), address.to_owned())), "{code} in {to:?}");
    }
    // Typed again, the older link leads nowhere.
    contact(&portal, &samira, EDIT, &[("epost", "ratt@lindangen.example")]).await.is(303);
    let second = address_link(&portal).await;
    let reader = portal.anonymous();
    reader.get(&first).await.is(410).says("Länken går inte att använda");
    reader.post(&first, &[]).await.is(410);
    reader.page(&second).await.says("vill använda ratt@lindangen.example");
    assert_eq!(
        portal.value("SELECT email FROM organisation WHERE customer_no = 10482").await,
        "info@lindangen.example",
        "reading confirms nothing"
    );
    // Two clicks at once are one.
    let (other, none) = (portal.anonymous(), []);
    let (a, b) = tokio::join!(reader.post(&second, &none), other.post(&second, &none));
    let mut codes = [a.status.as_u16(), b.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [200, 410]);
    assert_eq!(
        portal.value("SELECT email FROM organisation WHERE customer_no = 10482").await,
        "ratt@lindangen.example"
    );
    samira.page(PAGE).await.says("Ny e-postadress bekräftad").does_not_say("väntar på bekräftelse");
    assert_eq!(
        portal.value("SELECT count(*) FROM audit_entry WHERE action = 'organisation.email'").await,
        "1"
    );
    assert!(portal.mailed().await.contains(&"N-124".to_owned()));
}

#[tokio::test]
async fn the_old_address_is_told_also_when_the_new_one_was_quicker() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    contact(&portal, &samira, EDIT, &[("epost", "kapad@lindangen.example")]).await.is(303);
    let link = address_link(&portal).await;
    portal.anonymous().post(&link, &[]).await.is(200);
    // The mail to the old address had not got through.
    portal.sql("UPDATE mail SET sent_at = NULL WHERE code = 'N-123'").await;
    portal.mailed().await;
    portal.sql("UPDATE mail SET sent_at = NULL, due_at = '2026-01-01' WHERE code = 'N-123'").await;
    portal.work().await;
    let told: Vec<String> =
        portal.mails().into_iter().filter(|mail| mail.code == "N-123").map(|mail| mail.to).collect();
    assert_eq!(told, ["info@lindangen.example"]);
}

#[tokio::test]
async fn an_address_nobody_confirms_never_holds_and_mailboxes_are_not_filled() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    contact(&portal, &samira, EDIT, &[("epost", "ny@lindangen.example")]).await.is(303);
    let link = address_link(&portal).await;
    portal.mailed().await;
    portal.advance(time::Duration::hours(72));
    portal.anonymous().post(&link, &[]).await.is(410);
    samira.page(PAGE).await.says("Ny e-postadress bekräftades aldrig");
    for made in 0..5 {
        let address = format!("ny{made}@lindangen.example");
        contact(&portal, &samira, EDIT, &[("epost", &address)]).await.is(303);
    }
    contact(&portal, &samira, EDIT, &[("epost", "sjatte@lindangen.example")])
        .await
        .is(422)
        .says("För många nya adresser");
    // A mail that has not gone out when its link is dead is not sent.
    portal.advance(time::Duration::hours(73));
    assert!(!portal.mailed().await.contains(&"N-122".to_owned()));
}

#[tokio::test]
async fn an_address_can_be_withdrawn_and_dies_with_the_right_to_ask_for_it() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let withdraw = format!("{PAGE}/ny-adress/dra-tillbaka");
    samira.post(&withdraw, &[]).await.is(409);
    contact(&portal, &samira, EDIT, &[("epost", "fel@lindangen.example")]).await.is(303);
    let link = address_link(&portal).await;
    samira.page(PAGE).await.says("fel@lindangen.example väntar på bekräftelse");
    portal.as_person(KARIN).await.post(&withdraw, &[]).await.is(403);
    samira.post(&withdraw, &[]).await.is(303);
    portal.anonymous().post(&link, &[]).await.is(410);
    samira.page(PAGE).await.does_not_say("väntar på bekräftelse").says("Ny e-postadress tillbakadragen");
    // Whoever asked is no administrator any more.
    contact(&portal, &samira, EDIT, &[("epost", "kapad@lindangen.example")]).await.is(303);
    let link = address_link(&portal).await;
    portal.anonymous().page(&link).await;
    portal.sql(&format!("UPDATE role_grant g SET valid_to = '2026-11-01' FROM membership m WHERE m.id = g.membership_id AND m.email = '{SAMIRA}' AND g.role = 'administrator'")).await;
    portal.anonymous().post(&link, &[]).await.is(410);
    assert_eq!(
        portal.value("SELECT email FROM organisation WHERE customer_no = 10482").await,
        "info@lindangen.example"
    );
}

#[tokio::test]
async fn one_organisation_cannot_keep_an_address_from_its_owner() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    for _ in 0..5 {
        let fields = [("epost", "ekonomi@norling.example"), ("forut", "info@ekbacken.example")];
        samira.post("/kund/10733/uppgifter/andra", &fields).await.is(303);
    }
    let elsa = portal.as_person(ELSA).await;
    elsa.post(
        "/kund/11204/uppgifter/andra",
        &[("epost", "ekonomi@norling.example"), ("forut", "elsa@norling.example")],
    )
    .await
    .is(303);
}

#[tokio::test]
async fn bad_contact_data_comes_back_and_everybody_keeps_to_their_own() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    for (field, value, says) in [
        ("epost", "inte en adress", "Skriv en e-postadress"),
        ("telefon", "ring mig", "Skriv telefonnumret med siffror"),
        ("telefon", "12", "Skriv telefonnumret med siffror"),
        ("hsa", "SE1234", "HSA-id"),
        ("hsa", "SE1212121212-0001", "personnummer"),
        ("telefon", "121212 1212", "personnummer"),
        ("epost", "\"a@b\"@x.example", "Skriv en e-postadress"),
        ("epost", "x@[127.0.0.1.]", "Skriv en e-postadress"),
        ("postadress", "Box \u{202e}7", "inte går att visa"),
        ("postadress", &"x".repeat(401), "högst 400 tecken"),
    ] {
        let typed = [("besoksadress", "Behållen gata 7"), (field, value)];
        let answer = contact(&portal, &samira, EDIT, &typed).await;
        answer.is(422).says(says);
        assert!(answer.body.contains("Behållen gata 7"), "{field} lost what was typed");
    }
    contact(&portal, &samira, EDIT, &[]).await.is(422).says("Inget är ändrat");
    // Who may not.
    let typed = [("telefon", "08-123 45 67")];
    contact(&portal, &portal.as_person(KARIN).await, EDIT, &typed)
        .await
        .is(403)
        .says("Bara en administratör");
    contact(&portal, &portal.as_person(ELSA).await, EDIT, &typed).await.is(404);
    let (petra, astrid) = (portal.as_person(PETRA).await, portal.as_person(ASTRID).await);
    contact(&portal, &astrid, &format!("{STAFF}/andra"), &typed).await.is(403).says("Bara Kundservice");
    assert_eq!(portal.value("SELECT count(*) FROM org_event WHERE kind = 'contact'").await, "0");
    // Kundservice helps, and it shows.
    contact(&portal, &petra, &format!("{STAFF}/andra"), &typed).await.is(303);
    samira
        .page(PAGE)
        .await
        .says("Petra Sjögren, Inera")
        .says("Telefon: 08-123 45 67 (tidigare 0771-00 00 00)");
    petra.get(&format!("{STAFF}/identitet")).await.is(403);
    petra.get(&format!("{STAFF}/kategori")).await.is(403);
    samira.get("/kund/10482/uppgifter/identitet").await.is(404);
    // Somebody without a role learns who can give one, and no more.
    portal
        .as_person(TOVE)
        .await
        .page(PAGE)
        .await
        .says("Samira Haddad")
        .does_not_say("Kontaktuppgifter")
        .does_not_say("Ändringar");
}

#[tokio::test]
async fn two_who_change_different_fields_both_stand_and_the_same_field_says_what_it_is_now() {
    let portal = Portal::start().await;
    let (samira, petra) = (portal.as_person(SAMIRA).await, portal.as_person(PETRA).await);
    let opened = known(&portal).await;
    sent(&petra, &format!("{STAFF}/andra"), &opened, &[("telefon", "08-111 11 11")]).await.is(303);
    sent(&samira, EDIT, &opened, &[("postadress", "Box 7")]).await.is(303);
    let now = "SELECT phone || ', ' || postal_address FROM organisation WHERE customer_no = 10482";
    assert_eq!(portal.value(now).await, "08-111 11 11, Box 7", "nobody undid the other's");
    // The same field: told what it is now, and nothing typed is lost; saved again it is meant.
    let answer = sent(&samira, EDIT, &opened, &[("telefon", "08-222 22 22")]).await;
    answer.is(409).says("Någon annan har ändrat fältet").says("Nu står det: 08-111 11 11");
    assert!(answer.body.contains("value=\"08-222 22 22\""));
    sent(&samira, EDIT, &known(&portal).await, &[("telefon", "08-222 22 22")]).await.is(303);
    assert_eq!(portal.value(now).await, "08-222 22 22, Box 7");
    // Without a common address the rest can still be changed, and an address of old stays as it is.
    portal.sql("UPDATE organisation SET email = '' WHERE customer_no = 10482").await;
    contact(&portal, &samira, EDIT, &[("telefon", "08-333 33 33")]).await.is(303);
    portal.sql("UPDATE organisation SET email = 'Info@Gammal.Example' WHERE customer_no = 10482").await;
    let done = contact(&portal, &samira, EDIT, &[("telefon", "08-444 44 44")]).await;
    assert_eq!(done.location(), "/kund/10482/uppgifter?klart=kontaktuppgifter", "no address was asked for");
    contact(&portal, &samira, EDIT, &[("postadress", "Patient 19121212-1212")])
        .await
        .is(422)
        .says("personnummer");
}

#[tokio::test]
async fn identity_is_the_officers_and_rests_on_a_confirmation() {
    let portal = Portal::start().await;
    let astrid = portal.as_person(ASTRID).await;
    let at = format!("{STAFF}/identitet");
    astrid.page(&at).await.says("Lindängens Vårdcentral AB, 559999-9017");
    let name = ("namn", "Lindängens Vård AB");
    act(&astrid, &at, &[name, ("losenord", "fel lösenord här")])
        .await
        .is(422)
        .says("Lösenordet stämmer inte");
    act(&astrid, &at, &[("namn", "x")]).await.is(422).says("Skriv organisationens namn");
    act(&astrid, &at, &[name, ("orgnr", "559999-9018")]).await.is(422).says("Sista siffran stämmer inte");
    // Scenario 19: a VAT number.
    act(&astrid, &at, &[name, ("orgnr", "559999901701")]).await.is(422).says("momsnummer");
    act(&astrid, &at, &[name, ("orgnr", "559999-9025")]).await.is(422).says("En annan organisation");
    act(&astrid, &at, &[("namn", "Lindängens Vårdcentral AB")]).await.is(422).says("Inget är ändrat");
    assert_eq!(
        portal.value("SELECT name || ' ' || org_nr FROM organisation WHERE customer_no = 10482").await,
        "Lindängens Vårdcentral AB 5599999017"
    );
    act(&astrid, &at, &[name, ("orgnr", "556559-4230")]).await.is(303);
    assert_eq!(
        portal.value("SELECT name || ' ' || org_nr FROM organisation WHERE customer_no = 10482").await,
        "Lindängens Vård AB 5565594230"
    );
    assert!(
        portal
            .value("SELECT shown FROM confirmation c JOIN org_event e ON e.confirmation_id = c.id")
            .await
            .contains("Organisationsnummer: 556559-4230"),
        "the evidence is what was shown"
    );
    let samira = portal.as_person(SAMIRA).await;
    samira
        .page(PAGE)
        .await
        .says("Namn: Lindängens Vård AB (tidigare Lindängens Vårdcentral AB)")
        .says("Astrid Moberg, Inera");
    assert!(portal.mailed().await.contains(&"N-121".to_owned()));
    // A sole trader's number is a personal number: asked for whole, shown masked, and never becomes a company's.
    let at = "/inera/kunder/11204/uppgifter/identitet";
    act(&astrid, at, &[("namn", "Norlings Hudmottagning"), ("orgnr", "556559-4230")])
        .await
        .is(422)
        .says("tolv siffror");
    act(&astrid, at, &[("namn", "Norlings Hudmottagning"), ("orgnr", "19850314-2385")]).await.is(303);
    let elsa = portal.as_person(ELSA).await;
    elsa.page("/kund/11204/uppgifter")
        .await
        .says("850314-XXXX (enskild firma)")
        .says("tidigare 121212-XXXX")
        .does_not_say("2385");
    let kept = portal
        .value("SELECT string_agg(wanted::text || was::text, '') FROM org_event WHERE wanted ? 'org_nr'")
        .await;
    assert!(
        kept.contains("850314-XXXX") && kept.contains("121212-XXXX") && !kept.contains("8503142385"),
        "{kept}"
    );
}

#[tokio::test]
async fn category_and_facts_change_from_a_day_and_nothing_that_was_is_lost() {
    let portal = Portal::start().await;
    let astrid = portal.as_person(ASTRID).await;
    let at = format!("{STAFF}/kategori");
    let from =
        |day: &'static str| [("kategori", "privat_vardgivare"), ("villkor", "care_provider"), ("fran", day)];
    act(&astrid, &at, &from("2026-11-21")).await.is(422).says("har redan passerat");
    act(&astrid, &at, &from("nyår")).await.is(422).says("ÅÅÅÅ-MM-DD");
    act(&astrid, &at, &[("kategori", "agent"), ("fran", "2027-01-01")])
        .await
        .is(422)
        .says("Välj kundkategori");
    act(&astrid, &at, &[("kategori", "systemintegrator"), ("fran", "2027-01-01")])
        .await
        .is(422)
        .says("Välj kundkategori");
    // Publicly financed until New Year: NPÖ can be ordered until then.
    act(&astrid, &at, &from("2027-01-01")).await.is(303);
    let samira = portal.as_person(SAMIRA).await;
    samira
        .page(PAGE)
        .await
        .says("Offentligt finansierad 1 januari 2020 till och med 31 december 2026")
        .says("Vårdgivare sedan 1 januari 2020");
    let karin = portal.as_person(KARIN).await;
    let order =
        [("tjanst", "NPO"), ("erbjudande", "NPO_DIRECT"), ("id", "0198c0de-0000-7000-8000-000000000001")];
    karin.post("/kund/10482/bestall", &order).await.is(303);
    portal.advance(time::Duration::days(41));
    let order =
        [("tjanst", "NPO"), ("erbjudande", "NPO_DIRECT"), ("id", "0198c0de-0000-7000-8000-000000000002")];
    karin.post("/kund/10482/bestall", &order).await.is(403).says("kan inte beställa tjänsten");
    samira.page(PAGE).await.says("Tidigare (1)");
    // Financed again from February: a new period, and the old one stands.
    let again = [
        ("kategori", "privat_vardgivare"),
        ("villkor", "care_provider"),
        ("villkor", "publicly_financed"),
        ("fran", "2027-02-01"),
    ];
    act(&astrid, &at, &again).await.is(303);
    assert_eq!(
        portal.value("SELECT string_agg(valid_from || '/' || coalesce(valid_to::text, ''), ' ' ORDER BY valid_from) FROM organisation_fact f JOIN organisation o ON o.id = f.org_id WHERE o.customer_no = 10482 AND f.fact = 'publicly_financed'").await,
        "2020-01-01/2026-12-31 2027-02-01/"
    );
    // An agent has no category.
    astrid.get("/inera/agenter/2041/uppgifter/kategori").await.is(404);
}

#[tokio::test]
async fn four_eyes_are_switched_by_an_administrator_who_confirms() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let at = "/kund/10733/uppgifter/fyra-ogon";
    samira.page(at).await.says("en annan person än den som har beställt måste attestera");
    act(&samira, at, &[("losenord", "")]).await.is(422).says("Skriv ditt lösenord");
    let page = samira.page(at).await;
    let fields = [
        ("revision", page.hidden("revision")),
        ("visat", page.hidden("visat")),
        ("losenord", PASSWORD.to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    samira.post(at, &fields).await.is(303);
    assert_eq!(portal.value("SELECT four_eyes FROM organisation WHERE customer_no = 10733").await, "true");
    // The same form again: it says something else now.
    samira.post(at, &fields).await.is(409);
    samira.page("/kund/10733/uppgifter").await.says("Fyra ögon: på (tidigare av)");
    portal.as_person(KARIN).await.get("/kund/10482/uppgifter/fyra-ogon").await.is(403);
    // The database asks for the confirmation too, and for the right role and side.
    let insert = "INSERT INTO org_event (id, org_id, seq, kind, side, actor_id, at, wanted) VALUES (gen_random_uuid(), ctx_org(), (SELECT revision + 1 FROM organisation WHERE id = ctx_org()), 'KIND', 'customer', ctx_person(), now(), 'WANTED')";
    for (email, kind, wanted, code) in [
        (SAMIRA, "four_eyes", r#"{"four_eyes": false}"#, "23514"),
        (SAMIRA, "identity", r#"{"name": "Kapad AB"}"#, "P0403"),
        (SAMIRA, "standing", r#"{"category": "region", "facts": [], "from": "2027-01-01"}"#, "P0403"),
        (SAMIRA, "email_confirmed", r#"{"email": "a@b.example"}"#, "P0403"),
        (SAMIRA, "contact", r#"{"name": "Kapad AB"}"#, "P0403"),
        (KARIN, "contact", r#"{"phone": "1"}"#, "P0403"),
    ] {
        let mut tx = enter(&portal, email, Side::Customer, 10482).await;
        let statement = insert.replace("KIND", kind).replace("WANTED", wanted);
        let refused = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(tx.conn()).await.unwrap_err();
        let found =
            refused.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
        assert_eq!(found, code, "{email} {kind}: {refused}");
        tx.end().await.unwrap();
    }
}

#[tokio::test]
async fn four_eyes_are_not_switched_on_over_an_order_that_only_its_orderer_could_attest() {
    let portal = Portal::start().await;
    let elsa = portal.as_person(ELSA).await;
    let number = direct_draft(&elsa, NORLING, "PASCAL").await;
    send(&elsa, NORLING, &number).await;
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
    let at = "/kund/11204/uppgifter/fyra-ogon";
    act(&elsa, at, &[]).await.is(422).says("ingen annan än den som skickade det får attestera");
    assert_eq!(portal.value("SELECT four_eyes FROM organisation WHERE customer_no = 11204").await, "false");
}

#[tokio::test]
async fn what_was_planned_is_shown_before_it_gives_way_and_nothing_new_is_no_change() {
    let portal = Portal::start().await;
    let astrid = portal.as_person(ASTRID).await;
    let at = format!("{STAFF}/kategori");
    let both =
        [("kategori", "privat_vardgivare"), ("villkor", "care_provider"), ("villkor", "publicly_financed")];
    let same: Vec<(&str, &str)> = both.iter().copied().chain([("fran", "2026-11-22")]).collect();
    act(&astrid, &at, &same).await.is(422).says("Inget är ändrat");
    let ends = [("kategori", "privat_vardgivare"), ("villkor", "care_provider"), ("fran", "2027-01-01")];
    act(&astrid, &at, &ends).await.is(303);
    astrid
        .page(&at)
        .await
        .says("Det finns planerade ändringar")
        .says("Offentligt finansierad till och med 31 december 2026");
    // Taken back before its day: it goes on as if nothing had been planned.
    act(&astrid, &at, &same).await.is(303);
    let periods = "SELECT string_agg(fact || ' ' || valid_from || '/' || coalesce(valid_to::text, ''), ' ' ORDER BY fact::text) FROM organisation_fact f JOIN organisation o ON o.id = f.org_id WHERE o.customer_no = 10482";
    assert_eq!(portal.value(periods).await, "care_provider 2020-01-01/ publicly_financed 2020-01-01/");
    assert!(
        portal
            .value("SELECT string_agg(shown, '') FROM confirmation")
            .await
            .replace('\u{a0}', " ")
            .contains("Planerat: Offentligt finansierad till och med 31 december 2026"),
        "what gave way is in the evidence"
    );
    // The finer categories are the fact's matter; the database refuses them too.
    act(&astrid, &at, &[("kategori", "privat_vardgivare_offentligt_finansierad"), ("fran", "2027-01-01")])
        .await
        .is(422);
}

#[tokio::test]
async fn who_may_do_what_is_signed_off_with_the_list_that_was_read() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let at = "/kund/10482/kontakter/genomgang";
    samira.page(PAGE).await.says("Behörigheterna behöver gås igenom");
    samira.page(at).await.says("Karin Ålund").says("Beställare sedan");
    act(&samira, at, &[("losenord", "")]).await.is(422).says("Skriv ditt lösenord");
    // Somebody's roles change between the reading and the sign-off.
    let page = samira.page(at).await;
    let fields = [
        ("revision", page.hidden("revision")),
        ("visat", page.hidden("visat")),
        ("losenord", PASSWORD.to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    portal
        .sql(&format!(
            "DELETE FROM role_grant g USING membership m WHERE m.id = g.membership_id AND m.email = '{KARIN}'"
        ))
        .await;
    samira.post(at, &fields).await.is(409).says("Karin Ålund").says("Ingen roll");
    act(&samira, at, &[]).await.is(303);
    samira.page(at).await.says("Senast genomgångna 22 november 2026 av Samira Haddad");
    samira
        .page(PAGE)
        .await
        .does_not_say("Behörigheterna behöver gås igenom")
        .says("Behörigheterna genomgångna");
    let shown = portal.value("SELECT shown FROM confirmation c JOIN org_event e ON e.confirmation_id = c.id WHERE e.kind = 'access_reviewed'").await;
    assert!(
        shown.contains("Karin Ålund, karin@lindangen.example: ingen roll")
            && shown.contains("Mats Öberg, mats@lindangen.example: Attestant"),
        "{shown}"
    );
    assert!(portal.mailed().await.is_empty());
    // A year later it is time again.
    portal.advance(time::Duration::days(366));
    samira.page(PAGE).await.says("Senast 22 november 2026. Gå igenom");
    // Inera's own is a systemadministratör's, who may do nothing with orders.
    let sten = portal.as_person("sten@kundservice.example").await;
    sten.page("/inera/kontakter/genomgang").await.says("Petra Sjögren").says("Kundservice");
    act(&sten, "/inera/kontakter/genomgang", &[]).await.is(303);
    for email in [PETRA, ASTRID, IVAR] {
        portal
            .as_person(email)
            .await
            .get("/inera/kontakter/genomgang")
            .await
            .is(403)
            .says("Bara en systemadministratör");
    }
    portal.as_person(KARIN).await.get(at).await.is(403);
    let insert = "INSERT INTO org_event (id, org_id, seq, kind, side, actor_id, at) SELECT gen_random_uuid(), o.id, o.revision + 1, 'access_reviewed', 'inera', ctx_person(), now() FROM organisation o WHERE o.customer_no = 10482";
    let mut tx = enter(&portal, "sten@kundservice.example", Side::Inera, 0).await;
    let refused = sqlx::query(insert).execute(tx.conn()).await.unwrap_err();
    assert_eq!(
        refused.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default(),
        "P0403",
        "not a customer's"
    );
    tx.end().await.unwrap();
}

#[tokio::test]
async fn the_health_card_tells_what_is_fragile_and_where_to_mend_it() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let page = samira.page(PAGE).await;
    page.says("Bara en administratör")
        .says("Fakturauppgifterna är inte kontrollerade")
        .says("Egna fakturauppgifter för SITHS saknas");
    page.does_not_say("Mejl kommer inte fram").does_not_say("Konton som inte används");
    // Mail to Mats bounces; Karin has not been here for long; her role runs out.
    portal
        .sql(&format!(
            "WITH n AS (INSERT INTO notification (id, key, cause, org_event_id, seq, done_at)
                   SELECT gen_random_uuid(), 'x', 'event', e.id, 1, now() FROM org_event e LIMIT 1 RETURNING id, org_event_id)
             INSERT INTO mail (id, notification_id, key, code, org_event_id, seq, org_id, membership_id, dead_at)
               SELECT gen_random_uuid(), n.id, 'x', 'N-121', n.org_event_id, 1, m.org_id, m.id, '2026-11-20'
                 FROM n, membership m WHERE m.email = '{MATS}'"
        ))
        .await;
    portal
        .sql(&format!(
            "UPDATE membership SET created_at = '2025-01-01' WHERE email IN ('{KARIN}', '{SAMIRA}')"
        ))
        .await;
    portal.sql(&format!("UPDATE role_grant SET valid_to = '2026-12-01' FROM membership m WHERE m.id = membership_id AND m.email = '{KARIN}'")).await;
    let page = samira.page(PAGE).await;
    page.says("Mejl till Mats Öberg har inte gått fram")
        .says("Karin Ålund har roller men har inte loggat in på 90 dagar");
    page.says("Karin Ålund är beställare till och med 1 december 2026");
    assert!(page.body.contains("href=\"/kund/10482/kontakter\""), "the way to mend it");
    // A mail that came through since, and a visit, mend it.
    portal.sql("UPDATE mail SET sent_at = '2026-11-21', dead_at = '2026-11-20'").await;
    portal.as_person(KARIN).await.page(LINDANGEN).await;
    samira.page(PAGE).await.does_not_say("har inte loggat in");
    // Inera sees it too; who is no administrator does not, nor does anybody elsewhere through the function.
    portal.as_person(PETRA).await.page(STAFF).await.says("Att se över").says("Bara en administratör");
    portal.as_person(MATS).await.page(PAGE).await.does_not_say("Att se över");
    let mut tx = enter(&portal, ELSA, Side::Customer, 11204).await;
    let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM organisation o, org_frail(o.id, now() + interval '300 days') f WHERE o.id <> ctx_org()")
        .fetch_one(tx.conn())
        .await
        .unwrap();
    assert_eq!(count, 0);
    let lindangen = portal.value("SELECT id FROM organisation WHERE customer_no = 10482").await;
    let (count,): (i64,) = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT count(*) FROM org_frail('{lindangen}', now() + interval '300 days')"
    )))
    .fetch_one(tx.conn())
    .await
    .unwrap();
    assert_eq!(count, 0, "another organisation's people");
    tx.end().await.unwrap();
}
