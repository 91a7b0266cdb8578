//! Notices: what they ask for is over when somebody has done it.

use crate::harness::{
    Portal,
    mandates::{BOTH, TORSTEN, forward, mandate_asked, step},
    orders::*,
};

/// Codes of somebody's unread notices.
async fn unread(portal: &Portal, email: &str) -> String {
    let query = format!(
        "SELECT string_agg(n.code, ' ' ORDER BY n.code) FROM notice n JOIN person p ON p.id = n.person_id
          WHERE p.email = '{email}' AND n.read_at IS NULL"
    );
    portal.value(&query).await
}

#[tokio::test]
async fn what_an_order_asked_for_is_read_when_somebody_has_done_it() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    portal.work().await;
    assert_eq!((unread(&portal, JOHAN).await, unread(&portal, LINA).await), ("N-60".into(), "N-60".into()));
    approve_as_johan(&portal, &number).await;
    // A message moves nothing.
    let talk = format!("{LINDANGEN}/bestallningar/{number}/meddelanden");
    portal.as_person(KARIN).await.post(&talk, &[("text", "Hör av er")]).await.is(303);
    portal.work().await;
    assert_eq!((unread(&portal, JOHAN).await, unread(&portal, LINA).await), ("N-170".into(), "N-170".into()));
    assert_eq!(unread(&portal, HELENA).await, "N-170 N-61", "what waits now is unread");
    attest_as_helena(&portal, &number).await;
    portal.work().await;
    attest_as_mats(&portal, &number).await;
    portal.work().await;
    assert_eq!(unread(&portal, MATS).await, "");
    assert_eq!(unread(&portal, HELENA).await, "N-170");
    assert!(unread(&portal, KARIN).await.contains("N-42"), "what has happened is for its reader to mark");
    portal.as_person(MATS).await.page(&format!("{LINDANGEN}/aviseringar")).await.does_not_say("Oläst");
}

#[tokio::test]
async fn what_an_application_asked_for_is_read_too_and_another_ones_is_not() {
    let portal = Portal::start().await;
    let other = sent_via_agent(&portal).await;
    approve_as_johan(&portal, &other).await;
    let number = mandate_asked(&portal, &[]).await;
    portal.work().await;
    assert!(unread(&portal, TORSTEN).await.contains("N-80"));
    forward(&portal, &number, &BOTH).await.is(303);
    portal.work().await;
    assert!(!unread(&portal, TORSTEN).await.contains("N-80"));
    assert_eq!(unread(&portal, HELENA).await, "N-40 N-61");
    step(&portal.as_person(HELENA).await, &number, "attestera", &[]).await.is(303);
    portal.work().await;
    assert_eq!(unread(&portal, HELENA).await, "N-61", "the order still waits");
}
