//! Reading one's own log and extract.

use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    db::{DbError, Tx},
    identity::token::Token,
    ids::PersonId,
};

/// Something the person did, or that was done to the account.
#[derive(Debug)]
pub struct LogRow {
    /// When.
    pub at: OffsetDateTime,
    /// What, as the audit knows it.
    pub action: String,
    /// The order's number, when it was about one.
    pub number: String,
    /// For which organisation.
    pub org_name: String,
}

/// The newest of the person's log before a moment.
pub async fn log(
    tx: &mut Tx,
    token: &Token,
    before: OffsetDateTime,
    most: i32,
) -> Result<Vec<LogRow>, DbError> {
    let rows = sqlx::query_as!(
        LogRow,
        r#"SELECT at AS "at!", action AS "action!", object AS "number!", org_name AS "org_name!" FROM own_log($1, $2, $3)"#,
        token.hash(),
        before,
        most
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How somebody gets mails about matters.
#[derive(Debug)]
pub struct Mails {
    /// In one digest a day instead of at once?
    pub daily: bool,
    /// Mails that wait for the next digest.
    pub waiting: i64,
    /// When the first of them is due.
    pub next_at: Option<OffsetDateTime>,
}

/// The person's choice; `None` when the session has ended.
pub async fn mails(tx: &mut Tx, token: &Token) -> Result<Option<Mails>, DbError> {
    let mails = sqlx::query_as!(
        Mails,
        r#"SELECT daily AS "daily!", waiting AS "waiting!", next_at FROM own_mails($1)"#,
        token.hash()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(mails)
}

/// Chooses; whose account it was, `None` when the session has ended.
pub async fn choose_mails(tx: &mut Tx, token: &Token, daily: bool) -> Result<Option<PersonId>, DbError> {
    let person =
        sqlx::query_scalar!(r#"SELECT own_mails_choose($1, $2) AS "person: PersonId""#, token.hash(), daily)
            .fetch_one(tx.conn())
            .await?;
    Ok(person)
}

/// What the portal holds about the person, by section, the newest thousand of each; `None` when the session has ended.
pub async fn extract(tx: &mut Tx, token: &Token) -> Result<Option<Value>, DbError> {
    let extract = sqlx::query_scalar!(
        "SELECT own_extract($1) || own_extract_more($1) || own_extract_blocks($1) || own_extract_help($1) || own_extract_mandates($1) || own_extract_mails($1)",
        token.hash()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(extract)
}
