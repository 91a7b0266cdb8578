//! Becoming a customer: from the link in a mail to the first administrator (portal.md 2.2, contracts.md rules 7–9).

use std::collections::BTreeSet;

use kundportal::{
    applications::domain::{By, EDGES, State},
    identity::Side,
};
use sqlx::Row;
use time::Duration;

use crate::harness::{
    Portal,
    agreements::{ASTRID, BIRGITTA_NO, SIGNS, answer, link_to},
    applications::*,
    contacts::*,
    enter_by,
    orders::*,
};

async fn state(portal: &Portal) -> String {
    portal.value("SELECT state FROM application ORDER BY made_at DESC LIMIT 1").await
}

#[tokio::test]
async fn a_form_is_filled_in_piece_by_piece_checked_and_sent() {
    let portal = Portal::start_with(true).await;
    let link = begun(&portal, GOTA).await;
    let browser = portal.anonymous();
    // Half of it is put away, and comes back.
    save(&browser, &link, &[("namn", "Göta Vård AB"), ("spara", "ja")]).await.is(303);
    browser.page(&link).await.holds("value=\"Göta Vård AB\"");
    browser.get(&format!("{link}/granska")).await.is(422).says("Skriv organisationsnumret");
    save(&browser, &link, &form(&[])).await.is(303);
    let page = browser.page(&format!("{link}/granska")).await;
    page.says("559999-9074").says("19560412-XXXX").does_not_say("2381");
    browser.page(&link).await.says("Sparat: 19560412-XXXX").does_not_say("2381");
    // Saved again without the number: it is kept.
    save(&browser, &link, &form(&[("firm_personnummer", "")])).await.is(303);
    submit(&browser, &link, &[]).await.is(422).says("Kryssa i att uppgifterna stämmer");
    assert_eq!(state(&portal).await, "draft");
    submit(&browser, &link, &[("intygar", "ja")]).await.is(303);
    let number = portal.value("SELECT number FROM application").await;
    assert!(number.starts_with("KA-2026-0000"), "{number}");
    browser.page(&link).await.says(&number).says("Inskickad").says("Inera har fått ansökan");
    portal.work().await;
    assert_eq!(portal.told("N-10"), [GOTA]);
    assert_eq!(portal.told("N-190"), [ASTRID]);
}

