//! Whatever is sent gets a clear answer and changes nothing.

use axum::{
    body::Body,
    http::{Method, header},
};

use crate::harness::{Portal, client::encoded, orders::*};

async fn fingerprint(portal: &Portal) -> String {
    portal.value("SELECT md5(string_agg(o::text, '' ORDER BY o.id)) FROM orders o").await
}

#[tokio::test]
async fn forms_from_other_sites_are_refused_and_forms_without_headers_need_the_token() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/meddelanden");
    let before = portal.value("SELECT count(*) FROM order_message").await;
    let body = encoded(&[("text", "hej")]);
    let send = |headers: &[(&str, &str)], body: &str| {
        let mut request = karin
            .request(Method::POST, &path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        karin.send(request.body(Body::from(body.to_owned())).unwrap())
    };
    send(&[("sec-fetch-site", "cross-site")], &body).await.is(403).says("från en annan webbplats");
    send(&[("sec-fetch-site", "same-site")], &body).await.is(403);
    send(&[("origin", "http://ond.example")], &body).await.is(403);
    send(&[], &body).await.is(403);
    assert_eq!(portal.value("SELECT count(*) FROM order_message").await, before);
    let token = karin.page(&format!("{LINDANGEN}/bestallningar/{number}")).await.hidden("csrf");
    send(&[], &encoded(&[("text", "hej"), ("csrf", &token)])).await.is(303);
    // Another person's token is no good.
    let others = portal.as_person(MATS).await.page(LINDANGEN).await.hidden("csrf");
    send(&[], &encoded(&[("text", "hej"), ("csrf", &others)])).await.is(403);
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused_without_being_read() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let before = fingerprint(&portal).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/meddelanden");
    for size in [100_000, 10_000_000] {
        let long = "a".repeat(size);
        karin.post(&path, &[("text", &long)]).await.is(413).says("för stort");
    }
    let files = format!("{LINDANGEN}/bestallningar/{number}/bilagor");
    karin.upload(&files, "stor.pdf", &vec![b'a'; 11 * 1024 * 1024]).await.is(413);
    let many: Vec<(&str, &str)> = std::iter::repeat_n(("text", "x"), 5_000).collect();
    karin.post(&path, &many).await.is(400);
    assert_eq!(fingerprint(&portal).await, before);
}

#[tokio::test]
async fn unreadable_text_is_refused_in_words() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/meddelanden");
    for body in ["text=a%00b", "text=%ff%fe", "text=a\u{0}b"] {
        let request = karin
            .request(Method::POST, &path)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = karin.send(request.body(Body::from(body)).unwrap()).await;
        assert!([400, 422].contains(&answer.status.as_u16()), "{body:?}: {}", answer.text());
    }
    karin.post(&path, &[("text", "   ")]).await.is(422).says("Skriv ett meddelande");
    let patient = karin.post(&path, &[("text", "Gäller 19121212-1212")]).await;
    patient.is(422).says("personnummer").says("Gäller 19121212-1212");
    let json = karin
        .request(Method::POST, &path)
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/json");
    karin.send(json.body(Body::from("{}")).unwrap()).await.is(400);
}

#[tokio::test]
async fn forged_ids_and_references_lead_to_a_page_that_does_not_exist() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let elsa = portal.as_person(ELSA).await;
    for path in [
        format!("{NORLING}/bestallningar/{number}"),
        format!("{LINDANGEN}/bestallningar/{number}"),
        format!("/arende/{number}"),
        format!("{NORLING}/bestall/{number}/anslutning"),
    ] {
        elsa.get(&path).await.is(404).says("Sidan finns inte");
    }
    for path in [
        "/kund/99999999999999999999".to_owned(),
        "/kund/-1".to_owned(),
        "/kund/9223372036854775807".to_owned(),
        "/kund/abc/bestallningar".to_owned(),
        format!("{LINDANGEN}/bestallningar/BES-2026-999999"),
        format!("{LINDANGEN}/bestallningar/%27%20OR%201=1--"),
        format!("{LINDANGEN}/bestallningar/{number}/bilagor/inte-ett-id"),
        format!("{LINDANGEN}/tjanster/finns-inte"),
        "/arende/%00".to_owned(),
    ] {
        karin.get(&path).await.is(404);
    }
    for query in
        ["?efter=x", "?vy=%27", "?q=%25%25%25", "?tjanst=X", "?efter=00000000-0000-0000-0000-000000000000"]
    {
        karin.page(&format!("{LINDANGEN}/bestallningar{query}")).await;
    }
}

