//! Step-up: a fresh confirmation of identity, bound to the exact text the person was shown and used once.
//!
//! The password is the first method; e-legitimation will be a second one that ends in the same [`Confirmed`].

use sha2::{Digest, Sha256};

use super::{Actor, Side, password, store, token::Token};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    ids::{ConfirmationId, OrderId, PersonId},
};

/// What a confirmation is for.
#[derive(Debug)]
pub struct Subject(String);

impl Subject {
    /// A decision on an order as it is at this revision.
    pub fn order(order: OrderId, revision: i32) -> Self {
        Self(format!("order:{order}:{revision}"))
    }
}

/// Proof that the acting person has just confirmed who they are. Spent by the transition it was made for.
#[derive(Debug)]
#[must_use]
pub struct Confirmed {
    id: ConfirmationId,
}

impl Confirmed {
    pub(crate) fn id(&self) -> ConfirmationId {
        self.id
    }
}

/// Why there is no confirmation.
#[derive(Debug, thiserror::Error)]
pub enum NotConfirmed {
    /// The password is wrong or empty.
    #[error("wrong password")]
    Wrong,
    /// Too many tries; wait this many seconds.
    #[error("too many tries")]
    Wait(i32),
    /// The database or the hashing failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Hashing failed.
    #[error(transparent)]
    Hash(#[from] password::HashError),
}

/// Tries a person has in a quarter of an hour.
const TRIES: i32 = 10;

fn tries_of(person: PersonId) -> Vec<u8> {
    Sha256::digest(format!("step-up:{person}")).to_vec()
}

/// Is it the password, and are there tries left?
async fn judge(
    db: &Db,
    person: PersonId,
    typed: &str,
    (stored, wait): (Option<String>, i32),
) -> Result<(), NotConfirmed> {
    if wait > 0 {
        return Err(NotConfirmed::Wait(wait));
    }
    if password::verify(typed.to_owned(), stored).await? {
        return Ok(());
    }
    let mut gate = db.gate().await?;
    store::throttle_hit(&mut gate, &tries_of(person), TRIES, 900).await?;
    let object = format!("person:{person}");
    gate.commit(Audit::own(Side::System, "confirmation.refused", object, String::new())).await?;
    Err(NotConfirmed::Wrong)
}

/// Confirms something about the account itself, on a page of the person alone.
pub async fn of_account(
    db: &Db,
    tx: &mut Tx,
    (token, person): (&Token, PersonId),
    typed: &str,
) -> Result<(), NotConfirmed> {
    if typed.is_empty() {
        return Err(NotConfirmed::Wrong);
    }
    let known = store::session_password(tx, &token.hash(), &tries_of(person), TRIES).await?;
    judge(db, person, typed, known.unwrap_or_default()).await
}

/// Confirms with the account's password. The evidence is kept with the text and its hash.
///
/// A wrong try is counted in a transaction of its own, because the decision's is rolled back.
pub async fn by_password(
    db: &Db,
    tx: &mut Tx,
    actor: &Actor,
    typed: &str,
    (subject, shown): (Subject, &str),
) -> Result<Confirmed, NotConfirmed> {
    if typed.is_empty() {
        return Err(NotConfirmed::Wrong);
    }
    let key = tries_of(actor.person());
    let known = store::own_password(tx, &key, TRIES).await?;
    judge(db, actor.person(), typed, known).await?;
    let confirmation = store::NewConfirmation {
        id: ConfirmationId::fresh(),
        org: actor.org(),
        person: actor.person(),
        session: actor.session_id(),
        method: "password",
        subject: &subject.0,
        shown,
        shown_sha256: &Sha256::digest(shown.as_bytes()),
    };
    store::insert_confirmation(tx, &confirmation).await?;
    Ok(Confirmed { id: confirmation.id })
}
