//! What holds for every page: one heading, labels that lead somewhere, words that people understand; and what single pages say.

use axum::http::Method;
use kundportal::http::router::{Access, table};

use crate::harness::{
    Answer, Portal,
    agreements::{ASTRID, sent_agreement},
    applications::{applied, begun, form, save, taken},
    contacts::*,
    mandates::{TORSTEN, mandate_asked},
    orders::*,
};

/// What the pages of contacts are about.
struct Around {
    invitation: String,
    reset: String,
    address: String,
    contact_address: String,
    login_address: String,
    join: String,
    merge: String,
    step: String,
    /// An application that is ready to be sent, and the number of one that is being reviewed.
    apply: String,
    application: String,
    request: String,
    mats: String,
    johan: String,
    per: String,
    anna: String,
    /// At Inera; `ivar` is removed and blocked, as `per` is.
    siv: String,
    ivar: String,
    /// A second step of Samira's.
    factor: String,
    /// A vårdenhet of Lindängen's.
    unit: String,
}

impl Around {
    /// What stands for `{lank}` in a route, from the mails that were sent; an agreement's link is not among them.
    fn link(&self, route: &str) -> Option<&str> {
        let all = [
            &self.invitation,
            &self.reset,
            &self.address,
            &self.contact_address,
            &self.login_address,
            &self.join,
            &self.merge,
            &self.step,
            &self.apply,
        ];
        let start = route.strip_suffix("/granska").unwrap_or(route).strip_suffix("{lank}")?;
        all.into_iter().find_map(|link| link.strip_prefix(start))
    }
}

/// The number of an application that an officer has taken.
async fn reviewed(portal: &Portal) -> String {
    let (_, number) = applied(portal, &[]).await;
    taken(&portal.as_person(ASTRID).await, &number).await;
    number
}

/// Kundservice asks whether two accounts are one; answers the link.
async fn merge_link(portal: &Portal) -> String {
    let petra = portal.as_person(PETRA).await;
    let path = format!("/inera/kunder/10482/kontakter/{}/sla-ihop", member(portal, TOVE, "10482").await);
    let two = [("epost", NILS), ("anledning", "Har ringt")];
    let page = petra.post(&path, &two).await;
    let (revision, shown) = (page.hidden("revision"), page.hidden("visat"));
    let mut sent = vec![("revision", revision.as_str()), ("visat", shown.as_str())];
    sent.extend(two);
    sent.push(("losenord", crate::harness::PASSWORD));
    petra.post(&path, &sent).await.is(303);
    link_in(portal, "N-180", "/sammanslagning/").await
}

