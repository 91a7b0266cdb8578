//! What the worker reads about organisations.

use time::OffsetDateTime;
use uuid::Uuid;

use super::contact_store::base;
use crate::{
    db::{DbError, Tx},
    ids::OrgId,
};

/// A new common address that somebody has asked for.
#[derive(Debug)]
pub(super) struct Claim {
    pub expires_at: OffsetDateTime,
    /// Confirmed, or replaced by a newer one.
    pub over: bool,
}

/// An event of an organisation's data.
#[derive(Debug)]
pub(super) struct OrgEvent {
    pub org: OrgId,
    pub org_name: String,
    pub has_email: bool,
    pub kind: String,
    pub by: String,
    pub claim: Option<Claim>,
    /// Where the organisation's pages start for its own people, and for Inera's.
    pub base: String,
    pub staff_base: String,
}

pub(super) async fn org_event(tx: &mut Tx, id: Uuid) -> Result<Option<OrgEvent>, DbError> {
    let row = sqlx::query!(
        r#"SELECT e.org_id AS "org: OrgId", o.name AS org_name, o.email <> '' AS "has_email!", e.kind, e.actor_name AS by, o.customer_no,
                  o.agent_no, c.expires_at AS "expires_at?",
                  (c.used_at IS NOT NULL OR EXISTS (
                     SELECT FROM org_email_claim n JOIN org_event ne ON ne.id = n.event_id WHERE n.org_id = e.org_id AND ne.seq > e.seq)) AS "over!"
             FROM org_event e
             JOIN organisation o ON o.id = e.org_id
             LEFT JOIN org_email_claim c ON c.event_id = e.id
            WHERE e.id = $1"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| OrgEvent {
        base: base(row.customer_no, row.agent_no),
        staff_base: match (row.customer_no, row.agent_no) {
            (Some(no), _) => format!("/inera/kunder/{no}"),
            (None, Some(no)) => format!("/inera/agenter/{no}"),
            (None, None) => "/inera".to_owned(),
        },
        org: row.org,
        org_name: row.org_name,
        has_email: row.has_email,
        kind: row.kind,
        by: row.by,
        claim: row.expires_at.map(|expires_at| Claim { expires_at, over: row.over }),
    }))
}
