//! The link that the first second step of an account rests on (`0034`): whoever knows the password alone adds none.

use time::OffsetDateTime;
use uuid::Uuid;

pub use super::second_store::needs_mail;
use super::{Side, second_store as rows, token::Token};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    ids,
    keys::Keys,
};

/// What a link is made of.
pub fn link_of(id: Uuid) -> String {
    format!("first step:{id}")
}

/// Asks for a link; false when none is needed, or the session is over.
pub async fn ask(db: &Db, keys: &Keys, session: &Token, at: OffsetDateTime) -> Result<bool, DbError> {
    let id = ids::fresh();
    let link = keys.link(&link_of(id)).hash();
    let mut tx = db.gate().await?;
    let Some(person) = rows::ask_link(&mut tx, &session.hash(), (id, &link), at).await? else {
        tx.end().await?;
        return Ok(false);
    };
    let object = format!("person:{person}");
    tx.commit(Audit::own(Side::System, "second_step.link.ask", object, String::new())).await?;
    Ok(true)
}

/// Can a link be used in this session?
pub async fn fits(
    tx: &mut Tx,
    (link, session): (&Token, &Token),
    at: OffsetDateTime,
) -> Result<bool, DbError> {
    rows::link_fits(tx, (&link.hash(), &session.hash()), at).await
}

/// Opens the way in this session; false when the link can't be used.
pub async fn open(db: &Db, (link, session): (&Token, &Token), at: OffsetDateTime) -> Result<bool, DbError> {
    let mut tx = db.gate().await?;
    let Some(person) = rows::use_link(&mut tx, (&link.hash(), &session.hash()), at).await? else {
        tx.end().await?;
        return Ok(false);
    };
    let object = format!("person:{person}");
    tx.commit(Audit::own(Side::System, "second_step.link", object, String::new())).await?;
    Ok(true)
}

/// Notes that a session began with a link in the mail.
pub(crate) async fn came_by_mail(tx: &mut Tx, session: &Token) -> Result<(), DbError> {
    rows::came_by_mail(tx, &session.hash()).await
}
