//! Writing contacts: an event is the change (`member_event_applies()` in `0018`).

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::{
    db::{DbError, Tx},
    identity::{Role, Side},
    ids::{ConfirmationId, MandateId, MembershipId, OrgId, PersonId},
};

/// An event about to be stored.
#[derive(Debug)]
pub(super) struct NewEvent<'a> {
    pub member: MembershipId,
    /// How many events it had.
    pub revision: i32,
    pub org: OrgId,
    pub kind: &'a str,
    pub side: Side,
    pub actor: Option<PersonId>,
    pub at: OffsetDateTime,
    pub roles: Vec<String>,
    pub until: Vec<Option<Date>>,
    pub mandates: &'a [MandateId],
    pub heir: Option<MembershipId>,
    pub substitution: Option<Uuid>,
    pub substitute: Option<MembershipId>,
    pub days: Option<(Date, Date)>,
    pub confirmation: Option<ConfirmationId>,
}

pub(super) async fn insert_event(tx: &mut Tx, new: &NewEvent<'_>) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at, roles, until, mandates, hand_over_to,
                                   substitution_id, substitute_id, from_on, until_on, confirmation_id)
         VALUES ($1, $2, $3, $4::text::member_event_kind, $5, $6, $7, $8::text[]::role[], $9, $10, $11, $12, $13, $14, $15, $16)",
        new.member.0,
        new.revision + 1,
        new.org.0,
        new.kind,
        new.side as Side,
        new.actor.map(|id| id.0),
        new.at,
        &new.roles,
        &new.until as &[Option<Date>],
        new.mandates as &[MandateId],
        new.heir.map(|id| id.0),
        new.substitution,
        new.substitute.map(|id| id.0),
        new.days.map(|(from, _)| from),
        new.days.map(|(_, to)| to),
        new.confirmation.map(|id| id.0)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Asks for roles; false when one is open already.
pub(super) async fn insert_request(
    tx: &mut Tx,
    (id, org, member): (Uuid, OrgId, MembershipId),
    roles: &[Role],
    reason: &str,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let codes: Vec<String> = roles.iter().map(|role| role.code().to_owned()).collect();
    let made = sqlx::query!(
        "INSERT INTO role_request (id, org_id, membership_id, roles, reason, made_at) VALUES ($1, $2, $3, $4::text[]::role[], $5, $6)
         ON CONFLICT (membership_id) WHERE closed_at IS NULL DO NOTHING",
        id,
        org.0,
        member.0,
        &codes,
        reason,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Answers an open request; false when there is none such.
pub(super) async fn close_request(
    tx: &mut Tx,
    id: Uuid,
    (outcome, answer): (&str, &str),
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let closed = sqlx::query!(
        "UPDATE role_request SET closed_at = $2, outcome = $3, answer = $4 WHERE id = $1 AND closed_at IS NULL",
        id,
        now,
        outcome,
        answer
    )
    .execute(tx.conn())
    .await?;
    Ok(closed.rows_affected() == 1)
}
