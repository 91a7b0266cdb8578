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

/// What was looked at, and the organisation's numbers.
#[derive(Debug)]
pub(super) struct Ended {
    pub member: MembershipId,
    pub org: OrgId,
    pub customer_no: Option<i64>,
    pub agent_no: Option<i64>,
}

pub(super) async fn end(tx: &mut Tx, session: Uuid, staff: PersonId) -> Result<Option<Ended>, DbError> {
    let row = sqlx::query_as!(
        Ended,
        r#"UPDATE insight SET ends_at = now() WHERE session_id = $1 AND staff_id = $2 AND ends_at > now()
           RETURNING membership_id AS "member: MembershipId", org_id AS "org: OrgId",
                     (SELECT o.customer_no FROM organisation o WHERE o.id = org_id) AS customer_no,
                     (SELECT o.agent_no FROM organisation o WHERE o.id = org_id) AS agent_no"#,
        session,
        staff.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
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
    /// From; half an hour at most.
    pub started_at: OffsetDateTime,
}

pub(super) async fn of(
    tx: &mut Tx,
    org: OrgId,
    member: Option<MembershipId>,
) -> Result<Vec<InsightRow>, DbError> {
    let rows = sqlx::query_as!(
        InsightRow,
        "SELECT staff_name, seen_as, reason, started_at FROM insight
          WHERE org_id = $1 AND ($2::uuid IS NULL OR membership_id = $2)
          ORDER BY started_at DESC LIMIT 50",
        org.0,
        member.map(|id| id.0)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
