//! Rows of insights.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    db::{DbError, Tx},
    ids::{MembershipId, OrgId, PersonId},
};

pub(super) async fn insert(
    tx: &mut Tx,
    (id, org, member): (Uuid, OrgId, MembershipId),
    (session, staff): (Uuid, PersonId),
    reason: &str,
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO insight (id, org_id, membership_id, session_id, staff_id, reason) VALUES ($1, $2, $3, $4, $5, $6)",
        id,
        org.0,
        member.0,
        session,
        staff.0,
        reason
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn end(
    tx: &mut Tx,
    session: Uuid,
    staff: PersonId,
) -> Result<Option<(MembershipId, OrgId)>, DbError> {
    let row = sqlx::query!(
        r#"UPDATE insight SET ends_at = now() WHERE session_id = $1 AND staff_id = $2 AND ends_at > now()
           RETURNING membership_id AS "member: MembershipId", org_id AS "org: OrgId""#,
        session,
        staff.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.member, row.org)))
}

/// Who looked, as whom, when and why.
#[derive(Debug)]
pub struct InsightRow {
    /// Who.
    pub staff_name: String,
    /// As whom.
    pub seen_as: String,
    /// Why.
    pub reason: String,
    /// From.
    pub started_at: OffsetDateTime,
    /// To, at the latest.
    pub ends_at: OffsetDateTime,
}

pub(super) async fn of(tx: &mut Tx, org: OrgId) -> Result<Vec<InsightRow>, DbError> {
    let rows = sqlx::query_as!(
        InsightRow,
        "SELECT staff_name, seen_as, reason, started_at, ends_at FROM insight WHERE org_id = $1 ORDER BY started_at DESC LIMIT 50",
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
