//! Confirming with the account's own passkey or code app: what a sign-in asks for after the password, asked for again.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Side,
    confirmation::{EidProof, OwnStep},
    passkey::Passkeys,
    second::{self, AddError, Kind, Ways},
    second_store as rows, shown, store,
};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    ids::{self, PersonId},
    keys::Keys,
};

/// What was shown.
pub enum Shown<'a> {
    /// A code of the app.
    App(&'a str),
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
    /// It is the person: for the page it was shown for.
    Proved(Box<EidProof>),
    /// It was wrong, or used before.
    Wrong,
    /// Too many tries; wait this many seconds.
    Wait(i32),
}

/// What a passkey is asked for here: one page, and what was kept of it.
pub fn purpose(page: &str, kept: Uuid) -> String {
    format!("confirms {page} {kept}")
}

/// What the person can show; `None` without a second step.
pub async fn ways(tx: &mut Tx, keys: &Keys, person: PersonId) -> Result<Option<Ways>, DbError> {
    let factors = rows::at_sign_in(tx, person).await?;
    Ok(second::showable(keys, person, &factors))
}

/// Checks what was shown by the person in this session. A code or a passkey's answer is used up by it, and what it proves by
/// the decision it is used for. Codes are counted apart from those of a sign-in, and the owner is told of many wrong ones.
pub async fn show(
    (db, keys, passkeys): (&Db, &Keys, &Passkeys),
    (person, name, session): (PersonId, &str, Uuid),
    (page, kept): (String, Uuid),
    what: Shown<'_>,
    at: OffsetDateTime,
) -> Result<Outcome, AddError> {
    let limits = second::limits_of(person, "own step", matches!(what, Shown::App(_)));
    let wait = second::tried(db, (person, "confirmation"), &limits, at).await?;
    if wait > 0 {
        return Ok(Outcome::Wait(wait));
    }
    let mut tx = db.gate().await?;
    let factors = rows::at_sign_in(&mut tx, person).await?;
    let found = match what {
        Shown::App(typed) => {
            shown::by_app(&mut tx, keys, (person, &factors), (typed, at)).await?.map(|id| (Kind::Totp, id))
        }
        Shown::Passkey { question, answer } => {
            let about = purpose(&page, kept);
            let asked = (about.as_str(), (question, answer), at);
            let found = shown::by_passkey(&mut tx, (keys, passkeys), (person, &factors), asked).await?;
            found.map(|id| (Kind::Passkey, id))
        }
    };
    let object = format!("person:{person}");
    let Some((kind, factor)) = found else {
        tx.end().await?;
        let tx = db.gate().await?;
        tx.commit(Audit::own(Side::System, "confirmation.refused", object, "second step".to_owned())).await?;
        return Ok(Outcome::Wrong);
    };
    let keys_of: Vec<Vec<u8>> = limits.into_iter().map(|(key, ..)| key).collect();
    store::throttle_undo(&mut tx, &keys_of).await?;
    // The evidence names the factor and `once`: here it is said when, where and in which session they were shown.
    let once = ids::fresh();
    let detail = format!("{} {factor} {once} for {page} in session {session}", kind.code());
    tx.commit(Audit::own(Side::System, "confirmation.shown", object, detail)).await?;
    let step = (kind, OwnStep { factor, session });
    let proof = EidProof::of_step(at.unix_timestamp(), (page, Some(kept)), step, name, once);
    Ok(Outcome::Proved(Box::new(proof)))
}
