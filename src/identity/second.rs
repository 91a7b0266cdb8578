//! The second step of a sign-in: the code of an authenticator app (RFC 6238), a passkey, or a recovery code.
//!
//! Security statements 42, 45 and 46: everybody can add one; Inera's staff, agents' people and customers' administrators
//! must, unless they sign in with e-legitimation, which needs none. A code works once, in its own half minute or the one
//! before or after; five tries in a quarter of an hour.

use rand::Rng as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

pub use super::second_store::{Factor, factors, members_with};
use super::{
    Actor, Confirmed, Role, Side,
    eid::answer_mark,
    passkey::{self, Passkeys},
    second_store::{self as rows, AtSignIn, NewFactor},
    shown::{by_app, by_passkey},
    store,
    token::Token,
    totp::AppSecret,
};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    ids::{self, MembershipId, OrgId, PersonId},
    keys::{KeyError, Keys},
    text::hex,
};

/// Wrong tries in a quarter of an hour.
const TRIES: i32 = 5;
/// Wrong codes of an app in a day.
const TRIES_OF_A_DAY: i32 = 50;
/// What a passkey is asked for here.
pub const AT_SIGN_IN: &str = "signs in";
/// Seconds from the password to the second step.
const WAIT: i64 = 600;
/// Recovery codes made at a time.
const CODES: usize = 10;

/// What shows that it is the account's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An authenticator app's codes.
    Totp,
    /// A passkey.
    Passkey,
}

impl Kind {
    /// Its name in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
        }
    }

    /// From its name in the database.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Totp, Self::Passkey].into_iter().find(|kind| kind.code() == code)
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Totp => "Kodapp",
            Self::Passkey => "Passnyckel",
        }
    }
}

/// Must this person have more than a password here? Statement 42 and issue 3.
pub fn is_demanded_of(actor: &Actor) -> bool {
    match actor.side() {
        Some(Side::Inera | Side::Agent) => true,
        Some(Side::Customer) => actor.has(Role::Administrator),
        Some(Side::System) | None => false,
    }
}

/// What something of a person is sealed for; elsewhere it can't be opened.
pub(super) fn place(person: PersonId) -> String {
    format!("second factor:{person}")
}

/// New recovery codes to show once, and their hashes to keep.
fn fresh_codes() -> (Vec<String>, Vec<Vec<u8>>) {
    let codes: Vec<String> = (0..CODES)
        .map(|_| {
            let mut bytes = [0_u8; 10];
            rand::rng().fill_bytes(&mut bytes);
            let groups: Vec<String> = bytes.chunks(2).map(hex).collect();
            groups.join("-")
        })
        .collect();
    let hashes = codes.iter().map(|code| code_hash(code)).collect();
    (codes, hashes)
}

/// However it is typed.
fn code_hash(typed: &str) -> Vec<u8> {
    let letters: String =
        typed.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Sha256::digest(format!("recovery code:{letters}")).to_vec()
}

/// What is being added.
pub enum New {
    /// An app whose code of this half minute was right.
    App(AppSecret, i64),
    /// A passkey, and the question it answers.
    Passkey(passkey::Kept, String),
}

/// What came of adding.
pub enum Added {
    /// The first: these recovery codes are shown once.
    First(Vec<String>, Option<Token>),
    /// One more.
    More,
    /// There are as many as there may be.
    Full,
    /// This authenticator is somebody's already.
    Known,
    /// A link in the mail comes first.
    MailFirst,
    /// The account has no address, and no password to stand beside.
    NoAddress,
    /// The form has been used already.
    Replayed,
    /// The session has ended.
    SignedOut,
}

