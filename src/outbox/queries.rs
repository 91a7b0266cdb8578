//! What the mail viewers show.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::db::{DbError, Tx};

/// A mail as the viewers show it.
#[derive(Debug)]
pub(super) struct DemoMail {
    pub id: Uuid,
    pub at: OffsetDateTime,
    pub recipient: String,
    pub subject: String,
    pub text_body: String,
}

pub(super) async fn demo_mails(tx: &mut Tx) -> Result<Vec<DemoMail>, DbError> {
    let rows = sqlx::query_as!(
        DemoMail,
        "SELECT id, at, recipient, subject, text_body FROM demo_mail ORDER BY at DESC, id DESC LIMIT 100"
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A mail that could not be delivered, or a cause that no mails could be made of; that has no code and no organisation yet.
#[derive(Debug)]
pub(super) struct DeadMail {
    pub id: Uuid,
    pub code: String,
    pub number: String,
    pub is_agreement: bool,
    pub org_name: String,
    pub attempts: i32,
    pub dead_at: OffsetDateTime,
    pub last_error: String,
}

pub(super) async fn dead_mails(tx: &mut Tx) -> Result<Vec<DeadMail>, DbError> {
    let rows = sqlx::query_as!(
        DeadMail,
        r#"SELECT d.id AS "id!", d.code AS "code!", coalesce(o.number, r.number, CASE WHEN d.code = 'N-197' THEN (SELECT count(*) || ' mejl i ett sammandrag' FROM mail p WHERE p.digest_id = d.id) END, '') AS "number!", d.signing_id IS NOT NULL AS "is_agreement!",
                  d.org_name AS "org_name!", d.attempts AS "attempts!", d.dead_at AS "dead_at!", d.last_error AS "last_error!"
             FROM (SELECT m.id, m.code, m.order_id, m.signing_id, g.name AS org_name, m.attempts, m.dead_at, m.last_error
                     FROM mail m JOIN organisation g ON g.id = m.org_id WHERE m.dead_at IS NOT NULL
                   UNION ALL
                   SELECT n.id, '', n.order_id, n.signing_id, '', n.attempts, n.dead_at, n.last_error
                     FROM notification n WHERE n.dead_at IS NOT NULL) d
             LEFT JOIN orders o ON o.id = d.order_id
             LEFT JOIN signing_round r ON r.id = d.signing_id
            ORDER BY d.dead_at DESC
            LIMIT 100"#
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
