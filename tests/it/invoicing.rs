//! Invoice details: standard, services, SITHS, days, one change for many (portal.md 2.14, 3.14; scenario 27).

use kundportal::identity::Side;

use crate::harness::{Answer, Client, Portal, contacts::BRITTA, enter, orders::*};

const PAGE: &str = "/kund/10482/faktura";
const EDIT: &str = "/kund/10482/faktura/andra";

async fn revision(portal: &Portal) -> String {
    portal.value("SELECT revision FROM organisation WHERE customer_no = 10482").await
}

/// The edit form for some services, as it is opened, with some fields typed over.
async fn change(
    portal: &Portal,
    client: &Client,
    at: &str,
    services: &[&str],
    typed: &[(&str, &str)],
) -> Answer {
    let revision = revision(portal).await;
    let mut fields = vec![
        ("revision", revision.as_str()),
        ("adress", "oforandrad"),
        ("referensval", "oforandrad"),
        ("fran", "2026-11-22"),
    ];
    fields.retain(|(name, _)| !typed.iter().any(|(other, _)| other == name));
    fields.extend(services.iter().map(|code| ("tjanst", *code)));
    fields.extend_from_slice(typed);
    client.post(at, &fields).await
}

const ADDRESS: [(&str, &str); 10] = [
    ("adress", "ny"),
    ("benamning", "Skanningscentralen"),
    ("mottagare", "Lindängens Vårdcentral AB"),
    ("rad1", "Fack 4711"),
    ("rad2", ""),
    ("postnr", "83190"),
    ("ort", "Östersund"),
    ("land", "SE"),
    ("satt", "edi"),
    ("elektronisk", "7365565594238"),
];

/// Gives Lindängen more services; answers twelve codes.
async fn with_twelve_services(portal: &Portal) -> Vec<String> {
    portal
        .sql(
            "INSERT INTO subscription (id, customer_id, service_code, offer_code, channel, valid_from)
             SELECT gen_random_uuid(), o.id, s.code, f.code, 'direct', '2025-01-01'
               FROM organisation o, (SELECT code FROM service WHERE code NOT IN ('SITHS', 'HSA') ORDER BY code) s
               JOIN LATERAL (SELECT code FROM offer WHERE service_code = s.code LIMIT 1) f ON true
              WHERE o.customer_no = 10482
              LIMIT 12",
        )
        .await;
    let codes = portal
        .value(
            "SELECT string_agg(service_code, ',' ORDER BY service_code) FROM subscription s JOIN organisation o ON o.id = s.customer_id
              WHERE o.customer_no = 10482 AND service_code NOT IN ('SITHS', 'HSA')",
        )
        .await;
    let codes: Vec<String> = codes.split(',').map(str::to_owned).collect();
    assert_eq!(codes.len(), 12);
    codes
}

#[tokio::test]
async fn scenario_27_a_reference_for_twelve_services_is_one_form_and_one_entry() {
    let portal = Portal::start().await;
    let codes = with_twelve_services(&portal).await;
    let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
    let samira = portal.as_person(SAMIRA).await;
    let page = samira.page(PAGE).await;
    page.says("REF-10482").says("E-faktura via Peppol: 0007:5599999017");
    let query: Vec<(&str, &str)> = codes.iter().map(|code| ("tjanst", *code)).collect();
    let form = samira.page(&format!("{EDIT}?{}", crate::harness::client::encoded(&query))).await;
    form.says("Fakturauppgifter för 12 rader").says("Ändra inte adressen");
    let typed = [("referensval", "ny"), ("referens", "KST 4711")];
    // Neighbouring illegal acts: somebody without the role, and somebody of another organisation.
    let karin = portal.as_person(KARIN).await;
    change(&portal, &karin, EDIT, &codes, &typed).await.is(403).says("Bara en administratör");
    let elsa = portal.as_person(ELSA).await;
    change(&portal, &elsa, EDIT, &codes, &typed).await.is(404);
    assert_eq!(portal.value("SELECT count(*) FROM invoice_detail WHERE reference = 'KST 4711'").await, "0");

    let done = change(&portal, &samira, EDIT, &codes, &typed).await;
    assert_eq!(done.location(), "/kund/10482/faktura?klart=faktura");
    assert_eq!(
        portal.value("SELECT count(*) || ' ' || count(DISTINCT event_id) FROM invoice_detail WHERE reference = 'KST 4711' AND address_id IS NULL").await,
        "12 1"
    );
    assert_eq!(
        portal.value("SELECT count(*) FROM audit_entry WHERE action = 'organisation.invoicing'").await,
        "1"
    );
    assert_eq!(portal.mailed().await, ["N-120", "N-120"], "the administrator and Inera's finance");
    let page = samira.page(&done.location()).await;
    page.says("Ändringen är sparad och gäller från den dag du valde").says("KST 4711");
    // The standard is as it was.
    assert_eq!(
        portal.value("SELECT i.reference FROM organisation o, invoice_on(o.id, NULL, '2026-11-22') i WHERE o.customer_no = 10482").await,
        "REF-10482"
    );
    // The same once more changes nothing, and says so.
    change(&portal, &samira, EDIT, &codes, &typed).await.is(422).says("Inget är ändrat");
    samira.page("/kund/10482/aviseringar").await.says("har ändrat fakturauppgifterna");
    let siv = portal.as_person(SIV).await;
    let notices = siv.page("/inera/aviseringar").await;
    assert!(notices.body.contains("href=\"/inera/kunder/10482/faktura\""), "{}", notices.text());
}

