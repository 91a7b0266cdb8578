//! Vårdenheter, and organisations that end, merge or split (issue 3; portal.md 3.6).

use kundportal::{db::DbError, identity::Side};

use crate::harness::{Portal, agreements::ASTRID, contacts::*, enter, orders::*};

const UNITS: &str = "/kund/10482/enheter";
const LIST: &str = "Mottagning Norr; SE5565594230-N1\nLabb\tSE5565594230-L1";

async fn added(portal: &Portal, list: &str, under: &str) {
    let samira = portal.as_person(SAMIRA).await;
    let revision = samira.page(&format!("{UNITS}/nya")).await.hidden("revision");
    let form = [("revision", revision.as_str()), ("enheter", list), ("under", under)];
    samira.post(&format!("{UNITS}/nya"), &form).await.is(303);
}

async fn unit(portal: &Portal, name: &str) -> String {
    portal.value(&format!("SELECT id FROM care_unit WHERE name = '{name}'")).await
}

/// Sends the unit's form as it is but for some fields.
async fn change(portal: &Portal, email: &str, id: &str, fields: &[(&str, &str)]) -> crate::harness::Answer {
    let client = portal.as_person(email).await;
    let path =
        if email == PETRA { format!("/inera/kunder/10482/enheter/{id}") } else { format!("{UNITS}/{id}") };
    let page = client.get(&path).await;
    if page.status != 200 {
        return page;
    }
    let revision = page.hidden("revision");
    let known = portal
        .value(&format!("SELECT name || ';' || hsa_id || ';' || coalesce(parent_id::text, '') FROM care_unit WHERE id = '{id}'"))
        .await;
    let known: Vec<&str> = known.split(';').collect();
    let mut form =
        vec![("revision", revision.as_str()), ("namn", known[0]), ("hsa", known[1]), ("under", known[2])];
    form.retain(|(name, _)| !fields.iter().any(|(other, _)| other == name));
    form.extend_from_slice(fields);
    client.post(&path, &form).await
}

#[tokio::test]
async fn an_administrator_pastes_units_and_puts_some_under_others() {
    let portal = Portal::start().await;
    let samira = portal.as_person(SAMIRA).await;
    samira.page(UNITS).await.says("Registret är tomt");
    let bad = [("revision", "0"), ("enheter", "Labb; SE5565594231-1\nBara namn"), ("under", "")];
    let answer = samira.post(&format!("{UNITS}/nya"), &bad).await;
    answer.is(422).says("Rad 1:").says("Rad 2: Skriv namn");
    assert!(answer.body.contains("Bara namn</textarea>"), "what was typed is kept");
    assert_eq!(portal.value("SELECT count(*) FROM care_unit").await, "0", "all or nothing");
    added(&portal, LIST, "").await;
    let norr = unit(&portal, "Mottagning Norr").await;
    added(&portal, "Kassa; SE5565594230-K1", &norr).await;
    samira.page(UNITS).await.says("3 enheter").says("Nivå 2: Kassa");
    samira
        .page(&format!("{LINDANGEN}/uppgifter"))
        .await
        .says("3 enheter i registret")
        .says("Ny: Kassa, SE5565594230-K1");
    assert_eq!(
        portal.value("SELECT count(*) FROM audit_entry WHERE action = 'organisation.units'").await,
        "2"
    );
    // The same again, in other letters.
    let again = [("revision", "9"), ("enheter", "Labb 2; se5565594230-l1"), ("under", "")];
    samira.post(&format!("{UNITS}/nya"), &again).await.is(422).says("finns redan i registret");
    // As long a list as fits, with letters that take six bytes each on the way.
    let long: String = (0..400)
        .fold(String::new(), |text, at| text + &format!("Åäöåäöåäöåäöåäöåäöåäöåäö; SE5565594230-Z{at}\n"));
    let answer = samira.post(&format!("{UNITS}/nya"), &[("revision", "0"), ("enheter", &long)]).await;
    answer.is(409).says("Åäöåäö");
    // A name that cannot be seen is no name, and a person's number is no unit's.
    for (list, why) in
        [("\u{200b}; SE5565594230-V1", "Rad 1"), ("A; SE5565594230-198112289874", "personnummer")]
    {
        samira.post(&format!("{UNITS}/nya"), &[("revision", "0"), ("enheter", list)]).await.is(422).says(why);
    }
    // Others read; an agent has none, another customer sees nothing.
    portal.as_person(KARIN).await.page(UNITS).await.says("Labb").does_not_say("Lägg till vårdenheter");
    portal.as_person(KARIN).await.get(&format!("{UNITS}/nya")).await.is(403);
    portal.as_person(ELSA).await.get(&format!("/kund/11204/enheter/{norr}")).await.is(404);
    let mut tx = enter(&portal, ELSA, Side::Customer, 11204).await;
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM care_unit").fetch_one(tx.conn()).await.unwrap();
    assert_eq!(seen, 0);
    let mut tx = enter(&portal, JOHAN, Side::Agent, 2041).await;
    let agent = sqlx::query("SELECT FROM care_unit").fetch_all(tx.conn()).await.map_err(DbError::from);
    assert!(matches!(agent, Err(DbError::Denied(_))), "{agent:?}");
}

