//! Signing in with a passkey and nothing else: it is held, and opened by a PIN, a finger or a face.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{Side, passkey::Passkeys, second::AddError, second_store as rows, shown, store, token::Token};
use crate::{audit::Audit, db::Db, ids, keys::Keys};

/// Answers from one address in a quarter of an hour, for the machine's sake: a passkey can't be guessed, and a whole region
/// may sit behind one address.
const TRIES: i32 = 1000;
/// How the session began, as 0021 knows it.
pub(super) const BY_PASSKEY: &str = "passkey";

/// What came of it.
pub enum Entry {
    /// A session with a new token.
    In(Token),
    /// It does not hold, or is nobody's here.
    Wrong,
    /// It holds, and the account is blocked.
    Blocked,
    /// Too many tries; wait this many seconds.
    Wait(i32),
}

/// Checks an answer to a question to anybody and starts a session for whose passkey it is. What is used up is used up with
/// the session's beginning or not at all.
pub async fn enter(
    (db, keys, passkeys): (&Db, &Keys, &Passkeys),
    (question, answer): (&str, &str),
    (from, device): (IpAddr, &str),
    at: OffsetDateTime,
) -> Result<Entry, AddError> {
    // What is no answer to a question of ours costs nothing and counts as nothing.
    let person = match passkeys.whose(keys, (question, answer, at.unix_timestamp())) {
        Ok(person) => person,
        Err(why) => {
            tracing::info!(target: "security", why = why.kind(), "a passkey was refused");
            return Ok(Entry::Wrong);
        }
    };
    let key = Sha256::digest(format!("passkey alone from {from}")).to_vec();
    let mut tx = db.gate().await?;
    let wait = store::throttle_hit(&mut tx, &key, TRIES, 900).await?;
    tx.commit_bookkeeping().await?;
    if wait > 0 {
        return Ok(Entry::Wait(wait));
    }
    let audit = |action, object: String, detail| Audit::own(Side::System, action, object, detail);
    let wrong = |object| audit("sign_in.refused", object, "passkey".to_owned());
    let mut tx = db.gate().await?;
    rows::hold(&mut tx, person).await?;
    let (factors, blocked) = rows::passkeys_alone(&mut tx, person).await?;
    let now = at.unix_timestamp();
    let take = |kept: &[(Vec<u8>, String)]| passkeys.take_anybodys(keys, (question, answer, now), kept);
    let held = shown::by_one_of(&mut tx, keys, (person, &factors), (question, at), take).await?;
    // Whoever says a number that is nobody's is not written into anybody's log.
    let object = if factors.is_empty() { String::new() } else { format!("person:{person}") };
    let Some(factor) = held else {
        tx.end().await?;
        db.gate().await?.commit(wrong(object)).await?;
        return Ok(Entry::Wrong);
    };
    let (token, session) = (Token::fresh(), ids::fresh());
    let begun = (session, person);
    if blocked || !store::start_session(&mut tx, &token.hash(), begun, (device, BY_PASSKEY)).await? {
        tx.commit(audit("sign_in.blocked", object, "passkey".to_owned())).await?;
        return Ok(Entry::Blocked);
    }
    store::throttle_undo(&mut tx, &[key]).await?;
    tx.commit(audit("sign_in", object, format!("session {session} by {BY_PASSKEY} {factor} alone"))).await?;
    Ok(Entry::In(token))
}