#[tokio::test]
async fn the_officer_asks_and_checks_and_the_first_people_come_with_the_signature() {
    let portal = Portal::start_with(true).await;
    let (link, number) = applied(&portal, &[]).await;
    let browser = portal.anonymous();
    let astrid = portal.as_person(ASTRID).await;
    let here = format!("/inera/ansokningar/{number}");
    astrid.page("/inera/ansokningar").await.says(&number).says("Göta Vård AB");
    astrid.get(&format!("{here}/godkann")).await.is(409);
    taken(&astrid, &number).await;
    // She asks, they answer.
    act(&astrid, &format!("{here}/komplettera"), &[("text", "")])
        .await
        .is(422)
        .says("Skriv vad sökanden behöver komplettera");
    act(&astrid, &format!("{here}/komplettera"), &[("text", "Vilken ort?")]).await.is(303);
    browser.page(&link).await.says("Inera frågar").says("Vilken ort?");
    save(&browser, &link, &form(&[("vard", "Primärvård i Exempelstad"), ("orgnr", "556559-4230")]))
        .await
        .is(303);
    assert_eq!(portal.value("SELECT org_nr FROM application").await, "5599999074", "whose it is stays");
    submit(&browser, &link, &[("intygar", "ja"), ("svar", "Exempelstad")]).await.is(303);
    portal.work().await;
    assert_eq!((portal.told("N-11"), portal.told("N-12")), (vec![GOTA.to_owned()], vec![ASTRID.to_owned()]));
    astrid.page(&here).await.says("Primärvård i Exempelstad").says("Exempelstad");
    // Everything is checked, and who decides is confirmed.
    act(&astrid, &format!("{here}/godkann"), &[("kategori", "privat_vardgivare"), ("kontroll", "care")])
        .await
        .is(422)
        .says("Kontrollera och kryssa i: Organisationen är vårdgivare");
    let mut wrong = APPROVES.to_vec();
    wrong.push(("losenord", "fel"));
    act(&astrid, &format!("{here}/godkann"), &wrong).await.is(422).says("Lösenordet stämmer inte");
    assert_eq!(portal.value("SELECT count(*) FROM organisation WHERE org_nr = '5599999074'").await, "0");
    act(&astrid, &format!("{here}/godkann"), &APPROVES).await.is(303);
    let customer_no = portal.value("SELECT customer_no FROM organisation WHERE org_nr = '5599999074'").await;
    astrid.page(&here).await.says(&format!("Kund {customer_no}")).says("Godkänd, väntar på signering");
    assert_eq!(portal.value("SELECT count(*) FROM application WHERE numbers_sealed IS NOT NULL").await, "0");
    portal.work().await;
    assert_eq!(
        (portal.told("N-13"), portal.told("N-20")),
        (vec![GOTA.to_owned()], vec!["birgitta@gotavard.example".to_owned()])
    );
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.told("N-01"), Vec::<String>::new(), "nobody before the signature");

    let signing = link_to(&portal, "birgitta@gotavard.example");
    answer(&portal.anonymous(), &signing, BIRGITTA_NO, &SIGNS).await.is(303);
    for _ in 0..2 {
        portal.worker.run_schedule().await.unwrap();
    }
    portal.work().await;
    let mut invited = portal.told("N-01");
    invited.sort();
    assert_eq!(invited, ["ada@gotavard.example", "kaj@gotavard.example"], "once each");
    browser.page(&link).await.says("Avtalet är signerat");
    // Ada comes in as administrator; the next step is hers.
    let mail = portal.mails().into_iter().rev().find(|mail| mail.to == "ada@gotavard.example").unwrap();
    let at = mail.text.find("/inbjudan/").unwrap();
    let door = mail.text[at..].split_whitespace().next().unwrap().to_owned();
    let page = portal.anonymous().page(&door).await;
    page.says("Göta Vård AB").says("Administratör");
    portal
        .anonymous()
        .post(
            &door,
            &[
                ("sasom", "ny"),
                ("nytt", "ett långt lösenord att minnas"),
                ("igen", "ett långt lösenord att minnas"),
            ],
        )
        .await
        .is(303);
    let ada = portal.as_person("ada@gotavard.example").await;
    ada.page(&format!("/kund/{customer_no}/kontakter")).await.says("Ada Min").says("Kaj Takt");
    ada.page(&format!("/kund/{customer_no}/avtal")).await.says("Gäller");
    assert_eq!(
        portal.value(&format!("SELECT string_agg(f.fact::text, ' ' ORDER BY f.fact) FROM organisation_fact f JOIN organisation o ON o.id = f.org_id WHERE o.customer_no = {customer_no}")).await,
        "care_provider publicly_financed"
    );
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn scenario_18_a_sole_traders_number_is_taken_and_masked_everywhere() {
    let portal = Portal::start_with(true).await;
    let sole = [
        ("orgnr", "19681103-1233"),
        ("namn", "Eks Mottagning"),
        ("firm_namn", "Anders Ek"),
        ("firm_personnummer", "196811031233"),
    ];
    let (link, number) = applied(&portal, &sole).await;
    let astrid = portal.as_person(ASTRID).await;
    taken(&astrid, &number).await;
    let here = format!("/inera/ansokningar/{number}");
    let mut seen = vec![
        portal.anonymous().page(&link).await.text(),
        astrid.page("/inera/ansokningar").await.text(),
        astrid.page(&here).await.text(),
        astrid.page(&format!("{here}/godkann")).await.text(),
    ];
    assert!(seen.iter().all(|page| page.contains("681103-XXXX")), "masked, and there");
    act(&astrid, &format!("{here}/godkann"), &APPROVES).await.is(303);
    let no = portal
        .value("SELECT customer_no FROM organisation WHERE org_nr = '6811031233' AND sole_trader")
        .await;
    for page in [
        "/inera/kunder".to_owned(),
        format!("/inera/kunder/{no}"),
        format!("/inera/kunder/{no}/uppgifter"),
        "/inera/avtal".to_owned(),
    ] {
        seen.push(astrid.page(&page).await.text());
    }
    portal.work().await;
    seen.extend(
        portal.mails().into_iter().map(|mail| format!("{} {} {}", mail.subject, mail.text, mail.html)),
    );
    for text in &seen {
        assert!(!text.contains("1233"), "{text}");
    }
    assert_eq!(portal.value("SELECT four_eyes FROM organisation WHERE org_nr = '6811031233'").await, "false");
    assert_eq!(
        portal
            .value("SELECT count(*) FROM audit_entry WHERE detail LIKE '%1103%' OR object LIKE '%1103%'")
            .await,
        "0"
    );
    // Nor is it kept where it was typed.
    assert_eq!(portal.value("SELECT count(*) FROM application WHERE content::text LIKE '%1233%'").await, "0");
}

