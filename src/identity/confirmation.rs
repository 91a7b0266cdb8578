//! Step-up: a fresh confirmation of identity, bound to the exact text the person was shown and used once.
//!
//! The password is one method, the e-legitimation that is connected to the account another; both end in the same
//! [`Confirmed`]. What was typed is kept while its owner is at the provider.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Actor, Side,
    eid::{Identified, answer_mark},
    password,
    second::Kind,
    store,
    token::Token,
};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    ids::{self, ConfirmationId, MembershipId, OrderId, OrgId, PersonId},
    keys::{KeyError, Keys},
    text::{hex, unhex},
};

/// What a confirmation is for.
#[derive(Debug)]
pub struct Subject(String);

impl Subject {
    /// A decision on an order as it is at this revision.
    pub fn order(order: OrderId, revision: i32) -> Self {
        Self(format!("order:{order}:{revision}"))
    }

    /// A change of what somebody may do in an organisation, as it is at this revision.
    pub fn member(member: MembershipId, revision: i32) -> Self {
        Self(format!("member:{member}:{revision}"))
    }

    /// A change of this kind of an organisation's data, as it is at this revision.
    pub fn organisation(org: OrgId, revision: i32, kind: &str) -> Self {
        Self(format!("organisation:{org}:{revision}:{kind}"))
    }

    /// A decision on an application to become a customer, as it is at this revision: the state it leads to.
    pub fn application(application: Uuid, revision: i32, to: &str) -> Self {
        Self(format!("application:{application}:{revision}:{to}"))
    }

    /// A decision on an application for an agentuppdrag, as it is at this revision: the state it leads to.
    pub fn mandate(application: Uuid, revision: i32, to: &str) -> Self {
        Self(format!("mandate:{application}:{revision}:{to}"))
    }

    /// An invitation that is about to be made.
    pub fn invitation(invitation: Uuid) -> Self {
        Self(format!("invitation:{invitation}"))
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
    /// The e-legitimation is not the account's, or its answer is old or used.
    #[error("another e-legitimation")]
    AnotherEid,
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
    refused(db, person, "").await?;
    Err(NotConfirmed::Wrong)
}

/// Counts a wrong try, and writes it down.
async fn refused(db: &Db, person: PersonId, by: &str) -> Result<(), DbError> {
    let mut gate = db.gate().await?;
    store::throttle_hit(&mut gate, &tries_of(person), TRIES, 900).await?;
    let object = format!("person:{person}");
    gate.commit(Audit::own(Side::System, "confirmation.refused", object, by.to_owned())).await
}

/// Confirms something about the account itself with its password, on a page of the person alone.
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

/// Has the acting person a password? For pages of an organisation.
pub async fn has_own_password(tx: &mut Tx) -> Result<bool, DbError> {
    store::has_own_password(tx).await
}

/// Has the person of the session a password to sign in with?
pub async fn has_password(tx: &mut Tx, (token, person): (&Token, PersonId)) -> Result<bool, DbError> {
    let known = store::session_password(tx, &token.hash(), &tries_of(person), TRIES).await?;
    Ok(known.is_some_and(|(hash, _)| hash.is_some()))
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
    keep(tx, actor, ("password", ""), (subject, shown)).await
}

async fn keep(
    tx: &mut Tx,
    actor: &Actor,
    (method, reference): (&str, &str),
    (subject, shown): (Subject, &str),
) -> Result<Confirmed, NotConfirmed> {
    let confirmation = store::NewConfirmation {
        id: ConfirmationId::fresh(),
        org: actor.org(),
        person: actor.person(),
        session: actor.session_id(),
        method,
        subject: &subject.0,
        shown,
        shown_sha256: &Sha256::digest(shown.as_bytes()),
        reference,
    };
    store::insert_confirmation(tx, &confirmation).await?;
    Ok(Confirmed { id: confirmation.id })
}

/// A second step of the account's that was shown.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct OwnStep {
    pub factor: Uuid,
    pub session: Uuid,
}

/// An identification made to confirm something, as the browser carries it, sealed, from the provider to the decision.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct EidProof {
    /// When, seconds since 1970.
    pub at: i64,
    /// The page it was made for.
    pub page: String,
    /// What was kept of the form then, and with it the text that was shown.
    pub kept: Option<Uuid>,
    /// Which provider, for the page.
    pub provider: String,
    /// The name the provider gave, for the page.
    pub name: String,
    /// What it was kept for, in words; read again with the form.
    #[serde(skip)]
    pub about: String,
    pub(super) mark: String,
    /// The account's own passkey or app that was shown instead of an e-legitimation, and in which session.
    #[serde(default)]
    own: Option<OwnStep>,
    /// Of the personal number alone, as signatories are named; `None` when the provider gave none.
    number_mark: Option<String>,
    pub(super) method: String,
    pub(super) reference: String,
    pub(super) answer: String,
}

impl EidProof {
    /// Of somebody identified just now; `answer` names the provider's answer.
    pub(super) fn new(
        at: i64,
        (page, kept): (String, Option<Uuid>),
        provider: &str,
        (identified, keys): (&Identified, &Keys),
        answer: &str,
    ) -> Self {
        Self {
            at,
            page,
            kept,
            provider: provider.to_owned(),
            name: identified.name().to_owned(),
            about: String::new(),
            mark: hex(&identified.mark(keys)),
            own: None,
            number_mark: identified.number().map(|number| hex(&keys.mark(number.digits()))),
            method: identified.method().to_owned(),
            reference: identified.reference().to_owned(),
            answer: answer.to_owned(),
        }
    }
}

