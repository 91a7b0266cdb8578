//! An account that is blocked, by Inera or by the clock, and opened again.

use kundportal::identity::Side;
use time::Duration;

use crate::harness::{Client, PASSWORD, Portal, agreements::ASTRID, contacts::*, enter_by, orders::*};

const WHY: (&str, &str) = ("anledning", "Telefonen är stulen");

async fn at(portal: &Portal, email: &str) -> String {
    format!("/inera/kunder/10482/kontakter/{}", member(portal, email, "10482").await)
}

async fn sign_in(client: &Client, email: &str, password: &str) -> crate::harness::Answer {
    client.post("/logga-in", &[("epost", email), ("losenord", password)]).await
}

#[tokio::test]
async fn a_blocked_account_is_out_everywhere_counts_as_nobody_and_comes_back_as_it_was() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let named = "SELECT coalesce(customer_attestant_id::text, 'anybody') FROM orders WHERE state = 'awaiting_customer_attest'";
    portal
        .sql(&format!("UPDATE orders SET customer_attestant_id = (SELECT id FROM membership WHERE email = '{MATS}') WHERE state = 'awaiting_customer_attest'"))
        .await;
    let (mats, petra) = (portal.as_person(MATS).await, portal.as_person(PETRA).await);
    mats.page(LINDANGEN).await;
    let page = at(&portal, MATS).await;
    let block = format!("{page}/sparra");
    // Not without saying why, nor without a confirmation; what was typed stays.
    petra
        .page(&block)
        .await
        .says("Mats Öberg loggas ut genast")
        .says("Ingen annan är attestant där")
        .does_not_say("ingen annan administratör");
    act(&petra, &block, &[]).await.is(422).says("Skriv varför");
    let refused = act(&petra, &block, &[WHY, ("losenord", "fel")]).await;
    refused.is(422).says("Lösenordet stämmer inte").holds("value=\"Telefonen är stulen\"");
    mats.page(LINDANGEN).await;
    portal.mailed().await;
    let done = act(&petra, &block, &[WHY]).await;
    assert_eq!(done.location(), "/inera/kunder/10482?klart=konto-sparrat");
    // Out at the next click, and no way in.
    mats.get(LINDANGEN).await.is(303);
    let anybody = portal.anonymous();
    sign_in(&anybody, MATS, PASSWORD).await.is(403).says("Kontot är spärrat");
    sign_in(&anybody, MATS, "fel").await.is(422).does_not_say("spärrat");
    assert_eq!(portal.value("SELECT count(*) FROM session s JOIN person p ON p.id = s.person_id WHERE p.blocked_at IS NOT NULL AND s.ended_at IS NULL").await, "0");
    // What waited by name waits for anybody who may; there is nobody, and a new order has no attestant to choose.
    assert_eq!(portal.value(named).await, "anybody");
    let karin = portal.as_person(KARIN).await;
    let samira = portal.as_person(SAMIRA).await;
    samira.page("/kund/10482/kontakter").await.says("Spärrad").says("Attestant saknas");
    samira.page("/kund/10482/uppgifter").await.says("Ett konto är spärrat");
    samira
        .page(&format!("/kund/10482/kontakter/{}", member(&portal, MATS, "10482").await))
        .await
        .says("Inera spärrade kontot")
        .says("Bara Kundservice kan öppna kontot");
    karin.page(&format!("{LINDANGEN}/bestallningar/{number}")).await;
    portal.work().await;
    assert_eq!(portal.told("N-07"), [MATS]);
    assert_eq!(portal.told("N-187"), [SAMIRA]);
    // Whoever forgets that it is blocked is told by mail, and gets no link.
    anybody.post("/losenord/glomt", &[("epost", MATS)]).await.is(200);
    portal.work().await;
    assert_eq!((portal.told("N-07").len(), portal.told("N-09").len()), (2, 0));
    // Twice is once; the evidence says who and why.
    petra.get(&block).await.is(409);
    let evidence = "SELECT c.shown FROM account_event e JOIN confirmation c ON c.id = e.confirmation_id WHERE e.kind = 'blocked'";
    let shown = portal.value(evidence).await;
    assert!(
        shown.starts_with("Spärra kontot: Mats") && shown.contains("Anledning: Telefonen är stulen"),
        "{shown}"
    );

    let open = format!("{page}/oppna");
    petra.page("/inera/kunder/10482").await.says("Spärrad").says("Öppna kontot");
    petra.page(&open).await.says("Petra").says("Telefonen är stulen");
    act(&petra, &open, &[("anledning", "Hen har ringt från mottagningen")]).await.is(303);
    portal.work().await;
    assert_eq!((portal.told("N-04"), portal.told("N-188")), (vec![MATS.to_owned()], vec![SAMIRA.to_owned()]));
    mats.get(LINDANGEN).await.is(303);
    sign_in(&portal.anonymous(), MATS, PASSWORD).await.is(303);
    let mats = portal.as_person(MATS).await;
    mats.page("/konto/mina-uppgifter").await.says("Telefonen är stulen");
    mats.page("/konto/aktivitet").await.says("Ditt konto spärrades").says("Ditt konto öppnades igen");
    attest_as_mats(&portal, &number).await;
    petra.get(&open).await.is(409);
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn only_kundservice_blocks_a_customers_account_and_a_systemadministrator_a_colleagues() {
    let portal = Portal::start().await;
    let (petra, sten) = (portal.as_person(PETRA).await, portal.as_person(STEN).await);
    let karin = at(&portal, KARIN).await;
    for step in ["sparra", "oppna"] {
        let path = format!("{karin}/{step}");
        for email in [SAMIRA, KARIN, LINA] {
            let client = portal.as_person(email).await;
            client.get(&path).await.is(404);
            client.post(&path, &[WHY]).await.is(404);
        }
        for email in [STEN, IVAR, SIV, ASTRID] {
            let client = portal.as_person(email).await;
            client.get(&path).await.is(403);
            client.post(&path, &[WHY]).await.is(403);
        }
    }
    let at_inera = |email: &str| {
        format!(
            "SELECT m.id FROM membership m JOIN organisation o ON o.id = m.org_id AND o.is_inera WHERE m.email = '{email}'"
        )
    };
    let ivar = portal.value(&at_inera(IVAR)).await;
    petra.get(&format!("/inera/kontakter/{ivar}/sparra")).await.is(403);
    sten.page(&format!("/inera/kontakter/{ivar}")).await.says("Spärra kontot");
    act(&sten, &format!("/inera/kontakter/{ivar}/sparra"), &[WHY]).await.is(303);
    sten.page(&format!("/inera/kontakter/{ivar}")).await.says("Kontot är spärrat").says("Öppna kontot");
    // Not oneself, so that somebody is always left.
    let own = portal.value(&at_inera(STEN)).await;
    act(&sten, &format!("/inera/kontakter/{own}/sparra"), &[WHY]).await.is(403);
    // The database says so too: a colleague by Kundservice, somebody without a confirmation, another's confirmation.
    for (email, code) in [(IVAR, "P0403"), (PETRA, "P0403"), (KARIN, "P0412")] {
        let id = portal
            .value(&format!(
                "SELECT m.id FROM membership m JOIN person p ON p.id = m.person_id WHERE p.email = '{email}'"
            ))
            .await;
        let mut tx = enter_by(&portal, &petra, Side::Inera, 0).await;
        let refused = sqlx::query("SELECT account_block($1::uuid, 'blocked', 'Därför', (SELECT id FROM confirmation LIMIT 1), now())")
            .bind(id.parse::<uuid::Uuid>().unwrap())
            .execute(tx.conn())
            .await;
        assert_eq!(refused.unwrap_err().into_database_error().unwrap().code().unwrap(), code, "{email}");
    }
    // Nor does anybody write the event past the function.
    let samira = portal.as_person(SAMIRA).await;
    let mut tx = enter_by(&portal, &samira, Side::Customer, 10482).await;
    let forged = sqlx::query("INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at)
        SELECT m.id, m.revision + 1, m.org_id, 'blocked', 'customer', ctx_person(), now() FROM membership m WHERE m.email = 'karin@lindangen.example' AND m.org_id = ctx_org()")
        .execute(tx.conn())
        .await;
    assert_eq!(forged.unwrap_err().into_database_error().unwrap().code().unwrap(), "P0403");
}

#[tokio::test]
async fn who_is_blocked_is_neither_the_last_administrator_nor_invited_past_it() {
    let portal = Portal::start_with(true).await;
    let (samira, petra) = (portal.as_person(SAMIRA).await, portal.as_person(PETRA).await);
    let karin = member(&portal, KARIN, "10482").await;
    let roles = format!("/kund/10482/kontakter/{karin}/roller");
    act(&samira, &roles, &[("roll", "orderer"), ("roll", "administrator")]).await.is(303);
    connect_eid(&portal, KARIN, "191212121212").await;
    act(&petra, &format!("{}/sparra", at(&portal, KARIN).await), &[WHY]).await.is(303);
    // Samira is alone again.
    let own = format!("/kund/10482/kontakter/{}", member(&portal, SAMIRA, "10482").await);
    act(&samira, &format!("{own}/roller"), &[]).await.is(422).says("minst en administratör");
    samira.get(&format!("{}/sparra", at(&portal, MATS).await)).await.is(404);
    petra
        .page(&format!("{}/sparra", at(&portal, SAMIRA).await))
        .await
        .says("Organisationen har ingen annan administratör");
    // The e-legitimation says why, and is not taken for a stranger's.
    let answer = portal
        .anonymous()
        .post("/legitimera/test", &[("personnummer", "191212121212"), ("syfte", "logga-in")])
        .await;
    answer.is(403).says("Kontot är spärrat");
    // Removed while blocked: Kundservice opens first, then restores.
    act(&samira, &roles.replace("/roller", "/ta-bort"), &[]).await.is(303);
    let page = at(&portal, KARIN).await;
    petra.page("/inera/kunder/10482").await.says("Öppna kontot för Karin");
    act(&petra, &format!("{page}/aterstall"), &[]).await.is(422).says("Kundservice öppnar det först");
    act(&petra, &format!("{page}/oppna"), &[WHY]).await.is(303);
    act(&petra, &format!("{page}/aterstall"), &[]).await.is(303);
    portal.as_person(KARIN).await.page(LINDANGEN).await;
}

#[tokio::test]
async fn an_account_that_nobody_uses_is_warned_then_blocked_and_a_sign_in_keeps_it() {
    let portal = Portal::start().await;
    portal.sql("UPDATE person SET used_at = '2026-11-22'").await;
    portal.advance(Duration::days(330));
    portal.worker.run_schedule().await.unwrap();
    assert!(portal.mailed().await.iter().all(|code| code != "N-186"));
    portal.advance(Duration::days(10));
    for _ in 0..2 {
        portal.worker.run_schedule().await.unwrap();
    }
    portal.work().await;
    assert_eq!(portal.told("N-186").iter().filter(|to| *to == MATS).count(), 1, "once");
    // Whoever signs in keeps the account; Tove is away, and so is the only systemadministratör.
    portal.sql("UPDATE person SET used_at = '2027-10-30' WHERE email <> 'tove@lindangen.example' AND email <> 'sten@kundservice.example'").await;
    portal.advance(Duration::days(27));
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(
        portal.value("SELECT count(*) FROM person WHERE blocked_at IS NOT NULL").await,
        "0",
        "a month to answer"
    );
    portal.advance(Duration::days(2));
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(
        portal.value("SELECT string_agg(email, ' ') FROM person WHERE blocked_at IS NOT NULL").await,
        TOVE
    );
    portal.work().await;
    assert_eq!(portal.told("N-07"), [TOVE]);
    let why = portal.mails().into_iter().find(|mail| mail.code == "N-187").expect("N-187");
    assert!(why.text.contains("ingen har loggat in på ett år"), "{}", why.text);
    sign_in(&portal.anonymous(), TOVE, PASSWORD).await.is(403);
    let petra = portal.as_person(PETRA).await;
    let open = format!("{}/oppna", at(&portal, TOVE).await);
    petra.page(&open).await.says("för att ingen hade loggat in på ett år");
    act(&petra, &open, &[WHY]).await.is(303);
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(
        portal.value("SELECT count(*) FROM person WHERE blocked_at IS NOT NULL").await,
        "0",
        "opened is used"
    );
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn two_at_once_block_once_and_a_sign_in_at_the_same_moment_gets_no_session() {
    let portal = Portal::start().await;
    let petra = portal.as_person(PETRA).await;
    let path = format!("{}/sparra", at(&portal, MATS).await);
    let page = petra.get(&path).await;
    let (revision, shown) = (page.hidden("revision"), page.hidden("visat"));
    let form = [WHY, ("revision", revision.as_str()), ("visat", shown.as_str()), ("losenord", PASSWORD)];
    let guest = portal.anonymous();
    let (one, two, entry) =
        tokio::join!(petra.post(&path, &form), petra.post(&path, &form), sign_in(&guest, MATS, PASSWORD));
    let mut codes = [one.status.as_u16(), two.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [303, 409]);
    assert!([303, 403].contains(&entry.status.as_u16()));
    assert_eq!(portal.value("SELECT count(*) FROM account_event WHERE kind = 'blocked'").await, "1");
    assert_eq!(portal.value("SELECT count(*) FROM session s JOIN person p ON p.id = s.person_id WHERE p.blocked_at IS NOT NULL AND s.ended_at IS NULL").await, "0");
}

#[tokio::test]
async fn what_a_blocked_person_has_begun_is_worth_nothing() {
    let portal = Portal::start_with(true).await;
    // Before the block: an invitation, two addresses, and a substitute.
    let invitation = invited(&portal, "ny@lindangen.example", &["administrator"]).await;
    let samira = portal.as_person(SAMIRA).await;
    let own = member(&portal, SAMIRA, "10482").await;
    let new =
        [("forut", ""), ("forut", ""), ("forut", ""), ("forut", SAMIRA), ("epost", "samira@ny.example")];
    samira.post(&format!("/kund/10482/kontakter/{own}/uppgifter"), &new).await.is(303);
    let address = link_in(&portal, "N-126", "/kontaktadress/").await;
    samira
        .post("/kund/10482/uppgifter/andra", &[("revision", "1"), ("epost", "ny@lindangen.example")])
        .await
        .is(303);
    let common = link_in(&portal, "N-122", "/e-postadress/").await;
    let (mats, tove) = (member(&portal, MATS, "10482").await, member(&portal, TOVE, "10482").await);
    let substitute = [("ersattare", tove.as_str()), ("fran", "2026-11-22"), ("till", "2026-12-22")];
    act(&samira, &format!("/kund/10482/kontakter/{mats}/ersattare"), &substitute).await.is(303);
    let roles = "SELECT count(*) FROM membership_role r JOIN membership m ON m.id = r.membership_id WHERE m.email = 'tove@lindangen.example'";
    assert_eq!(portal.value(roles).await, "1");
    portal.anonymous().get(&address).await.is(200);
    let petra = portal.as_person(PETRA).await;
    for email in [SAMIRA, MATS] {
        act(&petra, &format!("{}/sparra", at(&portal, email).await), &[WHY]).await.is(303);
    }
    for link in [&invitation, &address, &common] {
        portal.anonymous().get(link).await.is(410);
    }
    assert_eq!(portal.value(roles).await, "0", "nobody stands in for a blocked account");
    // With nobody left to see to it, whoever reads the common address is told.
    portal.work().await;
    // Of both, and where else they are contacts. Mails that are due at once go in no order.
    let mut whom = portal.told("N-187");
    whom.sort_unstable();
    let common = [
        "info@ekbacken.example",
        "info@lindangen.example",
        "info@lindangen.example",
        "kontakt@norrback.example",
    ];
    assert_eq!(whom, common);
    // What they were told of as attestants and so on is not mailed any more.
    portal.sql("INSERT INTO notification (id, key, cause, member_id, seq, due_at) SELECT gen_random_uuid(), 'x', 'event', id, revision, now() FROM membership WHERE email = 'mats@lindangen.example'").await;
    assert!(portal.mailed().await.iter().all(|code| code != "N-160"));
}