#[tokio::test]
async fn a_refused_application_says_why_and_a_new_one_is_possible() {
    let portal = Portal::start().await;
    let (link, number) = applied(&portal, &[]).await;
    let astrid = portal.as_person(ASTRID).await;
    taken(&astrid, &number).await;
    let path = format!("/inera/ansokningar/{number}/avsla");
    act(&astrid, &path, &[("text", "Ni är inte vårdgivare"), ("losenord", "fel")])
        .await
        .is(422)
        .holds("Ni är inte vårdgivare");
    act(&astrid, &path, &[("text", "Ni är inte vårdgivare")]).await.is(303);
    portal.work().await;
    let mail = portal.mails().into_iter().find(|mail| mail.code == "N-15").expect("N-15");
    assert!(!mail.text.contains("vårdgivare"), "no free text in mails");
    assert_eq!(portal.value("SELECT count(*) FROM signing").await, "0", "contracts.md rule 8");
    portal
        .anonymous()
        .page(&link)
        .await
        .says("Avslagen")
        .says("Ni är inte vårdgivare")
        .says("Gör en ny ansökan");
    let (_, second) = applied(&portal, &[]).await;
    assert_ne!(number, second);
    astrid.page(&format!("/inera/ansokningar/{number}")).await.says("Ni är inte vårdgivare");
}

#[tokio::test]
async fn one_application_at_a_time_and_none_of_a_customer() {
    let portal = Portal::start().await;
    let (first, _) = applied(&portal, &[]).await;
    let link = begun(&portal, "annan@gotavard.example").await;
    let browser = portal.anonymous();
    save(&browser, &link, &form(&[])).await.is(303);
    submit(&browser, &link, &[("intygar", "ja")]).await.is(422).says("redan en ansökan");
    save(&browser, &link, &form(&[("orgnr", "559999-9017")])).await.is(303);
    submit(&browser, &link, &[("intygar", "ja")]).await.is(422).says("redan kund");
    // Taken back, the other may go on.
    let revision = browser.page(&first).await.hidden("revision");
    let withdraw = format!("{first}/aterkalla");
    browser.post(&withdraw, &[("revision", &revision)]).await.is(422).says("Kryssa i att ni vill");
    browser.post(&withdraw, &[("revision", &revision), ("saker", "ja")]).await.is(303);
    browser.page(&first).await.says("Återkallad av sökanden");
    browser.post(&withdraw, &[("revision", &revision), ("saker", "ja")]).await.is(303);
    save(&browser, &link, &form(&[])).await.is(303);
    submit(&browser, &link, &[("intygar", "ja")]).await.is(303);
    // A second click sends nothing more.
    browser.post(&format!("{link}/skicka"), &[("intygar", "ja")]).await.is(303);
    assert_eq!(
        portal.value("SELECT count(*) FROM application_event WHERE to_state = 'submitted'").await,
        "2"
    );
}

#[tokio::test]
async fn two_that_send_at_once_for_one_organisation_are_one() {
    let portal = Portal::start().await;
    let browser = portal.anonymous();
    let mut links = Vec::new();
    for email in ["a@gotavard.example", "b@gotavard.example"] {
        let link = begun(&portal, email).await;
        save(&browser, &link, &form(&[])).await.is(303);
        links.push(link);
    }
    let ready = [("intygar", "ja")];
    let (one, two) = tokio::join!(submit(&browser, &links[0], &ready), submit(&browser, &links[1], &ready));
    let mut codes = [one.status.as_u16(), two.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [303, 422]);
    assert_eq!(portal.value("SELECT count(*) FROM application WHERE state = 'submitted'").await, "1");
}

