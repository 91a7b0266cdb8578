//! Making one of two accounts that are one person's (portal.md 1.2): Kundservice asks, whoever has the account that goes says yes.

use time::OffsetDateTime;
use uuid::Uuid;

pub use super::merging_store::{Candidate, Question, candidates, waits};
use super::{actions::Refused, merging_store as store, queries::Contact};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    identity::{Confirmed, Side, token::Token},
    ids::{self, OrgId},
    keys::Keys,
};

/// What a link is made of.
pub fn link_of(id: Uuid) -> String {
    format!("merge:{id}")
}

/// Asks whoever has the other account; the contact's stays.
pub async fn ask(
    tx: &mut Tx,
    keys: &Keys,
    (contact, org): (&Contact, OrgId),
    (other, reason): (&Candidate, &str),
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Audit, Refused> {
    let id = ids::fresh();
    let link = keys.link(&link_of(id)).hash();
    store::ask(tx, (contact.id, other.person, reason), (id, &link), (proof.id(), at)).await?;
    let detail = format!("person {} into {}", other.person, contact.person);
    Ok(Audit::member(Side::Inera, "person.merge.ask", contact.id, org, detail))
}

/// What a link asks; `None` when it can't be used.
pub async fn question(
    tx: &mut Tx,
    (link, session): (&Token, &Token),
    at: OffsetDateTime,
) -> Result<Option<Question>, DbError> {
    store::question(tx, (&link.hash(), &session.hash()), at).await
}

/// The account that would go says no; false when the link can't be used any more.
pub async fn decline(
    db: &Db,
    (link, session): (&Token, &Token),
    at: OffsetDateTime,
) -> Result<bool, DbError> {
    let mut tx = db.gate().await?;
    let Some(person) = store::decline(&mut tx, (&link.hash(), &session.hash()), at).await? else {
        tx.end().await?;
        return Ok(false);
    };
    let object = format!("person:{person}");
    tx.commit(Audit::own(Side::System, "person.merge.decline", object, String::new())).await?;
    Ok(true)
}

/// What came of a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// They are one.
    Done,
    /// The link can't be used any more.
    Old,
    /// Somebody else is signed in.
    Other,
    /// Both have a place in an organisation.
    Both,
    /// A sign-in address was changed less than a week ago.
    Recent,
    /// Without a password it takes a session that has just begun.
    SignInAnew,
}

/// The account that goes says yes. A password there is must have been confirmed.
pub async fn apply(
    db: &Db,
    (link, session): (&Token, &Token),
    at: OffsetDateTime,
) -> Result<Merged, DbError> {
    let mut tx = db.gate().await?;
    let (outcome, kept) = store::apply(&mut tx, (&link.hash(), &session.hash()), at).await?;
    if let Some(kept) = kept {
        tx.commit(Audit::own(Side::System, "person.merge", format!("person:{kept}"), String::new())).await?;
        return Ok(Merged::Done);
    }
    tx.end().await?;
    Ok(match outcome.as_str() {
        "other" => Merged::Other,
        "both_members" => Merged::Both,
        "recent" => Merged::Recent,
        "sign_in" => Merged::SignInAnew,
        _ => Merged::Old,
    })
}
