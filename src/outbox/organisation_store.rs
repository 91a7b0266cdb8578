//! What the worker reads about organisations.

use uuid::Uuid;

use super::contact_store::base;
use crate::{
    db::{DbError, Tx},
    ids::OrgId,
};

/// An event of an organisation's data.
#[derive(Debug)]
pub(super) struct OrgEvent {
    pub org: OrgId,
    pub org_name: String,
    pub kind: String,
    pub by: String,
    /// Where the organisation's pages start for its own people, and for Inera's.
    pub base: String,
    pub staff_base: String,
}

pub(super) async fn org_event(tx: &mut Tx, id: Uuid) -> Result<Option<OrgEvent>, DbError> {
    let row = sqlx::query!(
        r#"SELECT e.org_id AS "org: OrgId", o.name AS org_name, e.kind, e.actor_name AS by, o.customer_no, o.agent_no
             FROM org_event e
             JOIN organisation o ON o.id = e.org_id
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
        kind: row.kind,
        by: row.by,
    }))
}