#[tokio::test]
async fn what_is_typed_wrong_comes_back_and_two_tabs_do_not_overwrite_each_other() {
    let portal = Portal::start().await;
    let link = begun(&portal, GOTA).await;
    let browser = portal.anonymous();
    for (field, wrong, said) in [
        ("orgnr", "556702693401", "momsnummer"),
        ("orgnr", "19681103-1234", "10 siffror"),
        ("kategori", "kejsare", "Välj ett av alternativen"),
        ("vard", "Vård åt 19121212-1212", "personnummer"),
        ("finansierad_av", "", "vilken region eller kommun"),
        ("epost", "x", "e-postadress"),
        ("telefon", "ring", "siffror"),
        ("hsa", "SE1", "HSA-id"),
        ("adm_namn", "www.x.se", "bara namnet"),
        ("regel", "2", "minst så många firmatecknare"),
        ("firm_personnummer", "195604122380", "stämmer inte"),
        ("meddelande", "19121212-1212", "personnummer"),
    ] {
        let page = save(&browser, &link, &form(&[(field, wrong)])).await;
        page.is(422).says(said).holds("Göta Vård AB");
    }
    let same = [
        ("regel", "2"),
        ("firm_namn", "A Ett"),
        ("firm_namn", "B Två"),
        ("firm_epost", "a@x.example"),
        ("firm_epost", "b@x.example"),
        ("firm_personnummer", "195604122381"),
        ("firm_personnummer", "195604122381"),
    ];
    save(&browser, &link, &form(&same)).await.is(422).says("samma personnummer");
    let saved = browser.page(&link).await.hidden("sparad");
    let mut tab = form(&[("namn", "Göta Ett AB")]);
    tab.push(("sparad", &saved));
    browser.post(&link, &tab).await.is(303);
    let mut other = form(&[("namn", "Göta Två AB")]);
    other.push(("sparad", &saved));
    browser.post(&link, &other).await.is(422).says("annan flik").holds("Göta Två AB");
    assert_eq!(portal.value("SELECT content ->> 'name' FROM application").await, "Göta Ett AB");
    // A page that is older than what is saved sends nothing.
    let old = [("revision", "0"), ("sparad", "0"), ("intygar", "ja")];
    browser.post(&format!("{link}/skicka"), &old).await.is(422).says("har ändrats");
}

#[tokio::test]
async fn only_the_link_and_inera_see_it_and_only_an_officer_decides() {
    let portal = Portal::start().await;
    let (_, number) = applied(&portal, &[]).await;
    let here = format!("/inera/ansokningar/{number}");
    portal.anonymous().get(&format!("/bli-kund/{}", "0".repeat(64))).await.is(404);
    for email in [SAMIRA, LINA] {
        portal.as_person(email).await.get(&here).await.is(404);
    }
    for email in [STEN, SIV] {
        let client = portal.as_person(email).await;
        client.get(&here).await.is(403);
        client.get("/inera/ansokningar").await.is(403);
        let mut tx = enter_by(&portal, &client, Side::Inera, 0).await;
        let seen: i64 =
            sqlx::query("SELECT count(*) FROM application").fetch_one(tx.conn()).await.unwrap().get(0);
        assert_eq!(seen, 0, "{email}");
    }
    for email in [PETRA, IVAR] {
        let client = portal.as_person(email).await;
        client.page(&here).await.says("En avtalshandläggare granskar").does_not_say("Ta ansökan");
        client.post(&format!("{here}/ta"), &[("revision", "1")]).await.is(403);
        for step in ["komplettera", "avsla", "godkann"] {
            client.get(&format!("{here}/{step}")).await.is(403);
            client.post(&format!("{here}/{step}"), &APPROVES).await.is(403);
        }
    }
    // The database says so too: not Kundservice, not without a confirmation, not past the table, not a draft.
    let petra = portal.as_person(PETRA).await;
    let astrid = portal.as_person(ASTRID).await;
    let event = |to: &str| {
        format!("INSERT INTO application_event (application_id, seq, from_state, to_state, moved_by, at, actor_id, note, category, checks)
        SELECT id, revision + 1, state, '{to}', 'inera', now(), ctx_person(), 'Därför', {}, {} FROM application",
        if to == "approved" { "'privat_vardgivare'" } else { "NULL" }, if to == "approved" { "'{care,care_provider,no_obstacle,signatories}'::text[]" } else { "'{}'::text[]" })
    };
    taken(&astrid, &number).await;
    for (client, to, code) in [
        (&petra, "completion_asked", "P0403"),
        (&astrid, "approved", "23514"),
        (&astrid, "rejected", "23514"),
        (&astrid, "signed", "23503"),
    ] {
        let mut tx = enter_by(&portal, client, Side::Inera, 0).await;
        let refused = sqlx::query(sqlx::AssertSqlSafe(event(to))).execute(tx.conn()).await;
        assert_eq!(refused.unwrap_err().into_database_error().unwrap().code().unwrap(), code, "{to}");
    }
    begun(&portal, "annan@gotavard.example").await;
    let mut tx = enter_by(&portal, &petra, Side::Inera, 0).await;
    let seen: i64 =
        sqlx::query("SELECT count(*) FROM application").fetch_one(tx.conn()).await.unwrap().get(0);
    assert_eq!(seen, 1, "a draft is nobody's but the applicant's");
    let mut tx = enter_by(&portal, &portal.as_person(SAMIRA).await, Side::Customer, 10482).await;
    let refused = sqlx::query("SELECT 1 FROM application").execute(tx.conn()).await;
    assert_eq!(refused.unwrap_err().into_database_error().unwrap().code().unwrap(), "42501");
}

