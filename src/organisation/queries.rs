//! Reading invoice details.

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

/// Most versions that hold no more, or not yet, that a page works with.
const MOST: i64 = 500;

/// When somebody last said that the details are right, and who. A change since makes it count no more.
#[derive(Clone, Debug)]
pub struct Checked {
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
    /// Services it pays for on a day: of its subscriptions, and of its mandates when it is an agent.
    pub services: Vec<String>,
    /// The last check of everything but SITHS.
    pub checked: Option<Checked>,
    /// The last check of SITHS.
    pub siths_checked: Option<Checked>,
}

/// The organisation whose invoices they are.
pub async fn billed(tx: &mut Tx, org: OrgId, day: Date) -> Result<Option<Billed>, DbError> {
    let row = sqlx::query!(
        r#"SELECT o.name, o.revision, o.customer_no IS NOT NULL AS "is_customer!",
                  ARRAY (SELECT s.service_code FROM subscription s
                          WHERE s.customer_id = o.id AND (s.valid_to IS NULL OR s.valid_to >= $2)
                         UNION
                         SELECT m.service_code FROM mandate m WHERE m.agent_id = o.id AND m.status <> 'ended'
                         ORDER BY 1) AS "services!",
                  c.at AS "at?", c.actor_name AS "by?", z.at AS "siths_at?", z.actor_name AS "siths_by?"
             FROM organisation o
             LEFT JOIN LATERAL (
               SELECT e.at, e.actor_name FROM org_event e
                WHERE e.org_id = o.id AND e.kind = 'invoicing_checked' AND NOT e.siths
                  AND e.seq > ALL (SELECT d.seq FROM invoice_detail d WHERE d.org_id = o.id AND d.service_code IS DISTINCT FROM 'SITHS')
                ORDER BY e.seq DESC LIMIT 1) c ON true
             LEFT JOIN LATERAL (
               SELECT e.at, e.actor_name FROM org_event e
                WHERE e.org_id = o.id AND e.kind = 'invoicing_checked' AND e.siths
                  AND e.seq > ALL (SELECT d.seq FROM invoice_detail d WHERE d.org_id = o.id AND (d.service_code IS NULL OR d.service_code = 'SITHS'))
                ORDER BY e.seq DESC LIMIT 1) z ON true
            WHERE o.id = $1
              AND NOT o.is_inera"#,
        org.0,
        day
    )
    .fetch_optional(tx.conn())
    .await?;
    let checked = |at: Option<OffsetDateTime>, by: Option<String>| Some(Checked { at: at?, by: by? });
    Ok(row.map(|row| Billed {
        name: row.name,
        revision: row.revision,
        is_customer: row.is_customer,
        services: row.services,
        checked: checked(row.at, row.by),
        siths_checked: checked(row.siths_at, row.siths_by),
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

/// The organisation's invoice details: all that hold on a day, and the newest 500 of those to come and of all.
pub async fn history(tx: &mut Tx, org: OrgId, day: Date) -> Result<History, DbError> {
    let rows = sqlx::query_as!(
        VersionRow,
        r#"WITH chosen AS (
             (SELECT DISTINCT ON (h.service_code) h.event_id, h.service_code FROM invoice_detail h
               WHERE h.org_id = $1 AND h.valid_from <= $3 ORDER BY h.service_code, h.valid_from DESC, h.seq DESC)
             UNION
             (SELECT c.event_id, c.service_code FROM invoice_detail c WHERE c.org_id = $1 AND c.valid_from > $3 ORDER BY c.seq DESC LIMIT $2)
             UNION
             (SELECT n.event_id, n.service_code FROM invoice_detail n WHERE n.org_id = $1 ORDER BY n.seq DESC LIMIT $2))
           SELECT d.seq, d.service_code, d.valid_from, d.reference, e.actor_name AS by, a.id AS "address_id?", a.label AS "label?",
                  a.recipient AS "recipient?", a.line1 AS "line1?", a.line2 AS "line2?", a.postcode AS "postcode?", a.city AS "city?",
                  a.country AS "country?", a.way AS "way?: Way", a.electronic AS "electronic?"
             FROM chosen x
             JOIN invoice_detail d ON d.event_id = x.event_id AND d.service_code IS NOT DISTINCT FROM x.service_code
             JOIN org_event e ON e.id = d.event_id
             LEFT JOIN invoice_address a ON a.id = d.address_id
            WHERE d.org_id = $1"#,
        org.0,
        MOST,
        day
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

/// Where invoices for a service (`None` = the standard) go on a day, and with which reference, as they are written into an order; empty when nothing
/// is known.
pub async fn invoice_for(
    tx: &mut Tx,
    org: OrgId,
    service: Option<&str>,
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
