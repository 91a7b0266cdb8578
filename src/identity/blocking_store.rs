//! Reading and writing that an account is blocked.

use time::OffsetDateTime;

use crate::{
    db::{DbError, Tx},
    ids::{ConfirmationId, MembershipId},
};

/// Blocks (`blocked`) or opens (`unblocked`) the account behind a contact.
pub(super) async fn change(
    tx: &mut Tx,
    member: MembershipId,
    (kind, reason): (&str, &str),
    (proof, at): (ConfirmationId, OffsetDateTime),
) -> Result<(), DbError> {
    sqlx::query!("SELECT account_block($1, $2, $3, $4, $5)", member.0, kind, reason, proof.0, at)
        .fetch_one(tx.conn())
        .await?;
    Ok(())
}

/// That an account is blocked.
#[derive(Debug)]
pub struct Blocked {
    /// Since when.
    pub at: OffsetDateTime,
    /// Who at Inera did it; empty when it was the clock.
    pub by: String,
    /// Why; empty when it was the clock.
    pub reason: String,
}

/// Is the account behind a contact blocked, as the acting person of Inera may know?
pub async fn of(tx: &mut Tx, member: MembershipId) -> Result<Option<Blocked>, DbError> {
    let blocked = sqlx::query_as!(
        Blocked,
        r#"SELECT at AS "at!", by_name AS "by!", reason AS "reason!" FROM account_block_of($1)"#,
        member.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(blocked)
}