#[tokio::test]
async fn extra_fields_change_nothing() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET", "INFEKTIONSVERKTYGET_DIRECT").await;
    let path = format!("{LINDANGEN}/bestall/{number}/anslutning");
    let fields = [
        ("erbjudande", "INFEKTIONSVERKTYGET_DIRECT"),
        ("hsa", ""),
        ("state", "activated"),
        ("customer_id", "1"),
        ("side", "inera"),
    ];
    karin.must_post(&path, &fields).await;
    assert_eq!(state(&portal, &number).await, "draft");
}

#[tokio::test]
async fn a_double_click_makes_one_draft_and_sends_one_order() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let id = uuid::Uuid::now_v7().to_string();
    let fields = [
        ("tjanst", "INFEKTIONSVERKTYGET"),
        ("erbjudande", "INFEKTIONSVERKTYGET_DIRECT"),
        ("id", id.as_str()),
    ];
    let start = format!("{LINDANGEN}/bestall");
    let (first, second) = tokio::join!(karin.post(&start, &fields), karin.post(&start, &fields));
    assert_eq!(first.location(), second.location(), "{} {}", first.text(), second.text());
    // Often enough that both reach the database at the same moment.
    for _ in 0..40 {
        let id = uuid::Uuid::now_v7().to_string();
        let fields = [fields[0], fields[1], ("id", id.as_str())];
        let (first, second, third) = tokio::join!(
            karin.post(&start, &fields),
            karin.post(&start, &fields),
            karin.post(&start, &fields)
        );
        assert_eq!(first.location(), second.location(), "{} {}", first.text(), second.text());
        assert_eq!(first.location(), third.location(), "{}", third.text());
    }
    // Another tenant with the same id finds nothing.
    let elsa = portal.as_person(ELSA).await;
    let theirs = [("tjanst", "PASCAL"), ("erbjudande", "PASCAL_DIRECT"), ("id", id.as_str())];
    elsa.post(&format!("{NORLING}/bestall"), &theirs).await.is(404);

    let number = direct_draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET").await;
    let path = format!("{LINDANGEN}/bestall/{number}/granska");
    let page = karin.page(&path).await;
    let (terms, content) = (page.hidden("villkor_id"), page.hidden("innehall"));
    let fields = [("villkor", "ja"), ("villkor_id", terms.as_str()), ("innehall", content.as_str())];
    let (first, second) = tokio::join!(karin.post(&path, &fields), karin.post(&path, &fields));
    for answer in [&first, &second] {
        assert!([303, 409].contains(&answer.status.as_u16()), "{}", answer.text());
    }
    let third = karin.post(&path, &fields).await;
    third.is(303);
    assert!(third.location().ends_with("/skickad"));
    let sent = format!(
        "SELECT count(*) FROM order_event e JOIN orders o ON o.id = e.order_id WHERE o.number = '{number}'"
    );
    assert_eq!(portal.value(&sent).await, "1");
}