#[tokio::test]
async fn a_unit_is_renamed_moved_closed_and_opened_and_nothing_is_lost() {
    let portal = Portal::start().await;
    added(&portal, LIST, "").await;
    let (norr, labb) = (unit(&portal, "Mottagning Norr").await, unit(&portal, "Labb").await);
    change(&portal, SAMIRA, &labb, &[("namn", "Laboratoriet"), ("under", &norr)]).await.is(303);
    change(&portal, SAMIRA, &norr, &[]).await.is(422).says("Inget är ändrat");
    // Not under itself, nor under one that is under it, whatever a forged form says.
    for under in [norr.as_str(), labb.as_str()] {
        change(&portal, SAMIRA, &norr, &[("under", under)]).await.is(422).says("sex nivåer");
    }
    change(&portal, SAMIRA, &norr, &[("stangd", "ja")]).await.is(422).says("öppna enheter under sig");
    change(&portal, SAMIRA, &labb, &[("under", ""), ("stangd", "ja")]).await.is(303);
    let samira = portal.as_person(SAMIRA).await;
    samira.page(UNITS).await.says("Stängda enheter (1)").says("Stängd 22 november 2026");
    // The HSA-id is free again while it is closed; then it can't be opened.
    added(&portal, "Nya labbet; SE5565594230-L1", "").await;
    change(&portal, SAMIRA, &labb, &[("stangd", "")]).await.is(422).says("En annan av era vårdenheter");
    change(&portal, PETRA, &norr, &[("namn", "Norra mottagningen")]).await.is(303);
    samira
        .page(&format!("{LINDANGEN}/uppgifter"))
        .await
        .says("Norra mottagningen, SE5565594230-N1 (tidigare Mottagning Norr, SE5565594230-N1)")
        .says("Petra Sjögren, Inera")
        .says("Stängd: Laboratoriet");
    // A closed unit under a closed one keeps its place when it is renamed.
    added(&portal, "Under; SE5565594230-U1", &norr).await;
    let under = unit(&portal, "Under").await;
    change(&portal, SAMIRA, &under, &[("stangd", "ja")]).await.is(303);
    change(&portal, SAMIRA, &norr, &[("stangd", "ja")]).await.is(303);
    change(&portal, SAMIRA, &under, &[("stangd", "ja"), ("namn", "Under, norr")]).await.is(303);
    assert_eq!(portal.value(&format!("SELECT parent_id FROM care_unit WHERE id = '{under}'")).await, norr);
    change(&portal, SAMIRA, &norr, &[("stangd", "")]).await.is(303);
    // Somebody was first.
    let stale = [("revision", "0"), ("namn", "X"), ("hsa", "SE5565594230-N1"), ("under", "")];
    samira.post(&format!("{UNITS}/{norr}"), &stale).await.is(409).says("Någon har ändrat");
}

#[tokio::test]
async fn two_who_add_at_the_same_moment_do_not_lose_each_others_units() {
    let portal = Portal::start().await;
    let (one, other) = (portal.as_person(SAMIRA).await, portal.as_person(SAMIRA).await);
    let revision = one.page(&format!("{UNITS}/nya")).await.hidden("revision");
    let path = format!("{UNITS}/nya");
    let first = [("revision", revision.as_str()), ("enheter", "A; SE5565594230-A1")];
    let second = [("revision", revision.as_str()), ("enheter", "B; SE5565594230-B1")];
    let (a, b) = tokio::join!(one.post(&path, &first), other.post(&path, &second));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    assert_eq!(portal.value("SELECT count(*) FROM care_unit").await, "1");
}

#[tokio::test]
async fn an_order_takes_its_units_from_the_register() {
    let portal = Portal::start().await;
    added(&portal, LIST, "").await;
    let stangd = unit(&portal, "Labb").await;
    added(&portal, "Öst; SE5565594230-O1", "").await;
    change(&portal, SAMIRA, &stangd, &[("stangd", "ja")]).await.is(303);
    let karin = portal.as_person(KARIN).await;
    let draft = draft(&karin, LINDANGEN, "WEBCERT_FRI_SITHS", "WEBCERT_FRI_SITHS").await;
    let page = format!("{LINDANGEN}/bestall/{draft}/omfattning");
    karin.page(&page).await.says("Hämta 2 enheter ur registret");
    let typed =
        [("hamta", "1"), ("enhet_namn", "Egen"), ("enhet_hsa", "SE5565594230-E1"), ("enhet_antal", "3")];
    let answer = karin.post(&page, &typed).await;
    answer.is(200).says("hämtade ur registret").does_not_say("Hämta ");
    for value in ["Egen", "SE5565594230-E1", "Mottagning Norr", "SE5565594230-N1", "SE5565594230-O1"] {
        assert!(answer.body.contains(&format!("value=\"{value}\"")), "{value}");
    }
    assert!(!answer.body.contains("SE5565594230-L1"), "a closed unit is not offered");
}

