//! What leads people on: a new customer's first steps, a draft taken up again, files in the last step, addresses that
//! were saved and opened later.

use crate::harness::{
    Portal,
    agreements::{ANDERS_NO, ASTRID, BIRGITTA_NO, RAKEL, SIGNS, SOLBACKEN, answer, sent_agreement},
    orders::*,
};

#[tokio::test]
async fn a_new_customer_is_led_from_the_agreement_to_the_first_order() {
    let portal = Portal::start_with(true).await;
    let rakel = portal.as_person(RAKEL).await;
    rakel.page(SOLBACKEN).await.says("Kom igång").says("Kundservice skickar avtalet till era firmatecknare");
    let (birgitta, anders) = sent_agreement(&portal, "2").await;
    let waiting = rakel.page(SOLBACKEN).await;
    waiting.says("Väntar på att era firmatecknare signerar");
    assert!(waiting.body.contains(&format!("href=\"{SOLBACKEN}/avtal/KA2-11305")), "{}", waiting.body);
    // Refused: it no longer waits for anybody, and can be sent again.
    let refusal = [("beslut", "avsla"), ("motivering", "Fel firmatecknare angiven")];
    answer(&portal.anonymous(), &birgitta, BIRGITTA_NO, &refusal).await.is(303);
    portal.mailed().await;
    rakel.page(SOLBACKEN).await.says("Kundservice skickar avtalet").does_not_say("Väntar på att era");
    let astrid = portal.as_person(ASTRID).await;
    astrid.page("/inera/avtal/nytt?fran=KA2-11305").await.does_not_say("Avtalet finns redan");
    astrid
        .page("/inera/kunder/11305")
        .await
        .says("Skicka kundavtal för signering")
        .does_not_say("Väntar på signatur");
    let (birgitta, anders_again) = sent_agreement(&portal, "2").await;
    assert_ne!(anders, anders_again);
    answer(&portal.anonymous(), &birgitta, BIRGITTA_NO, &SIGNS).await.is(303);
    answer(&portal.anonymous(), &anders_again, ANDERS_NO, &SIGNS).await.is(303);
    astrid.page("/inera/kunder/11305").await.does_not_say("Skicka kundavtal för signering");
    let next = rakel.page(SOLBACKEN).await;
    next.says("Gäller från").says("Ingen hos er kan beställa ännu");
    assert!((3..=5).contains(&next.trips), "{}", next.trips);
    // Whoever has ordered once is not told how to begin, also when all is closed and others' orders are hidden.
    portal.as_person(KARIN).await.page(LINDANGEN).await.does_not_say("Kom igång");
    sent_direct(&portal).await;
    portal
        .sql("UPDATE subscription SET valid_to = '2026-01-01' WHERE customer_id = (SELECT id FROM organisation WHERE customer_no = 10482)")
        .await;
    portal.as_person(TOVE).await.page(LINDANGEN).await.does_not_say("Kom igång");
}

#[tokio::test]
async fn a_draft_is_taken_up_where_something_is_left_to_fill_in() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = draft(&karin, LINDANGEN, "JOURNALEN", "JOURNALEN_PRODUCER_AGENT").await;
    let draft = format!("{LINDANGEN}/bestall/{number}");
    assert_eq!(karin.get(&draft).await.location(), format!("{draft}/anslutning"));
    let connection =
        [("erbjudande", "JOURNALEN_PRODUCER_AGENT"), ("agent", "2041"), ("hsa", "SE5565594230-0001")];
    karin.must_post(&format!("{draft}/anslutning"), &connection).await;
    // What is to be thought of before is read before.
    assert_eq!(karin.get(&draft).await.location(), format!("{draft}/forutsattningar"));
    // Nothing to pay for yet is not the same as free.
    let early = karin.page(&format!("{draft}/granska")).await;
    early.says("Priset visas när omfattningen är ifylld").does_not_say("0\u{a0}kr");
    let contracts = [("kontrakt", "GetDiagnosis")];
    karin.must_post(&format!("{draft}/omfattning"), &scope_fields(&contracts)).await;
    assert_eq!(karin.get(&draft).await.location(), format!("{draft}/granska"));
    // Start leads there too.
    assert!(karin.page(LINDANGEN).await.body.contains(&format!("href=\"{draft}\"")));
    // Sent: the addresses of the steps lead to the order, and nobody else is led anywhere.
    portal.as_person(ELSA).await.get(&draft).await.is(404);
    send(&karin, LINDANGEN, &number).await;
    for step in ["", "/anslutning", "/forutsattningar", "/omfattning", "/granska"] {
        let order = format!("{LINDANGEN}/bestallningar/{number}");
        assert_eq!(karin.get(&format!("{draft}{step}")).await.location(), order, "{step}");
    }
}