/// Why something could not be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// It could not be sealed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Adds a second step for the person behind the token. A session that began with a password alone goes on under a new
/// token.
pub async fn add(
    (db, keys): (&Db, &Keys),
    (token, person): (&Token, PersonId),
    (name, new): (&str, New),
    at: OffsetDateTime,
) -> Result<Added, AddError> {
    let (kind, text, credential, step, once) = match &new {
        New::App(secret, step) => {
            (Kind::Totp, secret.expose(), None, *step, format!("app:{}", secret.expose()))
        }
        New::Passkey(kept, question) => (
            Kind::Passkey,
            kept.text.as_str(),
            Some(kept.credential.as_slice()),
            0,
            format!("passkey:{question}"),
        ),
    };
    let sealed = keys.seal(&place(person), text)?;
    let factor = NewFactor { id: ids::fresh(), kind, name, sealed: &sealed, credential, step };
    let (codes, hashes) = fresh_codes();
    let refused = |why: &str| {
        let detail = format!("{} {why}", kind.code());
        Audit::own(Side::System, "second_step.add.refused", format!("person:{person}"), detail)
    };
    let mut tx = db.gate().await?;
    if !store::first_answer(&mut tx, &answer_mark(keys, &once)).await? {
        tx.commit(refused("replayed")).await?;
        return Ok(Added::Replayed);
    }
    let Some((_, outcome)) = rows::add(&mut tx, &token.hash(), &factor, (&hashes, at)).await? else {
        tx.end().await?;
        return Ok(Added::SignedOut);
    };
    let added = match outcome.as_str() {
        "first" => {
            let fresh = Token::fresh();
            let changed = rows::strengthen(&mut tx, &token.hash(), (&fresh.hash(), kind.code())).await?;
            Added::First(codes, changed.then_some(fresh))
        }
        "added" => Added::More,
        why => {
            tx.commit(refused(why)).await?;
            return Ok(match outcome.as_str() {
                "full" => Added::Full,
                "mail_first" => Added::MailFirst,
                "no_address" => Added::NoAddress,
                _ => Added::Known,
            });
        }
    };
    let detail = format!("{} {}", kind.code(), factor.id);
    tx.commit(Audit::own(Side::System, "second_step.add", format!("person:{person}"), detail)).await?;
    Ok(added)
}

/// Removes one of one's own; false when there is none such.
pub async fn remove(db: &Db, token: &Token, which: Uuid, at: OffsetDateTime) -> Result<bool, DbError> {
    let mut tx = db.gate().await?;
    let Some(person) = rows::remove(&mut tx, &token.hash(), (which, at)).await? else {
        tx.end().await?;
        return Ok(false);
    };
    let object = format!("person:{person}");
    tx.commit(Audit::own(Side::System, "second_step.remove", object, which.to_string())).await?;
    Ok(true)
}

/// New recovery codes instead of the old; `None` when there is no second step.
pub async fn new_codes(db: &Db, token: &Token, at: OffsetDateTime) -> Result<Option<Vec<String>>, DbError> {
    let (codes, hashes) = fresh_codes();
    let mut tx = db.gate().await?;
    let Some(person) = rows::make_codes(&mut tx, &token.hash(), (&hashes, at)).await? else {
        tx.end().await?;
        return Ok(None);
    };
    let object = format!("person:{person}");
    tx.commit(Audit::own(Side::System, "second_step.codes", object, String::new())).await?;
    Ok(Some(codes))
}