#[tokio::test]
async fn the_clock_lapses_what_nobody_signs_and_forgets_what_nobody_sends() {
    let portal = Portal::start_with(true).await;
    let (link, number) = applied(&portal, &[]).await;
    let astrid = portal.as_person(ASTRID).await;
    taken(&astrid, &number).await;
    act(&astrid, &format!("/inera/ansokningar/{number}/godkann"), &APPROVES).await.is(303);
    let draft = begun(&portal, "annan@gotavard.example").await;
    portal.advance(Duration::days(31));
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.value("SELECT state FROM signing").await, "expired");
    assert_eq!(
        portal.value(&format!("SELECT state FROM application WHERE number = '{number}'")).await,
        "approved",
        "thirty days to send it again"
    );
    portal.anonymous().get(&draft).await.is(404);
    assert_eq!(
        portal.value("SELECT count(*) FROM application WHERE applicant_email LIKE 'annan%'").await,
        "0"
    );
    portal.advance(Duration::days(31));
    portal.worker.run_schedule().await.unwrap();
    portal.work().await;
    assert_eq!(portal.told("N-17"), [GOTA, ASTRID]);
    portal.anonymous().page(&link).await.says("Signerades inte i tid");
}

#[tokio::test]
async fn the_first_invitation_is_sent_again_by_inera_until_there_is_an_administrator() {
    let portal = Portal::start_with(true).await;
    // One person is administrator and contact: one invitation.
    let one = [("kontakt_namn", "Ada Min"), ("kontakt_epost", "Ada@gotavard.example")];
    let (_, number) = applied(&portal, &one).await;
    let astrid = portal.as_person(ASTRID).await;
    taken(&astrid, &number).await;
    let here = format!("/inera/ansokningar/{number}");
    act(&astrid, &format!("{here}/godkann"), &APPROVES).await.is(303);
    portal.work().await;
    answer(&portal.anonymous(), &link_to(&portal, "birgitta@gotavard.example"), BIRGITTA_NO, &SIGNS)
        .await
        .is(303);
    portal.worker.run_schedule().await.unwrap();
    portal.work().await;
    assert_eq!(portal.told("N-01"), ["ada@gotavard.example"]);
    let first = link_in_mail(&portal).await;
    portal.anonymous().page(&first).await.says("Kontaktperson");
    let petra = portal.as_person(PETRA).await;
    let again = format!("{here}/bjud-in-igen");
    let id = petra.page(&here).await.hidden("inbjudan");
    assert!(petra.post(&again, &[("inbjudan", &id)]).await.location().ends_with("klart=inbjudan-nyss"));
    portal.as_person(IVAR).await.post(&again, &[("inbjudan", &id)]).await.is(403);
    petra.post(&again, &[("inbjudan", "x")]).await.is(404);
    portal.advance(Duration::days(15));
    portal.worker.run_schedule().await.unwrap();
    portal.work().await;
    assert_eq!(portal.told("N-06"), [ASTRID], "nobody there could be told");
    portal.anonymous().get(&first).await.is(410);
    petra.page(&here).await.says("Inbjudan gick ut");
    assert!(petra.post(&again, &[("inbjudan", &id)]).await.location().ends_with("klart=inbjudan-igen"));
    portal.work().await;
    let second = link_in_mail(&portal).await;
    assert_ne!(first, second);
    portal.anonymous().page(&second).await.says("Administratör");
}