#[tokio::test]
async fn the_same_content_is_not_ordered_twice_at_the_same_time() {
    let portal = Portal::start().await;
    sent_direct(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let number = direct_draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET").await;
    let path = format!("{LINDANGEN}/bestall/{number}/granska");
    let page = karin.page(&path).await;
    let (terms, content) = (page.hidden("villkor_id"), page.hidden("innehall"));
    let answer =
        karin.post(&path, &[("villkor", "ja"), ("villkor_id", &terms), ("innehall", &content)]).await;
    answer.is(409).says("En likadan beställning är redan på väg");
    assert_eq!(state(&portal, &number).await, "draft");
    // The service's page has said so from the start, and says where the other is.
    let service = format!("{LINDANGEN}/tjanster/infektionsverktyget");
    karin
        .page(&service)
        .await
        .says("Ni har redan en beställning på väg")
        .says("BES-2026-000001")
        .says("Väntar på er attest");
}

#[tokio::test]
async fn a_draft_changed_in_another_tab_is_shown_again_before_it_is_sent() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = via_agent_draft(&karin, LINDANGEN, "2041").await;
    let path = format!("{LINDANGEN}/bestall/{number}/granska");
    let page = karin.page(&path).await;
    let (terms, content) = (page.hidden("villkor_id"), page.hidden("innehall"));
    karin
        .must_post(
            &format!("{LINDANGEN}/bestall/{number}/omfattning"),
            &scope_fields(&[("kontrakt", "GetDiagnosis")]),
        )
        .await;
    let answer =
        karin.post(&path, &[("villkor", "ja"), ("villkor_id", &terms), ("innehall", &content)]).await;
    answer.is(409).says("Utkastet har ändrats sedan du öppnade sidan");
    assert_eq!(state(&portal, &number).await, "draft");
}

#[tokio::test]
async fn every_error_of_a_step_is_told_at_once_with_the_values_kept() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = draft(&karin, LINDANGEN, "WEBCERT_FRI_SITHS", "WEBCERT_FRI_SITHS").await;
    let path = format!("{LINDANGEN}/bestall/{number}/omfattning");
    let fields = [
        ("enhet_namn", "Vårdcentralen"),
        ("enhet_hsa", "SE5565594231-1"),
        ("enhet_antal", "99999999999999999999"),
        ("enhet_datum", "2020-01-01"),
        ("startdatum", "snart"),
        ("kontakt_namn", "Karin"),
        ("kontakt_epost", "karin"),
        ("kontakt_telefon", ""),
        ("faktura_adress", ""),
        ("faktura_referens", ""),
        ("attestant", "00000000-0000-0000-0000-000000000001"),
        ("egen_referens", ""),
    ];
    let answer = karin.post(&path, &fields).await;
    answer.is(422).says("Det finns 9 fel på sidan").says("Datumet måste vara 22 november 2026 eller senare");
    assert!(
        answer.body.contains(r#"value="SE5565594231-1""#) && answer.body.contains(r##"href="#enhet_hsa-1""##)
    );
    assert!(answer.body.contains("<title>Fel: "));
}

#[tokio::test]
async fn what_people_write_is_shown_as_text_on_every_page() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = via_agent_draft(&karin, LINDANGEN, "2041").await;
    let nasty = r#""><svg onload=alert(1)>"#;
    let fields: Vec<_> = scope_fields(&[("kontrakt", "GetDiagnosis")])
        .into_iter()
        .map(|(key, value)| {
            if matches!(key, "kontakt_namn" | "faktura_adress" | "faktura_referens" | "egen_referens") {
                (key, nasty)
            } else {
                (key, value)
            }
        })
        .collect();
    karin.must_post(&format!("{LINDANGEN}/bestall/{number}/omfattning"), &fields).await;
    send(&karin, LINDANGEN, &number).await;
    karin.must_post(&format!("{LINDANGEN}/bestallningar/{number}/meddelanden"), &[("text", nasty)]).await;
    let (johan, petra) = (portal.as_person(JOHAN).await, portal.as_person(PETRA).await);
    for page in [
        karin.page(&format!("{LINDANGEN}/bestallningar/{number}")).await,
        johan.page(&format!("{NORDJOURNAL}/godkannanden/{number}")).await,
        petra.page(&format!("/inera/bestallningar/{number}")).await,
        karin.page(&format!("{LINDANGEN}/bestallningar?q=%22%3E%3Csvg%20onload%3Dalert(1)%3E")).await,
    ] {
        assert!(!page.body.contains("<svg onload"), "{}", page.body);
    }
    portal.work().await;
    assert!(portal.mails().iter().all(|mail| !mail.html.contains("svg onload")));
}

