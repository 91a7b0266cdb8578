//! Reading one order with everything around it in one round trip, and what ordering needs to know of customer and agents.

use serde::Deserialize;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::domain::{Content, State};
use crate::{
    catalogue::{Channel, CustomerFacts, eligibility::HeldAgreement},
    db::{DbError, Tx},
    identity::Side,
    ids::{MandateId, MembershipId, OrderId, OrgId},
};

/// One event of an order.
#[derive(Debug, Deserialize)]
pub struct EventRow {
    /// Number in the order.
    pub seq: i32,
    /// From.
    pub from_state: State,
    /// To.
    pub to_state: State,
    /// By which side.
    pub side: Side,
    /// Who; empty for the system.
    pub actor_name: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Reason or message.
    pub note: String,
    /// Confirmed, and how.
    pub method: Option<String>,
    /// One person did both.
    pub self_attested: bool,
    /// What was sent.
    pub content: Option<Content>,
}

/// One message.
#[derive(Debug, Deserialize)]
pub struct MessageRow {
    /// From which side.
    pub side: Side,
    /// Who.
    pub author_name: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Text.
    pub body: String,
}

/// One file.
#[derive(Debug, Deserialize)]
pub struct AttachmentRow {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub file_name: String,
    /// Bytes.
    pub size: i64,
    /// From which side.
    pub side: Side,
    /// Who.
    pub added_by_name: String,
}

/// What an order's page shows beyond the order itself.
#[derive(Debug)]
pub struct Detail {
    /// In its state since.
    pub state_since: OffsetDateTime,
    /// Answer by.
    pub due_on: Option<Date>,
    /// Masked for enskild firma.
    pub customer_org_nr: String,
    /// The customer's named attestant; empty = any.
    pub customer_attestant_name: String,
    /// The agent's named attestant; empty = any.
    pub agent_attestant_name: String,
    /// The agent's handler.
    pub handler_name: String,
    /// Öre.
    pub price_once_ore: Option<i64>,
    /// Öre a year.
    pub price_yearly_ore: Option<i64>,
    /// The agent's own reference.
    pub agent_invoice_reference: String,
    /// Events, oldest first.
    pub events: Vec<EventRow>,
    /// Messages, oldest first.
    pub messages: Vec<MessageRow>,
    /// Files.
    pub attachments: Vec<AttachmentRow>,
    /// The order this one was copied from.
    pub copied_from: Option<String>,
    /// The day of the latest reminder.
    pub reminded_on: Option<Date>,
    /// What the latest submit carried a hash of.
    pub content_sha256: Option<Vec<u8>>,
}

/// The rest of an order's page, in one round trip.
pub async fn detail(tx: &mut Tx, order: OrderId) -> Result<Option<Detail>, DbError> {
    let row = sqlx::query!(
        r#"SELECT o.state_since, o.due_on, o.customer_org_nr, o.customer_attestant_name, o.agent_attestant_name, o.handler_name,
                  o.price_once_ore, o.price_yearly_ore, o.agent_invoice_reference, o.content_sha256,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('seq', e.seq, 'from_state', e.from_state, 'to_state', e.to_state,
                            'side', e.side, 'actor_name', e.actor_name, 'at', e.at, 'note', e.note, 'content', e.content,
                            'method', CASE WHEN e.confirmation_id IS NULL THEN NULL ELSE 'password' END,
                            'self_attested', e.self_attested) ORDER BY e.seq), '[]')
                     FROM order_event e WHERE e.order_id = o.id) AS "events!: sqlx::types::Json<Vec<EventRow>>",
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('side', m.side, 'author_name', m.author_name, 'at', m.at,
                            'body', m.body) ORDER BY m.id), '[]')
                     FROM (SELECT * FROM order_message x WHERE x.order_id = o.id ORDER BY x.id DESC LIMIT 200) m)
                    AS "messages!: sqlx::types::Json<Vec<MessageRow>>",
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'file_name', a.file_name, 'side', a.side,
                            'size', octet_length(a.content), 'added_by_name', a.added_by_name) ORDER BY a.id), '[]')
                     FROM (SELECT * FROM order_attachment x WHERE x.order_id = o.id ORDER BY x.id LIMIT 100) a)
                    AS "attachments!: sqlx::types::Json<Vec<AttachmentRow>>",
                  (SELECT c.number FROM orders c WHERE c.id = o.copied_from) AS copied_from,
                  (SELECT max(r.on_day) FROM order_reminder r WHERE r.order_id = o.id) AS reminded_on
             FROM orders o
            WHERE o.id = $1"#,
        order.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Detail {
        state_since: row.state_since,
        due_on: row.due_on,
        customer_org_nr: row.customer_org_nr,
        customer_attestant_name: row.customer_attestant_name,
        agent_attestant_name: row.agent_attestant_name,
        handler_name: row.handler_name,
        price_once_ore: row.price_once_ore,
        price_yearly_ore: row.price_yearly_ore,
        agent_invoice_reference: row.agent_invoice_reference,
        events: row.events.0,
        messages: row.messages.0,
        attachments: row.attachments.0,
        copied_from: row.copied_from,
        reminded_on: row.reminded_on,
        content_sha256: row.content_sha256,
    }))
}

/// A file with its bytes.
#[derive(Debug)]
pub struct File {
    /// Name.
    pub file_name: String,
    /// Type.
    pub media_type: String,
    /// Bytes.
    pub content: Vec<u8>,
}