async fn contacts(portal: &Portal) -> Around {
    let invitation = invited(portal, "ny@lindangen.example", &["orderer"]).await;
    let tove = portal.as_person(TOVE).await;
    tove.post(&format!("{LINDANGEN}/behorighet"), &[("roll", "orderer"), ("motivering", "Ska beställa")])
        .await
        .is(303);
    let request = portal.value("SELECT id FROM role_request").await;
    portal
        .sql("UPDATE membership SET ended_at = now() WHERE email IN ('per@norrback.example', 'ivar@kundservice.example')")
        .await;

    for statement in [
        "UPDATE person SET disabled_at = now(), blocked_at = now() WHERE email IN ('per@norrback.example', 'ivar@kundservice.example')",
        "UPDATE membership SET blocked_at = now() WHERE email IN ('per@norrback.example', 'ivar@kundservice.example')",
    ] {
        portal.sql(statement).await;
    }

    portal.anonymous().post("/losenord/glomt", &[("epost", KARIN)]).await.is(200);
    let reset = link_in(portal, "N-09", "/losenord/").await;
    let samira = portal.as_person(SAMIRA).await;
    let new = [("revision", "1"), ("epost", "ny@norrback.example")];
    samira.post(&format!("{NORRBACK}/uppgifter/andra"), &new).await.is(303);
    let address = link_in(portal, "N-122", "/e-postadress/").await;
    let org_nr = portal.value("SELECT org_nr FROM organisation WHERE customer_no = 10482").await;
    let ask =
        [("orgnr", org_nr.as_str()), ("namn", "Ny"), ("epost", "vill@bli.example"), ("varfor", "Beställa")];
    portal.anonymous().post("/bli-kontakt", &ask).await.is(200);
    let join = link_in(portal, "N-03", "/bli-kontakt/").await;
    let merge = merge_link(portal).await;
    let own = member(portal, SAMIRA, "10482").await;
    let new =
        [("forut", ""), ("forut", ""), ("forut", ""), ("forut", SAMIRA), ("epost", "samira@ny.example")];
    samira.post(&format!("{LINDANGEN}/kontakter/{own}/uppgifter"), &new).await.is(303);
    let contact_address = link_in(portal, "N-126", "/kontaktadress/").await;
    let login = [("ny", "samira@hemma.example"), ("losenord", crate::harness::PASSWORD)];
    samira.post("/konto/epost", &login).await.is(303);
    let login_address = link_in(portal, "N-176", "/inloggningsadress/").await;
    let unproved = portal.as_person(SAMIRA).await;
    portal.sql("UPDATE session SET mail_shown = false").await;
    unproved.post("/konto/tvasteg/lank", &[]).await.is(303);
    let step = link_in(portal, "N-183", "/konto/tvasteg/lank/").await;
    portal
        .sql(
            "INSERT INTO second_factor (id, person_id, kind, name, sealed, created_at)
             SELECT gen_random_uuid(), p.id, 'totp', 'Min telefon', 'x', now() FROM person p
              WHERE p.email IN ('samira@lindangen.example', 'anna@norrback.example', 'siv@kundservice.example')",
        )
        .await;
    portal
        .sql(
            "INSERT INTO care_unit (id, org_id, name, hsa_id, created_at)
             SELECT gen_random_uuid(), id, 'Mottagning Norr', 'SE5565594230-N1', now() FROM organisation WHERE customer_no = 10482",
        )
        .await;
    let own = "SELECT f.id FROM second_factor f JOIN person p ON p.id = f.person_id WHERE p.email = 'samira@lindangen.example'";
    Around {
        factor: portal.value(own).await,
        unit: portal.value("SELECT id FROM care_unit").await,
        reset,
        address,
        contact_address,
        login_address,
        join,
        merge,
        step,
        application: reviewed(portal).await,
        apply: {
            let link = begun(portal, "annan@gotavard.example").await;
            save(&portal.anonymous(), &link, &form(&[])).await.is(303);
            link
        },
        invitation,
        request,
        mats: member(portal, MATS, "10482").await,
        johan: member(portal, JOHAN, "2041").await,
        per: member(portal, PER, "10901").await,
        anna: member(portal, ANNA, "10901").await,
        siv: portal.value("SELECT id FROM membership WHERE email = 'siv@kundservice.example'").await,
        ivar: portal.value("SELECT id FROM membership WHERE email = 'ivar@kundservice.example'").await,
    }
}

