//! A contact's own data: name, title, telephone, address (portal.md 2.6, "Ändra kontaktuppgifter").

use time::{Duration, OffsetDateTime};

pub use super::details_store::{Claim, pending};
use super::{
    actions::{Refused, permit, permit_staff},
    details_store::{self as store, NewDetails},
    queries::Contact,
};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    identity::{Actor, Side, policy::Denied, token::Token},
    ids::{MembershipId, OrgId},
    keys::Keys,
};

/// How long a link that confirms an address can be used (security-statements.md: at most 72 hours).
const LINK_HOLDS: Duration = Duration::hours(72);

/// What such a link is made of.
pub fn link_of(member: MembershipId, seq: i32) -> String {
    format!("member email:{member}:{seq}")
}

/// New data; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Name.
    pub name: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// Address, in lower case; it holds when its link has been opened.
    pub email: Option<String>,
}

/// Proof that somebody may change a contact's data.
#[derive(Debug)]
#[must_use]
pub struct MayEdit {
    side: Side,
    /// The name too?
    pub name: bool,
}

/// The contact, and those who change contacts; names stand under decisions, so only the latter change them.
pub fn may_edit(actor: &Actor, member: MembershipId) -> Result<MayEdit, Denied> {
    let own = actor.membership() == member;
    match (permit(actor), actor.side()) {
        (Ok(permit), _) => Ok(MayEdit { side: permit.side(), name: !(own && permit.side() == Side::Inera) }),
        (Err(_), Some(side)) if own => Ok(MayEdit { side, name: false }),
        (Err(denied), _) => Err(denied),
    }
}

/// Kundservice, for a customer's or an agent's contact (portal.md 1.4, `user.update`); it says why.
pub fn may_help(actor: &Actor) -> Result<MayEdit, Denied> {
    permit_staff(actor).map(|permit| MayEdit { side: permit.side(), name: true })
}

fn event(
    kind: &'static str,
    (actor, may, org): (&Actor, &MayEdit, OrgId),
    contact: &Contact,
    at: OffsetDateTime,
) -> NewDetails {
    NewDetails {
        member: contact.id,
        seq: contact.revision + 1,
        org,
        kind,
        side: may.side,
        actor: actor.person(),
        at,
        wanted: serde_json::Map::new(),
        reason: None,
    }
}

/// Changes what there is. A new address is sent a link, and holds when that has been opened. `why` is Kundservice's reason.
pub async fn change(
    tx: &mut Tx,
    keys: &Keys,
    (actor, may, org): (&Actor, MayEdit, OrgId),
    (contact, at): (&Contact, OffsetDateTime),
    (new, why): (Details, Option<&str>),
) -> Result<Audit, Refused> {
    let fields = [("name", &new.name), ("title", &new.title), ("phone", &new.phone), ("email", &new.email)];
    let wanted: serde_json::Map<_, _> =
        fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?.into()))).collect();
    let fields = wanted.keys().cloned().collect::<Vec<_>>().join(", ");
    let detail = why.map_or_else(|| fields.clone(), |why| format!("{fields}; {why}"));
    let reason = why.map(str::to_owned);
    let event = NewDetails { wanted, reason, ..event("details", (actor, &may, org), contact, at) };
    store::insert_event(tx, &event).await?;
    if let Some(email) = &new.email {
        let link = keys.link(&link_of(contact.id, event.seq)).hash();
        store::insert_claim(tx, &event, email, (&link, at + LINK_HOLDS)).await?;
    }
    Ok(Audit::member(may.side, "member.details", contact.id, org, detail))
}

/// Withdraws an address that nobody has confirmed: its link leads nowhere any more.
pub async fn withdraw_email(
    tx: &mut Tx,
    (actor, may, org): (&Actor, MayEdit, OrgId),
    (contact, at): (&Contact, OffsetDateTime),
) -> Result<Audit, Refused> {
    store::insert_event(tx, &event("email_withdrawn", (actor, &may, org), contact, at)).await?;
    Ok(Audit::member(may.side, "member.email.withdraw", contact.id, org, String::new()))
}

/// What a link leads to; `None` when it can't be used.
pub async fn claimed(db: &Db, link: &Token, at: OffsetDateTime) -> Result<Option<Claim>, DbError> {
    let mut tx = db.gate().await?;
    let found = store::claim_of(&mut tx, &link.hash(), at).await?;
    tx.end().await?;
    Ok(found)
}

/// Makes the address behind a link the contact's; false when it can't be used any more, or a colleague has it now.
pub async fn confirm_email(db: &Db, link: &Token, at: OffsetDateTime) -> Result<bool, DbError> {
    let mut tx = db.gate().await?;
    let (org, member) = match store::use_claim(&mut tx, &link.hash(), at).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            tx.end().await?;
            return Ok(false);
        }
        Err(DbError::Rule(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    tx.commit(Audit::member(Side::System, "member.email", member, org, String::new())).await?;
    Ok(true)
}
