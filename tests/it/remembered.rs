//! What is remembered of who asks (0041): believed while it is true, and not one statement longer. The harness compares every
//! look-up of every test with the tables themselves; here is each thing that a place is made of.

use sqlx::{Connection, Executor};

use crate::harness::{Portal, orders::JOHAN};

const KEEP: &str = "SELECT session_keep(s.token_hash, 'agent', 2041) FROM session s JOIN person p ON p.id = s.person_id WHERE p.email = 'johan@nordjournal.example'";
/// Johan's places that would be believed.
const BELIEVED: &str =
    "SELECT count(*) FROM session_place c JOIN person p ON p.id = c.person_id AND p.place_version = c.version
  WHERE c.good_until > now() AND c.side = 'agent' AND c.no = 2041 AND p.email = 'johan@nordjournal.example'";
const PERSON: &str = "(SELECT id FROM person WHERE email = 'johan@nordjournal.example')";
const DESK: &str = "(SELECT m.id FROM membership m JOIN person p ON p.id = m.person_id WHERE p.email = 'johan@nordjournal.example' AND m.org_id = (SELECT id FROM organisation WHERE agent_no = 2041))";
const HELENAS_DESK: &str = "(SELECT m.id FROM membership m JOIN person p ON p.id = m.person_id WHERE p.email = 'helena@nordjournal.example' AND m.org_id = (SELECT id FROM organisation WHERE agent_no = 2041))";
const NORDJOURNAL: &str = "(SELECT id FROM organisation WHERE agent_no = 2041)";

/// Every change of something that a page is told about the one who asks, and a word that the inbox then says or does not.
fn changes() -> Vec<(&'static str, String)> {
    vec![
        ("a name", format!("UPDATE membership SET name = 'Johan Nyman' WHERE id = {DESK}")),
        ("an address", format!("UPDATE membership SET email = 'nyman@nordjournal.example' WHERE id = {DESK}")),
        ("the account's name", format!("UPDATE person SET name = 'J Nyman' WHERE id = {PERSON}")),
        ("the organisation's name", format!("UPDATE organisation SET name = 'Nordjournalen AB' WHERE id = {NORDJOURNAL}")),
        (
            "a role more",
            format!("INSERT INTO role_grant (org_id, membership_id, role) VALUES ({NORDJOURNAL}, {DESK}, 'orderer')"),
        ),
        (
            "a role's last day",
            format!("UPDATE role_grant SET valid_to = '2020-01-01' WHERE membership_id = {DESK} AND role = 'orderer'"),
        ),
        ("a role less", format!("DELETE FROM role_grant WHERE membership_id = {DESK} AND role = 'orderer'")),
        ("a mandate less", format!("DELETE FROM mandate_permission WHERE membership_id = {DESK}")),
        (
            "a mandate more",
            format!(
                "INSERT INTO mandate_permission (mandate_id, agent_id, membership_id)
                 SELECT id, agent_id, {DESK} FROM mandate WHERE agent_id = {NORDJOURNAL} LIMIT 1"
            ),
        ),
        (
            "standing in",
            format!(
                "INSERT INTO substitution (id, org_id, absent_id, substitute_id, valid_from, valid_to, made_at)
                 VALUES (gen_random_uuid(), {NORDJOURNAL}, {HELENAS_DESK}, {DESK}, current_date - 1, current_date + 30, now())"
            ),
        ),
        (
            "the other's role, for whom Johan stands in",
            format!("DELETE FROM role_grant WHERE membership_id = {HELENAS_DESK} AND role = 'attestant'"),
        ),
        (
            "the other's role back",
            format!("INSERT INTO role_grant (org_id, membership_id, role) VALUES ({NORDJOURNAL}, {HELENAS_DESK}, 'attestant')"),
        ),
        ("the other blocked", format!("UPDATE membership SET blocked_at = now() WHERE id = {HELENAS_DESK}")),
        ("the end of standing in", format!("UPDATE substitution SET ended_at = now() WHERE substitute_id = {DESK}")),
        (
            "a second organisation",
            format!(
                "INSERT INTO membership (id, org_id, person_id, name, email)
                 SELECT gen_random_uuid(), id, {PERSON}, 'Johan', 'johan@lindangen.example' FROM organisation WHERE customer_no = 10482"
            ),
        ),
        (
            "the second organisation's name",
            "UPDATE organisation SET name = 'Lindängens Hälsocentral' WHERE customer_no = 10482".to_owned(),
        ),
        (
            "the second organisation less",
            "DELETE FROM membership WHERE email = 'johan@lindangen.example'".to_owned(),
        ),
        (
            "a second factor",
            format!(
                "INSERT INTO second_factor (id, person_id, kind, name, sealed, created_at)
                 VALUES (gen_random_uuid(), {PERSON}, 'totp', 'App', '\\x01', now())"
            ),
        ),
        ("the second factor less", format!("UPDATE second_factor SET ended_at = now() WHERE person_id = {PERSON}")),
        ("a disabled account", format!("UPDATE person SET disabled_at = now() WHERE id = {PERSON}")),
        ("an account opened again", format!("UPDATE person SET disabled_at = NULL WHERE id = {PERSON}")),
        ("a place less", format!("UPDATE membership SET ended_at = now() WHERE id = {DESK}")),
    ]
}

