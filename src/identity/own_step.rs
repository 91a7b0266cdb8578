//! Confirming with the account's own passkey or code app: what a sign-in asks for after the password, asked for again.

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Side,
    confirmation::EidProof,
    passkey::Passkeys,
    second::{self, AddError, Kind, Ways},
    second_store as rows, store,
};
use crate::{
    audit::Audit,
    db::Db,
    ids::{self, PersonId},
    keys::Keys,
};

/// Wrong codes in a quarter of an hour, and in a day: whoever has found an open session guesses no further.
const TRIES: (i32, i32) = (5, 50);

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

/// What the person can show; `None` without a second step.
pub async fn ways(db: &Db, keys: &Keys, person: PersonId) -> Result<Option<Ways>, AddError> {
    let mut tx = db.gate().await?;
    let factors = rows::at_sign_in(&mut tx, person).await?;
    tx.end().await?;
    Ok(second::showable(keys, person, &factors))
}

/// Checks what was shown. A code or a passkey's answer is used up by it, and what it proves by the decision it is used for.
pub async fn show(
    (db, keys, passkeys): (&Db, &Keys, &Passkeys),
    (person, name): (PersonId, &str),
    about: (String, Option<Uuid>),
    shown: Shown<'_>,
    at: OffsetDateTime,
) -> Result<Outcome, AddError> {
    let key = |what: &str| Sha256::digest(format!("own step {what}:{person}")).to_vec();
    let (short, long) = (key("tries"), key("tries of a day"));
    let mut tx = db.gate().await?;
    let wait = store::throttle_hit(&mut tx, &short, TRIES.0, 900).await?;
    let wait = wait.max(store::throttle_hit(&mut tx, &long, TRIES.1, 86_400).await?);
    tx.commit_bookkeeping().await?;
    if wait > 0 {
        return Ok(Outcome::Wait(wait));
    }
    let mut tx = db.gate().await?;
    let factors = rows::at_sign_in(&mut tx, person).await?;
    let found = match shown {
        Shown::App(typed) => {
            second::by_app(&mut tx, keys, (person, &factors), (typed, at)).await?.map(|id| (Kind::Totp, id))
        }
        Shown::Passkey { question, answer } => {
            let what = (question, answer);
            let found = second::by_passkey(&mut tx, (keys, passkeys), (person, &factors), (what, at)).await?;
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
    store::throttle_undo(&mut tx, &[short, long]).await?;
    tx.commit(Audit::own(Side::System, "confirmation.shown", object, format!("{} {factor}", kind.code())))
        .await?;
    let once = ids::fresh().to_string();
    let proof = EidProof::of_step(at.unix_timestamp(), about, (kind, factor), name, &once);
    Ok(Outcome::Proved(Box::new(proof)))
}
