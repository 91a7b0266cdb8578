//! Signing in, staying signed in, signing out.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Side,
    eid::{Identified, answer_mark},
    passkey_sign_in::BY_PASSKEY,
    password,
    second::{self, Halfway},
    store,
    token::Token,
};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    ids::{self, PersonId},
    keys::Keys,
};

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Address or password is wrong; which one is not said.
    #[error("wrong address or password")]
    Wrong,
    /// The password is right, and the account is blocked.
    #[error("the account is blocked")]
    Blocked,
    /// Too many tries; wait this many seconds.
    #[error("too many tries")]
    Wait(i32),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Hashing failed.
    #[error(transparent)]
    Hash(#[from] password::HashError),
}

/// What came of address and password.
pub enum Entry {
    /// A session with a new token.
    In(Token),
    /// The password is right, and there is a second step to take.
    Halfway(Halfway),
}

/// Checks address and password and starts a session with a new token, unless the account has a second step.
///
/// Tries are counted for the account from this source, for the source, and for the account from anywhere:
/// the last limit is so wide that nobody can be locked out by a stranger for more than an hour.
pub async fn by_password(
    db: &Db,
    (email, typed): (&str, &str),
    (from, device): (IpAddr, &str),
    at: OffsetDateTime,
) -> Result<Entry, Refused> {
    let email = email.trim().to_lowercase();
    let key = |kind: &str| Sha256::digest(format!("sign-in:{kind}")).to_vec();
    let account_here = key(&format!("{email}|{from}"));
    let limits =
        [(account_here.clone(), 10, 900), (key(&format!("from {from}")), 100, 900), (key(&email), 100, 3600)];
    let mut tx = db.gate().await?;
    let known = store::password_of(&mut tx, &email).await?;
    tx.end().await?;

    let blocked = known.as_ref().is_some_and(|known| known.blocked);
    let (person, hash) = known.map_or((None, None), |known| (Some(known.person), Some(known.password_hash)));
    let mut tx = db.gate().await?;
    for (key, most, span) in &limits {
        let wait = store::throttle_hit(&mut tx, key, *most, *span).await?;
        if wait > 0 {
            tx.commit(Audit::own(Side::System, "sign_in.throttled", String::new(), String::new())).await?;
            return Err(Refused::Wait(wait));
        }
    }
    tx.commit_bookkeeping().await?;

    let fits = password::verify(typed.to_owned(), hash.clone()).await?;
    let (true, Some(person), Some(hash)) = (fits, person, hash) else {
        let tx = db.gate().await?;
        let object = person.map_or_else(String::new, |person| format!("person:{person}"));
        tx.commit(Audit::own(Side::System, "sign_in.refused", object, String::new())).await?;
        return Err(Refused::Wrong);
    };
    if blocked {
        return Err(refused_as_blocked(db, person).await?);
    }
    let anew =
        if password::is_outdated(&hash) { Some(password::hash(typed.to_owned()).await?) } else { None };
    let (token, session) = (Token::fresh(), ids::fresh());
    let mut tx = db.gate().await?;
    let hash = match anew {
        Some(anew) if store::rehash(&mut tx, person, (&hash, &anew)).await? => anew,
        _ => hash,
    };
    store::throttle_clear(&mut tx, &account_here).await?;
    let wide: Vec<Vec<u8>> = limits.iter().skip(1).map(|(key, ..)| key.clone()).collect();
    store::throttle_undo(&mut tx, &wide).await?;
    let object = format!("person:{person}");
    if second::is_wanted(&mut tx, person).await? {
        tx.commit(Audit::own(Side::System, "sign_in.halfway", object, String::new())).await?;
        return Ok(Entry::Halfway(Halfway::new(person, &hash, at)));
    }
    if !store::start_session(&mut tx, &token.hash(), (session, person), (device, BY_PASSWORD)).await? {
        tx.end().await?;
        return Err(refused_as_blocked(db, person).await?);
    }
    tx.commit(Audit::own(Side::System, "sign_in", object, format!("session {session}"))).await?;
    Ok(Entry::In(token))
}