#[tokio::test]
async fn the_agent_never_sees_the_customers_invoice_data_or_own_note() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = via_agent_draft(&karin, LINDANGEN, "2041").await;
    let fields: Vec<_> = scope_fields(&[("kontrakt", "GetDiagnosis")])
        .into_iter()
        .map(|(key, value)| match key {
            "faktura_referens" => (key, "HEMLIG-REF"),
            "egen_referens" => (key, "bara för oss"),
            _ => (key, value),
        })
        .collect();
    karin.must_post(&format!("{LINDANGEN}/bestall/{number}/omfattning"), &fields).await;
    send(&karin, LINDANGEN, &number).await;
    let johan = portal.as_person(JOHAN).await;
    for path in
        [format!("{NORDJOURNAL}/godkannanden/{number}"), format!("{NORDJOURNAL}/bestallningar/{number}")]
    {
        johan
            .page(&path)
            .await
            .does_not_say("HEMLIG-REF")
            .does_not_say("bara för oss")
            .does_not_say("Exempelstad");
    }
    karin.page(&format!("{LINDANGEN}/bestallningar/{number}")).await.says("HEMLIG-REF");
}

#[tokio::test]
async fn files_are_judged_by_their_content_and_handed_out_safely() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let files = format!("{LINDANGEN}/bestallningar/{number}/bilagor");
    let pdf = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n";
    karin
        .upload(&files, "skript.pdf", b"<html><script>alert(1)</script></html>")
        .await
        .is(422)
        .says("Filens innehåll är inte pdf");
    karin.upload(&files, "avtal.png", pdf).await.is(422).says("stämmer inte med filnamnets ändelse");
    karin.upload(&files, "tom.pdf", b"").await.is(422).says("Filen är tom");
    karin.upload(&files, "", b"").await.is(422).says("Välj en fil");
    karin.upload(&files, "../../åtgärd 1.pdf", pdf).await.is(303);
    let page = karin.page(&format!("{LINDANGEN}/bestallningar/{number}")).await;
    let id = page.body.split("/bilagor/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let file = karin.page(&format!("{files}/{id}")).await;
    assert_eq!(file.headers.get("content-type").unwrap(), "application/pdf");
    let disposition = file.headers.get("content-disposition").unwrap().to_str().unwrap();
    assert!(disposition.starts_with("attachment;") && !disposition.contains(".."), "{disposition}");
    assert!(file.headers.get("content-security-policy").unwrap().to_str().unwrap().contains("sandbox"));
    // The agent of the order reads it, others do not, and not under another order's number.
    portal.as_person(JOHAN).await.page(&format!("{NORDJOURNAL}/bestallningar/{number}/bilagor/{id}")).await;
    portal
        .as_person(MAJA)
        .await
        .get(&format!("{VARDKOPPLING}/bestallningar/{number}/bilagor/{id}"))
        .await
        .is(404);
    portal.as_person(ELSA).await.get(&format!("{NORLING}/bestallningar/{number}/bilagor/{id}")).await.is(404);
    let other = sent_direct(&portal).await;
    karin.get(&format!("{LINDANGEN}/bestallningar/{other}/bilagor/{id}")).await.is(404);
    // Sent is sent: it can't be taken away any more.
    karin.post(&format!("{files}/{id}/ta-bort"), &[]).await.is(409);
}