/// Decides an end: the first time the page tells who takes over, the second time it is confirmed.
async fn end(client: &crate::harness::Client, path: &str, fields: &[(&str, &str)]) -> crate::harness::Answer {
    let first = act(client, path, fields).await;
    if !first.text().contains("Kontrollera vem som tar över:") {
        return first;
    }
    let names = first.hidden("tar_over");
    let mut again = fields.to_vec();
    again.push(("tar_over", &names));
    act(client, path, &again).await
}

#[tokio::test]
async fn an_organisation_that_is_merged_keeps_its_history_and_orders_nothing_more() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let astrid = portal.as_person(ASTRID).await;
    let page = "/inera/kunder/10482/uppgifter/upphor";
    astrid.page(page).await.says("Det här är öppet").says(&number).says("KA2-10482");
    let day = [("satt", "merged"), ("sista", "2026-11-21")];
    end(&astrid, page, &day).await.is(422).says("den ena organisation som tar över");
    let wrong = [day[0], day[1], ("efterfoljare", "99999")];
    end(&astrid, page, &wrong).await.is(422).says("Ingen kund eller agent har numret 99999");
    end(&astrid, page, &[day[0], day[1], ("efterfoljare", "10482")])
        .await
        .is(422)
        .says("Kontrollera vem som tar över");
    end(&astrid, page, &[day[0], ("sista", "2020-01-01"), ("efterfoljare", "10901")])
        .await
        .is(422)
        .says("ett år bakåt");
    // The name is shown before it is confirmed.
    let right = [day[0], day[1], ("efterfoljare", "10901")];
    act(&astrid, page, &right).await.is(422).says("Kontrollera vem som tar över: Norrbäcks kommun, 10901");
    end(&astrid, page, &right).await.is(303);
    portal
        .as_person(PETRA)
        .await
        .page("/inera/kunder/10482")
        .await
        .says("Organisationens sista dag: 21 november 2026");
    // Both sides of it can be read, by those whose it is.
    let samira = portal.as_person(SAMIRA).await;
    samira
        .page(&format!("{LINDANGEN}/uppgifter"))
        .await
        .says("Går upp i en annan organisation, sista dag 21 november 2026. Norrbäcks kommun tar över.")
        .says("Organisationens upphörande ändrat");
    samira.page(&format!("{NORRBACK}/uppgifter")).await.says("Tar över från Lindängens Vårdcentral AB");
    portal.as_person(ELSA).await.page(&format!("{NORLING}/uppgifter")).await.does_not_say("Tar över från");
    portal.work().await;
    assert!(
        portal
            .mails()
            .iter()
            .any(|mail| mail.code == "N-121" && mail.text.contains("när organisationen upphör"))
    );
    // What waits goes no further, and nothing new begins; what was ordered can still be read.
    let johan = portal.as_person(JOHAN).await;
    let yes = [("attestant", "alla"), ("intygar", "ja")];
    let review = format!("{NORDJOURNAL}/godkannanden/{number}");
    let answer = decide(&johan, &review, "godkann", &yes).await;
    assert!(answer.text().contains("Organisationen har upphört"), "{}", answer.text());
    assert_eq!(state(&portal, &number).await, "awaiting_agent_review");
    let karin = portal.as_person(KARIN).await;
    karin.page(&format!("{LINDANGEN}/bestallningar/{number}")).await;
    karin.page(&format!("{LINDANGEN}/tjanster/1177-journal")).await.says("Organisationen har upphört");
    // Whoever takes over can't end before it does.
    end(&astrid, "/inera/kunder/10901/uppgifter/upphor", &[("satt", "ceased"), ("sista", "2026-11-20")])
        .await
        .is(422)
        .says("ska ta över från en annan");
    // Nobody merges into what has ceased, nor in a circle.
    let back = [("satt", "merged"), ("sista", "2026-12-31"), ("efterfoljare", "10482")];
    end(&astrid, "/inera/kunder/10901/uppgifter/upphor", &back)
        .await
        .is(422)
        .says("Kontrollera vem som tar över");
    // It was a mistake.
    end(&astrid, page, &[("satt", "inte")]).await.is(303);
    samira
        .page(&format!("{LINDANGEN}/uppgifter"))
        .await
        .says("Organisationen upphör inte")
        .does_not_say("tar över.");
    decide(&johan, &review, "godkann", &yes).await.is(303);
}

