//! Whether what somebody shows is one of the account's own: a code of its app, or one of its passkeys. Each counts once.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    eid::answer_mark,
    passkey::{self, Passkeys},
    second::{AddError, Kind, place, readable},
    second_store::{self as rows, AtSignIn},
    store,
    totp::AppSecret,
};
use crate::{db::Tx, ids::PersonId, keys::Keys};

/// Which of the person's apps has made the code; it is used up.
pub(super) async fn by_app(
    tx: &mut Tx,
    keys: &Keys,
    (person, factors): (PersonId, &[AtSignIn]),
    (typed, at): (&str, OffsetDateTime),
) -> Result<Option<Uuid>, AddError> {
    for factor in factors.iter().filter(|factor| factor.kind == Kind::Totp) {
        if let Some(secret) = readable(keys, person, factor)
            && let Some(step) = AppSecret::of(secret).step_of(typed, at)
            && rows::use_step(tx, factor.id, (step, at)).await?
        {
            return Ok(Some(factor.id));
        }
    }
    Ok(None)
}

/// Which of the person's passkeys holds, asked for `about` one thing.
pub(super) async fn by_passkey(
    tx: &mut Tx,
    (keys, passkeys): (&Keys, &Passkeys),
    (person, factors): (PersonId, &[AtSignIn]),
    (about, (question, answer), at): (&str, (&str, &str), OffsetDateTime),
) -> Result<Option<Uuid>, AddError> {
    let now = at.unix_timestamp();
    let take =
        |kept: &[(Vec<u8>, String)]| passkeys.take(keys, (person, about), (question, answer, now), kept);
    by_one_of(tx, keys, (person, factors), (question, at), take).await
}

/// Which of the person's passkeys holds, by `take`; its question is used up and what it says of itself kept.
pub(super) async fn by_one_of(
    tx: &mut Tx,
    keys: &Keys,
    (person, factors): (PersonId, &[AtSignIn]),
    (question, at): (&str, OffsetDateTime),
    take: impl FnOnce(&[(Vec<u8>, String)]) -> Result<passkey::Kept, passkey::Refused>,
) -> Result<Option<Uuid>, AddError> {
    let mut kept = Vec::new();
    for factor in factors {
        if let Some(credential) = &factor.credential {
            kept.extend(readable(keys, person, factor).map(|text| (credential.clone(), text)));
        }
    }
    let shown = match take(&kept) {
        Ok(shown) => shown,
        Err(why) => {
            tracing::info!(target: "security", why = why.kind(), "a passkey was refused");
            return Ok(None);
        }
    };
    if !store::first_answer(tx, &answer_mark(keys, &format!("passkey:{question}"))).await? {
        return Ok(None);
    }
    let which = factors.iter().find(|factor| factor.credential.as_deref() == Some(&shown.credential));
    let Some(which) = which else { return Ok(None) };
    let sealed = keys.seal(&place(person), &shown.text)?;
    Ok(rows::passkey_shown(tx, which.id, (&sealed, at)).await?.then_some(which.id))
}