/// All pages that can be read with an order in each of a few states, as the person who would read them.
async fn all_pages() -> Vec<(String, Answer)> {
    let portal = Portal::start_with(true).await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let draft = via_agent_draft(&karin, LINDANGEN, "2077").await;
    let petra = portal.as_person(PETRA).await;
    let theirs = direct_draft(&petra, "/inera/kunder/10901", "SDK").await;
    let (link, _) = sent_agreement(&portal, "2").await;
    let around = contacts(&portal).await;
    let (reviewed, asked) = mandates(&portal).await;
    let mut pages = Vec::new();
    for route in
        table().into_iter().filter(|route| route.method == Method::GET && !route.path.contains("{fil}"))
    {
        let (email, wanted) = match route.access {
            Access::Customer if is_administrators(route.path) => (Some(SAMIRA), String::new()),
            Access::Agent if route.path.contains("/uppdrag") => (Some(BRITTA), String::new()),
            Access::Agent if is_administrators(route.path) => (Some(BRITTA), String::new()),
            Access::Staff if staff_for(route.path) != PETRA => {
                (Some(staff_for(route.path)), "KA2-11305".to_owned())
            }
            Access::Customer if route.path.contains("/avtal") => (Some(SAMIRA), "KA2-10482".to_owned()),
            Access::Agent if route.path.contains("/avtal") => (Some(JOHAN), "AG-2041".to_owned()),
            Access::Link => (None, String::new()),
            Access::Agent if route.path.contains("/attester") => {
                approve_as_johan_once(&portal, &number).await;
                (Some(HELENA), number.clone())
            }
            Access::Agent => (Some(JOHAN), number.clone()),
            Access::Staff if route.path.contains("/bestall/") => (Some(PETRA), theirs.clone()),
            Access::Staff => (Some(PETRA), number.clone()),
            Access::Customer if route.path.ends_with("/attestera") => continue,
            Access::Customer if route.path.ends_with("/attester") => (Some(MATS), number.clone()),
            Access::Customer if route.path.contains("/bestall/") => (Some(KARIN), draft.clone()),
            Access::Customer => (Some(KARIN), number.clone()),
            Access::Person => (Some(SAMIRA), number.clone()),
            Access::Public | Access::Demo => (None, number.clone()),
        };
        let elsewhere = route.path.contains("/bestall/") || route.path.contains("/kontakter/");
        let kundnr = if route.access == Access::Staff && elsewhere { "10901" } else { "10482" };
        let is_first = route.path == "/inera/kunder/{kundnr}/kontakter/bjud-in";
        let kundnr = if is_first { unled(&portal).await } else { kundnr };
        let contact = contact_of(&around, route.access, route.path);
        // A request is the customer's; the agent has none. What Kundservice does for an agent it does for a customer.
        if (route.access == Access::Agent && route.path.contains("{begaran}"))
            || route.path.starts_with("/inera/agenter/{agentnr}/kontakter")
            // Needs a signed agreement: tests/it/applications.rs.
            || route.path.ends_with("/nagon-annan")
        {
            continue;
        }
        let path = route
            .path
            .replace("{kundnr}", kundnr)
            .replace("{agentnr}", "2041")
            .replace("{nummer}", &wanted)
            .replace("{referens}", &wanted)
            .replace("{tjanst}", "1177-journal")
            .replace("/faktura/andra", "/faktura/andra?tjanst=standard")
            .replace("/signera/{lank}", &link)
            .replace("{lank}", around.link(route.path).unwrap_or_default())
            .replace("{begaran}", &around.request)
            .replace("{enhet}", &around.unit)
            .replace("{erbjudande}", "npo-consumer-agent-app")
            .replace("/uppdrag/{ansokan}/komplettering", &format!("/uppdrag/{asked}/komplettering"))
            .replace("/uppdrag/{ansokan}", &format!("/uppdrag/{reviewed}"))
            .replace("{steg}", if route.access == Access::Staff { "tillstyrk" } else { "aterkalla" })
            .replace("{ansokan}", &around.application)
            .replace("{id}", contact);
        let client = match email {
            Some(email) => portal.as_person(email).await,
            None => portal.anonymous(),
        };
        let answer = client.get(&path).await;
        // Away to another page; and the pages for those who are on a visit to a provider.
        if answer.status == 303 || path.starts_with("/legitimera/{") || path.starts_with("/utloggad/{") {
            continue;
        }
        assert_eq!(answer.status, if path == "/legitimera/svar" { 403 } else { 200 }, "{path}");
        pages.push((path, answer));
    }
    pages
}

