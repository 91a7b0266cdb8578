//! The address somebody signs in with: a new one holds when the link sent to it has been opened (`0030`). Nothing tells
//! whether an address is somebody else's until its own reader opens the link.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Side, store, token::Token};
use crate::{
    audit::Audit,
    db::{Db, DbError},
    ids,
    keys::Keys,
};

/// What a link is made of.
pub fn link_of(id: Uuid) -> String {
    format!("login email:{id}")
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A link is on its way.
    Sent,
    /// It is the address there is.
    Same,
    /// The account has no password to sign in with.
    NoPassword,
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
    let asked = match answer.as_deref() {
        Some("asked") => {
            let object = format!("account:{id}");
            tx.commit(Audit::own(Side::System, "login_email.ask", object, String::new())).await?;
            return Ok(Asked::Sent);
        }
        Some("same") => Asked::Same,
        Some("none") => Asked::NoPassword,
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

/// Makes it the one to sign in with; false when the link can't be used any more, or somebody else has the address.
pub async fn confirm(db: &Db, link: &Token, at: OffsetDateTime) -> Result<bool, DbError> {
    let mut tx = db.gate().await?;
    let Some(person) = store::use_login_email(&mut tx, &link.hash(), at).await? else {
        tx.end().await?;
        return Ok(false);
    };
    tx.commit(Audit::own(Side::System, "login_email.change", format!("person:{person}"), String::new()))
        .await?;
    Ok(true)
}