#[tokio::test]
async fn a_planned_end_is_told_and_an_agent_that_has_ceased_takes_no_orders() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let astrid = portal.as_person(ASTRID).await;
    let split = [("satt", "split"), ("sista", "2027-06-30"), ("efterfoljare", "10901, 10733")];
    end(&astrid, "/inera/kunder/10482/uppgifter/upphor", &split).await.is(303);
    let karin = portal.as_person(KARIN).await;
    karin
        .page(&format!("{LINDANGEN}/tjanster/1177-journal"))
        .await
        .says("Organisationen upphör 30 juni 2027");
    approve_as_johan(&portal, &number).await;
    let ceased = [("satt", "ceased"), ("sista", "2026-11-21")];
    end(&astrid, "/inera/agenter/2041/uppgifter/upphor", &ceased).await.is(303);
    let helena = portal.as_person(HELENA).await;
    // Nobody can choose the agent any more.
    let fresh = draft(&karin, LINDANGEN, "JOURNALEN", "JOURNALEN_PRODUCER_AGENT").await;
    karin.page(&format!("{LINDANGEN}/bestall/{fresh}/anslutning")).await.says("agenten har upphört");
    let answer = decide(&helena, &format!("{NORDJOURNAL}/attester/{number}"), "attestera", &[]).await;
    assert!(answer.text().contains("Agenten har upphört"), "{}", answer.text());
    // Only an avtalshandläggare decides it.
    for (email, status) in [(PETRA, 403), (IVAR, 403), (SAMIRA, 404)] {
        portal.as_person(email).await.get("/inera/kunder/10482/uppgifter/upphor").await.is(status);
    }
    let mut tx = enter(&portal, PETRA, Side::Inera, 0).await;
    let answer = sqlx::query(
        "INSERT INTO org_event (id, org_id, seq, kind, side, actor_id, at, wanted, confirmation_id)
         SELECT gen_random_uuid(), id, revision + 1, 'ceased', 'inera', ctx_person(), now(), '{\"on\": null}',
                '0198c0de-0000-7000-8000-0000000000c1' FROM organisation WHERE customer_no = 10482",
    )
    .execute(tx.conn())
    .await
    .map_err(DbError::from);
    assert!(matches!(&answer, Err(DbError::Rule(key)) if key == "not_this_person"), "{answer:?}");
}

#[tokio::test]
async fn two_that_are_to_take_over_from_each_other_at_the_same_moment_do_not_both() {
    let portal = Portal::start().await;
    for round in 0..3 {
        let (one, other) = (portal.as_person(ASTRID).await, portal.as_person(ASTRID).await);
        let day = format!("2026-12-0{}", round + 1);
        let first = [("satt", "merged"), ("sista", day.as_str()), ("efterfoljare", "10901")];
        let second = [("satt", "merged"), ("sista", day.as_str()), ("efterfoljare", "10482")];
        let (a, b) = tokio::join!(
            end(&one, "/inera/kunder/10482/uppgifter/upphor", &first),
            end(&other, "/inera/kunder/10901/uppgifter/upphor", &second)
        );
        assert_eq!(
            [&a, &b].iter().filter(|answer| answer.status == 303).count(),
            1,
            "{} {}",
            a.text(),
            b.text()
        );
        for no in ["10482", "10901"] {
            end(&one, &format!("/inera/kunder/{no}/uppgifter/upphor"), &[("satt", "inte")]).await;
        }
        assert_eq!(portal.value("SELECT count(*) FROM org_succession").await, "0");
    }
}

#[tokio::test]
async fn every_step_towards_delivery_stops_after_the_last_day_and_the_ways_out_stay_open() {
    let portal = Portal::start().await;
    let stops = [
        "awaiting_agent_review",
        "awaiting_agent_attest",
        "awaiting_customer_attest",
        "attested",
        "ready_to_connect",
        "in_delivery",
        "activated",
    ];
    let body = portal.value("SELECT prosrc FROM pg_proc WHERE proname = 'order_event_of_the_living'").await;
    for state in stops {
        assert!(body.contains(&format!("'{state}'")), "{state}");
    }
    let number = sent_via_agent(&portal).await;
    portal.sql("UPDATE organisation SET ceased_on = '2026-11-21', ceased_how = 'ceased' WHERE customer_no = 10482").await;
    let karin = portal.as_person(KARIN).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/ta-tillbaka");
    karin.post(&path, &[("motivering", "Vi har upphört")]).await.is(303);
    assert_eq!(state(&portal, &number).await, "withdrawn");
}