/// Writes down that somebody has shown that a blocked account is theirs.
async fn refused_as_blocked(db: &Db, person: PersonId) -> Result<Refused, DbError> {
    let tx = db.gate().await?;
    tx.commit(Audit::own(Side::System, "sign_in.blocked", format!("person:{person}"), String::new())).await?;
    Ok(Refused::Blocked)
}

/// How a session began, as 0021 knows it.
const BY_PASSWORD: &str = "password";
const BY_EID: &str = "eid";

/// With what somebody has shown who they are.
#[derive(Clone, Copy, Debug)]
pub enum Began {
    /// A password.
    Password,
    /// An e-legitimation.
    Eid,
    /// A passkey.
    Passkey,
}

/// Starts a session for somebody who has just shown who they are, in the transaction that says so; answers its token and id.
pub async fn begin(
    tx: &mut Tx,
    person: PersonId,
    how: Began,
    device: &str,
) -> Result<(Token, Uuid), DbError> {
    let (token, session) = (Token::fresh(), ids::fresh());
    let method = match how {
        Began::Password => BY_PASSWORD,
        Began::Eid => BY_EID,
        Began::Passkey => BY_PASSKEY,
    };
    if !store::start_session(tx, &token.hash(), (session, person), (device, method)).await? {
        return Err(DbError::Rule("account_blocked".to_owned()));
    }
    Ok((token, session))
}

/// What came of an e-legitimation.
pub enum ByEid {
    /// Somebody's: a session with a new token.
    In(Token),
    /// Nobody's, as far as the portal knows.
    Unknown,
    /// Somebody's, whose account is blocked.
    Blocked,
    /// This answer has been used before.
    Replayed,
}

/// Starts a session for the person an e-legitimation is connected to. `answer` names the provider's answer, which counts
/// once. The person is found by the e-legitimation's mark and by nothing else.
pub async fn by_eid(
    db: &Db,
    keys: &Keys,
    identified: &Identified,
    answer: &str,
    device: &str,
) -> Result<ByEid, DbError> {
    let mut tx = db.gate().await?;
    let by = format!("by {} {}", identified.method(), identified.reference());
    let audit = |action, object| Audit::own(Side::System, action, object, by.clone());
    if !store::first_answer(&mut tx, &answer_mark(keys, answer)).await? {
        tx.commit(audit("sign_in.replayed", String::new())).await?;
        return Ok(ByEid::Replayed);
    }
    let Some(person) = store::person_of_eid(&mut tx, &identified.mark(keys)).await? else {
        if let Some(person) = store::eid_blocked(&mut tx, &identified.mark(keys)).await? {
            tx.commit(audit("sign_in.blocked", format!("person:{person}"))).await?;
            return Ok(ByEid::Blocked);
        }
        tx.commit(audit("sign_in.unknown", String::new())).await?;
        return Ok(ByEid::Unknown);
    };
    let token = Token::fresh();
    let session = ids::fresh();
    if !store::start_session(&mut tx, &token.hash(), (session, person), (device, BY_EID)).await? {
        tx.commit(audit("sign_in.blocked", format!("person:{person}"))).await?;
        return Ok(ByEid::Blocked);
    }
    if let Some(code) = identified.provider() {
        store::session_began_with(&mut tx, &token.hash(), code).await?;
    }
    let detail = format!("session {session} {by}");
    tx.commit(Audit::own(Side::System, "sign_in", format!("person:{person}"), detail)).await?;
    Ok(ByEid::In(token))
}

/// What came of connecting an e-legitimation to an account.
#[derive(Debug, PartialEq, Eq)]
pub enum Connected {
    /// It is the person's now, or was already.
    Own,
    /// It is somebody else's.
    Taken,
    /// The account has as many as it may.
    Full,
    /// The session has ended.
    SignedOut,
}

