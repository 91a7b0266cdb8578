//! What the worker reads of people who ask to become contacts.

use time::OffsetDateTime;
use uuid::Uuid;

use super::contact_store::base;
use crate::{
    db::{DbError, Tx},
    ids::OrgId,
};

/// Somebody who asks, as the mails need it.
#[derive(Debug)]
pub(super) struct Joining {
    pub org: Option<OrgId>,
    pub org_name: String,
    pub name: String,
    pub expires_at: OffsetDateTime,
    pub confirmed: bool,
    pub closed: bool,
    pub base: String,
}

pub(super) async fn joining(tx: &mut Tx, id: Uuid) -> Result<Option<Joining>, DbError> {
    let row = sqlx::query!(
        r#"SELECT j.org_id AS "org: OrgId", o.name AS "org_name?", o.customer_no, o.agent_no, j.name, j.expires_at,
                  j.confirmed_at IS NOT NULL AS "confirmed!", j.closed_at IS NOT NULL AS "closed!"
             FROM join_request j
             LEFT JOIN organisation o ON o.id = j.org_id
            WHERE j.id = $1"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Joining {
        org: row.org,
        org_name: row.org_name.unwrap_or_default(),
        name: row.name,
        expires_at: row.expires_at,
        confirmed: row.confirmed,
        closed: row.closed,
        base: base(row.customer_no, row.agent_no),
    }))
}
