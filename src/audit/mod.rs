//! Tamper-evident audit: what was done, by whom, in one hash chain for each organisation.

mod queries;
mod verify;

use uuid::Uuid;

use crate::{
    db::{DbError, Tx},
    identity::Side,
    ids::{MembershipId, OrderId, OrgId, SigningId},
};

pub use self::{
    queries::{AuditRow, page},
    verify::{Verdict, verify},
};

/// An entry to be written with the commit it belongs to.
#[derive(Debug)]
#[must_use]
pub struct Audit {
    side: &'static str,
    chain: Option<OrgId>,
    action: &'static str,
    object: String,
    detail: String,
}

impl Audit {
    /// Something done with an order; it goes into the customer's chain whoever did it.
    pub fn order(side: Side, action: &'static str, order: OrderId, customer: OrgId, detail: String) -> Self {
        let object = format!("order:{order}");
        Self { side: side.code(), chain: Some(customer), action, object, detail }
    }

    /// Something done with somebody's place in an organisation; it goes into that organisation's chain.
    pub fn member(
        side: Side,
        action: &'static str,
        member: MembershipId,
        org: OrgId,
        detail: String,
    ) -> Self {
        Self { side: side.code(), chain: Some(org), action, object: format!("member:{member}"), detail }
    }

    /// Something done with an invitation to an organisation; it goes into that organisation's chain.
    pub fn invitation(side: Side, action: &'static str, id: Uuid, org: OrgId, detail: String) -> Self {
        Self { side: side.code(), chain: Some(org), action, object: format!("invitation:{id}"), detail }
    }

    /// Something done with a request to become a contact; it goes into the chain of the organisation it is put to.
    pub fn join(side: Side, action: &'static str, id: Uuid, org: OrgId) -> Self {
        Self {
            side: side.code(),
            chain: Some(org),
            action,
            object: format!("join:{id}"),
            detail: String::new(),
        }
    }

    /// Something done with an organisation's data; it goes into that organisation's chain whoever did it.
    pub fn organisation(side: Side, action: &'static str, org: OrgId, detail: String) -> Self {
        Self { side: side.code(), chain: Some(org), action, object: format!("organisation:{org}"), detail }
    }

    /// Something a person did that concerns only the acting organisation or the person.
    pub fn own(side: Side, action: &'static str, object: String, detail: String) -> Self {
        Self { side: side.code(), chain: None, action, object, detail }
    }

    /// Something done with a round of signing; it goes into the chain of the organisation that signs. `by` may be a
    /// signatory, who has no account and no side.
    pub fn signing(
        by: &'static str,
        action: &'static str,
        signing: SigningId,
        org: OrgId,
        detail: String,
    ) -> Self {
        Self { side: by, chain: Some(org), action, object: format!("signing:{signing}"), detail }
    }

    pub(crate) async fn append(&self, tx: &mut Tx) -> Result<(), DbError> {
        queries::append(tx, self.chain, self.side, self.action, &self.object, &self.detail).await
    }
}
