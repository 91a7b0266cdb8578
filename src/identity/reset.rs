//! A new password by mail, for somebody who has forgotten theirs. Nothing tells whether an address has an account: the same
//! is written, in the same time, and the answer is the same.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Side, password, sign_in::ChangeError, store, token::Token};
use crate::{
    audit::Audit,
    db::{Db, DbError},
    ids,
    keys::Keys,
};

/// What a link is made of.
pub fn link_of(id: Uuid) -> String {
    format!("password:{id}")
}

/// Asks for a link for the address, in lower case.
pub async fn ask(db: &Db, keys: &Keys, email: &str, at: OffsetDateTime) -> Result<(), DbError> {
    let id = ids::fresh();
    let mut tx = db.gate().await?;
    store::ask_reset(&mut tx, email, (id, &keys.link(&link_of(id)).hash()), at).await?;
    tx.commit(Audit::own(Side::System, "password.reset.ask", format!("reset:{id}"), String::new())).await
}

/// Name and address of the account a link is for; `None` when it can't be used.
pub async fn whose(db: &Db, link: &Token, at: OffsetDateTime) -> Result<Option<(String, String)>, DbError> {
    let mut tx = db.gate().await?;
    let whose = store::reset_of(&mut tx, &link.hash(), at).await?;
    tx.end().await?;
    Ok(whose)
}

/// Sets the password and ends every session of the person; false when the link can't be used any more.
pub async fn set(db: &Db, link: &Token, new: String, at: OffsetDateTime) -> Result<bool, ChangeError> {
    let hash = password::hash(new).await?;
    let mut tx = db.gate().await?;
    let Some(person) = store::use_reset(&mut tx, &link.hash(), &hash, at).await? else {
        tx.end().await?;
        return Ok(false);
    };
    let object = format!("person:{person}");
    tx.commit(Audit::own(Side::System, "password.reset", object, "every session ended".to_owned())).await?;
    Ok(true)
}
