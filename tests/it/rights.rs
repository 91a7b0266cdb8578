//! "Vad du får göra": the table says what the pages answer, and why.

use kundportal::{contacts::rights::rights, identity::Side};

use crate::harness::{Portal, agreements::ASTRID, contacts::*, orders::*};

/// The row's text: from what is done to what the next row says.
fn row_of(text: &str, what: &str) -> String {
    let at = text.find(what).unwrap_or_else(|| panic!("no row «{what}» in: {text}"));
    text[at + what.len()..].chars().take(200).collect()
}

#[tokio::test]
async fn what_the_table_says_is_what_the_pages_answer() {
    let portal = Portal::start().await;
    let people: [(&str, Side, &str); 13] = [
        (KARIN, Side::Customer, LINDANGEN),
        (MATS, Side::Customer, LINDANGEN),
        (SAMIRA, Side::Customer, LINDANGEN),
        (TOVE, Side::Customer, LINDANGEN),
        (JOHAN, Side::Agent, NORDJOURNAL),
        (HELENA, Side::Agent, NORDJOURNAL),
        (BRITTA, Side::Agent, NORDJOURNAL),
        (PETRA, Side::Inera, "/inera"),
        (ASTRID, Side::Inera, "/inera"),
        (SIV, Side::Inera, "/inera"),
        ("sten@kundservice.example", Side::Inera, "/inera"),
        (IVAR, Side::Inera, "/inera"),
        (ELSA, Side::Customer, NORLING),
    ];
    let mut judged = 0;
    for (email, side, base) in people {
        let client = portal.as_person(email).await;
        let text = client.page(&format!("{base}/rattigheter")).await.text();
        for right in rights(side) {
            let said = row_of(&text, right.what);
            let yes = said.find(" Ja ").unwrap_or(usize::MAX) < said.find(" Nej ").unwrap_or(usize::MAX);
            if right.page.is_empty() {
                continue;
            }
            let answer = client.get(&format!("{base}{}", right.page)).await;
            let allowed = answer.status.as_u16() != 403;
            assert_eq!(
                yes, allowed,
                "{email}: «{}» says {said}, {} answers {}",
                right.what, right.page, answer.status
            );
            judged += 1;
        }
    }
    assert!(judged > 80, "{judged}");
}

#[tokio::test]
async fn it_tells_by_which_role_since_when_and_where_to_ask() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    portal
        .sql(&format!(
            "UPDATE role_grant g SET since = '2024-03-01 12:00+01', valid_to = '2027-01-31' FROM membership m WHERE m.id = g.membership_id AND m.email = '{KARIN}'"
        ))
        .await;
    let page = karin.page(&format!("{LINDANGEN}/rattigheter")).await;
    page.says("Ja Beställare sedan 1 mars 2024, till och med 31 januari 2027")
        .says("Nej Kräver rollen Attestant Be om rollen")
        .says("Samira Haddad, samira@lindangen.example");
    assert!(page.body.contains("href=\"/kund/10482/behorighet?roll=attestant\""));
    let ask = karin.page(&format!("{LINDANGEN}/behorighet?roll=attestant")).await;
    assert!(
        ask.body.contains("value=\"attestant\" aria-describedby=\"roll-attestant-text\" checked"),
        "ticked: {}",
        ask.body
    );
    // In somebody's place it says in whose and for how long.
    let mats = member(&portal, MATS, "10482").await;
    let tove = member(&portal, TOVE, "10482").await;
    let samira = portal.as_person(SAMIRA).await;
    let days = [("ersattare", tove.as_str()), ("fran", "2026-11-22"), ("till", "2026-12-03")];
    act(&samira, &format!("{LINDANGEN}/kontakter/{mats}/ersattare"), &days).await.is(303);
    portal
        .as_person(TOVE)
        .await
        .page(&format!("{LINDANGEN}/rattigheter"))
        .await
        .says("Ja Attestant som ersättare för Mats Öberg till och med 3 december 2026");
    // A refusal shows the way there.
    karin.get(&format!("{LINDANGEN}/uppgifter/andra")).await.is(403).says("hittar du vad du får göra");
    portal
        .as_person(PETRA)
        .await
        .page("/inera/rattigheter")
        .await
        .says("Kräver rollen Avtalshandläggare")
        .does_not_say("Be om rollen");
}