/// Approves and signs; answers the number.
async fn signed(portal: &Portal, extra: &[(&str, &str)]) -> String {
    let (_, number) = applied(portal, extra).await;
    let astrid = portal.as_person(ASTRID).await;
    taken(&astrid, &number).await;
    act(&astrid, &format!("/inera/ansokningar/{number}/godkann"), &APPROVES).await.is(303);
    portal.work().await;
    answer(&portal.anonymous(), &link_to(portal, "birgitta@gotavard.example"), BIRGITTA_NO, &SIGNS)
        .await
        .is(303);
    portal.worker.run_schedule().await.unwrap();
    portal.work().await;
    number
}

#[tokio::test]
async fn an_organisation_that_somebody_runs_is_not_taken_over_by_an_application() {
    let portal = Portal::start_with(true).await;
    // The agent's number, by somebody who is not theirs.
    let nr = portal.value("SELECT org_nr FROM organisation WHERE agent_no = 2041").await;
    let (_, number) = applied(&portal, &[("orgnr", nr.as_str()), ("namn", "Helt Annat AB")]).await;
    let astrid = portal.as_person(ASTRID).await;
    taken(&astrid, &number).await;
    let here = format!("/inera/ansokningar/{number}");
    for page in [here.clone(), format!("{here}/godkann")] {
        astrid
            .page(&page)
            .await
            .says("finns redan i registret")
            .says("Nordjournal Systems AB, agent 2041")
            .says("Britta");
    }
    act(&astrid, &format!("{here}/godkann"), &APPROVES).await.is(303);
    let evidence = "SELECT c.shown FROM application_event e JOIN confirmation c ON c.id = e.confirmation_id";
    assert!(portal.value(evidence).await.contains("Nordjournal Systems AB"));
    portal.work().await;
    answer(&portal.anonymous(), &link_to(&portal, "birgitta@gotavard.example"), BIRGITTA_NO, &SIGNS)
        .await
        .is(303);
    portal.worker.run_schedule().await.unwrap();
    portal.work().await;
    assert_eq!(portal.value("SELECT count(*) FROM invitation").await, "0", "nobody over their heads");
    assert_eq!(
        portal.value("SELECT name FROM organisation WHERE agent_no = 2041").await,
        "Nordjournal Systems AB"
    );
    // A customer whose agreement is not signed keeps its category.
    let nr = portal.value("SELECT org_nr FROM organisation WHERE customer_no = 11305").await;
    portal.sql("UPDATE signing SET closed_at = now(), state = 'recalled' WHERE closed_at IS NULL").await;
    let (_, number) = applied(&portal, &[("orgnr", nr.as_str())]).await;
    taken(&astrid, &number).await;
    let mut region = APPROVES.to_vec();
    region[0] = ("kategori", "region");
    act(&astrid, &format!("/inera/ansokningar/{number}/godkann"), &region).await.is(303);
    let category = "SELECT string_agg(c.category, ' ') FROM organisation_category c JOIN organisation o ON o.id = c.org_id WHERE o.customer_no = 11305";
    assert_eq!(portal.value(category).await, "privat_vardgivare");
}