/// One file of an order.
pub async fn file(tx: &mut Tx, order: OrderId, id: Uuid) -> Result<Option<File>, DbError> {
    let file = sqlx::query_as!(
        File,
        "SELECT file_name, media_type, content FROM order_attachment WHERE id = $1 AND order_id = $2",
        id,
        order.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(file)
}

/// An agent that mediates a service, and why it can't take orders when it can't.
#[derive(Debug)]
pub struct AgentChoice {
    /// Organisation.
    pub id: OrgId,
    /// Number.
    pub number: i64,
    /// Name.
    pub name: String,
    /// System.
    pub system: String,
    /// Mandate.
    pub mandate: MandateId,
    /// `no_agreement`, `not_verified`, `paused`, `no_handler`, `no_attestant`.
    pub obstacle: Option<String>,
}

/// Agents for a service in a role.
pub async fn agents_for(
    tx: &mut Tx,
    service: &str,
    role: &str,
    day: Date,
) -> Result<Vec<AgentChoice>, DbError> {
    let rows = sqlx::query_as!(
        AgentChoice,
        r#"SELECT agent_id AS "id!: OrgId", agent_no AS "number!", name AS "name!", system AS "system!",
                  mandate_id AS "mandate!: MandateId", obstacle
             FROM agents_for($1, $2, $3)"#,
        service,
        role,
        day
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A colleague to choose from.
#[derive(Debug)]
pub struct Colleague {
    /// Membership.
    pub id: MembershipId,
    /// Name.
    pub name: String,
    /// Title.
    pub title: String,
}

/// The organisation's attestants.
pub async fn attestants(tx: &mut Tx, org: OrgId) -> Result<Vec<Colleague>, DbError> {
    let rows = sqlx::query_as!(
        Colleague,
        r#"SELECT m.id AS "id: MembershipId", m.name, m.title
             FROM membership m
             JOIN membership_role r ON r.membership_id = m.id AND r.role = 'attestant'
            WHERE m.org_id = $1
              AND m.ended_at IS NULL
            ORDER BY m.name COLLATE "sv-x-icu", m.id
            LIMIT 200"#,
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The customer as the order's pages need it, with everything eligibility asks for.
#[derive(Debug)]
pub struct CustomerRow {
    /// Name.
    pub name: String,
    /// Number.
    pub customer_no: i64,
    /// The vårdgivare's HSA-id.
    pub hsa_id: String,
    /// Default invoice address.
    pub invoice_address: String,
    /// Default reference.
    pub invoice_reference: String,
    /// Attest must be by another person.
    pub four_eyes: bool,
    /// For eligibility.
    pub facts: CustomerFacts,
}

/// Reads the customer's facts on a day.
pub async fn customer(
    tx: &mut Tx,
    org: OrgId,
    base: &str,
    today: Date,
) -> Result<Option<CustomerRow>, DbError> {
    let row = sqlx::query!(
        r#"SELECT o.name, o.customer_no AS "customer_no!", o.hsa_id, o.invoice_address, o.invoice_reference, o.four_eyes,
                  has_attestant(o.id) AS "has_attestant!",
                  ARRAY (SELECT c.category FROM organisation_category c
                          WHERE c.org_id = o.id AND c.valid_from <= $2 AND (c.valid_to IS NULL OR c.valid_to >= $2)) AS "categories!",
                  ARRAY (SELECT f.fact::text FROM organisation_fact f
                          WHERE f.org_id = o.id AND f.valid_from <= $2 AND (f.valid_to IS NULL OR f.valid_to >= $2)) AS "facts!",
                  ARRAY (SELECT DISTINCT s.service_code FROM subscription s
                          WHERE s.customer_id = o.id AND (s.valid_to IS NULL OR s.valid_to >= $2)) AS "in_use!",
                  ARRAY (SELECT DISTINCT x.service_code FROM orders x
                          WHERE x.customer_id = o.id AND x.submitted_at IS NOT NULL AND x.closed_at IS NULL) AS "on_order!",
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', a.kind, 'service_code', a.service_code,
                            'valid_from', a.valid_from, 'valid_to', a.valid_to, 'counterpart', a.counterpart_id)), '[]')
                     FROM agreement a WHERE a.org_id = o.id AND a.status IN ('active', 'terminated'))
                    AS "agreements!: sqlx::types::Json<Vec<HeldAgreement>>"
             FROM organisation o
            WHERE o.id = $1
              AND o.customer_no IS NOT NULL"#,
        org.0,
        today
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| CustomerRow {
        name: row.name,
        customer_no: row.customer_no,
        hsa_id: row.hsa_id,
        invoice_address: row.invoice_address,
        invoice_reference: row.invoice_reference,
        four_eyes: row.four_eyes,
        facts: CustomerFacts {
            today,
            base: base.to_owned(),
            categories: row.categories,
            facts: row.facts.into_iter().collect(),
            agreements: row.agreements.0,
            in_use: row.in_use.into_iter().collect(),
            on_order: row.on_order.into_iter().collect(),
            has_attestant: row.has_attestant,
        },
    }))
}

/// A service in use.
#[derive(Debug)]
pub struct SubscriptionRow {
    /// Service.
    pub service_code: String,
    /// Offer.
    pub offer_code: Option<String>,
    /// Connection.
    pub channel: Channel,
    /// Agent; empty when direct.
    pub agent_name: String,
    /// Since.
    pub valid_from: Date,
}

/// The customer's services in use.
pub async fn subscriptions(tx: &mut Tx, org: OrgId, today: Date) -> Result<Vec<SubscriptionRow>, DbError> {
    let rows = sqlx::query_as!(
        SubscriptionRow,
        r#"SELECT service_code, offer_code, channel AS "channel: Channel", agent_name, valid_from
             FROM subscription
            WHERE customer_id = $1
              AND (valid_to IS NULL OR valid_to >= $2)
            ORDER BY valid_from DESC, id
            LIMIT 200"#,
        org.0,
        today
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