#[tokio::test]
async fn bad_details_come_back_with_what_was_typed_and_change_nothing() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let wrong = [
        ("postnr", "8319", "5 siffror"),
        ("rad1", "", "Skriv gata eller box"),
        ("land", "XX", "Välj land"),
        ("satt", "fax", "Välj hur fakturan ska skickas"),
        ("elektronisk", "7365565594237", "Sista siffran stämmer inte"),
        ("elektronisk", "5565594230", "13 siffror"),
        ("fran", "2026-11-21", "har redan passerat"),
        ("fran", "i morgon", "ÅÅÅÅ-MM-DD"),
        ("fran", "2029-01-01", "två år"),
        ("adress", "0198c0de-0000-7000-8000-000000000000", "Välj fakturaadress"),
        ("referensval", "", "Välj referens"),
        ("referens", "19121212-1212", "personnummer"),
        ("referens", "", "Skriv den referens"),
        ("referens", &"x".repeat(51), "högst 50 tecken"),
    ];
    for (field, value, says) in wrong {
        let mut typed: Vec<(&str, &str)> = ADDRESS.to_vec();
        typed.extend([("referensval", "ny"), ("referens", "4711"), ("fran", "2026-12-01")]);
        typed.retain(|(name, _)| *name != field);
        typed.push((field, value));
        let answer = change(&portal, &samira, EDIT, &["standard"], &typed).await;
        answer.is(422).says(says);
        assert!(answer.body.contains("Skanningscentralen"), "{field} lost what was typed");
        assert!(answer.body.contains("<title>Fel: "), "{field}");
    }
    // The standard follows nothing.
    let follow = [("adress", "standard"), ("referensval", "standard")];
    change(&portal, &samira, EDIT, &["standard"], &follow).await.is(422).says("kan inte följa sig själv");
    // Another organisation's address is nobody's here.
    let theirs = portal.value("SELECT a.id FROM invoice_address a JOIN organisation o ON o.id = a.org_id WHERE o.customer_no = 10901").await;
    change(&portal, &samira, EDIT, &["standard"], &[("adress", &theirs)])
        .await
        .is(422)
        .says("Välj fakturaadress");
    // Nothing chosen, or what the organisation does not have.
    for services in [&[][..], &["NPO"][..]] {
        let back = change(&portal, &samira, EDIT, services, &ADDRESS).await.location();
        assert_eq!(back, "/kund/10482/faktura?fel=inget-valt");
        let page = samira.get(&back).await;
        page.is(422).says("Kryssa i minst en rad");
        assert!(page.body.contains("href=\"#rad-1\"") && page.body.contains("id=\"rad-1\""));
    }
    assert_eq!(portal.value("SELECT count(*) FROM org_event WHERE side <> 'system'").await, "0");
    assert_eq!(revision(&portal).await, "1");
}

#[tokio::test]
async fn a_change_holds_from_its_day_and_orders_begin_with_what_holds() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    let mut typed = ADDRESS.to_vec();
    typed.extend([("fran", "2027-01-01"), ("referensval", "ny"), ("referens", "NY-2027")]);
    change(&portal, &samira, EDIT, &["standard"], &typed).await.is(303);
    samira
        .page(PAGE)
        .await
        .says("Från 1 januari 2027: Skanningscentralen, referens NY-2027")
        .says("REF-10482");
    samira.page(&format!("{EDIT}?tjanst=standard")).await.says("Det finns kommande ändringar");
    // Today's draft has today's details, and those of the service when it has its own.
    let karin = portal.as_person(KARIN).await;
    let number = draft(&karin, LINDANGEN, "NPO", "NPO_DIRECT").await;
    let of = |column: &str| format!("SELECT {column} FROM orders WHERE number = '{number}'");
    assert_eq!(portal.value(&of("invoice_reference")).await, "REF-10482");
    assert_eq!(
        portal.value(&of("invoice_address")).await,
        "Lindängens Vårdcentral AB\nBox 100\n123 45 Exempelstad\nE-faktura via Peppol: 0007:5599999017"
    );
    portal.advance(time::Duration::days(41));
    let number = draft(&karin, LINDANGEN, "NPO", "NPO_DIRECT").await;
    let of = |column: &str| format!("SELECT {column} FROM orders WHERE number = '{number}'");
    assert_eq!(portal.value(&of("invoice_reference")).await, "NY-2027");
    samira.page(PAGE).await.says("Tidigare uppgifter (1)").says("Skanningscentralen");
}

