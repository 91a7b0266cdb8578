//! Every route × every kind of person, own tenant and others': the table of `docs/authorisation.txt`, made anew and compared.

use std::fmt::Write as _;

use axum::http::Method;
use kundportal::http::router::{Access, table};

use crate::harness::{
    Portal,
    agreements::{ASTRID, sent_agreement},
    applications::applied,
    contacts::{BRITTA, member},
    mandates::{TORSTEN, mandate_asked},
    orders::*,
};

const PEOPLE: [(&str, Option<&str>); 17] = [
    ("anonym", None),
    ("beställare", Some(KARIN)),
    ("attestant", Some(MATS)),
    ("administratör", Some(SAMIRA)),
    ("utan roll", Some(TOVE)),
    ("annan kund", Some(ELSA)),
    ("handläggare", Some(JOHAN)),
    ("handl. utan beh.", Some(OLLE)),
    ("agentattestant", Some(HELENA)),
    ("agentadm.", Some(BRITTA)),
    ("annan agent", Some(MAJA)),
    ("Kundservice", Some(PETRA)),
    ("granskare", Some(IVAR)),
    ("avtalshandl.", Some(ASTRID)),
    ("agentansv.", Some(TORSTEN)),
    ("ekonomi", Some("siv@kundservice.example")),
    ("systemadm.", Some("sten@kundservice.example")),
];

fn concrete(
    pattern: &str,
    number: &str,
    link: &str,
    (customers, agents, ineras): (&str, &str, &str),
) -> String {
    let number = match pattern {
        _ if pattern.starts_with("/inera/avtal") => "KA2-11305",
        _ if pattern.starts_with("/kund/{kundnr}/avtal") => "KA2-10482",
        _ if pattern.starts_with("/agent/{agentnr}/avtal") => "AG-2041",
        _ => number,
    };
    let contact = match pattern {
        _ if pattern.starts_with("/agent") => agents,
        _ if pattern.starts_with("/inera/kontakter") => ineras,
        _ => customers,
    };
    pattern
        .replace("/kontakter/{id}", &format!("/kontakter/{contact}"))
        .replace("/signera/{lank}", link)
        .replace("{lank}", "0".repeat(64).as_str())
        .replace("{ersattning}", "0198c0de-0000-7000-8000-000000000000")
        .replace("{enhet}", "0198c0de-0000-7000-8000-000000000000")
        .replace("{begaran}", "0198c0de-0000-7000-8000-000000000000")
        .replace("{inbjudan}", "0198c0de-0000-7000-8000-000000000000")
        .replace("{kundnr}", "10482")
        .replace("{agentnr}", "2041")
        .replace("{nummer}", number)
        .replace("{referens}", number)
        .replace("{tjanst}", "1177-journal")
        .replace("{erbjudande}", "pu-agent")
        .replace(
            "/uppdrag/{ansokan}/{steg}",
            if pattern.starts_with("/inera") {
                "/uppdrag/AU-2026-00001/tillstyrk"
            } else {
                "/uppdrag/AU-2026-00001/aterkalla"
            },
        )
        .replace("/uppdrag/{ansokan}", "/uppdrag/AU-2026-00001")
        .replace("{ansokan}", "KA-2026-00001")
        .replace("{fil}", "0198c0de-0000-7000-8000-000000000000")
        .replace("{id}", "0198c0de-0000-7000-8000-000000000000")
}

async fn matrix() -> String {
    let mut columns = Vec::new();
    for (_, email) in PEOPLE {
        let portal = Portal::start_with(true).await;
        let number = sent_via_agent(&portal).await;
        let (link, _) = sent_agreement(&portal, "2").await;
        applied(&portal, &[]).await;
        mandate_asked(&portal, &[]).await;
        let (mats, johan) = (member(&portal, MATS, "10482").await, member(&portal, JOHAN, "2041").await);
        let siv = portal.value("SELECT id FROM membership WHERE email = 'siv@kundservice.example'").await;
        let portal = portal.as_if_not_demo();
        let client = match email {
            Some(email) => portal.as_person(email).await,
            None => portal.anonymous(),
        };
        let mut column = Vec::new();
        // Reading first: sending may change what is there to read. Signing out comes last of all.
        let mut order: Vec<usize> = (0..table().len()).collect();
        order.sort_by_key(|at| (table()[*at].method == Method::POST, table()[*at].path == "/logga-ut"));
        for at in order {
            let route = &table()[at];
            let path = concrete(route.path, &number, &link, (&mats, &johan, &siv));
            let answer = if route.method == Method::POST {
                client.post(&path, &[]).await
            } else {
                client.get(&path).await
            };
            assert!(answer.status.as_u16() < 500, "{} {path}: {}", route.method, answer.text());
            let code = match answer.status.as_u16() {
                303 if answer.location().starts_with("/logga-in") => "in".to_owned(),
                code => code.to_string(),
            };
            column.push((at, code));
        }
        column.sort_by_key(|(at, _)| *at);
        columns.push(column);
    }
    let mut text = String::from(
        "Answer of every route to an empty request, for an order waiting at the agent (in = sign in first).\nMade by tests/it/routes.rs; run with KUNDPORTAL_WRITE=1 to renew.\n\n",
    );
    let _ = write!(text, "{:<81}", "");
    for (name, _) in PEOPLE {
        let _ = write!(text, " {name:>16}");
    }
    text.push('\n');
    for (at, route) in table().iter().enumerate() {
        let _ = write!(text, "{:<4} {:<76}", route.method.as_str(), route.path);
        for column in &columns {
            let _ = write!(text, " {:>16}", column[at].1);
        }
        text.push('\n');
    }
    text
}

#[tokio::test]
async fn every_route_answers_every_kind_of_person_as_the_table_says() {
    let made = matrix().await;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/authorisation.txt");
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    let renew = std::env::var("KUNDPORTAL_WRITE").is_ok();
    if renew {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(made == kept, "docs/authorisation.txt differs; look at the difference, then renew it:\n{made}");
}

#[tokio::test]
async fn nobody_outside_a_tenant_gets_anything_but_not_found() {
    let kept = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/authorisation.txt"),
    )
    .unwrap();
    for route in table() {
        let row = kept
            .lines()
            .find(|line| line.starts_with(&format!("{:<4} {} ", route.method.as_str(), route.path)));
        let row = row.unwrap_or_else(|| panic!("{} {} has no row", route.method, route.path));
        let codes: Vec<&str> = row[81..].split_whitespace().collect();
        let outsiders: &[usize] = match route.access {
            Access::Customer => &[5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            Access::Agent => &[1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15],
            Access::Staff => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
            Access::Public | Access::Demo | Access::Link | Access::Person => &[],
        };
        for at in outsiders {
            assert_eq!(codes[*at], "404", "{} {} for {}", route.method, route.path, PEOPLE[*at].0);
        }
        if matches!(route.access, Access::Customer | Access::Agent | Access::Staff | Access::Person) {
            assert_eq!(codes[0], "in", "{} {}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn unsafe_routes_refuse_requests_without_a_sign_of_where_they_come_from() {
    let portal = Portal::start_with(true).await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    for route in table().into_iter().filter(|route| route.method == Method::POST) {
        let request = karin
            .request(Method::POST, &concrete(route.path, &number, "/signera/x", ("x", "x", "x")))
            .body(axum::body::Body::empty())
            .unwrap();
        karin.send(request).await.is(403);
    }
}
