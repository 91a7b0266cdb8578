//! Reading an organisation's data.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{
    domain::Way,
    invoicing::{Address, History, Version},
};
use crate::{
    db::{DbError, Tx},
    ids::OrgId,
};

/// Most versions of invoice details a page works with.
const MOST: i64 = 2_000;

/// When somebody last said that the details are right, and who.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Those of SITHS?
    pub siths: bool,
    /// When.
    pub at: OffsetDateTime,
    /// Who.
    pub by: String,
}

/// An organisation on its invoice pages.
#[derive(Debug)]
pub struct Billed {
    /// Name.
    pub name: String,
    /// How many times its data has changed.
    pub revision: i32,
    /// Is it a customer?
    pub is_customer: bool,
    /// Is its number a person's?
    pub sole_trader: bool,
    /// Services it pays for on a day: of its subscriptions, and of its mandates when it is an agent.
    pub services: Vec<String>,
    /// The last checks.
    pub checks: Vec<Checked>,
}

/// The organisation whose invoices they are.
pub async fn billed(tx: &mut Tx, org: OrgId, day: Date) -> Result<Option<Billed>, DbError> {
    let row = sqlx::query!(
        r#"SELECT o.name, o.revision, o.customer_no IS NOT NULL AS "is_customer!", o.sole_trader,
                  ARRAY (SELECT s.service_code FROM subscription s
                          WHERE s.customer_id = o.id AND (s.valid_to IS NULL OR s.valid_to >= $2)
                         UNION
                         SELECT m.service_code FROM mandate m WHERE m.agent_id = o.id AND m.status <> 'ended'
                         ORDER BY 1) AS "services!",
                  ARRAY (SELECT e.siths FROM org_event e WHERE e.org_id = o.id AND e.kind = 'invoicing_checked' ORDER BY e.seq DESC LIMIT 50) AS "siths!",
                  ARRAY (SELECT e.at FROM org_event e WHERE e.org_id = o.id AND e.kind = 'invoicing_checked' ORDER BY e.seq DESC LIMIT 50) AS "at!",
                  ARRAY (SELECT e.actor_name FROM org_event e WHERE e.org_id = o.id AND e.kind = 'invoicing_checked' ORDER BY e.seq DESC LIMIT 50) AS "by!"
             FROM organisation o
            WHERE o.id = $1
              AND NOT o.is_inera"#,
        org.0,
        day
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Billed {
        name: row.name,
        revision: row.revision,
        is_customer: row.is_customer,
        sole_trader: row.sole_trader,
        services: row.services,
        checks: row
            .siths
            .into_iter()
            .zip(row.at)
            .zip(row.by)
            .map(|((siths, at), by)| Checked { siths, at, by })
            .collect(),
    }))
}

struct VersionRow {
    seq: i32,
    service_code: Option<String>,
    valid_from: Date,
    reference: String,
    by: String,
    address_id: Option<Uuid>,
    label: Option<String>,
    recipient: Option<String>,
    line1: Option<String>,
    line2: Option<String>,
    postcode: Option<String>,
    city: Option<String>,
    country: Option<String>,
    way: Option<Way>,
    electronic: Option<String>,
}

impl VersionRow {
    fn address(&mut self) -> Option<Address> {
        Some(Address {
            id: self.address_id?,
            label: self.label.take()?,
            recipient: self.recipient.take()?,
            line1: self.line1.take()?,
            line2: self.line2.take()?,
            postcode: self.postcode.take()?,
            city: self.city.take()?,
            country: self.country.take()?,
            way: self.way?,
            electronic: self.electronic.take()?,
        })
    }
}

/// Every version of the organisation's invoice details, the newest 2 000.
pub async fn history(tx: &mut Tx, org: OrgId) -> Result<History, DbError> {
    let rows = sqlx::query_as!(
        VersionRow,
        r#"SELECT d.seq, d.service_code, d.valid_from, d.reference, e.actor_name AS by, a.id AS "address_id?", a.label AS "label?",
                  a.recipient AS "recipient?", a.line1 AS "line1?", a.line2 AS "line2?", a.postcode AS "postcode?", a.city AS "city?",
                  a.country AS "country?", a.way AS "way?: Way", a.electronic AS "electronic?"
             FROM invoice_detail d
             JOIN org_event e ON e.id = d.event_id
             LEFT JOIN invoice_address a ON a.id = d.address_id
            WHERE d.org_id = $1
            ORDER BY d.seq DESC
            LIMIT $2"#,
        org.0,
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    let version = |mut row: VersionRow| Version {
        address: row.address(),
        seq: row.seq,
        service: row.service_code,
        from: row.valid_from,
        reference: row.reference,
        by: row.by,
    };
    Ok(History(rows.into_iter().map(version).collect()))
}

/// Where invoices for a service go on a day, and with which reference, as they are written into an order; empty when nothing
/// is known.
pub async fn invoice_for(
    tx: &mut Tx,
    org: OrgId,
    service: &str,
    day: Date,
) -> Result<(String, String), DbError> {
    let row = sqlx::query!(
        r#"SELECT i.reference AS "reference!", a.id AS "id?", a.label AS "label?", a.recipient AS "recipient?", a.line1 AS "line1?",
                  a.line2 AS "line2?", a.postcode AS "postcode?", a.city AS "city?", a.country AS "country?", a.way AS "way?: Way",
                  a.electronic AS "electronic?"
             FROM invoice_on($1, $2, $3) i
             LEFT JOIN invoice_address a ON a.id = i.address_id AND a.org_id = $1"#,
        org.0,
        service,
        day
    )
    .fetch_one(tx.conn())
    .await?;
    let mut version = VersionRow {
        seq: 0,
        service_code: None,
        valid_from: day,
        reference: String::new(),
        by: String::new(),
        address_id: row.id,
        label: row.label,
        recipient: row.recipient,
        line1: row.line1,
        line2: row.line2,
        postcode: row.postcode,
        city: row.city,
        country: row.country,
        way: row.way,
        electronic: row.electronic,
    };
    Ok((version.address().map(|address| address.lines()).unwrap_or_default(), row.reference))
}
