//! The worker's queries: claim with a lease, expand, deliver, schedule.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::{
    db::{DbError, Tx},
    identity::Side,
    ids::{self, MembershipId, OrderId, OrgId, PersonId},
    orders::{Route, State},
};

/// A cause that is due.
#[derive(Debug)]
pub(super) struct Due {
    pub id: Uuid,
    pub cause: String,
    pub order: OrderId,
    pub seq: i32,
    pub message: Option<Uuid>,
    pub attempts: i32,
}

/// Takes one due cause for a minute: a worker that dies leaves it to come due again.
pub(super) async fn claim_notification(tx: &mut Tx, now: OffsetDateTime) -> Result<Option<Due>, DbError> {
    let due = sqlx::query_as!(
        Due,
        r#"UPDATE notification SET attempts = attempts + 1, due_at = $1::timestamptz + interval '1 minute'
            WHERE id = (SELECT n.id FROM notification n
                         WHERE n.done_at IS NULL AND n.dead_at IS NULL AND n.due_at <= $1
                         ORDER BY n.due_at, n.id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, cause::text AS "cause!", order_id AS "order: OrderId", seq, message_id AS message, attempts"#,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(due)
}

/// The order and event behind a cause.
#[derive(Debug)]
pub(super) struct Subject {
    pub route: Route,
    pub state: State,
    pub revision: i32,
    pub customer: OrgId,
    pub agent: Option<OrgId>,
    pub mandate: Option<Uuid>,
    pub customer_attestant: Option<MembershipId>,
    pub agent_attestant: Option<MembershipId>,
    pub orderer: PersonId,
    pub from_state: Option<State>,
    pub to_state: Option<State>,
    pub side: Option<Side>,
    pub message_side: Option<Side>,
    pub service_code: String,
    pub customer_name: String,
    pub agent_name: String,
}

pub(super) async fn subject(tx: &mut Tx, due: &Due) -> Result<Option<Subject>, DbError> {
    let subject = sqlx::query_as!(
        Subject,
        r#"SELECT o.route AS "route: Route", o.state AS "state: State", o.revision, o.customer_id AS "customer: OrgId",
                  o.agent_id AS "agent: OrgId", o.mandate_id AS mandate,
                  o.customer_attestant_id AS "customer_attestant: MembershipId",
                  o.agent_attestant_id AS "agent_attestant: MembershipId",
                  coalesce(o.submitted_by, o.created_by) AS "orderer!: PersonId",
                  e.from_state AS "from_state?: State", e.to_state AS "to_state?: State", e.side AS "side?: Side",
                  m.side AS "message_side?: Side", o.service_code, o.customer_name, o.agent_name
             FROM orders o
             LEFT JOIN order_event e ON e.order_id = o.id AND e.seq = $2
             LEFT JOIN order_message m ON m.id = $3
            WHERE o.id = $1"#,
        due.order.0,
        due.seq,
        due.message
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(subject)
}

/// Somebody to tell.
#[derive(Clone, Debug)]
pub(super) struct Recipient {
    pub org: OrgId,
    pub membership: Option<MembershipId>,
    pub person: Option<PersonId>,
}

struct MemberPair {
    membership: MembershipId,
    person: PersonId,
}

/// The person's place in the organisation, if it is still there.
pub(super) async fn member(tx: &mut Tx, org: OrgId, person: PersonId) -> Result<Vec<Recipient>, DbError> {
    let rows = sqlx::query_as!(
        MemberPair,
        r#"SELECT id AS "membership: MembershipId", person_id AS "person: PersonId"
             FROM membership WHERE org_id = $1 AND person_id = $2 AND ended_at IS NULL"#,
        org.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(recipients(org, rows))
}

/// Everybody with a role in the organisation, or the one named.
pub(super) async fn with_role(
    tx: &mut Tx,
    org: OrgId,
    role: &str,
    named: Option<MembershipId>,
) -> Result<Vec<Recipient>, DbError> {
    let rows = sqlx::query_as!(
        MemberPair,
        r#"SELECT m.id AS "membership: MembershipId", m.person_id AS "person: PersonId"
             FROM membership m
             JOIN membership_role r ON r.membership_id = m.id AND r.role::text = $2
            WHERE m.org_id = $1
              AND m.ended_at IS NULL
              AND ($3::uuid IS NULL OR m.id = $3)
            ORDER BY m.id
            LIMIT 500"#,
        org.0,
        role,
        named.map(|id| id.0)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(recipients(org, rows))
}

/// The handlers with permission in a mandate.
pub(super) async fn handlers(tx: &mut Tx, agent: OrgId, mandate: Uuid) -> Result<Vec<Recipient>, DbError> {
    let rows = sqlx::query_as!(
        MemberPair,
        r#"SELECT m.id AS "membership: MembershipId", m.person_id AS "person: PersonId"
             FROM mandate_handler h
             JOIN membership m ON m.id = h.membership_id AND m.ended_at IS NULL
             JOIN membership_role r ON r.membership_id = m.id AND r.role = 'agent_handler'
            WHERE h.mandate_id = $1
              AND h.agent_id = $2
            ORDER BY m.id
            LIMIT 500"#,
        mandate,
        agent.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(recipients(agent, rows))
}

/// Kundservice's common address. Its people see the matter in their queue, so they get no notice each.
pub(super) async fn support(tx: &mut Tx) -> Result<Vec<Recipient>, DbError> {
    let inera = sqlx::query_scalar!(r#"SELECT id AS "id: OrgId" FROM organisation WHERE is_inera"#)
        .fetch_optional(tx.conn())
        .await?;
    let Some(inera) = inera else { return Ok(Vec::new()) };
    Ok(vec![Recipient { org: inera, membership: None, person: None }])
}

fn recipients(org: OrgId, rows: Vec<MemberPair>) -> Vec<Recipient> {
    rows.into_iter()
        .map(|row| Recipient { org, membership: Some(row.membership), person: Some(row.person) })
        .collect()
}

/// Writes one mail and, for a person, one notice. The key makes a second expansion change nothing.
pub(super) async fn insert_told(
    tx: &mut Tx,
    due: &Due,
    code: &str,
    to: &Recipient,
    title: &str,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    let whose = to.membership.map_or_else(|| to.org.to_string(), |membership| membership.to_string());
    let fresh = sqlx::query!(
        "INSERT INTO mail (id, notification_id, key, code, order_id, seq, org_id, membership_id, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (key) DO NOTHING",
        ids::fresh(),
        due.id,
        format!("{code}:{}:{whose}", due.id),
        code,
        due.order.0,
        due.seq,
        to.org.0,
        to.membership.map(|id| id.0),
        now
    )
    .execute(tx.conn())
    .await?;
    if let (1, Some(person)) = (fresh.rows_affected(), to.person) {
        sqlx::query!(
            "INSERT INTO notice (id, org_id, person_id, order_id, code, title, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            ids::fresh(),
            to.org.0,
            person.0,
            due.order.0,
            code,
            title,
            now
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

pub(super) async fn notification_done(tx: &mut Tx, id: Uuid, now: OffsetDateTime) -> Result<(), DbError> {
    sqlx::query!("UPDATE notification SET done_at = $2, last_error = '' WHERE id = $1", id, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn notification_failed(
    tx: &mut Tx,
    id: Uuid,
    retry_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
    error: &str,
) -> Result<(), DbError> {
    sqlx::query!(
        "UPDATE notification SET last_error = left($3, 500), due_at = coalesce($2, due_at), dead_at = CASE WHEN $2::timestamptz IS NULL THEN $4::timestamptz END
          WHERE id = $1",
        id,
        retry_at,
        error,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A mail that is due, with what it is rendered from as things stand now.
#[derive(Debug)]
pub(super) struct DueMail {
    pub id: Uuid,
    pub key: String,
    pub code: String,
    pub attempts: i32,
    pub seq: i32,
    pub number: String,
    pub service_code: String,
    pub revision: i32,
    pub customer_name: String,
    pub agent_name: String,
    pub created_by_name: String,
    pub due_on: Option<Date>,
    pub price_once_ore: Option<i64>,
    pub price_yearly_ore: Option<i64>,
    pub org_name: String,
    pub org_email: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub ended: bool,
}

/// Takes one due mail for two minutes.
pub(super) async fn claim_mail(tx: &mut Tx, now: OffsetDateTime) -> Result<Option<DueMail>, DbError> {
    let mail = sqlx::query_as!(
        DueMail,
        r#"WITH claimed AS (
             UPDATE mail SET attempts = attempts + 1, due_at = $1::timestamptz + interval '2 minutes'
              WHERE id = (SELECT m.id FROM mail m
                           WHERE m.sent_at IS NULL AND m.dropped_at IS NULL AND m.dead_at IS NULL AND m.due_at <= $1
                           ORDER BY m.due_at, m.id LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING *)
           SELECT c.id, c.key, c.code, c.attempts, c.seq, o.number, o.service_code, o.revision,
                  o.customer_name, o.agent_name, o.created_by_name, o.due_on, o.price_once_ore, o.price_yearly_ore,
                  g.name AS org_name, g.email AS org_email, m.name AS "name?", m.email AS "email?",
                  (m.ended_at IS NOT NULL OR p.disabled_at IS NOT NULL) AS "ended!"
             FROM claimed c
             JOIN orders o ON o.id = c.order_id
             JOIN organisation g ON g.id = c.org_id
             LEFT JOIN membership m ON m.id = c.membership_id
             LEFT JOIN person p ON p.id = m.person_id"#,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(mail)
}

pub(super) async fn mail_sent(tx: &mut Tx, id: Uuid, now: OffsetDateTime) -> Result<(), DbError> {
    sqlx::query!("UPDATE mail SET sent_at = $2, last_error = '' WHERE id = $1", id, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn mail_dropped(
    tx: &mut Tx,
    id: Uuid,
    why: &str,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!("UPDATE mail SET dropped_at = $3, last_error = $2 WHERE id = $1", id, why, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn mail_failed(
    tx: &mut Tx,
    id: Uuid,
    retry_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
    error: &str,
) -> Result<(), DbError> {
    sqlx::query!(
        "UPDATE mail SET last_error = left($3, 500), due_at = coalesce($2, due_at), dead_at = CASE WHEN $2::timestamptz IS NULL THEN $4::timestamptz END
          WHERE id = $1",
        id,
        retry_at,
        error,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// When the next thing of either kind is due.
pub(super) async fn next_due(tx: &mut Tx) -> Result<Option<OffsetDateTime>, DbError> {
    let next = sqlx::query_scalar!(
        "SELECT min(due) FROM (
           (SELECT due_at AS due FROM notification WHERE done_at IS NULL AND dead_at IS NULL ORDER BY due_at LIMIT 1)
           UNION ALL
           (SELECT due_at FROM mail WHERE sent_at IS NULL AND dropped_at IS NULL AND dead_at IS NULL ORDER BY due_at LIMIT 1)) x"
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(next)
}

/// Keeps what would have been sent, for the demo's viewer. A second delivery of the same mail changes nothing.
pub(super) async fn insert_demo_mail(
    tx: &mut Tx,
    mail: &super::Outgoing,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO demo_mail (id, message_id, at, recipient, subject, text_body, html_body) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (message_id) DO NOTHING",
        ids::fresh(),
        mail.message_id,
        now,
        mail.to,
        mail.subject,
        mail.text,
        mail.html
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An order whose holder should be reminded, or that nobody decided in time.
#[derive(Debug)]
pub(super) struct Waiting {
    pub number: String,
    pub order: OrderId,
    pub customer: OrgId,
    pub revision: i32,
    pub state_since: OffsetDateTime,
}

/// Waiting orders that came to their state between two moments, oldest first.
pub(super) async fn waiting(
    tx: &mut Tx,
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> Result<Vec<Waiting>, DbError> {
    let rows = sqlx::query_as!(
        Waiting,
        r#"SELECT number, id AS "order: OrderId", customer_id AS "customer: OrgId", revision, state_since
             FROM orders
            WHERE state IN ('awaiting_agent_review', 'awaiting_agent_attest', 'awaiting_customer_attest')
              AND state_since > $1
              AND state_since <= $2
            ORDER BY state_since
            LIMIT 1000"#,
        from,
        to
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Asks for a scheduled reminder; false when it has been asked for, or somebody has reminded today.
pub(super) async fn insert_reminder(
    tx: &mut Tx,
    order: &Waiting,
    day: i64,
    on_day: Date,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let key = format!("reminder:{}:{}:day {day}", order.order, order.revision);
    let first = sqlx::query!(
        "INSERT INTO order_reminder (order_id, customer_id, on_day, revision)
         SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM notification WHERE key = $5)
         ON CONFLICT (order_id, on_day) DO NOTHING",
        order.order.0,
        order.customer.0,
        on_day,
        order.revision,
        key
    )
    .execute(tx.conn())
    .await?;
    if first.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "INSERT INTO notification (id, key, cause, order_id, seq, due_at) VALUES ($1, $2, 'reminder', $3, $4, $5)
         ON CONFLICT (key) DO NOTHING",
        ids::fresh(),
        key,
        order.order.0,
        order.revision,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(true)
}

/// Only one worker runs the schedule at a time.
pub(super) async fn lead(tx: &mut Tx) -> Result<bool, DbError> {
    let lead = sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock(7251001) AS "lead!""#)
        .fetch_one(tx.conn())
        .await?;
    Ok(lead)
}

/// Lets a dead mail be tried again; false when it is not dead.
pub(super) async fn revive_mail(tx: &mut Tx, id: Uuid, now: OffsetDateTime) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE mail SET dead_at = NULL, attempts = 0, due_at = $2 WHERE id = $1 AND dead_at IS NOT NULL",
        id,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