#[tokio::test]
async fn a_closed_order_takes_no_more_messages_or_files() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let fields = [("motivering", "Nej tack")];
    decide(&mats, &format!("{LINDANGEN}/bestallningar/{number}/attestera"), "avsla", &fields).await.is(303);
    mats.post(&format!("{LINDANGEN}/bestallningar/{number}/meddelanden"), &[("text", "en sak till")])
        .await
        .is(409);
    assert_eq!(portal.value("SELECT count(*) FROM order_message").await, "0");
    let files = format!("{LINDANGEN}/bestallningar/{number}/bilagor");
    mats.upload(&files, "sen.pdf", b"%PDF-1.7\nx").await.is(409);
    assert_eq!(portal.value("SELECT count(*) FROM order_attachment").await, "0");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    #[test]
    fn amounts_never_overflow(contracts in proptest::prelude::any::<i64>(), cards in proptest::prelude::any::<i64>()) {
        use kundportal::catalogue::{domain::*, price::*};
        let offer = Offer {
            code: String::new(), service_code: String::new(), name: String::new(), channel: Channel::Direct, role: String::new(),
            billed_to_agent: false, scope: Scope::Contracts, start_fee: false, care_provider_only: false, sole_trader_only: false,
            orderable: true, valid_from: None, valid_to: None,
            min_end_customers: 0,
        };
        let row = |per: &str| PriceRow {
            code: String::new(), role: String::new(), item: String::new(), kind: "list_price".to_owned(), amount_ore: Some(2_500_000),
            per: per.to_owned(), applies_to: String::new(), note: String::new(), valid_from: None, valid_to: None,
        };
        let service = Service {
            code: String::new(), slug: String::new(), name: String::new(), former_names: String::new(), area: String::new(),
            description: String::new(), ka2_from: None, lifecycle: "active".to_owned(), personal_data: None, price_note: String::new(),
            ordering_note: String::new(), offers: vec![], rules: vec![], dependencies: vec![], prices: vec![row("kontrakt"), row("kort_ar")],
            contracts: vec![], terms: vec![], mediation_terms: vec![],
        };
        let quantities = Quantities { contracts, cards, units: 0 };
        let priced = summary(&service, &offer, &[], quantities, time::macros::date!(2026-11-22));
        if (0..1_000_000).contains(&contracts) {
            proptest::prop_assert_eq!(priced.once_ore, Some(contracts * 2_500_000));
        }
    }
}

#[tokio::test]
async fn a_draft_is_its_orderers_alone_and_nothing_is_said_in_it() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = via_agent_draft(&karin, LINDANGEN, "2041").await;
    let order = format!("{LINDANGEN}/bestallningar/{number}");
    // The agent it is sent to later would read what was written for colleagues.
    karin.post(&format!("{order}/meddelanden"), &[("text", "Hemligt i utkastet")]).await.is(409);
    karin.page(&order).await.does_not_say("Nytt meddelande");
    assert_eq!(portal.value("SELECT count(*)::text FROM order_message").await, "0");
    // Neither an attestant nor Kundservice puts files into somebody's draft.
    let pdf = b"%PDF-1.7\nx";
    for (email, side) in [(MATS, LINDANGEN), (PETRA, "/inera")] {
        let client = portal.as_person(email).await;
        let files = format!("{side}/bestallningar/{number}/bilagor");
        client.upload_with(&files, &[("till", "granska")], "frammande.pdf", pdf).await.is(403);
    }
    // A file that came after the last step was opened is seen before it is sent.
    let review = format!("{LINDANGEN}/bestall/{number}/granska");
    let opened = karin.page(&review).await;
    karin.upload(&format!("{order}/bilagor"), "sen.pdf", pdf).await.is(303);
    let (terms, content) = (opened.hidden("villkor_id"), opened.hidden("innehall"));
    let fields = [("villkor", "ja"), ("villkor_id", terms.as_str()), ("innehall", content.as_str())];
    karin.post(&review, &fields).await.is(409).says("har ändrats sedan").says("sen.pdf");
    assert_eq!(state(&portal, &number).await, "draft");
    send(&karin, LINDANGEN, &number).await;
    karin.post(&format!("{order}/meddelanden"), &[("text", "Nu kan ni läsa")]).await.is(303);
}
