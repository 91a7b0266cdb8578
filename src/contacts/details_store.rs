//! Writing a contact's own data, and the links that confirm a new address (`0030`).

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::{
    db::{DbError, Tx},
    identity::Side,
    ids::{MembershipId, OrgId, PersonId},
};

/// An event about to be stored: `details` or `email_withdrawn`.
#[derive(Debug)]
pub(super) struct NewDetails {
    pub member: MembershipId,
    /// Which event of the contact's it is.
    pub seq: i32,
    pub org: OrgId,
    pub kind: &'static str,
    pub side: Side,
    pub actor: PersonId,
    pub at: OffsetDateTime,
    pub wanted: Map<String, Value>,
    /// Why, when Kundservice does it.
    pub reason: Option<String>,
}

pub(super) async fn insert_event(tx: &mut Tx, new: &NewDetails) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at, wanted, reason)
         VALUES ($1, $2, $3, $4::text::member_event_kind, $5, $6, $7, $8, $9)",
        new.member.0,
        new.seq,
        new.org.0,
        new.kind,
        new.side as Side,
        new.actor.0,
        new.at,
        Value::Object(new.wanted.clone()),
        new.reason
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Asks for an address, which holds when its link is opened.
pub(super) async fn insert_claim(
    tx: &mut Tx,
    new: &NewDetails,
    email: &str,
    (link, expires_at): (&[u8], OffsetDateTime),
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO member_email_claim (membership_id, seq, org_id, email, link_sha256, made_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.member.0,
        new.seq,
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

/// The address of a contact that waits for its link to be opened, and until when it can be.
pub async fn pending(
    tx: &mut Tx,
    member: MembershipId,
    now: OffsetDateTime,
) -> Result<Option<(String, OffsetDateTime)>, DbError> {
    let row = sqlx::query!(
        "SELECT email, expires_at, used_at FROM member_email_claim WHERE membership_id = $1 ORDER BY seq DESC LIMIT 1",
        member.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.filter(|row| row.used_at.is_none() && row.expires_at > now).map(|row| (row.email, row.expires_at)))
}

/// What a link that confirms an address leads to.
#[derive(Debug)]
pub struct Claim {
    /// Organisation.
    pub org: String,
    /// The contact's name there.
    pub name: String,
    /// The address.
    pub email: String,
    /// Has it become a colleague's?
    pub taken: bool,
}

/// Whose address a link confirms; `None` when it can't be used.
pub(super) async fn claim_of(tx: &mut Tx, link: &[u8], at: OffsetDateTime) -> Result<Option<Claim>, DbError> {
    let claim = sqlx::query_as!(
        Claim,
        r#"SELECT org_name AS "org!", name AS "name!", email AS "email!", taken AS "taken!" FROM member_email_of($1, $2)"#,
        link,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(claim)
}

/// Uses a link; the organisation and the contact, or `None` when it can't be used.
pub(super) async fn use_claim(
    tx: &mut Tx,
    link: &[u8],
    at: OffsetDateTime,
) -> Result<Option<(OrgId, MembershipId)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT org_id AS "org!: OrgId", membership_id AS "member!: MembershipId" FROM member_email_confirm($1, $2)"#,
        link,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.org, row.member)))
}