/// Two applications for agentuppdrag: one that Inera reviews, one that waits for an answer.
async fn mandates(portal: &Portal) -> (String, String) {
    let (reviewed, asked) = (mandate_asked(portal, &[]).await, {
        let britta = portal.as_person(BRITTA).await;
        let fields = crate::harness::mandates::form(&[]);
        let to = crate::harness::mandates::apply(&britta, "/agent/2041/uppdrag/ansok/eremiss-agent", &fields)
            .await
            .location();
        to.split(['/', '?']).find(|part| part.starts_with("AU-")).unwrap().to_owned()
    });
    let torsten = portal.as_person(TORSTEN).await;
    act(&torsten, &format!("/inera/uppdrag/{asked}/fraga"), &[("text", "Vilken version?")]).await.is(303);
    (reviewed, asked)
}

/// A customer that nobody runs any more.
async fn unled(portal: &Portal) -> &'static str {
    portal.sql("DELETE FROM role_grant WHERE role = 'administrator' AND org_id = (SELECT id FROM organisation WHERE customer_no = 11204)").await;
    "11204"
}

/// Whom a page is about.
fn contact_of<'a>(around: &'a Around, access: Access, path: &str) -> &'a str {
    match access {
        Access::Agent => &around.johan,
        Access::Staff
            if ["/inera/kontakter/{id}/aterstall", "/inera/kontakter/{id}/oppna"].contains(&path) =>
        {
            &around.ivar
        }
        Access::Staff if path.starts_with("/inera/kontakter/") => &around.siv,
        Access::Staff if path.ends_with("/aterstall") || path.ends_with("/oppna") => &around.per,
        Access::Staff => &around.anna,
        Access::Person => &around.factor,
        _ => &around.mats,
    }
}

/// Whose page of Inera's it is.
fn staff_for(path: &str) -> &'static str {
    match path {
        _ if path.starts_with("/inera/kontakter") => "sten@kundservice.example",
        _ if path.contains("/uppdrag") => TORSTEN,
        _ if path.contains("/faktura") => "siv@kundservice.example",
        _ if ["/avtal", "/ansokningar", "/identitet", "/kategori", "/upphor"]
            .iter()
            .any(|part| path.contains(part)) =>
        {
            ASTRID
        }
        _ => PETRA,
    }
}

/// Pages that need an administrator.
fn is_administrators(path: &str) -> bool {
    ["/kontakter", "/faktura", "/uppgifter", "/enheter"].iter().any(|part| path.contains(part))
}

async fn approve_as_johan_once(portal: &Portal, number: &str) {
    if state(portal, number).await == "awaiting_agent_review" {
        approve_as_johan(portal, number).await;
    }
}

fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let mark = format!(" {name}=\"");
    html.split(mark.as_str()).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn every_page_is_well_formed_and_well_worded() {
    let pages = all_pages().await;
    assert!(pages.len() > 35, "{}", pages.len());
    for (path, page) in &pages {
        let html = &page.body;
        assert!(html.starts_with("<!doctype html>"), "{path}: {}", &html[..60.min(html.len())]);
        assert_eq!(html.matches("<h1").count(), 1, "{path}: one h1");
        let title = html.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        assert!(title.ends_with(" – Kundportalen") && title.len() > 16, "{path}: {title}");
        let ids = attributes(html, "id");
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(ids.len(), unique.len(), "{path}: an id stands twice: {ids:?}");
        for attribute in ["for", "aria-labelledby", "aria-describedby", "popovertarget"] {
            for wanted in attributes(html, attribute).iter().flat_map(|value| value.split_whitespace()) {
                assert!(ids.contains(&wanted), "{path}: {attribute}={wanted} leads nowhere");
            }
        }
        let mut level = 1;
        for heading in
            html.split("<h").skip(1).filter_map(|rest| rest.chars().next().and_then(|c| c.to_digit(10)))
        {
            assert!(heading <= level + 1, "{path}: h{heading} after h{level}");
            level = heading;
        }
        for link in attributes(html, "href")
            .into_iter()
            .chain(attributes(html, "src"))
            .chain(attributes(html, "action"))
        {
            let ours = link.starts_with('/')
                || link.starts_with('#')
                || link.starts_with("tel:")
                || link.starts_with("mailto:")
                // Beside the page itself: the list of orders, whose fifty rows are kept short.
                || (path.ends_with("/bestallningar") && link.starts_with("bestallningar/BES-"));
            assert!(ours || link == "https://www.digg.se/tdosanmalan", "{path}: {link}");
        }
        let text = page.text().to_lowercase();
        for word in
            ["klicka här", "ogiltig", "vänligen", "fel uppstod", "läs mer", "hoppsan", "submit", "todo"]
        {
            assert!(!text.contains(word), "{path} says «{word}»");
        }
        let raw = html.replace("&nbsp;", "\u{a0}");
        for wrong in ["25 000", "50 000", " kr<"] {
            assert!(!raw.contains(wrong), "{path}: plain space in «{wrong}»");
        }
        assert!(html.contains("lang=\"sv\"") && html.contains("href=\"/tillganglighet\""), "{path}");
    }
}