#[tokio::test]
async fn siths_is_kept_apart_and_only_administrators_see_it() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    samira.page(PAGE).await.says("Inga egna uppgifter för SITHS");
    let typed = [("referensval", "ny"), ("referens", "KORT-1")];
    change(&portal, &samira, EDIT, &["SITHS"], &typed).await.is(303);
    samira.page(PAGE).await.says("KORT-1").does_not_say("Inga egna uppgifter för SITHS");
    let karin = portal.as_person(KARIN).await;
    karin.page(PAGE).await.says("REF-10482").does_not_say("KORT-1").does_not_say("Ansvarig utgivare");
    // Nor does an order begin with it for somebody who may not read it.
    let own = [("referensval", "ny"), ("referens", "KORT-N"), ("revision", "1")];
    change(&portal, &samira, "/kund/10901/faktura/andra", &["SITHS"], &own).await.is(303);
    let nils = portal.as_person(NILS).await;
    let number = draft(&nils, NORRBACK, "SITHS", "SITHS_DIRECT").await;
    let reference = format!("SELECT invoice_reference FROM orders WHERE number = '{number}'");
    assert_eq!(portal.value(&reference).await, "REF-10901");
    // Replaced, it is history, and still not hers.
    change(&portal, &samira, EDIT, &["SITHS"], &[("referensval", "ny"), ("referens", "KORT-2")])
        .await
        .is(303);
    samira.page(PAGE).await.says("Tidigare uppgifter (1)");
    karin.page(PAGE).await.does_not_say("Tidigare uppgifter");
    // Who has nothing to do with invoices sees none of it.
    for email in [MATS, TOVE] {
        portal.as_person(email).await.get(PAGE).await.is(403).says("Bara administratörer");
    }
    assert!(!portal.as_person(MATS).await.page(LINDANGEN).await.body.contains("/faktura"));
}

#[tokio::test]
async fn a_check_is_noted_once_for_what_was_read_and_is_the_organisations_own() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    samira.page(PAGE).await.says("Stämmer uppgifterna?");
    let check = format!("{PAGE}/kontrollerade");
    let read = revision(&portal).await;
    samira.post(&check, &[("revision", &read), ("siths", "false")]).await.is(303);
    samira
        .page(PAGE)
        .await
        .says("Senast kontrollerade 22 november 2026 av Samira Haddad")
        .does_not_say("Stämmer uppgifterna?");
    for revision in [read.as_str(), "2147483647", "-1"] {
        samira.post(&check, &[("revision", revision), ("siths", "false")]).await.is(409);
    }
    assert!(portal.mailed().await.is_empty(), "nobody needs to know");
    let karin = portal.as_person(KARIN).await;
    karin.post(&check, &[("revision", "2")]).await.is(403);
    // Inera's finance may change, and has no way to say that they are right.
    let siv = portal.as_person(SIV).await;
    siv.page("/inera/kunder/10482/faktura")
        .await
        .says("Lindängens Vårdcentral AB")
        .does_not_say("Uppgifterna stämmer");
    let at = "/inera/kunder/10482/faktura/andra";
    change(&portal, &siv, at, &["standard"], &[("referensval", "ny"), ("referens", "RÄTTAD")]).await.is(303);
    // What was checked is not what is there now.
    samira.page(PAGE).await.says("Stämmer uppgifterna?").does_not_say("Senast kontrollerade");
    assert_eq!(
        portal.value("SELECT side || ' ' || actor_name FROM org_event ORDER BY seq DESC LIMIT 1").await,
        "inera Siv Palm"
    );
    portal.as_person(IVAR).await.page("/inera/kunder/10482/faktura").await.says("RÄTTAD");
    portal.as_person(IVAR).await.get(at).await.is(403);
    portal.as_person(PETRA).await.get("/inera/kunder/10482/faktura").await.is(403);
    siv.get("/inera/kunder/99999/faktura").await.is(404);
    // An agent has its own.
    let britta = portal.as_person(BRITTA).await;
    britta.page("/agent/2041/faktura").await.says("Standard saknas");
    let mut typed = ADDRESS.to_vec();
    typed.extend([("referensval", "ny"), ("referens", "AG-1"), ("revision", "0")]);
    change(&portal, &britta, "/agent/2041/faktura/andra", &["standard"], &typed).await.is(303);
    britta.page("/agent/2041/faktura").await.says("AG-1").says("E-faktura till GLN: 7365565594238");
}

