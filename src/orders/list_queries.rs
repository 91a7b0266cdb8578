//! Reading lists of orders, always by keyset on an index: an offset or a count over everything has no bound.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::domain::State;
use crate::{
    db::{DbError, Tx},
    ids::{MembershipId, OrderId, OrgId},
};

/// Rows on a page of a list.
pub const PAGE: usize = 50;

/// One order in a list.
#[derive(Debug)]
pub struct OrderRow {
    /// Id, which is also the place in the list.
    pub id: OrderId,
    /// BES-2026-004183.
    pub number: String,
    /// Service.
    pub service_code: String,
    /// Offer.
    pub offer_code: String,
    /// Customer.
    pub customer_name: String,
    /// As shown: masked for enskild firma.
    pub customer_org_nr: String,
    /// Agent; empty when direct.
    pub agent_name: String,
    /// State.
    pub state: State,
    /// In it since.
    pub state_since: OffsetDateTime,
    /// Answer by.
    pub due_on: Option<Date>,
    /// Made by.
    pub created_by_name: String,
    /// Öre.
    pub price_once_ore: Option<i64>,
    /// The customer's named attestant.
    pub customer_attestant_id: Option<MembershipId>,
    /// The agent's named attestant.
    pub agent_attestant_id: Option<MembershipId>,
}

/// What a list is narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    /// States; empty = all.
    pub states: Vec<State>,
    /// Service code; empty = all.
    pub service: String,
    /// Part of the number or the customer's name.
    pub text: String,
    /// Only orders waiting for one of these attestants by name, or for any.
    pub attestant: Option<Vec<MembershipId>>,
}

impl Filter {
    /// Nothing is narrowed?
    fn is_none(&self) -> bool {
        self.states.is_empty() && self.service.is_empty() && self.text.is_empty() && self.attestant.is_none()
    }
}

fn pattern(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|c| if matches!(c, '%' | '_' | '\\') { vec!['\\', c] } else { vec![c] })
        .collect();
    format!("%{escaped}%")
}

/// One order in the customer's own list, with no more than the list shows: it is read the most of all.
#[derive(Debug)]
pub struct CustomerRow {
    /// Id, which is also the place in the list.
    pub id: OrderId,
    /// BES-2026-004183.
    pub number: String,
    /// Service.
    pub service_code: String,
    /// Offer.
    pub offer_code: String,
    /// Agent; empty when direct.
    pub agent_name: String,
    /// State.
    pub state: State,
    /// In it since.
    pub state_since: OffsetDateTime,
    /// Answer by.
    pub due_on: Option<Date>,
    /// Made by.
    pub created_by_name: String,
}

