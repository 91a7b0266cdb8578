//! Reading and adding audit entries.

use time::OffsetDateTime;

use crate::{
    db::{DbError, Tx},
    ids::OrgId,
};

/// One entry as a page shows it.
pub struct AuditRow {
    /// Place in its chain.
    pub seq: i64,
    /// When.
    pub at: OffsetDateTime,
    /// From which side.
    pub side: String,
    /// Who; empty for the system.
    pub person_name: String,
    /// What.
    pub action: String,
    /// With what.
    pub object: String,
    /// Particulars, never free text from people.
    pub detail: String,
}

pub(super) async fn append(
    tx: &mut Tx,
    chain: Option<OrgId>,
    side: &str,
    action: &str,
    object: &str,
    detail: &str,
) -> Result<(), DbError> {
    sqlx::query!(
        "SELECT audit_append($1, $2, $3, $4, $5)",
        chain.map(|id| id.0),
        side,
        action,
        object,
        detail
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The newest entries of an organisation's chain, before `before` when given.
pub async fn page(
    tx: &mut Tx,
    chain: OrgId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditRow>, DbError> {
    let rows = sqlx::query_as!(
        AuditRow,
        r#"SELECT seq, at, side, person_name, action, object, detail
             FROM audit_entry
            WHERE chain = $1
              AND seq < $2
            ORDER BY seq DESC
            LIMIT $3"#,
        chain.0,
        before.unwrap_or(i64::MAX),
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// One link as the verifier needs it.
pub(super) struct Link {
    pub seq: i64,
    pub micros: i64,
    pub side: String,
    pub person_id: Option<uuid::Uuid>,
    pub person_name: String,
    pub org_id: Option<uuid::Uuid>,
    pub action: String,
    pub object: String,
    pub detail: String,
    pub previous: Vec<u8>,
    pub hash: Vec<u8>,
}

/// The heads of all chains, as the owner sees them.
pub(super) async fn heads(conn: &mut sqlx::PgConnection) -> Result<Vec<(uuid::Uuid, i64, Vec<u8>)>, DbError> {
    let rows = sqlx::query!("SELECT chain, seq, hash FROM audit_head ORDER BY chain LIMIT 1000000")
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.chain, row.seq, row.hash)).collect())
}

/// Chains that have entries but no head: somebody removed it.
pub(super) async fn headless(conn: &mut sqlx::PgConnection) -> Result<Vec<uuid::Uuid>, DbError> {
    let rows = sqlx::query_scalar!(
        r#"SELECT DISTINCT e.chain
             FROM audit_entry e
            WHERE NOT EXISTS (SELECT FROM audit_head h WHERE h.chain = e.chain)
            LIMIT 1000"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

pub(super) async fn links(
    conn: &mut sqlx::PgConnection,
    chain: uuid::Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<Link>, DbError> {
    let rows = sqlx::query_as!(
        Link,
        r#"SELECT seq, (extract(epoch FROM at) * 1000000)::bigint AS "micros!", side, person_id, person_name, org_id, action, object,
                  detail, previous, hash
             FROM audit_entry
            WHERE chain = $1
              AND seq > $2
            ORDER BY seq
            LIMIT $3"#,
        chain,
        after,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
