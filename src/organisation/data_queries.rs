//! Reading what is known of an organisation, and how it came to be.

use serde::Deserialize;
use sqlx::types::Json;
use time::{Date, OffsetDateTime};

use crate::{
    calendar::parse_date,
    db::{DbError, Tx},
    ids::{MembershipId, OrgId},
};

#[derive(Debug, Deserialize)]
struct PeriodJson {
    code: String,
    from: String,
    to: Option<String>,
}

/// Something that holds for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// A category's or a fact's code.
    pub code: String,
    /// First day.
    pub from: Date,
    /// Last day; `None` = until further notice.
    pub to: Option<Date>,
}

impl Period {
    /// Does it hold on a day?
    pub fn holds(&self, day: Date) -> bool {
        self.from <= day && self.to.is_none_or(|to| to >= day)
    }
}

fn periods(rows: Vec<PeriodJson>) -> Vec<Period> {
    let period = |row: PeriodJson| {
        Some(Period {
            from: parse_date(&row.from)?,
            to: row.to.as_deref().and_then(parse_date),
            code: row.code,
        })
    };
    rows.into_iter().filter_map(period).collect()
}

/// An organisation.
#[derive(Debug)]
pub struct Data {
    /// Name.
    pub name: String,
    /// Number, masked for a sole trader.
    pub org_nr: String,
    /// Is its number a person's?
    pub sole_trader: bool,
    /// Number as a customer.
    pub customer_no: Option<i64>,
    /// Number as an agent.
    pub agent_no: Option<i64>,
    /// Common address.
    pub email: String,
    /// Telephone.
    pub phone: String,
    /// Where to come.
    pub visiting_address: String,
    /// Where to write.
    pub postal_address: String,
    /// The vårdgivare's HSA-id.
    pub hsa_id: String,
    /// Another person must attest.
    pub four_eyes: bool,
    /// How many times it has changed.
    pub revision: i32,
    /// Categories, also earlier and coming ones.
    pub categories: Vec<Period>,
    /// Facts, also earlier and coming ones.
    pub facts: Vec<Period>,
    /// A common address whose link has not been opened, and until when it can be.
    pub pending: Option<(String, OffsetDateTime)>,
}

/// What is known of an organisation.
pub async fn data(tx: &mut Tx, org: OrgId) -> Result<Option<Data>, DbError> {
    let row = sqlx::query!(
        r#"SELECT o.name, shown_org_nr(o.org_nr, o.sole_trader) AS "org_nr!", o.sole_trader, o.customer_no, o.agent_no, o.email, o.phone,
                  o.visiting_address, o.postal_address, o.hsa_id, o.four_eyes, o.revision,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('code', c.category, 'from', c.valid_from, 'to', c.valid_to) ORDER BY c.valid_from), '[]')
                     FROM organisation_category c WHERE c.org_id = o.id) AS "categories!: Json<Vec<PeriodJson>>",
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('code', f.fact, 'from', f.valid_from, 'to', f.valid_to) ORDER BY f.valid_from), '[]')
                     FROM organisation_fact f WHERE f.org_id = o.id) AS "facts!: Json<Vec<PeriodJson>>",
                  p.email AS "pending_email?", p.expires_at AS "pending_until?"
             FROM organisation o
             LEFT JOIN LATERAL (
               SELECT c.email, c.expires_at, c.used_at FROM org_email_claim c JOIN org_event e ON e.id = c.event_id
                WHERE c.org_id = o.id ORDER BY e.seq DESC LIMIT 1) p ON p.used_at IS NULL
            WHERE o.id = $1
              AND NOT o.is_inera"#,
        org.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Data {
        name: row.name,
        org_nr: row.org_nr,
        sole_trader: row.sole_trader,
        customer_no: row.customer_no,
        agent_no: row.agent_no,
        email: row.email,
        phone: row.phone,
        visiting_address: row.visiting_address,
        postal_address: row.postal_address,
        hsa_id: row.hsa_id,
        four_eyes: row.four_eyes,
        revision: row.revision,
        categories: periods(row.categories.0),
        facts: periods(row.facts.0),
        pending: row.pending_email.zip(row.pending_until),
    }))
}

/// A change of an organisation's data.
#[derive(Debug)]
pub struct EventRow {
    /// What kind.
    pub kind: String,
    /// Who; empty for the portal itself.
    pub by: String,
    /// Somebody of Inera's?
    pub by_inera: bool,
    /// When.
    pub at: OffsetDateTime,
    /// What was wanted.
    pub wanted: serde_json::Value,
    /// What it was.
    pub was: serde_json::Value,
}

/// The latest changes, newest first.
pub async fn events(tx: &mut Tx, org: OrgId) -> Result<Vec<EventRow>, DbError> {
    let rows = sqlx::query_as!(
        EventRow,
        r#"SELECT kind, actor_name AS by, side = 'inera' AS "by_inera!", at,
                  -- Of a long list of units the first twenty, and how many there were.
                  CASE WHEN kind = 'units' THEN jsonb_build_object('units', jsonb_path_query_array(wanted, '$.units[0 to 19]'),
                         'count', jsonb_array_length(wanted -> 'units')) ELSE wanted END AS "wanted!",
                  CASE WHEN kind = 'units' THEN jsonb_build_object('units', jsonb_path_query_array(was, '$.units[0 to 19]')) ELSE was END AS "was!"
             FROM org_event
            WHERE org_id = $1
              AND kind <> 'invoicing_checked'
            ORDER BY seq DESC
            LIMIT 50"#,
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Something fragile about somebody: mail that does not arrive, an account that is not used.
#[derive(Debug)]
pub struct Frail {
    /// `bounced` or `unused`.
    pub kind: String,
    /// Whose place.
    pub member: MembershipId,
    /// Whose.
    pub name: String,
}

/// What nobody sees in their own rows.
pub async fn frail(tx: &mut Tx, org: OrgId, at: OffsetDateTime) -> Result<Vec<Frail>, DbError> {
    let rows = sqlx::query_as!(
        Frail,
        r#"SELECT kind AS "kind!", membership_id AS "member!: MembershipId", name AS "name!" FROM org_frail($1, $2)"#,
        org.0,
        at
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// When somebody last signed off who may do what, and who; with how many times the organisation's data has changed.
pub async fn last_review(
    tx: &mut Tx,
    org: OrgId,
) -> Result<(i32, Option<(OffsetDateTime, String)>), DbError> {
    let row = sqlx::query!(
        r#"SELECT o.revision, e.at AS "at?", e.actor_name AS "by?"
             FROM organisation o
             LEFT JOIN LATERAL (SELECT x.at, x.actor_name FROM org_event x
                                 WHERE x.org_id = o.id AND x.kind = 'access_reviewed' ORDER BY x.seq DESC LIMIT 1) e ON true
            WHERE o.id = $1"#,
        org.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.revision, row.at.zip(row.by)))
}

/// Categories a customer can have on a day: code and name.
pub async fn categories(tx: &mut Tx, day: Date) -> Result<Vec<(String, String)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT code, name FROM customer_category
            WHERE code NOT IN ('agent', 'privat_vardgivare_offentligt_finansierad', 'privat_vardgivare_ej_offentligt_finansierad')
              AND (valid_from IS NULL OR valid_from <= $1) AND (valid_to IS NULL OR valid_to >= $1)
            ORDER BY name COLLATE "sv-x-icu"
            LIMIT 100"#,
        day
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.name)).collect())
}