/// The customer's own list, newest first. Narrowed or not are two statements: most readers narrow nothing, and
/// conditions that let every row through cost a tenth of the page.
pub async fn customer_list(
    tx: &mut Tx,
    org: OrgId,
    filter: &Filter,
    before: Option<OrderId>,
) -> Result<Vec<CustomerRow>, DbError> {
    let before = before.map_or(Uuid::max(), |id| id.0);
    if filter.is_none() {
        let rows = sqlx::query_as!(
            CustomerRow,
            r#"SELECT id AS "id: OrderId", number, service_code, offer_code, agent_name, state AS "state: State",
                      state_since, due_on, created_by_name
                 FROM orders
                WHERE customer_id = $1
                  AND id < $2
                ORDER BY id DESC
                LIMIT 51"#,
            org.0,
            before
        )
        .fetch_all(tx.conn())
        .await?;
        return Ok(rows);
    }
    let rows = sqlx::query_as!(
        CustomerRow,
        r#"SELECT id AS "id: OrderId", number, service_code, offer_code, agent_name, state AS "state: State",
                  state_since, due_on, created_by_name
             FROM orders
            WHERE customer_id = $1
              AND id < $2
              AND (cardinality($3::order_state[]) = 0 OR state = ANY ($3))
              AND ($4 = '' OR service_code = $4)
              AND ($5 = '%%' OR number ILIKE $5 OR agent_name ILIKE $5)
            ORDER BY id DESC
            LIMIT 51"#,
        org.0,
        before,
        &filter.states as &[State],
        filter.service,
        pattern(&filter.text)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The customer's orders in some states (none named = all), newest first; with an attestant only those that wait for
/// that one, named or any.
pub async fn customer_orders(
    tx: &mut Tx,
    org: OrgId,
    states: &[State],
    attestant: Option<&[MembershipId]>,
    before: Option<OrderId>,
) -> Result<Vec<OrderRow>, DbError> {
    let rows = sqlx::query_as!(
        OrderRow,
        r#"SELECT id AS "id: OrderId", number, service_code, offer_code, customer_name, customer_org_nr, agent_name,
                  state AS "state: State", state_since, due_on, created_by_name, price_once_ore,
                  customer_attestant_id AS "customer_attestant_id: MembershipId",
                  agent_attestant_id AS "agent_attestant_id: MembershipId"
             FROM orders
            WHERE customer_id = $1
              AND id < $2
              AND (cardinality($3::order_state[]) = 0 OR state = ANY ($3))
              AND ($4::uuid[] IS NULL OR customer_attestant_id IS NULL OR customer_attestant_id = ANY ($4))
            ORDER BY id DESC
            LIMIT 51"#,
        org.0,
        before.map_or(Uuid::max(), |id| id.0),
        states as &[State],
        attestant as Option<&[MembershipId]>
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The place after which an agent's list goes on: answer-by date and id.
pub type Place = (Date, OrderId);

/// The orders that wait for the agent's review, the one to answer first at the top. The state is written out, because
/// the index of these orders is found by it.
pub async fn agent_reviews(tx: &mut Tx, org: OrgId, after: Option<Place>) -> Result<Vec<OrderRow>, DbError> {
    let rows = sqlx::query_as!(
        OrderRow,
        r#"SELECT id AS "id: OrderId", number, service_code, offer_code, customer_name, customer_org_nr, agent_name,
                  state AS "state: State", state_since, due_on, created_by_name, price_once_ore,
                  customer_attestant_id AS "customer_attestant_id: MembershipId",
                  agent_attestant_id AS "agent_attestant_id: MembershipId"
             FROM orders
            WHERE agent_id = $1
              AND state = 'awaiting_agent_review'
              AND (coalesce(due_on, 'infinity'), id) > (coalesce($2::date, '-infinity'), $3)
            ORDER BY coalesce(due_on, 'infinity'), id
            LIMIT 51"#,
        org.0,
        after.map(|(due, _)| due),
        after.map_or(Uuid::nil(), |(_, id)| id.0)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The agent's open orders in some states, perhaps narrowed, the one to answer first at the top.
pub async fn agent_list(
    tx: &mut Tx,
    org: OrgId,
    filter: &Filter,
    after: Option<Place>,
) -> Result<Vec<OrderRow>, DbError> {
    let rows = sqlx::query_as!(
        OrderRow,
        r#"SELECT id AS "id: OrderId", number, service_code, offer_code, customer_name, customer_org_nr, agent_name,
                  state AS "state: State", state_since, due_on, created_by_name, price_once_ore,
                  customer_attestant_id AS "customer_attestant_id: MembershipId",
                  agent_attestant_id AS "agent_attestant_id: MembershipId"
             FROM orders
            WHERE agent_id = $1
              AND submitted_at IS NOT NULL
              AND closed_at IS NULL
              AND (coalesce(due_on, 'infinity'), id) > (coalesce($2::date, '-infinity'), $3)
              AND state = ANY ($4::order_state[])
              AND ($5 = '' OR service_code = $5)
              AND ($6 = '%%' OR number ILIKE $6 OR customer_name ILIKE $6 OR customer_org_nr ILIKE $6)
              AND ($7::uuid[] IS NULL OR agent_attestant_id IS NULL OR agent_attestant_id = ANY ($7))
            ORDER BY coalesce(due_on, 'infinity'), id
            LIMIT 51"#,
        org.0,
        after.map(|(due, _)| due),
        after.map_or(Uuid::nil(), |(_, id)| id.0),
        &filter.states as &[State],
        filter.service,
        pattern(&filter.text),
        filter.attestant.as_deref() as Option<&[MembershipId]>
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The agent's closed and delivered orders, newest first.
pub async fn agent_history(
    tx: &mut Tx,
    org: OrgId,
    filter: &Filter,
    before: Option<OrderId>,
) -> Result<Vec<OrderRow>, DbError> {
    let rows = sqlx::query_as!(
        OrderRow,
        r#"SELECT id AS "id: OrderId", number, service_code, offer_code, customer_name, customer_org_nr, agent_name,
                  state AS "state: State", state_since, due_on, created_by_name, price_once_ore,
                  customer_attestant_id AS "customer_attestant_id: MembershipId",
                  agent_attestant_id AS "agent_attestant_id: MembershipId"
             FROM orders
            WHERE agent_id = $1
              AND submitted_at IS NOT NULL
              AND id < $2
              AND (cardinality($3::order_state[]) = 0 OR state = ANY ($3))
              AND ($4 = '' OR service_code = $4)
              AND ($5 = '%%' OR number ILIKE $5 OR customer_name ILIKE $5 OR customer_org_nr ILIKE $5)
            ORDER BY id DESC
            LIMIT 51"#,
        org.0,
        before.map_or(Uuid::max(), |id| id.0),
        &filter.states as &[State],
        filter.service,
        pattern(&filter.text)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Sent orders of everyone, newest first; for staff.
pub async fn staff_list(tx: &mut Tx, before: Option<OrderId>) -> Result<Vec<OrderRow>, DbError> {
    let rows = sqlx::query_as!(
        OrderRow,
        r#"SELECT id AS "id: OrderId", number, service_code, offer_code, customer_name, customer_org_nr, agent_name,
                  state AS "state: State", state_since, due_on, created_by_name, price_once_ore,
                  customer_attestant_id AS "customer_attestant_id: MembershipId",
                  agent_attestant_id AS "agent_attestant_id: MembershipId"
             FROM orders
            WHERE submitted_at IS NOT NULL
              AND id < $1
            ORDER BY id DESC
            LIMIT 51"#,
        before.map_or(Uuid::max(), |id| id.0)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Orders in one state, the one to answer first at the top; for staff.
pub async fn staff_queue(tx: &mut Tx, state: State, after: Option<Place>) -> Result<Vec<OrderRow>, DbError> {
    let rows = sqlx::query_as!(
        OrderRow,
        r#"SELECT id AS "id: OrderId", number, service_code, offer_code, customer_name, customer_org_nr, agent_name,
                  state AS "state: State", state_since, due_on, created_by_name, price_once_ore,
                  customer_attestant_id AS "customer_attestant_id: MembershipId",
                  agent_attestant_id AS "agent_attestant_id: MembershipId"
             FROM orders
            WHERE state = $1
              AND (due_on, id) > (coalesce($2::date, '-infinity'), $3)
            ORDER BY state, due_on, id
            LIMIT 51"#,
        state as State,
        after.map(|(due, _)| due),
        after.map_or(Uuid::nil(), |(_, id)| id.0)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Orders whose number is this or whose customer's name holds this; for staff.
pub async fn staff_search(tx: &mut Tx, text: &str) -> Result<Vec<OrderRow>, DbError> {
    let rows = sqlx::query_as!(
        OrderRow,
        r#"SELECT id AS "id: OrderId", number, service_code, offer_code, customer_name, customer_org_nr, agent_name,
                  state AS "state: State", state_since, due_on, created_by_name, price_once_ore,
                  customer_attestant_id AS "customer_attestant_id: MembershipId",
                  agent_attestant_id AS "agent_attestant_id: MembershipId"
             FROM orders
            WHERE number = upper($1)
               OR (char_length($1) >= 3 AND customer_id = ANY (ARRAY (
                    SELECT g.id FROM organisation g WHERE g.name ILIKE $2 OR (NOT g.sole_trader AND g.org_nr = replace($1, '-', '')) LIMIT 20)))
            ORDER BY id DESC
            LIMIT 50"#,
        text,
        pattern(text)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many of the agent's open orders the reader may see are in each of these groups of states; of a thousand at most.
pub async fn agent_counts(tx: &mut Tx, org: OrgId) -> Result<[i64; 4], DbError> {
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE state = 'awaiting_agent_review') AS "review!",
                  count(*) FILTER (WHERE state = 'awaiting_agent_attest') AS "attest!",
                  count(*) FILTER (WHERE state IN ('awaiting_customer_attest', 'returned')) AS "customer!",
                  count(*) FILTER (WHERE state IN ('attested', 'ready_to_connect', 'in_delivery')) AS "inera!"
             FROM (SELECT state FROM orders WHERE agent_id = $1 AND submitted_at IS NOT NULL AND closed_at IS NULL LIMIT 1000) x"#,
        org.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok([row.review, row.attest, row.customer, row.inera])
}

/// How many orders are in a state, for staff; counted to a hundred at most.
pub async fn staff_counts(tx: &mut Tx) -> Result<Vec<(State, i64)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT s.state AS "state!: State",
                  (SELECT count(*) FROM (SELECT FROM orders o WHERE o.state = s.state LIMIT 100) x) AS "count!"
             FROM unnest(ARRAY['attested', 'ready_to_connect', 'in_delivery', 'awaiting_agent_review', 'awaiting_agent_attest',
                               'awaiting_customer_attest', 'returned']::order_state[]) WITH ORDINALITY AS s (state, place)
            ORDER BY s.place"#
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.state, row.count)).collect())
}

/// A matter for Kundservice.
#[derive(Debug)]
pub struct StaffTask {
    /// Order number.
    pub number: String,
    /// Customer.
    pub customer_name: String,
    /// Since.
    pub created_at: OffsetDateTime,
}

/// Open matters.
pub async fn staff_tasks(tx: &mut Tx) -> Result<Vec<StaffTask>, DbError> {
    let rows = sqlx::query_as!(
        StaffTask,
        "SELECT o.number, o.customer_name, t.created_at
           FROM staff_task t
           JOIN orders o ON o.id = t.order_id
          WHERE t.done_at IS NULL
          ORDER BY t.created_at
          LIMIT 50"
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
