//! The worker's mails: claim with a lease, what they are made from, what became of them.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::store::may_wait;
use crate::{
    db::{DbError, Tx},
    ids::{self, MembershipId, OrderId, OrgId, SignatoryId, SigningId},
};

/// A mail that is due, with what it is rendered from as things stand now.
#[derive(Debug)]
pub(super) struct DueMail {
    pub id: Uuid,
    pub key: String,
    pub code: String,
    pub attempts: i32,
    pub seq: i32,
    pub order: Option<OrderId>,
    pub signing: Option<SigningId>,
    pub signatory: Option<SignatoryId>,
    /// What caused it; a digest has no cause.
    pub notification: Option<Uuid>,
    /// Does the reader want digests now?
    pub daily: bool,
    /// Who gets it.
    pub membership: Option<MembershipId>,
    /// Whose place it is about, and the request or the invitation behind it.
    pub member: Option<MembershipId>,
    pub request: Option<Uuid>,
    pub invitation: Option<Uuid>,
    /// What happened to an account, or to an organisation's data.
    pub account: Option<Uuid>,
    pub organisation: Option<Uuid>,
    /// Somebody who asks to become a contact.
    pub joining: Option<Uuid>,
    /// An application to become a customer.
    pub application: Option<Uuid>,
    /// An application for an agentuppdrag.
    pub mandate: Option<Uuid>,
    /// Whose mail it is.
    pub org: OrgId,
    pub org_name: String,
    pub org_email: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub ended: bool,
}

impl DueMail {
    /// May its reader have it in a digest instead?
    pub(super) fn may_wait(&self) -> bool {
        may_wait(&self.code, self.membership.is_some(), self.order.is_some() || self.mandate.is_some())
    }
}

