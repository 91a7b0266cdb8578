//! Insight: Kundservice sees an organisation's pages as one of its contacts sees them, to help with a question. It is read only,
//! lasts half an hour, and the organisation can read who looked, as whom and why.

pub use super::insight_store::InsightRow;
use super::{actions::Refused, insight_store as store, queries::Contact};
use crate::{
    audit::Audit,
    db::{DbError, Tx},
    identity::{Actor, Side},
    ids::{self, MembershipId, OrgId},
};

/// Minutes an insight lasts; `0026` has the same.
pub const MINUTES: u32 = 30;

/// Begins one, and ends the one before it. The caller has judged the actor ([`super::actions::permit_staff`]), and the database
/// judges again.
pub async fn begin(
    tx: &mut Tx,
    actor: &Actor,
    (contact, org): (&Contact, OrgId),
    reason: &str,
) -> Result<Audit, Refused> {
    let id = ids::fresh();
    store::insert(tx, (id, org, contact.id), (actor.session_id(), actor.person()), reason).await?;
    Ok(Audit::member(Side::Inera, "insight.begin", contact.id, org, reason.to_owned()))
}

/// Ends what the session sees, and answers the page of the organisation; `None` when there is nothing to end.
pub async fn end(tx: &mut Tx, actor: &Actor) -> Result<Option<(Audit, String)>, DbError> {
    let Some(ended) = store::end(tx, actor.session_id(), actor.person()).await? else { return Ok(None) };
    let page = match (ended.customer_no, ended.agent_no) {
        (Some(no), _) => format!("/inera/kunder/{no}"),
        (None, no) => format!("/inera/agenter/{}", no.unwrap_or_default()),
    };
    Ok(Some((Audit::member(Side::Inera, "insight.end", ended.member, ended.org, String::new()), page)))
}

/// The newest insights into an organisation, or through one contact's eyes.
pub async fn of(tx: &mut Tx, org: OrgId, member: Option<MembershipId>) -> Result<Vec<InsightRow>, DbError> {
    store::of(tx, org, member).await
}