#[tokio::test]
async fn no_change_of_a_place_leaves_anything_believed() {
    let portal = Portal::start().await;
    let johan = portal.as_person(JOHAN).await;
    let mut owner = portal.owner().await;
    for (what, change) in changes() {
        owner.execute(KEEP).await.unwrap();
        let before = portal.value(BELIEVED).await;
        let can_be_kept = !matches!(what, "the second factor less" | "an account opened again");
        assert_eq!(before, if can_be_kept { "1" } else { "0" }, "before {what}");
        portal.sql(&change).await;
        assert_eq!(portal.value(BELIEVED).await, "0", "after {what}");
        let status = match what {
            "a second factor" | "a disabled account" => 303,
            "a place less" => 404,
            _ => 200,
        };
        johan.get("/agent/2041/godkannanden").await.is(status);
    }
}

#[tokio::test]
async fn what_is_kept_while_a_change_is_made_is_not_believed_after_it() {
    let portal = Portal::start().await;
    let johan = portal.as_person(JOHAN).await;
    johan.page("/agent/2041/godkannanden").await;
    let (mut changing, mut keeping) = (portal.owner().await, portal.owner().await);
    let mut change = changing.begin().await.unwrap();
    let taken = format!("DELETE FROM role_grant WHERE membership_id = {DESK} AND role = 'agent_handler'");
    change.execute(sqlx::AssertSqlSafe(taken)).await.unwrap();
    // Nobody else sees the change yet: the old place is kept, and true.
    keeping.execute(KEEP).await.unwrap();
    assert_eq!(portal.value(BELIEVED).await, "1");
    change.commit().await.unwrap();
    assert_eq!(portal.value(BELIEVED).await, "0");
    // The harness would answer 500 if it were told of a role that is gone.
    johan.page("/agent/2041/godkannanden").await;
}

#[tokio::test]
async fn a_place_is_kept_for_the_day_and_for_its_own_session() {
    let portal = Portal::start().await;
    let johan = portal.as_person(JOHAN).await;
    let other = portal.as_person(JOHAN).await;
    let mut owner = portal.owner().await;
    owner.execute(KEEP).await.unwrap();
    assert_eq!(portal.value(BELIEVED).await, "2");
    // A role ends with a day, without anybody writing anything.
    assert_eq!(
        portal
            .value("SELECT count(*) FROM session_place WHERE (good_until AT TIME ZONE 'Europe/Stockholm')::time <> '00:00'
                       OR good_until <= now() OR good_until > now() + interval '25 hours'")
            .await,
        "0"
    );
    portal
        .sql("UPDATE session_place SET good_until = now() - interval '1 second', roles = '{administrator}'")
        .await;
    johan.page("/agent/2041/godkannanden").await;
    owner.execute(KEEP).await.unwrap();
    // Whose session has ended has no place left, however true it is.
    johan.post("/logga-ut", &[]).await.is(303);
    johan.get("/agent/2041/godkannanden").await.is(303);
    other.page("/agent/2041/godkannanden").await;
}