#[tokio::test]
async fn of_two_changes_at_once_one_wins_and_the_other_keeps_its_form() {
    let portal = Portal::start().await;
    for round in 0..3 {
        let (one, other) = (portal.as_person(SAMIRA).await, portal.as_person(SAMIRA).await);
        let read = revision(&portal).await;
        let (a, b) = (format!("A{round}"), format!("B{round}"));
        let (a, b) = (
            [("referensval", "ny"), ("referens", a.as_str()), ("revision", read.as_str())],
            [("referensval", "ny"), ("referens", b.as_str()), ("revision", read.as_str())],
        );
        let (a, b) = tokio::join!(
            change(&portal, &one, EDIT, &["standard"], &a),
            change(&portal, &other, EDIT, &["standard"], &b),
        );
        let mut codes = [a.status.as_u16(), b.status.as_u16()];
        codes.sort_unstable();
        assert_eq!(codes, [303, 409]);
        let loser = if a.status == 409 { a } else { b };
        loser.says("Någon har ändrat uppgifterna sedan du öppnade sidan");
        assert!(loser.body.contains("name=\"referens\" value=\""), "the form is there");
    }
    assert_eq!(revision(&portal).await, "4");
}

#[tokio::test]
async fn the_database_takes_details_from_nobody_but_an_administrator() {
    let portal = Portal::start().await;
    let event = "INSERT INTO org_event (id, org_id, seq, kind, side, actor_id, at)
                 VALUES (gen_random_uuid(), ctx_org(), 2, 'invoicing', 'customer', ctx_person(), now())";
    let detail = "INSERT INTO invoice_detail (event_id, org_id, seq, valid_from, address_id, reference)
                  SELECT e.id, e.org_id, 9, current_date + 1, (SELECT id FROM invoice_address LIMIT 1), 'FORGED'
                    FROM org_event e ORDER BY seq LIMIT 1";
    let address = "INSERT INTO invoice_address (id, org_id, event_id, label, recipient, line1, postcode, city, way)
                   SELECT gen_random_uuid(), e.org_id, e.id, 'x', 'x', 'x', '', '', 'post' FROM org_event e LIMIT 1";
    for (email, statement) in [(KARIN, event), (KARIN, detail), (SAMIRA, detail), (SAMIRA, address)] {
        let mut tx = enter(&portal, email, Side::Customer, 10482).await;
        let refused = sqlx::query(statement).execute(tx.conn()).await.unwrap_err();
        let code = refused
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .unwrap_or_default()
            .into_owned();
        assert_eq!(code, "P0403", "{email}: {refused}");
        tx.end().await.unwrap();
    }
    // Another organisation's event, and in another's name.
    for (org, side) in
        [("(SELECT id FROM organisation WHERE id <> ctx_org() LIMIT 1)", "customer"), ("ctx_org()", "inera")]
    {
        let mut tx = enter(&portal, SAMIRA, Side::Customer, 10482).await;
        let statement = event
            .replace("VALUES (gen_random_uuid(), ctx_org()", &format!("VALUES (gen_random_uuid(), {org}"))
            .replace("'customer'", &format!("'{side}'"));
        assert!(sqlx::query(sqlx::AssertSqlSafe(statement)).execute(tx.conn()).await.is_err());
        tx.end().await.unwrap();
    }
    // Nothing that is written is ever changed.
    for statement in [
        "UPDATE invoice_detail SET reference = 'x'",
        "DELETE FROM invoice_address",
        "UPDATE org_event SET kind = 'invoicing'",
    ] {
        let mut tx = enter(&portal, SAMIRA, Side::Customer, 10482).await;
        let refused = sqlx::query(statement).execute(tx.conn()).await.unwrap_err();
        assert_eq!(
            refused.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default(),
            "42501"
        );
        tx.end().await.unwrap();
    }
}

#[tokio::test]
async fn a_sole_traders_number_is_masked_in_a_peppol_id_everywhere() {
    let portal = Portal::start().await;
    let elsa = portal.as_person(ELSA).await;
    let mut typed = ADDRESS.to_vec();
    typed.retain(|(name, _)| !["satt", "elektronisk"].contains(name));
    typed.extend([("satt", "peppol"), ("elektronisk", "0007:121212-1212"), ("revision", "1")]);
    change(&portal, &elsa, "/kund/11204/faktura/andra", &["standard"], &typed).await.is(303);
    let page = elsa.page("/kund/11204/faktura").await;
    page.says("0007:121212-XXXX").does_not_say("1212121212");
    elsa.page("/kund/11204/faktura/andra?tjanst=standard").await.does_not_say("1212121212");
}
