//! Rows of people who ask to become contacts (`0032`).

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    db::{DbError, Tx},
    ids::{OrgId, PersonId},
};

/// Somebody who asks.
#[derive(Debug)]
pub struct NewAsk<'a> {
    /// The organisation's number, ten digits.
    pub org_nr: &'a str,
    /// Name.
    pub name: &'a str,
    /// Address, in lower case.
    pub email: &'a str,
    /// Title.
    pub title: &'a str,
    /// Why.
    pub reason: &'a str,
}

pub(super) async fn ask(
    tx: &mut Tx,
    (id, link): (Uuid, &[u8]),
    new: &NewAsk<'_>,
    at: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "SELECT join_ask($1, $2, $3, $4, $5, $6, $7, $8)",
        id,
        new.org_nr,
        new.name,
        new.email,
        new.title,
        new.reason,
        link,
        at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a link leads to.
#[derive(Debug)]
pub struct Asked {
    /// Whose contact somebody asks to be; `None` = no organisation has the number.
    pub org: Option<String>,
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// `open`, or why nothing can be sent: see `join_of()`.
    pub state: String,
}

pub(super) async fn asked(tx: &mut Tx, link: &[u8], at: OffsetDateTime) -> Result<Option<Asked>, DbError> {
    let asked = sqlx::query_as!(
        Asked,
        r#"SELECT org_name AS org, name AS "name!", email AS "email!", state AS "state!" FROM join_of($1, $2)"#,
        link,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(asked)
}

/// Sends it to the administrators; the request, its organisation, and the state it was in: `open` when it is sent now.
pub(super) async fn confirm(
    tx: &mut Tx,
    link: &[u8],
    at: OffsetDateTime,
) -> Result<Option<(Uuid, Option<OrgId>, String)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT id AS "id!", org_id AS "org: OrgId", state AS "state!" FROM join_confirm($1, $2)"#,
        link,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.id, row.org, row.state)))
}

/// Somebody whose address is confirmed and who waits for an answer.
#[derive(Debug)]
pub struct Waiting {
    /// The request.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Title.
    pub title: String,
    /// Why.
    pub reason: String,
    /// When it was asked.
    pub made_at: OffsetDateTime,
}

/// Those who wait for an answer of an organisation.
pub async fn waiting(tx: &mut Tx, org: OrgId) -> Result<Vec<Waiting>, DbError> {
    let rows = sqlx::query_as!(
        Waiting,
        "SELECT id, name, email, title, reason, made_at FROM join_request
          WHERE org_id = $1 AND confirmed_at IS NOT NULL AND closed_at IS NULL
          ORDER BY made_at, id
          LIMIT 50",
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Answers one; false when it has been answered.
pub(super) async fn close(
    tx: &mut Tx,
    (id, outcome): (Uuid, &str),
    by: PersonId,
    at: OffsetDateTime,
) -> Result<bool, DbError> {
    let closed = sqlx::query!(
        "UPDATE join_request SET closed_at = $2, outcome = $3, closed_by = $4 WHERE id = $1 AND closed_at IS NULL",
        id,
        at,
        outcome,
        by.0
    )
    .execute(tx.conn())
    .await?;
    Ok(closed.rows_affected() == 1)
}
