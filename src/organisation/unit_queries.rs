//! Reading vårdenheter, and organisations that end.

use time::Date;
use uuid::Uuid;

use super::units::Unit;
use crate::{
    db::{DbError, Tx},
    ids::OrgId,
};

/// The units of an organisation by name, closed ones too.
pub async fn units(tx: &mut Tx, org: OrgId) -> Result<Vec<Unit>, DbError> {
    let rows = sqlx::query_as!(
        Unit,
        r#"SELECT id, name, hsa_id, parent_id AS parent, closed_on
             FROM care_unit
            WHERE org_id = $1
            ORDER BY name COLLATE "sv-x-icu", id
            LIMIT 5000"#,
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many units are open.
pub async fn open_units(tx: &mut Tx, org: OrgId) -> Result<i64, DbError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM care_unit WHERE org_id = $1 AND closed_on IS NULL"#,
        org.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// An organisation that goes on after another, or went before it.
#[derive(Debug)]
pub struct Relative {
    /// Name, as it was.
    pub name: String,
    /// Number as a customer, or else as an agent.
    pub number: Option<i64>,
}

/// How an organisation ends and what it goes on from.
#[derive(Debug, Default)]
pub struct Ends {
    /// The last day.
    pub on: Option<Date>,
    /// `ceased`, `merged`, `split`, or empty.
    pub how: String,
    /// Who goes on.
    pub successors: Vec<Relative>,
    /// Whom this one goes on after, with their last day.
    pub predecessors: Vec<(Relative, Date)>,
}

/// The end of an organisation, planned or past, and whom it has taken over from.
pub async fn ends(tx: &mut Tx, org: OrgId) -> Result<Ends, DbError> {
    let row = sqlx::query!("SELECT ceased_on, ceased_how FROM organisation WHERE id = $1", org.0)
        .fetch_one(tx.conn())
        .await?;
    let rows = sqlx::query!(
        r#"SELECT org_id = $1 AS "is_after!", org_name, org_no, successor_name, successor_no, last_on
             FROM org_succession
            WHERE $1 IN (org_id, successor_id)
            ORDER BY last_on, org_name, successor_name
            LIMIT 100"#,
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    let mut ends = Ends { on: row.ceased_on, how: row.ceased_how, ..Ends::default() };
    for row in rows {
        if row.is_after {
            ends.successors.push(Relative { name: row.successor_name, number: row.successor_no });
        } else {
            ends.predecessors.push((Relative { name: row.org_name, number: row.org_no }, row.last_on));
        }
    }
    Ok(ends)
}

/// What an organisation leaves behind when it ends.
#[derive(Debug)]
pub struct LeftOpen {
    /// Numbers of orders under way, as customer or agent.
    pub orders: Vec<String>,
    /// Agreements that hold.
    pub agreements: Vec<String>,
    /// Services in use.
    pub subscriptions: i64,
    /// Customers an agent connects.
    pub connected: i64,
    /// How many orders more.
    pub more_orders: i64,
}

/// What is open on a day; of orders the first twenty.
pub async fn left_open(tx: &mut Tx, org: OrgId, today: Date) -> Result<LeftOpen, DbError> {
    let row = sqlx::query!(
        r#"WITH waiting AS (SELECT o.number FROM orders o
                             WHERE $1 IN (o.customer_id, o.agent_id) AND o.submitted_at IS NOT NULL AND o.closed_at IS NULL)
           SELECT ARRAY (SELECT w.number FROM waiting w ORDER BY w.number LIMIT 20) AS "orders!",
                  (SELECT greatest(count(*) - 20, 0) FROM waiting) AS "more_orders!",
                  ARRAY (SELECT a.number FROM agreement a WHERE a.org_id = $1 AND a.status IN ('active', 'terminated')
                            AND (a.valid_to IS NULL OR a.valid_to >= $2) ORDER BY a.number LIMIT 50) AS "agreements!",
                  (SELECT count(*) FROM subscription s WHERE s.customer_id = $1 AND (s.valid_to IS NULL OR s.valid_to >= $2)) AS "subscriptions!",
                  (SELECT count(DISTINCT r.customer_id) FROM agent_relation r WHERE r.agent_id = $1 AND (r.valid_to IS NULL OR r.valid_to >= $2)) AS "connected!""#,
        org.0,
        today
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(LeftOpen {
        orders: row.orders,
        agreements: row.agreements,
        subscriptions: row.subscriptions,
        connected: row.connected,
        more_orders: row.more_orders,
    })
}

/// Whoever is known by these numbers, as a customer or as an agent: the number, the organisation and its name.
pub async fn by_numbers(tx: &mut Tx, numbers: &[i64]) -> Result<Vec<(i64, Uuid, String)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT n AS "no!", o.id, o.name FROM unnest($1::bigint[]) n
             JOIN organisation o ON n IN (o.customer_no, o.agent_no)
            WHERE NOT o.is_inera"#,
        numbers
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.no, row.id, row.name)).collect())
}
