//! Writing an organisation's data: an event is the change (`org_event_applies()` in `0024`).

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::invoicing::Address;
use crate::{
    db::{DbError, Tx},
    identity::Side,
    ids::{ConfirmationId, OrgId, PersonId},
};

/// An event about to be stored.
#[derive(Debug)]
pub(super) struct NewEvent {
    pub id: Uuid,
    pub org: OrgId,
    /// How many events it had.
    pub revision: i32,
    pub kind: &'static str,
    pub side: Side,
    pub actor: PersonId,
    pub at: OffsetDateTime,
    pub siths: bool,
    /// What is wanted, key by key.
    pub wanted: serde_json::Map<String, serde_json::Value>,
    pub confirmation: Option<ConfirmationId>,
}

pub(super) async fn insert_event(tx: &mut Tx, new: &NewEvent) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO org_event (id, org_id, seq, kind, side, actor_id, at, siths, wanted, confirmation_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        new.id,
        new.org.0,
        new.revision.saturating_add(1),
        new.kind,
        new.side as Side,
        new.actor.0,
        new.at,
        new.siths,
        serde_json::Value::Object(new.wanted.clone()),
        new.confirmation.map(|id| id.0)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn insert_address(tx: &mut Tx, new: &NewEvent, address: &Address) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO invoice_address (id, org_id, event_id, label, recipient, line1, line2, postcode, city, country, way, electronic)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        address.id,
        new.org.0,
        new.id,
        address.label,
        address.recipient,
        address.line1,
        address.line2,
        address.postcode,
        address.city,
        address.country,
        address.way as super::domain::Way,
        address.electronic
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What holds for some services (`None` = the standard) from a day.
pub(super) async fn insert_details(
    tx: &mut Tx,
    new: &NewEvent,
    from: Date,
    (services, addresses, references): (&[Option<String>], &[Option<Uuid>], &[String]),
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO invoice_detail (event_id, org_id, seq, service_code, valid_from, address_id, reference)
         SELECT $1, $2, $3, n.service_code, $4, n.address_id, n.reference
           FROM unnest($5::text[], $6::uuid[], $7::text[]) AS n (service_code, address_id, reference)",
        new.id,
        new.org.0,
        new.revision.saturating_add(1),
        from,
        services as &[Option<String>],
        addresses as &[Option<Uuid>],
        references
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Asks for a common address, which holds when its link is opened.
pub(super) async fn insert_claim(
    tx: &mut Tx,
    new: &NewEvent,
    email: &str,
    (link, expires_at): (&[u8], OffsetDateTime),
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO org_email_claim (event_id, org_id, email, link_sha256, made_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        new.id,
        new.org.0,
        email,
        link,
        new.at,
        expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whose address a link confirms, and which.
pub(super) async fn claim_of(
    tx: &mut Tx,
    link: &[u8],
    at: OffsetDateTime,
) -> Result<Option<(String, String)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT org_name AS "org_name!", email AS "email!" FROM org_email_of($1, $2)"#,
        link,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.org_name, row.email)))
}

/// Uses a link; the organisation, or `None` when it can't be used.
pub(super) async fn use_claim(
    tx: &mut Tx,
    link: &[u8],
    event: Uuid,
    at: OffsetDateTime,
) -> Result<Option<OrgId>, DbError> {
    let org = sqlx::query_scalar!(r#"SELECT org_email_confirm($1, $2, $3) AS "org: OrgId""#, link, event, at)
        .fetch_one(tx.conn())
        .await?;
    Ok(org)
}
