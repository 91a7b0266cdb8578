//! Writing an organisation's data: an event is the change (`org_event_applies()` in `0023`).

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::invoicing::Address;
use crate::{
    db::{DbError, Tx},
    identity::Side,
    ids::{OrgId, PersonId},
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
}

pub(super) async fn insert_event(tx: &mut Tx, new: &NewEvent) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO org_event (id, org_id, seq, kind, side, actor_id, at, siths) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id,
        new.org.0,
        new.revision + 1,
        new.kind,
        new.side as Side,
        new.actor.0,
        new.at,
        new.siths
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
        new.revision + 1,
        from,
        services as &[Option<String>],
        addresses as &[Option<Uuid>],
        references
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