#[tokio::test]
async fn all_services_are_listed_and_none_is_hidden_for_a_customer() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let page = karin.page(&format!("{LINDANGEN}/tjanster")).await;
    page.says("51 tjänster")
        .says("Svevac")
        .says("Tjänsten är stängd för nya användare")
        .says("Vårdhandboken");
    karin
        .page(&format!("{LINDANGEN}/tjanster?visa=bestallbara"))
        .await
        .does_not_say("Svevac")
        .says("1177 journal");
    karin.page(&format!("{LINDANGEN}/tjanster?q=mina+v%C3%A5rdkontakter")).await.says("1177 e-tjänster");
    portal.anonymous().page("/tjanster").await.says("51 tjänster");
}

#[tokio::test]
async fn eligibility_follows_category_facts_and_dates() {
    let portal = Portal::start().await;
    let (karin, elsa, nils) =
        (portal.as_person(KARIN).await, portal.as_person(ELSA).await, portal.as_person(NILS).await);
    // contracts.md rules 49 and 50, portal.md appendix A.
    karin
        .page(&format!("{LINDANGEN}/tjanster/identifieringstjanst-siths"))
        .await
        .says("Tjänsten kan inte beställas av er i Kundportalen");
    karin.page(&format!("{LINDANGEN}/tjanster/eira")).await.says("Tjänsten erbjuds inte er kundkategori");
    nils.page(&format!("{NORRBACK}/tjanster/identifieringstjanst-siths")).await.says("SITHS-kort 85 kr");
    // Norling has no public funding: NPÖ is not offered, Webcert with e-legitimation is.
    elsa.page(&format!("{NORLING}/tjanster/nationell-patientoversikt"))
        .await
        .says("Tjänsten erbjuds inte er kundkategori");
    let slug = portal.value("SELECT slug FROM service WHERE code = 'WEBCERT_FRI_ELEG'").await;
    elsa.page(&format!("{NORLING}/tjanster/{slug}")).await.does_not_say("Hindrar beställningen");
    karin
        .page(&format!("{LINDANGEN}/tjanster/{slug}"))
        .await
        .says("Ett villkor för er kundkategori är inte uppfyllt");
    // A forged start of what is not offered is refused (rule 3).
    let id = uuid::Uuid::now_v7().to_string();
    let forged = [("tjanst", "NPO"), ("erbjudande", "NPO_PRODUCER_DIRECT"), ("id", id.as_str())];
    elsa.post(&format!("{NORLING}/bestall"), &forged).await.is(403);
    // No agreement, no order (rule 1).
    portal.sql("UPDATE agreement SET status = 'ended' WHERE number = 'KA2-10482'").await;
    karin.page(&format!("{LINDANGEN}/tjanster/1177-journal")).await.says("Ni saknar gällande Kundavtal");
}

