//! Inviting somebody to an organisation, and saying yes (portal.md 2.1 rows 1–5).

use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

pub use super::invitation_store::{InvitationRow, Opened};
use super::{
    actions::{Permit, Refused},
    domain::Wanted,
    invitation_store::{self as store, NewInvitation},
};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    identity::{
        Actor, Confirmed, Side, first_step, password,
        second::Beginning,
        sign_in::{self, Began},
        token::Token,
    },
    ids::{self, OrgId},
    keys::Keys,
};

/// Days a link can be used (portal.md 2.1).
pub const DAYS: i64 = 14;

/// What a link is made of: each sending has its own.
pub fn link_of(id: Uuid, round: i32) -> String {
    format!("invitation:{id}:{round}")
}

/// Somebody to invite.
#[derive(Debug)]
pub struct Invitee<'a> {
    /// The invitation's id.
    pub id: Uuid,
    /// Name.
    pub name: &'a str,
    /// Address, in lower case.
    pub email: &'a str,
    /// Title.
    pub title: &'a str,
    /// When Kundservice invites the first administrator of somebody else.
    pub first: Option<First<'a>>,
}

/// An invitation by Kundservice, to an organisation that nobody runs (portal.md 2.6).
#[derive(Clone, Copy, Debug)]
pub struct First<'a> {
    /// As whose contact.
    pub side: Side,
    /// How Kundservice knows that the organisation wants the person.
    pub authority: &'a str,
}

