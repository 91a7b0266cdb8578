//! Blocking an account and opening it again (portal.md 2.1 rows 6 and 8): on Inera's word, or by the clock when nobody has
//! signed in for a year. Who may do it, and what becomes of the places, is `0036`.

use time::OffsetDateTime;

pub use super::blocking_store::{Blocked, of};
use super::{Confirmed, Side, blocking_store as store};
use crate::{
    audit::Audit,
    db::{DbError, Tx},
    ids::{MembershipId, OrgId},
};

/// What is done with the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nobody can sign in with it, and every session is over.
    Block,
    /// It works as before.
    Open,
}

impl Change {
    fn kind(self) -> &'static str {
        match self {
            Self::Block => "blocked",
            Self::Open => "unblocked",
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Block => "account.block",
            Self::Open => "account.unblock",
        }
    }
}

/// Blocks or opens the account behind a contact.
pub async fn change(
    tx: &mut Tx,
    (member, org): (MembershipId, OrgId),
    (change, reason): (Change, &str),
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Audit, DbError> {
    store::change(tx, member, (change.kind(), reason), (proof.id(), at)).await?;
    Ok(Audit::member(Side::Inera, change.action(), member, org, String::new()))
}
