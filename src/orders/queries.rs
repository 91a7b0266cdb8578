//! Reading what ordering needs to know of customer and agents, and single files.

use time::Date;
use uuid::Uuid;

use crate::{
    catalogue::{Channel, CustomerFacts, eligibility::HeldAgreement},
    db::{DbError, Tx},
    ids::{MandateId, OrderId, OrgId},
    orders::domain::State,
};

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

/// The customer as the order's pages need it, with everything eligibility asks for.
#[derive(Debug)]
pub struct CustomerRow {
    /// Name.
    pub name: String,
    /// Number.
    pub customer_no: i64,
    /// The vårdgivare's HSA-id.
    pub hsa_id: String,
    /// Attest must be by another person.
    pub four_eyes: bool,
    /// For eligibility.
    pub facts: CustomerFacts,
}

/// Numbers and states of a customer's orders of a service that are under way, the newest first; ten at most.
pub async fn under_way(tx: &mut Tx, org: OrgId, service_code: &str) -> Result<Vec<(String, State)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT number, state AS "state: State" FROM orders
            WHERE customer_id = $1 AND service_code = $2 AND state <> 'draft' AND closed_at IS NULL
            ORDER BY id DESC LIMIT 10"#,
        org.0,
        service_code
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.number, row.state)).collect())
}

/// Reads the customer's facts on a day.
pub async fn customer(
    tx: &mut Tx,
    org: OrgId,
    base: &str,
    today: Date,
) -> Result<Option<CustomerRow>, DbError> {
    let row = sqlx::query!(
        r#"SELECT o.name, o.customer_no AS "customer_no!", o.hsa_id, o.four_eyes, o.ceased_on,
                  has_attestant(o.id) AS "has_attestant!",
                  ARRAY (SELECT c.category FROM organisation_category c
                          WHERE c.org_id = o.id AND c.valid_from <= $2 AND (c.valid_to IS NULL OR c.valid_to >= $2)
                          ORDER BY c.category) AS "categories!",
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
            ceased_on: row.ceased_on,
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

/// The customer's agreement that has come furthest.
#[derive(Debug)]
pub struct HeldNow {
    /// Number.
    pub number: String,
    /// First day.
    pub valid_from: Option<Date>,
    /// Does it apply today, perhaps until a day to come?
    pub in_force: bool,
    /// Is it out for signature?
    pub waits: bool,
}

/// What a customer's start page tells besides the orders.
#[derive(Debug)]
pub struct StartFacts {
    /// Services in use.
    pub services: Vec<SubscriptionRow>,
    /// The agreement.
    pub agreement: Option<HeldNow>,
    /// Has anybody in the organisation ever sent an order?
    pub has_orders: bool,
    /// Can anybody order?
    pub has_orderer: bool,
    /// Can anybody attest?
    pub has_attestant: bool,
    /// Who asks the administrators for a role.
    pub asking: Vec<String>,
    /// Who wants to become a contact.
    pub joining: Vec<String>,
}

/// Reads it in one round trip: a row for each service, at least one, each with the facts.
pub async fn start_facts(tx: &mut Tx, org: OrgId, today: Date) -> Result<StartFacts, DbError> {
    let rows = sqlx::query!(
        r#"SELECT s.service_code AS "service_code?", s.offer_code, s.channel AS "channel?: Channel", s.agent_name AS "agent_name?",
                  s.valid_from AS "valid_from?",
                  a.number AS "number?", a.valid_from AS "in_force_from?", a.in_force AS "in_force?", a.waits AS "waits?",
                  has_orders($1) AS "has_orders!", has_attestant($1) AS "has_attestant!",
                  EXISTS (SELECT FROM membership m JOIN membership_role r ON r.membership_id = m.id
                           WHERE m.org_id = $1 AND m.ended_at IS NULL AND r.role = 'orderer') AS "has_orderer!",
                  ARRAY (SELECT m.name FROM role_request q JOIN membership m ON m.id = q.membership_id
                          WHERE q.org_id = $1 AND q.closed_at IS NULL ORDER BY q.made_at LIMIT 20) AS "asking!",
                  ARRAY (SELECT j.name FROM join_request j
                          WHERE j.org_id = $1 AND j.confirmed_at IS NOT NULL AND j.closed_at IS NULL ORDER BY j.made_at LIMIT 20) AS "joining!"
             FROM (VALUES (1)) AS one (row)
             LEFT JOIN subscription s ON s.customer_id = $1 AND (s.valid_to IS NULL OR s.valid_to >= $2)
             LEFT JOIN LATERAL (SELECT x.number, x.valid_from,
                                       x.status IN ('active', 'terminated') AND (x.valid_to IS NULL OR x.valid_to >= $2) AS in_force,
                                       EXISTS (SELECT FROM signing g WHERE g.agreement_id = x.id AND g.closed_at IS NULL) AS waits
                                  FROM agreement x
                                 WHERE x.org_id = $1 AND x.kind IN ('customer_1', 'customer_2')
                                 ORDER BY in_force DESC, waits DESC, x.created_at DESC
                                 LIMIT 1) a ON a.in_force OR a.waits
            ORDER BY s.valid_from DESC, s.id
            LIMIT 200"#,
        org.0,
        today
    )
    .fetch_all(tx.conn())
    .await?;
    let mut facts = StartFacts {
        services: Vec::new(),
        agreement: None,
        has_orders: false,
        has_orderer: false,
        has_attestant: false,
        asking: Vec::new(),
        joining: Vec::new(),
    };
    for row in rows {
        facts.has_orders = row.has_orders;
        facts.has_orderer = row.has_orderer;
        facts.has_attestant = row.has_attestant;
        facts.asking = row.asking;
        facts.joining = row.joining;
        if let (Some(number), Some(in_force), Some(waits)) = (row.number, row.in_force, row.waits) {
            facts.agreement = Some(HeldNow { number, valid_from: row.in_force_from, in_force, waits });
        }
        if let (Some(service_code), Some(channel), Some(agent_name), Some(valid_from)) =
            (row.service_code, row.channel, row.agent_name, row.valid_from)
        {
            let offer_code = row.offer_code;
            facts.services.push(SubscriptionRow {
                service_code,
                offer_code,
                channel,
                agent_name,
                valid_from,
            });
        }
    }
    Ok(facts)
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
