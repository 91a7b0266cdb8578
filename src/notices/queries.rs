//! Reading and marking notices.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    db::{DbError, Tx},
    identity::Actor,
};

/// One notice.
#[derive(Debug)]
pub(super) struct NoticeRow {
    pub id: Uuid,
    pub title: String,
    pub created_at: OffsetDateTime,
    pub unread: bool,
    /// The order's number, the agreement's, the contact's id, or where an organisation is among Inera's pages.
    pub number: String,
    pub is_agreement: bool,
    pub is_contact: bool,
    pub is_organisation: bool,
    pub is_mandate: bool,
    pub code: String,
}

/// The person's notices in the organisation, newest first.
pub(super) async fn page(
    tx: &mut Tx,
    actor: &Actor,
    before: Option<Uuid>,
) -> Result<Vec<NoticeRow>, DbError> {
    let rows = sqlx::query_as!(
        NoticeRow,
        r#"SELECT n.id, n.title, n.created_at, n.read_at IS NULL AS "unread!",
                  coalesce(o.number, a.number, u.number, n.member_id::text, 'kunder/' || g.customer_no, 'agenter/' || g.agent_no) AS "number!", n.agreement_id IS NOT NULL AS "is_agreement!",
                  n.member_id IS NOT NULL AS "is_contact!", n.org_event_id IS NOT NULL AS "is_organisation!",
                  n.mandate_application_id IS NOT NULL AS "is_mandate!", n.code
             FROM notice n
             LEFT JOIN orders o ON o.id = n.order_id
             LEFT JOIN agreement a ON a.id = n.agreement_id
             LEFT JOIN mandate_application u ON u.id = n.mandate_application_id
             LEFT JOIN org_event v ON v.id = n.org_event_id
             LEFT JOIN organisation g ON g.id = v.org_id
            WHERE n.org_id = $1
              AND n.person_id = $2
              AND n.id < $3
              -- What the reader may no longer see is not listed.
              AND coalesce(o.id, a.id, u.id, n.member_id, v.id) IS NOT NULL
            ORDER BY n.id DESC
            LIMIT 51"#,
        actor.org().0,
        actor.person().0,
        before.unwrap_or(Uuid::max())
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Marks all of the person's notices in the organisation up to `newest` as read.
pub(super) async fn mark_read(
    tx: &mut Tx,
    actor: &Actor,
    newest: Uuid,
    at: OffsetDateTime,
) -> Result<u64, DbError> {
    let done = sqlx::query!(
        "UPDATE notice SET read_at = $4 WHERE org_id = $1 AND person_id = $2 AND id <= $3 AND read_at IS NULL",
        actor.org().0,
        actor.person().0,
        newest,
        at
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