#[tokio::test]
async fn an_approved_application_is_stopped_when_its_agreement_is_recalled() {
    let portal = Portal::start_with(true).await;
    let (link, number) = applied(&portal, &[]).await;
    let astrid = portal.as_person(ASTRID).await;
    taken(&astrid, &number).await;
    let here = format!("/inera/ansokningar/{number}");
    act(&astrid, &format!("{here}/godkann"), &APPROVES).await.is(303);
    let why = [("text", "Sökanden är inte behörig")];
    act(&astrid, &format!("{here}/avsla"), &why).await.is(422).says("Återkalla det först");
    portal.work().await;
    let signing = link_to(&portal, "birgitta@gotavard.example");
    let refuses = [("beslut", "avsla"), ("motivering", "Fel bolag")];
    answer(&portal.anonymous(), &signing, BIRGITTA_NO, &refuses).await.is(303);
    portal.work().await;
    assert_eq!(portal.told("N-191"), [GOTA], "the applicant hears of it");
    portal.anonymous().page(&link).await.says("Kundavtalet är inte signerat");
    astrid.page(&here).await.says("Avslaget");
    act(&astrid, &format!("{here}/avsla"), &why).await.is(303);
    portal.anonymous().page(&link).await.says("Sökanden är inte behörig");
    // Signed after all, by whomever: nobody of this application comes in.
    portal.sql("INSERT INTO agreement (id, org_id, kind, number, status, valid_from) SELECT gen_random_uuid(), id, 'customer_2', 'KA2-X', 'active', '2026-11-01' FROM organisation WHERE org_nr = '5599999074'").await;
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.value("SELECT count(*) FROM invitation").await, "0");
}

#[tokio::test]
async fn a_lapsed_application_comes_back_when_the_agreement_is_signed_after_all() {
    let portal = Portal::start_with(true).await;
    let (link, number) = applied(&portal, &[]).await;
    let astrid = portal.as_person(ASTRID).await;
    taken(&astrid, &number).await;
    act(&astrid, &format!("/inera/ansokningar/{number}/godkann"), &APPROVES).await.is(303);
    // Not while something waits, whoever asks.
    let mut tx = portal.app.db().worker().await.unwrap();
    let early = sqlx::query("INSERT INTO application_event (application_id, seq, from_state, to_state, moved_by, at) SELECT id, revision + 1, 'approved', 'lapsed', 'system', now() + interval '40 days' FROM application")
        .execute(tx.conn())
        .await;
    assert_eq!(early.unwrap_err().into_database_error().unwrap().code().unwrap(), "P0412");
    drop(tx);
    for _ in 0..2 {
        portal.advance(Duration::days(31));
        portal.worker.run_schedule().await.unwrap();
    }
    portal.anonymous().page(&link).await.says("Signerades inte i tid");
    portal.sql("INSERT INTO agreement (id, org_id, kind, number, status, valid_from) SELECT gen_random_uuid(), org_id, 'customer_2', 'KA2-X', 'active', '2027-01-01' FROM application").await;
    portal.worker.run_schedule().await.unwrap();
    portal.anonymous().page(&link).await.says("Avtalet är signerat");
    assert_eq!(portal.value("SELECT count(*) FROM invitation").await, "2");
}

#[tokio::test]
async fn a_lapsed_application_is_not_the_one_that_a_later_one_is_signed_for() {
    let portal = Portal::start_with(true).await;
    let (old, first) = applied(&portal, &[("adm_epost", "gammal@gotavard.example")]).await;
    let astrid = portal.as_person(ASTRID).await;
    taken(&astrid, &first).await;
    act(&astrid, &format!("/inera/ansokningar/{first}/godkann"), &APPROVES).await.is(303);
    for _ in 0..2 {
        portal.advance(Duration::days(31));
        portal.worker.run_schedule().await.unwrap();
    }
    portal.anonymous().page(&old).await.says("Signerades inte i tid");
    signed(&portal, &[]).await;
    portal.anonymous().page(&old).await.says("Signerades inte i tid");
    let invited = "SELECT string_agg(email, ' ' ORDER BY email) FROM invitation";
    assert_eq!(portal.value(invited).await, "ada@gotavard.example kaj@gotavard.example");
}

