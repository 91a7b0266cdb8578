//! Asking to become a contact of an organisation (portal.md 2.1 row 2): the reader of the address confirms it, then an
//! administrator invites or says no. Nothing tells before that which organisations there are, or who has an account.

use time::OffsetDateTime;
use uuid::Uuid;

pub use super::joining_store::{Asked, NewAsk, Waiting, waiting};
use super::{
    actions::{Permit, Refused},
    joining_store as store,
};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    identity::{Actor, Side, token::Token},
    ids::{self, OrgId},
    keys::Keys,
};

/// What a link is made of.
pub fn link_of(id: Uuid) -> String {
    format!("join:{id}")
}

/// Asks. The same is written whether or not any organisation has the number.
pub async fn ask(db: &Db, keys: &Keys, new: &NewAsk<'_>, at: OffsetDateTime) -> Result<(), DbError> {
    let id = ids::fresh();
    let mut tx = db.gate().await?;
    store::ask(&mut tx, (id, &keys.link(&link_of(id)).hash()), new, at).await?;
    tx.commit(Audit::own(Side::System, "join.ask", format!("join:{id}"), String::new())).await
}

/// What a link leads to; `None` when it leads nowhere.
pub async fn asked(db: &Db, link: &Token, at: OffsetDateTime) -> Result<Option<Asked>, DbError> {
    let mut tx = db.gate().await?;
    let asked = store::asked(&mut tx, &link.hash(), at).await?;
    tx.end().await?;
    Ok(asked)
}

/// Sends it to the administrators, when it can be sent.
pub async fn confirm(db: &Db, link: &Token, at: OffsetDateTime) -> Result<bool, DbError> {
    let mut tx = db.gate().await?;
    match store::confirm(&mut tx, &link.hash(), at).await? {
        Some((id, Some(org), state)) if state == "open" => {
            tx.commit(Audit::join(Side::System, "join.confirm", id, org)).await?;
            Ok(true)
        }
        _ => {
            tx.end().await?;
            Ok(false)
        }
    }
}

/// Answers, with an invitation to the same address, whoever waits with it.
pub async fn invited(tx: &mut Tx, actor: &Actor, email: &str, at: OffsetDateTime) -> Result<(), Refused> {
    for row in store::waiting(tx, actor.org()).await?.into_iter().filter(|row| row.email == email) {
        if !store::close(tx, (row.id, "invited"), actor.person(), at).await? {
            return Err(Refused::Stale);
        }
    }
    Ok(())
}

/// Says no; `None` when it has been answered.
pub async fn decline(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    request: Uuid,
    at: OffsetDateTime,
) -> Result<Option<Audit>, Refused> {
    if !store::close(tx, (request, "declined"), actor.person(), at).await? {
        return Ok(None);
    }
    Ok(Some(Audit::join(permit.side(), "join.decline", request, org)))
}