/// Connects an e-legitimation to the person behind the token. `mark`, the provider's code and its name say which.
pub async fn connect(
    db: &Db,
    token: &Token,
    (mark, provider, name): (&[u8], &str, &str),
) -> Result<Connected, DbError> {
    let mut tx = db.gate().await?;
    let Some((person, outcome)) = store::link_eid(&mut tx, &token.hash(), (mark, provider, name)).await?
    else {
        tx.end().await?;
        return Ok(Connected::SignedOut);
    };
    let (action, connected) = match outcome.as_str() {
        "linked" => ("eid.connect", Connected::Own),
        "own" => {
            tx.end().await?;
            return Ok(Connected::Own);
        }
        "full" => ("eid.connect.refused", Connected::Full),
        _ => ("eid.connect.refused", Connected::Taken),
    };
    tx.commit(Audit::own(Side::System, action, format!("person:{person}"), provider.to_owned())).await?;
    Ok(connected)
}

/// Disconnects one; false when there is none such or the person could not sign in any more.
pub async fn disconnect(db: &Db, token: &Token, which: Uuid) -> Result<bool, DbError> {
    let mut tx = db.gate().await?;
    let Some(person) = store::unlink_eid(&mut tx, &token.hash(), which).await? else {
        tx.end().await?;
        return Ok(false);
    };
    let object = format!("person:{person}");
    tx.commit(Audit::own(Side::System, "eid.disconnect", object, which.to_string())).await?;
    Ok(true)
}

/// Changes the password of the person behind the token, and ends the person's other sessions; false when the session has
/// ended. The old password has been asked for.
pub async fn change_password(db: &Db, token: &Token, new: String) -> Result<bool, ChangeError> {
    let hash = password::hash(new).await?;
    let mut tx = db.gate().await?;
    let Some((person, ended)) = store::change_password(&mut tx, &token.hash(), &hash).await? else {
        tx.end().await?;
        return Ok(false);
    };
    let detail = format!("{ended} other sessions ended");
    tx.commit(Audit::own(Side::System, "password.change", format!("person:{person}"), detail)).await?;
    Ok(true)
}

/// Why a password could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Hashing failed.
    #[error(transparent)]
    Hash(#[from] password::HashError),
}

/// Notes that the session is in use, and remembers who asked where; called once a minute for a session, and when something
/// about the person has changed.
pub async fn touch(db: &Db, token: &Token, (side, number): (Option<Side>, i64)) -> Result<(), DbError> {
    let mut tx = db.gate().await?;
    store::keep_session(&mut tx, &token.hash(), side, number).await?;
    tx.commit_bookkeeping().await
}

/// Ends the session; answers with which provider of e-legitimation it began, if any.
pub async fn out(db: &Db, token: &Token) -> Result<Option<String>, DbError> {
    let mut tx = db.gate().await?;
    let provider = store::session_eid(&mut tx, &token.hash()).await?;
    let person = store::end_session(&mut tx, &token.hash()).await?;
    match person {
        Some(person) => {
            let object = format!("person:{person}");
            tx.commit(Audit::own(Side::System, "sign_out", object, String::new())).await?;
        }
        None => tx.end().await?,
    }
    Ok(provider)
}

/// Ends another of the person's sessions; it stands in the person's own log.
pub async fn end_other(db: &Db, (token, person): (&Token, PersonId), other: Uuid) -> Result<bool, DbError> {
    let mut tx = db.gate().await?;
    let ended = store::end_other_session(&mut tx, &token.hash(), other).await?;
    if ended {
        let (object, detail) = (format!("person:{person}"), format!("session {other}"));
        tx.commit(Audit::own(Side::System, "session.end", object, detail)).await?;
    } else {
        tx.end().await?;
    }
    Ok(ended)
}

/// Counts a try of something named `what`; answers how many seconds to wait, 0 = go on. The caller holds no transaction.
pub async fn limit(db: &Db, what: &str, most: i32, span_seconds: i32) -> Result<i32, DbError> {
    let mut tx = db.gate().await?;
    let wait = store::throttle_hit(&mut tx, &Sha256::digest(what), most, span_seconds).await?;
    tx.commit_bookkeeping().await?;
    Ok(wait)
}

/// A try that turned out to be right does not count.
pub async fn limit_undo(db: &Db, what: &str) -> Result<(), DbError> {
    let mut tx = db.gate().await?;
    store::throttle_undo(&mut tx, &[Sha256::digest(what).to_vec()]).await?;
    tx.commit_bookkeeping().await
}
