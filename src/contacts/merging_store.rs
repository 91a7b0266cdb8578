//! Rows of accounts that become one (`0033`).

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    db::{DbError, Tx},
    ids::{ConfirmationId, MembershipId, PersonId},
};

/// An account that might be the same person's.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Whose.
    pub person: PersonId,
    /// Name.
    pub name: String,
    /// The address it signs in with, if any.
    pub email: String,
    /// Where it has places.
    pub orgs: Vec<String>,
}

/// Accounts that have an address, and that Kundservice may deal with; three at most.
pub async fn candidates(tx: &mut Tx, address: &str, kept: PersonId) -> Result<Vec<Candidate>, DbError> {
    let found = sqlx::query_as!(
        Candidate,
        r#"SELECT person_id AS "person!: PersonId", name AS "name!", email AS "email!", orgs AS "orgs!" FROM merge_candidates($1, $2)"#,
        address,
        kept.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found)
}

/// Kundservice asks.
pub(super) async fn ask(
    tx: &mut Tx,
    (member, other, reason): (MembershipId, PersonId, &str),
    (id, link): (Uuid, &[u8]),
    (proof, at): (ConfirmationId, OffsetDateTime),
) -> Result<(), DbError> {
    sqlx::query!(
        "SELECT merge_ask($1, $2, $3, $4, $5, $6, $7)",
        member.0,
        other.0,
        reason,
        id,
        link,
        proof.0,
        at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a link asks the one who is signed in.
#[derive(Debug)]
pub struct Question {
    /// Is it this account that goes?
    pub own: bool,
    /// The account that stays: name.
    pub kept_name: String,
    /// And the address it signs in with, if any.
    pub kept_email: String,
    /// Who at Inera asks.
    pub by: String,
    /// The places that go over.
    pub orgs: Vec<String>,
}

pub(super) async fn question(
    tx: &mut Tx,
    (link, session): (&[u8], &[u8]),
    at: OffsetDateTime,
) -> Result<Option<Question>, DbError> {
    let question = sqlx::query_as!(
        Question,
        r#"SELECT own AS "own!", kept_name AS "kept_name!", kept_email AS "kept_email!", asked_by_name AS "by!", orgs AS "orgs!"
             FROM merge_of($1, $2, $3)"#,
        link,
        session,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(question)
}

/// Makes the two one: what came of it, and who stays.
pub(super) async fn apply(
    tx: &mut Tx,
    (link, session): (&[u8], &[u8]),
    at: OffsetDateTime,
) -> Result<(String, Option<PersonId>), DbError> {
    let row = sqlx::query!(
        r#"SELECT outcome AS "outcome!", kept_id AS "kept: PersonId" FROM merge_apply($1, $2, $3)"#,
        link,
        session,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.outcome, row.kept))
}

/// Says no; whose account it is, `None` when the link can't be used.
pub(super) async fn decline(
    tx: &mut Tx,
    (link, session): (&[u8], &[u8]),
    at: OffsetDateTime,
) -> Result<Option<PersonId>, DbError> {
    let who =
        sqlx::query_scalar!(r#"SELECT merge_decline($1, $2, $3) AS "who: PersonId""#, link, session, at)
            .fetch_one(tx.conn())
            .await?;
    Ok(who)
}

/// A question that waits for an answer.
#[derive(Debug)]
pub struct Waits {
    /// Whose account would go.
    pub name: String,
    /// The address it signs in with, if any.
    pub email: String,
    /// Who at Inera asked.
    pub by: String,
    /// Until when it can be answered.
    pub until: OffsetDateTime,
}

/// What Kundservice has asked about an account that would stay.
pub async fn waits(tx: &mut Tx, kept: PersonId, now: OffsetDateTime) -> Result<Option<Waits>, DbError> {
    let waits = sqlx::query_as!(
        Waits,
        r#"SELECT name AS "name!", email AS "email!", asked_by_name AS "by!", expires_at AS "until!" FROM merge_waits($1, $2)"#,
        kept.0,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(waits)
}