/// Sends an invitation with roles that hold from the yes.
pub async fn invite(
    tx: &mut Tx,
    keys: &Keys,
    (actor, permit, org): (&Actor, Permit, OrgId),
    (who, wanted): (&Invitee<'_>, &Wanted),
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Audit, Refused> {
    let roles: Vec<String> = wanted.held.iter().map(|held| held.role.code().to_owned()).collect();
    let new = NewInvitation {
        id: who.id,
        org,
        name: who.name,
        email: who.email,
        title: who.title,
        roles: &roles,
        mandates: &wanted.mandates,
        link_sha256: &keys.link(&link_of(who.id, 1)).hash(),
        sent_at: at,
        expires_at: at + Duration::days(DAYS),
        by: actor.person(),
        side: who.first.map_or(permit.side(), |first| first.side),
        confirmation: proof.id(),
        authority: who.first.map(|first| first.authority),
    };
    match store::insert(tx, &new).await {
        Ok(()) => {}
        Err(DbError::Constraint(name)) if name == "invitation_one_open" => {
            return Err(Refused::Rule("invited_already".to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    let mandates: Vec<String> = wanted.mandates.iter().map(ToString::to_string).collect();
    let mut detail = format!("{}; {}", roles.join(", "), mandates.join(", "));
    if let Some(first) = who.first {
        detail = format!("{detail}; {}", first.authority);
    }
    Ok(Audit::invitation(permit.side(), "invitation.send", who.id, org, detail))
}

/// Sends it again: with a new link, which makes the old one useless.
pub async fn resend(
    tx: &mut Tx,
    keys: &Keys,
    (actor, permit, org): (&Actor, Permit, OrgId),
    row: &InvitationRow,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let round = row.round + 1;
    let link = keys.link(&link_of(row.id, round)).hash();
    let times = (at, at + Duration::days(DAYS));
    if !store::resend(tx, (row.id, round), &link, times, actor.person()).await? {
        return Err(Refused::Stale);
    }
    Ok(Audit::invitation(permit.side(), "invitation.resend", row.id, org, format!("round {round}")))
}

/// Takes it back: its link is useless.
pub async fn revoke(
    tx: &mut Tx,
    (permit, org): (Permit, OrgId),
    row: &InvitationRow,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    if !store::revoke(tx, row.id, at).await? {
        return Err(Refused::Stale);
    }
    Ok(Audit::invitation(permit.side(), "invitation.revoke", row.id, org, String::new()))
}

/// The invitations of an organisation that nobody has answered.
pub async fn open(tx: &mut Tx, org: OrgId) -> Result<Vec<InvitationRow>, DbError> {
    store::open(tx, org).await
}

/// Those that Kundservice has sent and nobody has answered, and how it knows that the organisation wants the person.
pub async fn open_of_staff(tx: &mut Tx, org: OrgId) -> Result<Vec<(InvitationRow, String)>, DbError> {
    store::open_of_staff(tx, org).await
}

/// What a link leads to; `None` when it leads nowhere.
pub async fn by_link(db: &Db, link: &Token, at: OffsetDateTime) -> Result<Option<Opened>, DbError> {
    let mut tx = db.gate().await?;
    let found = store::by_link(&mut tx, &link.hash(), at).await?;
    tx.end().await?;
    Ok(found)
}

/// What came of a yes.
pub enum Joined {
    /// The person has a place; a new session when they had none.
    In(Option<Token>),
    /// There is an account with that address or e-legitimation already.
    Taken,
    /// The person was removed from the organisation; only Kundservice brings back.
    Removed,
    /// The invitation can't be used any more; the page says why.
    Closed,
    /// Nobody is signed in.
    SignedOut,
    /// A rule of the database stops it; the key names it.
    Against(String),
}

fn outcome(answer: Option<&store::Answer>) -> Option<Joined> {
    match answer.map(|answer| answer.outcome.as_str()) {
        None => Some(Joined::SignedOut),
        Some("joined") => None,
        Some("taken") => Some(Joined::Taken),
        Some("removed") => Some(Joined::Removed),
        Some("known") => Some(Joined::Against("known".to_owned())),
        Some(_) => Some(Joined::Closed),
    }
}

/// The audit entry of a yes; `None` when the database answered something a yes never is.
fn joined(answer: &store::Answer, how: String) -> Option<Audit> {
    let (member, org) = (answer.membership?, answer.org?);
    Some(Audit::member(Side::System, "member.join", member, org, how))
}

/// The person behind a session says yes.
pub async fn accept(db: &Db, link: &Token, session: &Token, at: OffsetDateTime) -> Result<Joined, DbError> {
    let mut tx = db.gate().await?;
    let answer = match store::accept(&mut tx, &link.hash(), &session.hash(), ids::fresh(), at).await {
        Err(DbError::Rule(key)) => return Ok(Joined::Against(key)),
        answer => answer?,
    };
    match (
        outcome(answer.as_ref()),
        answer.as_ref().and_then(|answer| joined(answer, "by invitation".to_owned())),
    ) {
        (None, Some(audit)) => {
            tx.commit(audit).await?;
            Ok(Joined::In(None))
        }
        (no, _) => {
            tx.end().await?;
            Ok(no.unwrap_or(Joined::SignedOut))
        }
    }
}

/// How somebody new will sign in.
pub enum WayIn {
    /// With the invitation's address and a password.
    Password(String),
    /// With an e-legitimation: its mark, the provider's code and name.
    Eid(Vec<u8>, String, String),
    /// With a passkey, and the invitation's address if it is lost.
    Passkey(Box<Beginning>),
}

/// Why nobody new was let in.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Hashing.
    #[error(transparent)]
    Hash(#[from] password::HashError),
}

/// Somebody without an account says yes, gets one and is signed in.
pub async fn accept_new(
    db: &Db,
    link: &Token,
    (name, way): (Option<&str>, WayIn),
    device: &str,
    at: OffsetDateTime,
) -> Result<Joined, NewError> {
    let (mut hash, mut eid, mut passkey) = (None, None, None);
    let began = match way {
        WayIn::Password(typed) => {
            hash = Some(password::hash(typed).await?);
            Began::Password
        }
        WayIn::Eid(mark, provider, provider_name) => {
            eid = Some((mark, provider, provider_name));
            Began::Eid
        }
        WayIn::Passkey(beginning) => {
            passkey = Some(beginning);
            Began::Passkey
        }
    };
    let mut tx = db.gate().await?;
    let new =
        store::NewPerson { name, hash: hash.as_deref(), eid: eid.as_ref(), passkey: passkey.as_deref() };
    let answer = match store::accept_new(&mut tx, &link.hash(), &new, at).await {
        Err(DbError::Rule(key)) => return Ok(Joined::Against(key)),
        answer => answer?,
    };
    let person = answer.as_ref().and_then(|answer| answer.person);
    let (None, Some(person), Some(answer)) = (outcome(answer.as_ref()), person, &answer) else {
        tx.end().await?;
        return Ok(outcome(answer.as_ref()).unwrap_or(Joined::Closed));
    };
    let (token, session) = sign_in::begin(&mut tx, person, began, device).await?;
    let with = passkey.map(|passkey| format!(", passkey {}", passkey.id)).unwrap_or_default();
    let Some(audit) = joined(answer, format!("by invitation, session {session}{with}")) else {
        tx.end().await?;
        return Ok(Joined::Closed);
    };
    // The invitation was in the mail.
    first_step::came_by_mail(&mut tx, &token).await?;
    tx.commit(audit).await?;
    Ok(Joined::In(Some(token)))
}

/// The last day an invitation sent now can be answered.
pub fn last_day(expires_at: OffsetDateTime) -> Date {
    crate::calendar::local(expires_at).date
}
