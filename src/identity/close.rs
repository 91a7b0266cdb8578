//! Closing one's account: the ways in and the contact data are erased for good; what stands under decisions stays (`0031`).

use time::OffsetDateTime;

use super::{Side, store, token::Token};
use crate::{
    audit::Audit,
    db::{Db, DbError},
};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It is closed, and every session over.
    Done,
    /// The person has a place somewhere, and leaves it first.
    Member,
    /// The sign-in address was changed less than a week ago.
    Recent,
    /// Without a password it takes a session that has just begun.
    SignInAnew,
    /// The session is over.
    SignedOut,
}

/// Closes the account of a session. A password there is must have been confirmed.
pub async fn close(db: &Db, session: &Token, at: OffsetDateTime) -> Result<Closed, DbError> {
    let mut tx = db.gate().await?;
    let closed = match store::close_account(&mut tx, &session.hash(), at).await? {
        Some((outcome, person)) if outcome == "closed" => {
            let object = format!("person:{person}");
            tx.commit(Audit::own(Side::System, "account.close", object, String::new())).await?;
            return Ok(Closed::Done);
        }
        Some((outcome, _)) if outcome == "sign_in" => Closed::SignInAnew,
        Some((outcome, _)) if outcome == "recent" => Closed::Recent,
        Some(_) => Closed::Member,
        None => Closed::SignedOut,
    };
    tx.end().await?;
    Ok(closed)
}
