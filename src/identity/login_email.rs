//! The address somebody signs in with: a new one holds when the link sent to it has been opened (`0030`). Nothing tells
//! whether an address is somebody else's until its own reader opens the link.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Side, reset, store, token::Token};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    ids::{self, PersonId},
    keys::Keys,
};

/// What a link is made of.
pub fn link_of(id: Uuid) -> String {
    format!("login email:{id}")
}

/// What a link that takes the old address back is made of.
pub fn undo_of(id: Uuid) -> String {
    format!("login email before:{id}")
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A link is on its way.
    Sent,
    /// It is the address there is.
    Same,
    /// The account has no address: e-legitimation alone opens it.
    NoAddress,
    /// Too many in a day.
    TooMany,
    /// The session is over.
    SignedOut,
}

/// Asks for a new address, in lower case. The password must have been confirmed.
pub async fn ask(
    db: &Db,
    keys: &Keys,
    session: &Token,
    email: &str,
    at: OffsetDateTime,
) -> Result<Asked, DbError> {
    let id = ids::fresh();
    let mut tx = db.gate().await?;
    let link = keys.link(&link_of(id)).hash();
    let answer = store::ask_login_email(&mut tx, &session.hash(), email, (id, &link), at).await?;
    let asked = match answer.as_ref().map(|(outcome, person)| (outcome.as_str(), person)) {
        Some(("asked", person)) => {
            let object = format!("person:{person}");
            tx.commit(Audit::own(Side::System, "login_email.ask", object, String::new())).await?;
            return Ok(Asked::Sent);
        }
        Some(("same", _)) => Asked::Same,
        Some(("none", _)) => Asked::NoAddress,
        Some(_) => Asked::TooMany,
        None => Asked::SignedOut,
    };
    tx.end().await?;
    Ok(asked)
}

/// The address behind a link, and whether somebody else signs in with it; `None` when it can't be used.
pub async fn claimed(db: &Db, link: &Token, at: OffsetDateTime) -> Result<Option<(String, bool)>, DbError> {
    let mut tx = db.gate().await?;
    let found = store::login_email_of(&mut tx, &link.hash(), at).await?;
    tx.end().await?;
    Ok(found)
}

/// Makes it the one to sign in with and ends every session; false when the link can't be used any more, or somebody else has
/// the address. Whoever has the old one can take it back for a week.
pub async fn confirm(db: &Db, keys: &Keys, link: &Token, at: OffsetDateTime) -> Result<bool, DbError> {
    let undo = ids::fresh();
    let undo_link = keys.link(&undo_of(undo)).hash();
    let mut tx = db.gate().await?;
    let person = store::use_login_email(&mut tx, &link.hash(), (undo, &undo_link), at).await?;
    changed(tx, person, "login_email.change").await
}

/// The old address that a link takes back; `None` when it can't be used.
pub async fn before(db: &Db, link: &Token, at: OffsetDateTime) -> Result<Option<String>, DbError> {
    let mut tx = db.gate().await?;
    let found = store::login_email_before(&mut tx, &link.hash(), at).await?;
    tx.end().await?;
    Ok(found)
}

/// Takes it back, ends every session and what was added since; a link to a new password, or `None` when the link can't be used
/// any more.
pub async fn undo(db: &Db, keys: &Keys, link: &Token, at: OffsetDateTime) -> Result<Option<Token>, DbError> {
    let reset = ids::fresh();
    let to_password = keys.link(&reset::link_of(reset));
    let mut tx = db.gate().await?;
    let person = store::undo_login_email(&mut tx, &link.hash(), (reset, &to_password.hash()), at).await?;
    Ok(changed(tx, person, "login_email.undo").await?.then_some(to_password))
}

async fn changed(tx: Tx, person: Option<PersonId>, action: &'static str) -> Result<bool, DbError> {
    let Some(person) = person else {
        tx.end().await?;
        return Ok(false);
    };
    let detail = "every session ended".to_owned();
    tx.commit(Audit::own(Side::System, action, format!("person:{person}"), detail)).await?;
    Ok(true)
}