#[tokio::test]
async fn a_sole_trader_signs_alone_and_what_is_sent_is_what_was_read() {
    let portal = Portal::start().await;
    let link = begun(&portal, GOTA).await;
    let browser = portal.anonymous();
    let another = form(&[("orgnr", "19681103-1233")]);
    save(&browser, &link, &another).await.is(422).says("tecknas av innehavaren ensam");
    save(&browser, &link, &form(&[("orgnr", "681103-1233")])).await.is(422).says("med tolv siffror");
    save(&browser, &link, &form(&[])).await.is(303);
    // Another name is another person: the number does not follow.
    save(&browser, &link, &form(&[("firm_namn", "Anders Ek"), ("firm_personnummer", "")]))
        .await
        .is(422)
        .says("Skriv personnumret för firmatecknare 1");
    // Put away with something wrong in it, the rest is saved.
    let half = form(&[("adm_epost", "x"), ("vard", "Tandvård"), ("spara", "ja")]);
    save(&browser, &link, &half).await.is(422).says("utom det som är markerat").holds("value=\"x\"");
    assert_eq!(portal.value("SELECT content ->> 'care' FROM application").await, "Tandvård");
    let kept = "SELECT content #>> '{administrator,email}' FROM application";
    assert_eq!(portal.value(kept).await, "ada@gotavard.example", "what can't be read keeps what was there");
    let emptied = form(&[("adm_epost", ""), ("spara", "ja")]);
    save(&browser, &link, &emptied).await.is(303);
    browser.get(&format!("{link}/granska")).await.is(422).says("Skriv e-postadressen till administratören");
    // The database sends neither what is incomplete, nor what has been saved since it was read.
    let mut owner = portal.owner().await;
    for (saves, code) in [("saves", "P0412"), ("saves - 1", "P0409")] {
        let act = format!(
            "SELECT application_act(link_sha256, revision, {saves}, 'submitted', '', '', now()) FROM application"
        );
        let refused = sqlx::query(sqlx::AssertSqlSafe(act)).execute(&mut owner).await;
        assert_eq!(refused.unwrap_err().into_database_error().unwrap().code().unwrap(), code);
    }
}

#[tokio::test]
async fn kundservice_invites_somebody_else_while_nobody_runs_the_organisation() {
    let portal = Portal::start_with(true).await;
    let number = signed(&portal, &[]).await;
    let here = format!("/inera/ansokningar/{number}");
    let petra = portal.as_person(PETRA).await;
    let id = portal.value("SELECT id FROM invitation WHERE email = 'ada@gotavard.example'").await;
    let other = format!("{here}/nagon-annan?inbjudan={id}");
    petra.page(&here).await.says("Bjud in någon annan i stället för Ada Min");
    petra.page(&other).await.says("I stället för").says("ada@gotavard.example");
    portal.as_person(IVAR).await.get(&other).await.is(403);
    let who = [("inbjudan", id.as_str()), ("namn", "Asta Ny"), ("epost", "asta@gotavard.example")];
    act(&petra, &other, &[("inbjudan", &id), ("namn", ""), ("epost", "x")])
        .await
        .is(422)
        .says("Skriv för- och efternamn");
    act(&petra, &other, &[who[0], who[1], who[2], ("losenord", "fel")])
        .await
        .is(422)
        .holds("value=\"Asta Ny\"");
    let known = [who[0], who[1], ("epost", "kaj@gotavard.example")];
    act(&petra, &other, &known).await.is(422).says("redan inbjuden");
    act(&petra, &other, &who).await.is(303);
    portal.work().await;
    assert!(portal.told("N-01").contains(&"asta@gotavard.example".to_owned()));
    let ada = portal.mails().into_iter().find(|mail| mail.to == "ada@gotavard.example").unwrap();
    let at = ada.text.find("/inbjudan/").unwrap();
    let gone = ada.text[at..].split_whitespace().next().unwrap().to_owned();
    portal.anonymous().get(&gone).await.is(410);
    petra.get(&other).await.is(404);
    // With an administrator in place it is hers to invite.
    let door = link_in_mail(&portal).await;
    let password = "ett långt lösenord att minnas";
    portal.anonymous().post(&door, &[("sasom", "ny"), ("nytt", password), ("igen", password)]).await.is(303);
    let kaj = portal.value("SELECT id FROM invitation WHERE email = 'kaj@gotavard.example'").await;
    petra.get(&format!("{here}/nagon-annan?inbjudan={kaj}")).await.is(409);
    petra.post(&format!("{here}/bjud-in-igen"), &[("inbjudan", &kaj)]).await.is(409);
    petra.page(&here).await.does_not_say("Skicka igen");
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn the_database_has_the_same_moves() {
    let portal = Portal::start().await;
    let mut owner = portal.owner().await;
    let rows = sqlx::query("SELECT from_state AS f, to_state AS t, moved_by AS b FROM application_rule")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    let known: BTreeSet<(State, State, By)> =
        rows.iter().map(|row| (row.get("f"), row.get("t"), row.get("b"))).collect();
    assert_eq!(known, EDGES.iter().copied().collect());
}