#[tokio::test]
async fn the_price_of_a_producer_is_per_contract_and_an_unknown_price_is_not_zero() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = via_agent_draft(&karin, LINDANGEN, "2041").await;
    karin
        .page(&format!("{LINDANGEN}/bestall/{number}/granska"))
        .await
        .says("2 tjänstekontrakt 50 000 kr")
        .says("Summa exklusive moms 50 000 kr");
    let number = direct_draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET").await;
    karin
        .page(&format!("{LINDANGEN}/bestall/{number}/granska"))
        .await
        .says("Pris enligt prislista")
        .does_not_say("0 kr");
}

#[tokio::test]
async fn notices_are_unread_until_marked_and_those_that_come_later_stay_unread() {
    let portal = Portal::start().await;
    sent_via_agent(&portal).await;
    portal.work().await;
    let johan = portal.as_person(JOHAN).await;
    let path = format!("{NORDJOURNAL}/aviseringar");
    let page = johan.page(&path).await;
    page.says("Aviseringar, 1 oläst").says("vill ansluta 1177 journal via er");
    let newest = page.hidden("till_och_med");
    let karin = portal.as_person(KARIN).await;
    let other = via_agent_draft(&karin, LINDANGEN, "2041").await;
    karin
        .must_post(
            &format!("{LINDANGEN}/bestall/{other}/omfattning"),
            &scope_fields(&[("kontrakt", "GetCareContacts")]),
        )
        .await;
    send(&karin, LINDANGEN, &other).await;
    portal.work().await;
    johan.must_post(&path, &[("till_och_med", &newest)]).await;
    johan.page(&path).await.says("Aviseringar, 1 oläst");
}

#[tokio::test]
async fn long_lists_go_on_page_by_page_without_losing_or_repeating_a_row() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    for _ in 0..53 {
        draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET", "INFEKTIONSVERKTYGET_DIRECT").await;
    }
    let first = karin.page(&format!("{LINDANGEN}/bestallningar")).await;
    assert_eq!(first.body.matches("<th scope=\"row\"").count(), 50);
    let next = first
        .body
        .split("<a href=\"")
        .map(|rest| rest.split('"').next().unwrap())
        .find(|href| href.contains("efter="))
        .unwrap()
        .replace("&amp;", "&")
        .replace("&#38;", "&");
    let second = karin.page(&next).await;
    assert_eq!(second.body.matches("<th scope=\"row\"").count(), 3);
}

#[tokio::test]
async fn the_demo_alone_shows_its_people_and_its_mails() {
    let portal = Portal::start().await;
    portal.anonymous().get("/demo/mejl").await.is(404);
    portal.anonymous().page("/logga-in").await.does_not_say("Prova som någon");
    let demo = Portal::start_with(true).await;
    demo.anonymous().page("/demo/mejl").await;
    demo.anonymous().page("/logga-in").await.says("karin@lindangen.example");
}

#[tokio::test]
async fn a_mail_says_what_is_wanted_leads_to_the_case_and_carries_no_secret() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    portal.work().await;
    let mails = portal.mails();
    let mail = mails.iter().find(|mail| mail.code == "N-60" && mail.to == JOHAN).unwrap();
    assert_eq!(mail.subject, format!("{number} väntar på er granskning – 1177 journal"));
    for part in [
        &format!("http://portal.test/arende/{number}"),
        "Hej Johan,",
        "Svara senast:  4",
        "aldrig om lösenord",
        "handläggare hos Nordjournal",
    ] {
        assert!(mail.text.contains(part), "{part} in {}", mail.text);
    }
    assert!(!mail.text.contains("REF-1") && !mail.html.contains("REF-1"), "no invoice data to the agent");
    // The address in the mail leads each reader to the own side.
    let johan = portal.as_person(JOHAN).await;
    assert_eq!(
        johan.get(&format!("/arende/{number}")).await.location(),
        format!("{NORDJOURNAL}/bestallningar/{number}")
    );
    let petra = portal.as_person(PETRA).await;
    assert_eq!(
        petra.get(&format!("/arende/{number}")).await.location(),
        format!("/inera/bestallningar/{number}")
    );
}