impl EidProof {
    /// Of somebody who has just shown the account's own passkey or code; `once` names the showing and is used up with it.
    pub(super) fn of_step(
        at: i64,
        (page, kept): (String, Option<Uuid>),
        (kind, own): (Kind, OwnStep),
        name: &str,
        once: Uuid,
    ) -> Self {
        Self {
            at,
            page,
            kept,
            provider: kind.label().to_lowercase(),
            name: name.to_owned(),
            about: String::new(),
            mark: String::new(),
            own: Some(own),
            number_mark: None,
            method: kind.code().to_owned(),
            // The log of what was shown has the same two.
            reference: format!("{} {once}", own.factor),
            answer: once.to_string(),
        }
    }

    /// Is it the account's own passkey or app, and no e-legitimation?
    pub fn is_own_step(&self) -> bool {
        self.own.is_some()
    }

    /// The method's name in the evidence.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// What this identification is found by in the provider's log.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The mark of the personal number, as signatories are named.
    pub fn number_mark(&self) -> Option<Vec<u8>> {
        unhex(self.number_mark.as_deref()?)
    }

    /// Uses the provider's answer up, in the transaction of what it is used for; false when that has been done.
    pub async fn spend(&self, tx: &mut Tx, keys: &Keys) -> Result<bool, DbError> {
        store::first_answer(tx, &answer_mark(keys, &self.answer)).await
    }
}

/// Confirms with an e-legitimation. It must be connected to the acting person's account, and its answer counts once: it is
/// spent in the same transaction as the decision. Somebody else's is written down and counts as a wrong try.
pub async fn by_eid(
    (db, keys): (&Db, &Keys),
    tx: &mut Tx,
    actor: &Actor,
    proof: &EidProof,
    (subject, shown): (Subject, &str),
) -> Result<Confirmed, NotConfirmed> {
    let answer = answer_mark(keys, &proof.answer);
    let own = is_own(tx, actor, proof).await?;
    let confirms = own
        && match proof.own {
            Some(step) => store::step_confirms(tx, step.factor, &answer).await?,
            None => store::eid_confirms(tx, &unhex(&proof.mark).unwrap_or_default(), &answer).await?,
        };
    if !confirms {
        if own {
            // One's own, sent twice: no guess.
            let object = format!("person:{}", actor.person());
            let used =
                Audit::own(Side::System, "confirmation.refused", object, format!("{} used", proof.method));
            db.gate().await?.commit(used).await?;
        } else {
            refused(db, actor.person(), &proof.method).await?;
        }
        return Err(NotConfirmed::AnotherEid);
    }
    keep(tx, actor, (&proof.method, &proof.reference), (subject, shown)).await
}

/// Is the identification of the acting person's own e-legitimation, or of a second step shown in this very session?
pub async fn is_own(tx: &mut Tx, actor: &Actor, proof: &EidProof) -> Result<bool, DbError> {
    match proof.own {
        Some(step) if step.session != actor.session_id() => Ok(false),
        Some(step) => store::step_is_own(tx, step.factor).await,
        None => store::eid_is_own(tx, &unhex(&proof.mark).unwrap_or_default()).await,
    }
}

fn place(page: &str, id: Uuid) -> String {
    format!("kept form:{page}:{id}")
}

/// A form on its way to be confirmed, and what it is for, in words: "Attestera BES-2026-000123".
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Kept<T> {
    /// In words.
    pub what: String,
    /// As typed, without passwords.
    pub form: T,
}

/// Keeps what somebody has typed on a page, for that person alone; answers its id. The last of each page is kept.
pub async fn keep_form(
    keys: &Keys,
    tx: &mut Tx,
    actor: &Actor,
    (page, kept): (&str, &Kept<impl Serialize>),
) -> Result<Uuid, KeepError> {
    let id = ids::fresh();
    let sealed = keys.seal(&place(page, id), &serde_json::to_string(kept)?)?;
    store::keep_form(tx, (id, actor.person()), page, &sealed).await?;
    Ok(id)
}

/// What the acting person had typed on the page; `None` when there is none such, or none that can be read any more.
pub async fn kept_form<T: DeserializeOwned>(
    keys: &Keys,
    tx: &mut Tx,
    (page, id): (&str, Uuid),
) -> Result<Option<Kept<T>>, DbError> {
    let Some(sealed) = store::kept_form(tx, id).await? else { return Ok(None) };
    Ok(keys.open(&place(page, id), &sealed).ok().and_then(|text| serde_json::from_str(&text).ok()))
}

/// What such a form is for, kept for this page by the person behind a token. For pages of the person alone.
pub async fn kept_for(
    keys: &Keys,
    tx: &mut Tx,
    token: &Token,
    (page, id): (&str, Uuid),
) -> Result<Option<String>, DbError> {
    let sealed = store::form_back(tx, &token.hash(), id).await?;
    let text = sealed.and_then(|sealed| keys.open(&place(page, id), &sealed).ok());
    let kept = text.and_then(|text| serde_json::from_str::<Kept<serde_json::Value>>(&text).ok());
    Ok(kept.map(|kept| kept.what))
}

/// Why a form could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The seal.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The form.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
}