#[tokio::test]
async fn an_untouched_draft_begins_at_the_choice_and_one_that_came_back_at_what_may_be_changed() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET", "INFEKTIONSVERKTYGET_DIRECT").await;
    let untouched = format!("{LINDANGEN}/bestall/{number}");
    assert_eq!(karin.get(&untouched).await.location(), format!("{untouched}/anslutning"));
    // Without HSA-id, which a direct order does not need.
    let number = direct_draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET").await;
    let filled = format!("{LINDANGEN}/bestall/{number}");
    assert_eq!(karin.get(&filled).await.location(), format!("{filled}/granska"));
    send(&karin, LINDANGEN, &number).await;
    let mats = portal.as_person(MATS).await;
    let attest = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    decide(&mats, &attest, "atersand", &[("motivering", "Fel datum")]).await.is(303);
    assert_eq!(karin.get(&filled).await.location(), format!("{filled}/omfattning"));
}

#[tokio::test]
async fn files_are_added_and_removed_without_leaving_the_last_step() {
    let portal = Portal::start().await;
    for (email, base, home, customer) in [
        (KARIN, LINDANGEN, LINDANGEN, LINDANGEN),
        (PETRA, "/inera/kunder/10901", "/inera", "/inera/kunder/10901"),
    ] {
        let client = portal.as_person(email).await;
        let number =
            direct_draft(&client, base, if email == KARIN { "INFEKTIONSVERKTYGET" } else { "SDK" }).await;
        let files = format!("{home}/bestallningar/{number}/bilagor");
        let review = format!("{customer}/bestall/{number}/granska");
        let from_review = [("till", "granska")];
        let refused = client.upload_with(&files, &from_review, "avtal.exe", b"MZ").await;
        assert_eq!(refused.location(), format!("{review}?fil=typ"));
        let page = client.get(&format!("{review}?fil=typ")).await;
        page.is(422).says("Filens innehåll är inte pdf").says("Granska och skicka");
        client.get(&format!("{review}?fil=%3Cb%3E")).await.is(200).does_not_say("<b>");
        let added = client.upload_with(&files, &from_review, "avtal.pdf", b"%PDF-1.7\nx").await;
        assert_eq!(added.location(), format!("{review}?klart=fil"));
        let page = client.page(&review).await;
        let (_, rest) =
            page.body.split_once(&format!("action=\"{files}/")).expect("a button that removes the file");
        let remove = format!("{files}/{}", rest.split('"').next().unwrap());
        let removed = client.post(&remove, &from_review).await;
        assert_eq!(removed.location(), format!("{review}?klart=fil-borta"));
    }
}

#[tokio::test]
async fn what_is_not_sent_yet_is_said_to_be_so_and_a_broken_link_leads_to_kundservice() {
    let portal = Portal::start_with(true).await;
    let karin = portal.as_person(KARIN).await;
    let number = direct_draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET").await;
    let mats = portal.as_person(MATS).await;
    let page = mats.get(&format!("{LINDANGEN}/bestallningar/{number}/attestera")).await;
    page.is(409).says("Beställningen är inte skickad ännu").does_not_say("redan hanterat");
    let (link, _) = sent_agreement(&portal, "1").await;
    let guest = portal.anonymous();
    guest.page(&link).await.does_not_say("Logga in");
    let mut cut = link.clone();
    cut.truncate(link.len() - 4);
    // Whole, but never given to anybody.
    let unknown =
        format!("/signera/{}", link.trim_start_matches("/signera/").chars().rev().collect::<String>());
    guest.get(&unknown).await.is(404).says("Länken fungerar inte");
    guest.get(&cut).await.is(404).says("Länken fungerar inte").does_not_say("byt organisation");
}

#[tokio::test]
async fn an_empty_sign_in_says_which_field_is_empty() {
    let portal = Portal::start().await;
    let guest = portal.anonymous();
    guest
        .post("/logga-in", &[("epost", ""), ("losenord", "")])
        .await
        .is(422)
        .says("Skriv din e-postadress")
        .says("Skriv ditt lösenord")
        .does_not_say("passar inte ihop");
    guest
        .post("/logga-in", &[("epost", KARIN), ("losenord", "")])
        .await
        .is(422)
        .does_not_say("Skriv din e-post");
}

#[tokio::test]
async fn nobody_is_chosen_to_attest_by_accident() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let johan = portal.as_person(JOHAN).await;
    let path = format!("{NORDJOURNAL}/godkannanden/{number}");
    johan.page(&path).await.says("Välj attestant");
    decide(&johan, &path, "godkann", &[("attestant", ""), ("intygar", "ja")])
        .await
        .is(422)
        .says("Välj vem som ska attestera");
    assert_eq!(state(&portal, &number).await, "awaiting_agent_review");
}