/// Clears the second steps of a contact who has lost them, on Kundservice's word.
pub async fn clear(
    tx: &mut Tx,
    (member, org): (MembershipId, OrgId),
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Audit, DbError> {
    let cleared = rows::clear(tx, member, (proof.id(), at)).await?;
    Ok(Audit::member(Side::Inera, "second_step.clear", member, org, format!("{cleared} cleared")))
}

/// The passkey that an account begins with, and the recovery codes that go with it.
pub struct Beginning {
    pub(crate) person: PersonId,
    pub(crate) id: Uuid,
    pub(crate) sealed: Vec<u8>,
    pub(crate) credential: Vec<u8>,
    pub(crate) hashes: Vec<Vec<u8>>,
}

impl Beginning {
    /// Of a passkey that holds, with the codes to show once.
    pub fn new(keys: &Keys, person: PersonId, kept: passkey::Kept) -> Result<(Self, Vec<String>), KeyError> {
        let sealed = keys.seal(&place(person), &kept.text)?;
        let (codes, hashes) = fresh_codes();
        Ok((Self { person, id: ids::fresh(), sealed, credential: kept.credential, hashes }, codes))
    }
}

/// Somebody whose password has been right, as the browser carries it, sealed, to the second step.
#[derive(Debug, Deserialize, Serialize)]
pub struct Halfway {
    /// When, seconds since 1970.
    at: i64,
    person: PersonId,
    /// Of the stored hash that the password was right for: a new password begins anew.
    password: String,
}

impl Halfway {
    pub(super) fn new(person: PersonId, stored: &str, at: OffsetDateTime) -> Self {
        Self { at: at.unix_timestamp(), person, password: mark(stored) }
    }

    /// Is it long since?
    pub fn is_over(&self, now: OffsetDateTime) -> bool {
        !(0..=WAIT).contains(&(now.unix_timestamp() - self.at))
    }

    /// Who.
    pub fn person(&self) -> PersonId {
        self.person
    }
}

fn mark(stored: &str) -> String {
    hex(&Sha256::digest(stored.as_bytes()))
}

/// Has the person a second step?
pub(super) async fn is_wanted(tx: &mut Tx, person: PersonId) -> Result<bool, DbError> {
    Ok(!rows::at_sign_in(tx, person).await?.is_empty())
}

/// What somebody can show.
pub struct Ways {
    /// A code of an app.
    pub app: bool,
    /// The public halves of the passkeys.
    pub passkeys: Vec<String>,
}

fn valid(factors: Vec<AtSignIn>, halfway: &Halfway) -> Vec<AtSignIn> {
    let same = |hash: &String| mark(hash) == halfway.password;
    factors.into_iter().filter(|factor| factor.password_hash.as_ref().is_some_and(same)).collect()
}

/// What the person can show now; `None` when the sign-in must begin anew.
pub async fn ways(db: &Db, keys: &Keys, halfway: &Halfway) -> Result<Option<Ways>, AddError> {
    let mut tx = db.gate().await?;
    let factors = valid(rows::at_sign_in(&mut tx, halfway.person).await?, halfway);
    tx.end().await?;
    Ok(showable(keys, halfway.person, &factors))
}

/// What of these can be shown; `None` when there is none.
pub(super) fn showable(keys: &Keys, person: PersonId, factors: &[AtSignIn]) -> Option<Ways> {
    let passkeys = factors.iter().filter(|factor| factor.kind == Kind::Passkey);
    (!factors.is_empty()).then(|| Ways {
        app: factors.iter().any(|factor| factor.kind == Kind::Totp),
        passkeys: passkeys.filter_map(|factor| readable(keys, person, factor)).collect(),
    })
}

/// What is sealed, or nothing and an alarm: the other ways in are as good as ever.
pub(super) fn readable(keys: &Keys, person: PersonId, factor: &AtSignIn) -> Option<String> {
    let opened = keys.open(&place(person), &factor.sealed);
    if opened.is_err() {
        tracing::error!(factor = %factor.id, "a second step can't be read: another secret, or a damaged row");
    }
    opened.ok()
}

/// What was shown.
pub enum Shown<'a> {
    /// A code of an app.
    App(&'a str),
    /// A recovery code.
    Recovery(&'a str),
    /// A passkey's answer, and the question it answers.
    Passkey {
        /// Sealed.
        question: &'a str,
        /// JSON.
        answer: &'a str,
    },
}

/// What came of it.
pub enum Outcome {
    /// Signed in; with a recovery code, how many are left.
    In(Token, Option<i64>),
    /// It was wrong, or used before.
    Wrong,
    /// Too many tries; wait this many seconds.
    Wait(i32),
    /// The sign-in must begin anew.
    Over,
}

/// A counter: its key, how many in how many seconds.
pub(super) type Limit = (Vec<u8>, i32, i32);

/// Six digits can be guessed, so few are tried at a time and in a day. The other ways can't; their limit is for the machine's
/// sake, and guesses of codes do not stop the owner from using them.
fn limits(person: PersonId, shown: &Shown<'_>) -> Vec<Limit> {
    limits_of(person, "second step", matches!(shown, Shown::App(_)))
}

/// The same for what is shown at another place, `what`: its tries are others.
pub(super) fn limits_of(person: PersonId, what: &str, guessable: bool) -> Vec<Limit> {
    let key = |which: &str| Sha256::digest(format!("{what} {which}:{person}")).to_vec();
    if guessable {
        vec![(key("codes"), TRIES, 900), (key("codes of a day"), TRIES_OF_A_DAY, 86_400)]
    } else {
        vec![(key("others"), 30, 900)]
    }
}

/// Counts a try; answers how many seconds to wait, 0 = go on. Whoever is stopped knows the password: the owner is told, once a
/// day.
pub(super) async fn tried(
    db: &Db,
    (person, what): (PersonId, &str),
    limits: &[Limit],
    at: OffsetDateTime,
) -> Result<i32, DbError> {
    let mut tx = db.gate().await?;
    let mut wait = 0;
    for (key, most, span) in limits {
        wait = store::throttle_hit(&mut tx, key, *most, *span).await?;
        // What is not looked at does not use up the day's.
        if wait > 0 {
            break;
        }
    }
    if wait == 0 {
        tx.commit_bookkeeping().await?;
        return Ok(0);
    }
    let told = Sha256::digest(format!("second step told:{person}"));
    if store::throttle_hit(&mut tx, &told, 1, 86_400).await? == 0 {
        rows::tell_of_tries(&mut tx, person, at).await?;
    }
    let object = format!("person:{person}");
    tx.commit(Audit::own(Side::System, "sign_in.throttled", object, what.to_owned())).await?;
    Ok(wait)
}

/// Checks what was shown and starts the session. What is used up is used up with the session's beginning or not at all.
pub async fn finish(
    (db, keys, passkeys): (&Db, &Keys, &Passkeys),
    halfway: &Halfway,
    shown: Shown<'_>,
    (device, at): (&str, OffsetDateTime),
) -> Result<Outcome, AddError> {
    let person = halfway.person;
    let object = format!("person:{person}");
    let tries = limits(person, &shown);
    let wait = tried(db, (person, "second step"), &tries, at).await?;
    if wait > 0 {
        return Ok(Outcome::Wait(wait));
    }
    let mut tx = db.gate().await?;
    rows::hold(&mut tx, person).await?;
    let factors = valid(rows::at_sign_in(&mut tx, person).await?, halfway);
    if factors.is_empty() {
        tx.end().await?;
        return Ok(Outcome::Over);
    }
    let (method, left) = match shown {
        Shown::App(typed) => {
            (by_app(&mut tx, keys, (person, &factors), (typed, at)).await?.map(|_| "totp"), None)
        }
        Shown::Recovery(typed) => {
            let left = rows::use_code(&mut tx, person, (&code_hash(typed), at)).await?;
            (left.map(|_| "recovery"), left)
        }
        Shown::Passkey { question, answer } => {
            let what = (AT_SIGN_IN, (question, answer), at);
            let fits = by_passkey(&mut tx, (keys, passkeys), (person, &factors), what).await?;
            (fits.map(|_| "passkey"), None)
        }
    };
    let Some(method) = method else {
        tx.end().await?;
        let tx = db.gate().await?;
        tx.commit(Audit::own(Side::System, "sign_in.refused", object, "second step".to_owned())).await?;
        return Ok(Outcome::Wrong);
    };
    let (token, session) = (Token::fresh(), ids::fresh());
    if !store::start_session(&mut tx, &token.hash(), (session, person), (device, method)).await? {
        tx.end().await?;
        return Ok(Outcome::Over);
    }
    let ours: Vec<Vec<u8>> = tries.into_iter().map(|(key, ..)| key).collect();
    store::throttle_undo(&mut tx, &ours).await?;
    tx.commit(Audit::own(Side::System, "sign_in", object, format!("session {session} by {method}"))).await?;
    Ok(Outcome::In(token, left))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests say what they expect")]
mod tests {
    use super::*;

    #[test]
    fn recovery_codes_differ_and_are_read_however_they_are_typed() {
        let (codes, hashes) = fresh_codes();
        assert_eq!(codes.len(), CODES);
        let different: std::collections::HashSet<_> = hashes.iter().collect();
        assert_eq!(different.len(), CODES);
        let first = codes.first().unwrap();
        assert_eq!(first.len(), 24);
        assert_eq!(Some(&code_hash(&first.to_uppercase().replace('-', " "))), hashes.first());
    }
}
