//! Applications for agentuppdrag in the database (`0042`).

use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Content, State};
use crate::{
    db::{DbError, Tx},
    identity::Side,
    ids::{ConfirmationId, MembershipId, OrgId, PersonId, TermsId},
};

/// Sends a new one; answers its number.
pub(super) async fn apply(
    tx: &mut Tx,
    (id, offer): (Uuid, &str),
    (content, terms, attestant): (&Content, TermsId, Option<MembershipId>),
    at: OffsetDateTime,
) -> Result<String, DbError> {
    let number = sqlx::query_scalar!(
        r#"SELECT mandate_apply($1, $2, $3, $4, $5, $6) AS "number!""#,
        id,
        offer,
        Json(content) as _,
        terms.0,
        attestant as Option<MembershipId>,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(number)
}

/// Sends one again with an answer to what Inera has asked.
pub(super) async fn complete(
    tx: &mut Tx,
    (id, revision): (Uuid, i32),
    (content, terms, attestant): (&Content, TermsId, Option<MembershipId>),
    at: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "SELECT mandate_complete($1, $2, $3, $4, $5, $6, $7)",
        id,
        revision,
        Json(content) as _,
        terms.0,
        attestant as Option<MembershipId>,
        content.answer,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// A move about to be stored.
pub(super) struct NewEvent<'a> {
    pub application: Uuid,
    pub agent: OrgId,
    pub revision: i32,
    pub from: State,
    pub to: State,
    pub side: Side,
    pub actor: PersonId,
    pub note: &'a str,
    pub proof: Option<ConfirmationId>,
    pub at: OffsetDateTime,
}

/// What Inera's review says of the end customers: whose numbers are approved, and why fewer than demanded will do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Approval<'a> {
    pub approved: &'a [String],
    pub waiver: &'a str,
}

pub(super) async fn insert_event(tx: &mut Tx, new: &NewEvent<'_>) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO mandate_application_event (application_id, agent_id, seq, from_state, to_state, side, at, actor_id, note,
                                                confirmation_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        new.application,
        new.agent.0,
        new.revision + 1,
        new.from as State,
        new.to as State,
        new.side as Side,
        new.at,
        new.actor.0,
        new.note,
        new.proof.map(|proof| proof.0)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The same for Inera's yes.
pub(super) async fn insert_approval(
    tx: &mut Tx,
    new: &NewEvent<'_>,
    approval: Approval<'_>,
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO mandate_application_event (application_id, agent_id, seq, from_state, to_state, side, at, actor_id, note,
                                                confirmation_id, approved, waiver)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        new.application,
        new.agent.0,
        new.revision + 1,
        new.from as State,
        new.to as State,
        new.side as Side,
        new.at,
        new.actor.0,
        new.note,
        new.proof.map(|proof| proof.0),
        approval.approved,
        approval.waiver
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