/// Takes one due mail for two minutes. What is held waits for its digest.
pub(super) async fn claim_mail(tx: &mut Tx, now: OffsetDateTime) -> Result<Option<Uuid>, DbError> {
    let id = sqlx::query_scalar!(
        "UPDATE mail SET attempts = attempts + 1, due_at = $1::timestamptz + interval '2 minutes'
          WHERE id = (SELECT m.id FROM mail m
                       WHERE m.sent_at IS NULL AND m.dropped_at IS NULL AND m.dead_at IS NULL AND NOT m.held AND m.due_at <= $1
                       ORDER BY m.due_at, m.id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id",
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(id)
}

/// A claimed mail, first, and the mails that it is a digest of, oldest first.
pub(super) async fn claimed(tx: &mut Tx, id: Uuid, now: OffsetDateTime) -> Result<Vec<DueMail>, DbError> {
    let mails = sqlx::query_as!(
        DueMail,
        r#"SELECT c.id, c.key, c.code, c.notification_id AS notification, coalesce(p.mails_daily, false) AS "daily!", c.attempts, c.seq, c.order_id AS "order: OrderId", c.signing_id AS "signing: SigningId",
                  c.signatory_id AS "signatory: SignatoryId", c.membership_id AS "membership: MembershipId", c.member_id AS "member: MembershipId", n.role_request_id AS "request?",
                  c.invitation_id AS invitation, c.account_event_id AS account, c.org_event_id AS organisation, c.join_request_id AS joining, c.application_id AS application, c.mandate_application_id AS mandate, c.org_id AS "org: OrgId", g.name AS org_name, g.email AS org_email,
                  coalesce(m.name, d.name, y.name, i.name, CASE WHEN c.code = 'N-189' THEN '' ELSE u.applicant_name END, CASE WHEN c.code = 'N-03' THEN '' ELSE j.name END, CASE WHEN c.code IN ('N-176', 'N-178', 'N-179', 'N-185') THEN '' ELSE q.name END, CASE WHEN l.email IS NOT NULL THEN g.name END) AS name,
                  -- Somebody who signs in with e-legitimation alone is reached where an organisation reaches them.
                  coalesce(d.email, m.email, y.email, i.email, j.email, u.applicant_email, CASE WHEN c.code = 'N-177' THEN a.email_before WHEN c.code IN ('N-176', 'N-178', 'N-179', 'N-185') THEN a.email END, q.email, l.email,
                    -- An address that has just been changed there is nobody's proof: for two weeks the one before is told.
                    (SELECT coalesce((SELECT e.was ->> 'email' FROM member_event e WHERE e.membership_id = w.id AND e.kind = 'email_confirmed'
                                         AND e.at > $1::timestamptz - interval '14 days' ORDER BY e.seq LIMIT 1), w.email)
                       FROM membership w WHERE w.person_id = q.id AND w.ended_at IS NULL ORDER BY w.created_at LIMIT 1)) AS email,
                  (m.ended_at IS NOT NULL OR p.anonymised_at IS NOT NULL
                    -- Blocked, but for whoever is to be told of the agreement.
                    OR (m.blocked_at IS NOT NULL AND NOT EXISTS (SELECT FROM role_grant x WHERE x.membership_id = m.id AND x.role = 'contract_contact' AND (x.valid_to IS NULL OR x.valid_to >= today_here()))) OR (q.disabled_at IS NOT NULL AND c.code NOT IN ('N-07', 'N-178', 'N-179'))) AS "ended!"
             FROM mail c
             JOIN organisation g ON g.id = c.org_id
             LEFT JOIN membership m ON m.id = c.membership_id
             LEFT JOIN person p ON p.id = m.person_id
             LEFT JOIN signatory y ON y.id = c.signatory_id
             LEFT JOIN notification n ON n.id = c.notification_id
             LEFT JOIN invitation i ON i.id = c.invitation_id AND c.membership_id IS NULL AND c.code <> 'N-192'
             LEFT JOIN join_request j ON j.id = c.join_request_id AND c.membership_id IS NULL
             LEFT JOIN application u ON u.id = c.application_id AND c.membership_id IS NULL AND u.erased_at IS NULL
             LEFT JOIN LATERAL (
               SELECT CASE c.code WHEN 'N-122' THEN e.wanted ->> 'email' WHEN 'N-123' THEN e.was ->> 'email' END AS email
                 FROM org_event e WHERE e.id = c.org_event_id) l ON true
             -- A new address of a contact's, and the one it replaces, whichever holds by now.
             LEFT JOIN LATERAL (
               SELECT CASE WHEN c.code = 'N-126' THEN e.wanted ->> 'email' WHEN e.kind = 'details' THEN e.was ->> 'email' END AS email, z.name
                 FROM member_event e JOIN membership z ON z.id = e.membership_id
                WHERE e.membership_id = c.member_id AND e.seq = c.seq AND c.code IN ('N-126', 'N-32') AND n.role_request_id IS NULL) d ON true
             LEFT JOIN account_event a ON a.id = c.account_event_id
             LEFT JOIN person q ON q.id = a.person_id
            WHERE c.id = $2
               OR (c.digest_id = $2 AND c.dropped_at IS NULL AND c.sent_at IS NULL)
            ORDER BY c.id <> $2, c.id"#,
        now,
        id
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(mails)
}

/// Gathers what is due, and what is held for somebody who has gone back to mails at once, into one digest for each place in an
/// organisation, to be sent now. For at most so many places at a time; for how many it was.
pub(super) async fn gather_digests(tx: &mut Tx, most: i64, now: OffsetDateTime) -> Result<i64, DbError> {
    let gathered = sqlx::query_scalar!(
        r#"WITH places AS MATERIALIZED (
             SELECT gen_random_uuid() AS id, h.membership_id, h.org_id
               FROM mail h
               JOIN membership m ON m.id = h.membership_id
               JOIN person p ON p.id = m.person_id
              WHERE h.sent_at IS NULL AND h.dropped_at IS NULL AND h.held AND h.digest_id IS NULL
                AND (h.due_at <= $1 OR NOT p.mails_daily)
              GROUP BY h.membership_id, h.org_id ORDER BY min(h.due_at) LIMIT $2),
           made AS (INSERT INTO mail (id, key, code, seq, org_id, membership_id, due_at)
                    SELECT p.id, 'N-197:' || p.id, 'N-197', 0, p.org_id, p.membership_id, $1 FROM places p RETURNING id),
           parts AS (UPDATE mail h SET digest_id = p.id FROM places p
                      WHERE h.membership_id = p.membership_id AND h.sent_at IS NULL AND h.dropped_at IS NULL AND h.held AND h.digest_id IS NULL
                     RETURNING 1)
           SELECT (SELECT count(*) FROM made) AS "made!" FROM (SELECT count(*) FROM parts) q"#,
        now,
        most
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(gathered)
}

/// What a mail about an order says of it.
#[derive(Debug)]
pub(super) struct OrderFacts {
    pub number: String,
    pub service_code: String,
    pub revision: i32,
    pub customer_name: String,
    pub agent_name: String,
    pub created_by_name: String,
    pub due_on: Option<Date>,
    pub price_once_ore: Option<i64>,
    pub price_yearly_ore: Option<i64>,
}

pub(super) async fn order_facts(tx: &mut Tx, order: OrderId) -> Result<Option<OrderFacts>, DbError> {
    let facts = sqlx::query_as!(
        OrderFacts,
        "SELECT number, service_code, revision, customer_name, agent_name, created_by_name, due_on, price_once_ore, price_yearly_ore
           FROM orders WHERE id = $1",
        order.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(facts)
}

/// A mail was sent, and with a digest what is in it.
pub(super) async fn mail_sent(tx: &mut Tx, id: Uuid, now: OffsetDateTime) -> Result<(), DbError> {
    sqlx::query!(
        "UPDATE mail SET sent_at = $2, last_error = '' WHERE id = $1 OR (digest_id = $1 AND dropped_at IS NULL AND sent_at IS NULL)",
        id,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A mail is not sent any more, nor with a digest what is in it.
pub(super) async fn mail_dropped(
    tx: &mut Tx,
    id: Uuid,
    why: &str,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "UPDATE mail SET dropped_at = $3, last_error = $2 WHERE id = $1 OR (digest_id = $1 AND dropped_at IS NULL AND sent_at IS NULL)",
        id,
        why,
        now
    )
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

/// Lets a dead mail, or a dead cause, be tried again; false when there is none.
pub(super) async fn revive(tx: &mut Tx, id: Uuid, now: OffsetDateTime) -> Result<bool, DbError> {
    let done = sqlx::query_scalar!(
        r#"WITH mails AS (UPDATE mail SET dead_at = NULL, attempts = 0, due_at = $2 WHERE id = $1 AND dead_at IS NOT NULL RETURNING 1),
                causes AS (UPDATE notification SET dead_at = NULL, attempts = 0, due_at = $2 WHERE id = $1 AND dead_at IS NOT NULL RETURNING 1)
           SELECT EXISTS (SELECT FROM mails) OR EXISTS (SELECT FROM causes) AS "done!""#,
        id,
        now
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(done)
}
