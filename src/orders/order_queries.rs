//! Reading one order, with or without everything around it, in one round trip.

use serde::Deserialize;
use sqlx::types::Json;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::domain::{Content, FileMark, Line, Order, Route, State};
use crate::{
    db::{DbError, Tx},
    identity::Side,
    ids::{MandateId, MembershipId, OrderId, OrgId, PersonId, TermsId},
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
    /// For whom the actor stood in; empty = nobody.
    pub in_place_of: String,
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
    /// Hash of its bytes, in hexadecimal.
    pub sha256: String,
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

/// The order with this number, if the acting person can see it.
pub async fn find(tx: &mut Tx, number: &str) -> Result<Option<Order>, DbError> {
    Ok(read(tx, number, false).await?.map(|(order, _)| order))
}

/// The same with what its page shows beyond it.
pub async fn find_whole(tx: &mut Tx, number: &str) -> Result<Option<(Order, Detail)>, DbError> {
    read(tx, number, true).await
}

/// Without `whole` events, messages and what else only a page shows are neither read nor sent.
async fn read(tx: &mut Tx, number: &str, whole: bool) -> Result<Option<(Order, Detail)>, DbError> {
    // The inner queries read in the order of an index. Messages come newest first, so that a long talk loses its beginning.
    let row = sqlx::query_as!(
        Row,
        r#"SELECT o.id AS "id: OrderId", o.number, o.customer_id AS "customer_id: OrgId", o.customer_no, o.customer_name,
                  o.agent_id AS "agent_id: OrgId", o.mandate_id AS "mandate_id: MandateId", o.agent_name,
                  o.route AS "route: Route", o.service_code, o.offer_code, o.state AS "state: State", o.revision,
                  o.created_by AS "created_by: PersonId", o.created_by_name,
                  NOT EXISTS (SELECT FROM membership c WHERE c.org_id = o.customer_id AND c.person_id = o.created_by AND c.ended_at IS NULL)
                    AS "creator_left!", o.placed_by_staff, o.submitted_at,
                  o.customer_attestant_id AS "customer_attestant_id: MembershipId",
                  o.agent_attestant_id AS "agent_attestant_id: MembershipId", o.terms_id AS "terms_id: TermsId",
                  o.price_once_ore, o.price_yearly_ore, o.hsa_id, o.wanted_on, o.contact_name, o.contact_email, o.contact_phone,
                  o.invoice_address, o.invoice_reference, o.own_reference,
                  o.state_since, o.due_on, o.customer_org_nr, o.customer_attestant_name, o.agent_attestant_name, o.handler_name,
                  o.agent_invoice_reference, o.content_sha256,
                  (SELECT json_agg(l)
                     FROM (SELECT CASE x.kind WHEN 'care_units' THEN 'care_unit' WHEN 'contracts' THEN 'contract' ELSE 'cards' END AS kind,
                                  x.name, x.hsa_id, x.contract, x.quantity, x.wanted_on
                             FROM order_line x WHERE x.order_id = o.id ORDER BY x.position) l) AS "lines: Json<Vec<Line>>",
                  (SELECT json_agg(a)
                     FROM (SELECT x.id, x.file_name, x.side, x.size, x.added_by_name, encode(x.sha256, 'hex') AS sha256
                             FROM order_attachment x WHERE x.order_id = o.id ORDER BY x.id) a)
                    AS "attachments: Json<Vec<AttachmentRow>>",
                  CASE WHEN $2 THEN
                  (SELECT json_agg(e)
                     FROM (SELECT x.seq, x.from_state, x.to_state, x.side, x.actor_name, x.at, x.note, x.content,
                                  CASE WHEN x.confirmation_id IS NOT NULL THEN coalesce(x.confirmed_by, 'password') END AS method,
                                  x.self_attested, x.in_place_of
                             FROM order_event x WHERE x.order_id = o.id ORDER BY x.seq) e) END AS "events: Json<Vec<EventRow>>",
                  CASE WHEN $2 THEN
                  (SELECT json_agg(m)
                     FROM (SELECT x.side, x.author_name, x.at, x.body
                             FROM order_message x WHERE x.order_id = o.id ORDER BY x.id DESC LIMIT 200) m) END
                    AS "messages: Json<Vec<MessageRow>>",
                  CASE WHEN $2 THEN o.copied_from END AS "copied_from: OrderId",
                  CASE WHEN $2 THEN (SELECT max(r.on_day) FROM order_reminder r WHERE r.order_id = o.id) END AS reminded_on
             FROM orders o
            WHERE o.number = $1"#,
        number,
        whole
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    // Few are copies, so nobody else waits for this.
    let copied_from = match row.copied_from {
        Some(from) => {
            sqlx::query_scalar!("SELECT number FROM orders WHERE id = $1", from.0)
                .fetch_optional(tx.conn())
                .await?
        }
        None => None,
    };
    let (order, detail) = row.split();
    Ok(Some((order, Detail { copied_from, ..detail })))
}

/// As the database tells it.
struct Row {
    id: OrderId,
    number: String,
    customer_id: OrgId,
    customer_no: i64,
    customer_name: String,
    agent_id: Option<OrgId>,
    mandate_id: Option<MandateId>,
    agent_name: String,
    route: Route,
    service_code: String,
    offer_code: String,
    state: State,
    revision: i32,
    created_by: PersonId,
    creator_left: bool,
    created_by_name: String,
    placed_by_staff: bool,
    submitted_at: Option<OffsetDateTime>,
    customer_attestant_id: Option<MembershipId>,
    agent_attestant_id: Option<MembershipId>,
    terms_id: Option<TermsId>,
    price_once_ore: Option<i64>,
    price_yearly_ore: Option<i64>,
    hsa_id: String,
    wanted_on: Option<Date>,
    contact_name: String,
    contact_email: String,
    contact_phone: String,
    invoice_address: String,
    invoice_reference: String,
    own_reference: String,
    state_since: OffsetDateTime,
    due_on: Option<Date>,
    customer_org_nr: String,
    customer_attestant_name: String,
    agent_attestant_name: String,
    handler_name: String,
    agent_invoice_reference: String,
    content_sha256: Option<Vec<u8>>,
    lines: Option<Json<Vec<Line>>>,
    attachments: Option<Json<Vec<AttachmentRow>>>,
    events: Option<Json<Vec<EventRow>>>,
    messages: Option<Json<Vec<MessageRow>>>,
    copied_from: Option<OrderId>,
    reminded_on: Option<Date>,
}

impl Row {
    fn split(self) -> (Order, Detail) {
        let row = self;
        let attachments = row.attachments.map(|json| json.0).unwrap_or_default();
        let files = attachments
            .iter()
            .map(|file| FileMark { name: file.file_name.clone(), sha256: file.sha256.clone() })
            .collect();
        let detail = Detail {
            state_since: row.state_since,
            due_on: row.due_on,
            customer_org_nr: row.customer_org_nr,
            customer_attestant_name: row.customer_attestant_name,
            agent_attestant_name: row.agent_attestant_name,
            handler_name: row.handler_name,
            price_once_ore: row.price_once_ore,
            price_yearly_ore: row.price_yearly_ore,
            agent_invoice_reference: row.agent_invoice_reference,
            events: row.events.map(|json| json.0).unwrap_or_default(),
            messages: row.messages.map(|json| json.0.into_iter().rev().collect()).unwrap_or_default(),
            attachments,
            copied_from: None,
            reminded_on: row.reminded_on,
            content_sha256: row.content_sha256,
        };
        let order = Order {
            content: Content {
                service: row.service_code.clone(),
                offer: row.offer_code.clone(),
                agent: row.agent_name.clone(),
                hsa_id: row.hsa_id,
                wanted_on: row.wanted_on,
                contact_name: row.contact_name,
                contact_email: row.contact_email,
                contact_phone: row.contact_phone,
                invoice_address: row.invoice_address,
                invoice_reference: row.invoice_reference,
                own_reference: row.own_reference,
                lines: row.lines.map(|json| json.0).unwrap_or_default(),
                terms: row.terms_id,
            },
            id: row.id,
            number: row.number,
            customer: row.customer_id,
            customer_no: row.customer_no,
            customer_name: row.customer_name,
            agent: row.agent_id,
            mandate: row.mandate_id,
            agent_name: row.agent_name,
            route: row.route,
            service_code: row.service_code,
            offer_code: row.offer_code,
            state: row.state,
            revision: row.revision,
            created_by: row.created_by,
            creator_left: row.creator_left,
            created_by_name: row.created_by_name,
            placed_by_staff: row.placed_by_staff,
            submitted_at: row.submitted_at,
            customer_attestant: row.customer_attestant_id,
            agent_attestant: row.agent_attestant_id,
            terms: row.terms_id,
            price_once_ore: row.price_once_ore,
            price_yearly_ore: row.price_yearly_ore,
            files,
        };
        (order, detail)
    }
}
