//! What the clock looks for: orders and rounds of signing that have waited.

use time::{Date, OffsetDateTime};

use crate::{
    db::{DbError, Tx},
    ids::{self, OrderId, OrgId, PersonId, SigningId},
};

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

/// A round of signing that waits.
#[derive(Debug)]
pub(super) struct WaitingSigning {
    pub id: SigningId,
    pub revision: i32,
}

/// Rounds that wait and were sent between two moments, oldest first.
pub(super) async fn waiting_signings(
    tx: &mut Tx,
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> Result<Vec<WaitingSigning>, DbError> {
    let rows = sqlx::query_as!(
        WaitingSigning,
        r#"SELECT id AS "id: SigningId", revision
             FROM signing
            WHERE closed_at IS NULL
              AND sent_at > $1
              AND sent_at <= $2
            ORDER BY sent_at
            LIMIT 1000"#,
        from,
        to
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Rounds whose links have gone out.
pub(super) async fn expired_signings(tx: &mut Tx, now: OffsetDateTime) -> Result<Vec<SigningId>, DbError> {
    let rows = sqlx::query_scalar!(
        r#"SELECT id AS "id: SigningId" FROM signing WHERE closed_at IS NULL AND expires_at <= $1 ORDER BY sent_at LIMIT 1000"#,
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Asks for a reminder of a round of signing, once for each day in the schedule.
pub(super) async fn insert_signing_reminder(
    tx: &mut Tx,
    signing: &WaitingSigning,
    day: i64,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO notification (id, key, cause, signing_id, seq, due_at) VALUES ($1, $2, 'reminder', $3, $4, $5)
         ON CONFLICT (key) DO NOTHING",
        ids::fresh(),
        format!("signing-reminder:{}:day {day}", signing.id),
        signing.id.0,
        signing.revision,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Asks for a reminder of every application for an agentuppdrag that has waited since between two moments, once for each day
/// in the schedule.
pub(super) async fn insert_mandate_reminders(
    tx: &mut Tx,
    (from, to): (OffsetDateTime, OffsetDateTime),
    day: i64,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO notification (id, key, cause, mandate_application_id, seq, due_at)
         SELECT gen_random_uuid(), 'mandate-reminder:' || a.id || ':' || a.revision || ':day ' || $1::bigint, 'reminder', a.id, a.revision, $2
           FROM mandate_application a
          WHERE a.state IN ('under_review', 'completion_asked', 'awaiting_attest') AND a.state_since > $3 AND a.state_since <= $4
         ON CONFLICT (key) DO NOTHING",
        day,
        now,
        from,
        to
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes old sessions and counters; answers how many.
pub(super) async fn purge(tx: &mut Tx) -> Result<i64, DbError> {
    let purged =
        sqlx::query_scalar!(r#"SELECT purge() + purge_places() AS "purged!""#).fetch_one(tx.conn()).await?;
    Ok(purged)
}

/// People whose account nobody has used for long.
pub(super) async fn unused(tx: &mut Tx, now: OffsetDateTime) -> Result<Vec<PersonId>, DbError> {
    let people = sqlx::query_scalar!(r#"SELECT person_id AS "p!: PersonId" FROM unused_people($1)"#, now)
        .fetch_all(tx.conn())
        .await?;
    Ok(people)
}

/// Warns one of them, or blocks the account: which, or `None` when somebody has signed in after all.
pub(super) async fn act_on_unused(
    tx: &mut Tx,
    person: PersonId,
    now: OffsetDateTime,
) -> Result<Option<String>, DbError> {
    let done =
        sqlx::query_scalar!("SELECT unused_person_act($1, $2)", person.0, now).fetch_one(tx.conn()).await?;
    Ok(done)
}

/// People who have had no place anywhere for two years.
pub(super) async fn to_forget(tx: &mut Tx, now: OffsetDateTime) -> Result<Vec<PersonId>, DbError> {
    let people = sqlx::query_scalar!(r#"SELECT p AS "p!: PersonId" FROM people_to_forget($1) p"#, now)
        .fetch_all(tx.conn())
        .await?;
    Ok(people)
}

/// Erases what is known of one of them; false when there is reason to keep it after all.
pub(super) async fn forget(tx: &mut Tx, person: PersonId, now: OffsetDateTime) -> Result<bool, DbError> {
    let done = sqlx::query_scalar!(r#"SELECT person_forget($1, $2) AS "done!""#, person.0, now)
        .fetch_one(tx.conn())
        .await?;
    Ok(done)
}
