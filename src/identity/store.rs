//! Writing: sessions, confirmations, throttling.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    db::{DbError, Tx},
    ids::{ConfirmationId, OrgId, PersonId},
};

/// A confirmation about to be stored.
pub(super) struct NewConfirmation<'a> {
    pub id: ConfirmationId,
    pub org: OrgId,
    pub person: PersonId,
    pub session: Uuid,
    pub method: &'a str,
    pub subject: &'a str,
    pub shown: &'a str,
    pub shown_sha256: &'a [u8],
    pub reference: &'a str,
}

pub(super) async fn insert_confirmation(tx: &mut Tx, new: &NewConfirmation<'_>) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO confirmation (id, org_id, person_id, session_id, method, subject, shown, shown_sha256, reference)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        new.id.0,
        new.org.0,
        new.person.0,
        new.session,
        new.method,
        new.subject,
        new.shown,
        new.shown_sha256,
        new.reference
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The acting person's stored hash, and the seconds to wait after too many wrong tries.
pub(super) async fn own_password(
    tx: &mut Tx,
    key: &[u8],
    tries: i32,
) -> Result<(Option<String>, i32), DbError> {
    let row = sqlx::query!(r#"SELECT password_hash, wait AS "wait!" FROM own_password($1, $2)"#, key, tries)
        .fetch_one(tx.conn())
        .await?;
    Ok((row.password_hash, row.wait))
}

/// Counts a try under `key`; answers the seconds to wait, 0 = go on.
pub(super) async fn throttle_hit(tx: &mut Tx, key: &[u8], most: i32, span: i32) -> Result<i32, DbError> {
    let wait = sqlx::query_scalar!(r#"SELECT throttle_hit($1, $2, $3) AS "wait!""#, key, most, span)
        .fetch_one(tx.conn())
        .await?;
    Ok(wait)
}

/// Takes a try back from several counters.
pub(super) async fn throttle_undo(tx: &mut Tx, keys: &[Vec<u8>]) -> Result<(), DbError> {
    sqlx::query!("SELECT throttle_undo($1)", keys).execute(tx.conn()).await?;
    Ok(())
}

pub(super) async fn throttle_clear(tx: &mut Tx, key: &[u8]) -> Result<(), DbError> {
    sqlx::query!("SELECT throttle_clear($1)", key).execute(tx.conn()).await?;
    Ok(())
}

/// Whose an address is, at the sign-in.
pub(super) struct Known {
    pub person: PersonId,
    pub password_hash: String,
    pub blocked: bool,
}

/// The person behind an address and the stored hash.
pub(super) async fn password_of(tx: &mut Tx, email: &str) -> Result<Option<Known>, DbError> {
    let known = sqlx::query_as!(
        Known,
        r#"SELECT person_id AS "person!: PersonId", password_hash AS "password_hash!", blocked AS "blocked!" FROM password_at_sign_in($1)"#,
        email
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(known)
}

/// Stores the same password hashed anew; false when it has been changed meanwhile.
pub(super) async fn rehash(
    tx: &mut Tx,
    person: PersonId,
    (was, anew): (&str, &str),
) -> Result<bool, DbError> {
    let done = sqlx::query_scalar!(r#"SELECT password_rehash($1, $2, $3) AS "done!""#, person.0, was, anew)
        .fetch_one(tx.conn())
        .await?;
    Ok(done)
}

/// Starts a session; `method` says what was shown (0021). False when the account has just been blocked (0036).
pub(super) async fn start_session(
    tx: &mut Tx,
    token_hash: &[u8],
    (id, person): (Uuid, PersonId),
    (device, method): (&str, &str),
) -> Result<bool, DbError> {
    let begun = sqlx::query_scalar!(
        r#"SELECT session_begin($1, $2, $3, $4, $5) AS "begun!""#,
        token_hash,
        id,
        person.0,
        device,
        method
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(begun)
}

pub(super) async fn keep_session(
    tx: &mut Tx,
    token_hash: &[u8],
    side: Option<super::Side>,
    number: i64,
) -> Result<(), DbError> {
    sqlx::query!("SELECT session_keep($1, $2, $3)", token_hash, side as Option<super::Side>, number)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Ends a session; answers whose it was.
/// Notes with which provider of e-legitimation a session began.
pub(super) async fn session_began_with(
    tx: &mut Tx,
    token_hash: &[u8],
    provider: &str,
) -> Result<(), DbError> {
    sqlx::query!("SELECT session_began_with($1, $2)", token_hash, provider).execute(tx.conn()).await?;
    Ok(())
}

/// The code of that provider.
pub(super) async fn session_eid(tx: &mut Tx, token_hash: &[u8]) -> Result<Option<String>, DbError> {
    let code = sqlx::query_scalar!("SELECT session_eid($1)", token_hash).fetch_one(tx.conn()).await?;
    Ok(code)
}

pub(super) async fn end_session(tx: &mut Tx, token_hash: &[u8]) -> Result<Option<PersonId>, DbError> {
    let person = sqlx::query_scalar!(r#"SELECT session_end($1) AS "person: PersonId""#, token_hash)
        .fetch_one(tx.conn())
        .await?;
    Ok(person)
}

/// Ends another session of the same person; false when there is none such.
pub(super) async fn end_other_session(tx: &mut Tx, token_hash: &[u8], other: Uuid) -> Result<bool, DbError> {
    let ended = sqlx::query_scalar!(r#"SELECT session_end_other($1, $2) AS "ended!""#, token_hash, other)
        .fetch_one(tx.conn())
        .await?;
    Ok(ended)
}

/// True the first time this answer of a provider is seen.
pub(super) async fn first_answer(tx: &mut Tx, mark: &[u8]) -> Result<bool, DbError> {
    let first =
        sqlx::query_scalar!(r#"SELECT eid_answer_first($1) AS "first!""#, mark).fetch_one(tx.conn()).await?;
    Ok(first)
}

/// Is the second step the acting person's?
pub(super) async fn step_is_own(tx: &mut Tx, factor: Uuid) -> Result<bool, DbError> {
    let own = sqlx::query_scalar!(r#"SELECT step_is_own($1) AS "own!""#, factor).fetch_one(tx.conn()).await?;
    Ok(own)
}

/// The same, and uses up what was shown.
pub(super) async fn step_confirms(tx: &mut Tx, factor: Uuid, answer: &[u8]) -> Result<bool, DbError> {
    let confirms = sqlx::query_scalar!(r#"SELECT step_confirms($1, $2) AS "confirms!""#, factor, answer)
        .fetch_one(tx.conn())
        .await?;
    Ok(confirms)
}

/// The person an e-legitimation is connected to.
pub(super) async fn person_of_eid(tx: &mut Tx, mark: &[u8]) -> Result<Option<PersonId>, DbError> {
    let person = sqlx::query_scalar!(r#"SELECT eid_person($1) AS "person: PersonId""#, mark)
        .fetch_one(tx.conn())
        .await?;
    Ok(person)
}

/// Whose account an e-legitimation is connected to, when that is blocked.
pub(super) async fn eid_blocked(tx: &mut Tx, mark: &[u8]) -> Result<Option<PersonId>, DbError> {
    let person = sqlx::query_scalar!(r#"SELECT eid_blocked($1) AS "person: PersonId""#, mark)
        .fetch_one(tx.conn())
        .await?;
    Ok(person)
}

/// Connects an e-legitimation to the person of the session; answers who that is and `linked`, `own` or `taken`.
pub(super) async fn link_eid(
    tx: &mut Tx,
    token_hash: &[u8],
    (mark, provider, name): (&[u8], &str, &str),
) -> Result<Option<(PersonId, String)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT person_id AS "person!: PersonId", outcome AS "outcome!" FROM eid_link($1, $2, $3, $4, $5)"#,
        token_hash,
        crate::ids::fresh(),
        mark,
        provider,
        name
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.person, row.outcome)))
}

/// Disconnects one of the person's own; `None` when there is none such or it is the last way in.
pub(super) async fn unlink_eid(
    tx: &mut Tx,
    token_hash: &[u8],
    which: Uuid,
) -> Result<Option<PersonId>, DbError> {
    let person = sqlx::query_scalar!(r#"SELECT eid_unlink($1, $2) AS "person: PersonId""#, token_hash, which)
        .fetch_one(tx.conn())
        .await?;
    Ok(person)
}

/// Has the acting person a password?
pub(super) async fn has_own_password(tx: &mut Tx) -> Result<bool, DbError> {
    let has = sqlx::query_scalar!(r#"SELECT has_own_password() AS "has!""#).fetch_one(tx.conn()).await?;
    Ok(has)
}

/// The stored hash of the person of a session, and the seconds to wait after too many wrong tries.
pub(super) async fn session_password(
    tx: &mut Tx,
    token_hash: &[u8],
    key: &[u8],
    tries: i32,
) -> Result<Option<(Option<String>, i32)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT password_hash, wait AS "wait!" FROM session_password($1, $2, $3)"#,
        token_hash,
        key,
        tries
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.password_hash, row.wait)))
}

/// True when the e-legitimation is the acting person's and its answer has not been used.
pub(super) async fn eid_confirms(tx: &mut Tx, mark: &[u8], answer: &[u8]) -> Result<bool, DbError> {
    let holds = sqlx::query_scalar!(r#"SELECT eid_confirms($1, $2) AS "holds!""#, mark, answer)
        .fetch_one(tx.conn())
        .await?;
    Ok(holds)
}

/// Keeps what the acting person has typed.
pub(super) async fn keep_form(
    tx: &mut Tx,
    (id, person): (Uuid, PersonId),
    page: &str,
    sealed: &[u8],
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO kept_form (id, person_id, page, sealed) VALUES ($1, $2, $3, $4)
         ON CONFLICT (person_id, page) DO UPDATE SET id = $1, sealed = $4, at = now()",
        id,
        person.0,
        page,
        sealed
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Is the e-legitimation the acting person's?
pub(super) async fn eid_is_own(tx: &mut Tx, mark: &[u8]) -> Result<bool, DbError> {
    let own = sqlx::query_scalar!(r#"SELECT eid_is_own($1) AS "own!""#, mark).fetch_one(tx.conn()).await?;
    Ok(own)
}

/// What the acting person had typed.
pub(super) async fn kept_form(tx: &mut Tx, id: Uuid) -> Result<Option<Vec<u8>>, DbError> {
    let sealed = sqlx::query_scalar!("SELECT sealed FROM kept_form WHERE id = $1", id)
        .fetch_optional(tx.conn())
        .await?;
    Ok(sealed)
}

/// Keeps a form for the person of a session that has ended; answers who, `None` when the token is nobody's or many wait.
pub(super) async fn keep_for(
    tx: &mut Tx,
    token_hash: &[u8],
    (id, page): (Uuid, &str),
    sealed: &[u8],
) -> Result<Option<PersonId>, DbError> {
    let who = sqlx::query_scalar!(
        r#"SELECT form_keep($1, $2, $3, $4) AS "who: PersonId""#,
        token_hash,
        id,
        page,
        sealed
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(who)
}

/// What was kept, when it is of the person signed in now.
pub(super) async fn form_back(tx: &mut Tx, token_hash: &[u8], id: Uuid) -> Result<Option<Vec<u8>>, DbError> {
    let sealed = sqlx::query_scalar!("SELECT form_back($1, $2)", token_hash, id).fetch_one(tx.conn()).await?;
    Ok(sealed)
}

/// Forgets what was kept, of a page or whichever; answers whose, `None` when there was nothing.
pub(super) async fn form_forget(
    tx: &mut Tx,
    token_hash: &[u8],
    (id, page): (Uuid, Option<&str>),
) -> Result<Option<PersonId>, DbError> {
    let who =
        sqlx::query_scalar!(r#"SELECT form_forget($1, $2, $3) AS "who: PersonId""#, token_hash, id, page)
            .fetch_one(tx.conn())
            .await?;
    Ok(who)
}

/// Changes the password of the person behind a session and ends the person's other sessions; answers who it is and how
/// many were ended.
pub(super) async fn change_password(
    tx: &mut Tx,
    token_hash: &[u8],
    hash: &str,
) -> Result<Option<(PersonId, i64)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT person_id AS "person!: PersonId", ended AS "ended!" FROM password_change($1, $2)"#,
        token_hash,
        hash
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.person, row.ended)))
}

/// Writes that somebody asks for a new password with an address, whether or not anybody has it.
pub(super) async fn ask_reset(
    tx: &mut Tx,
    email: &str,
    (id, link): (Uuid, &[u8]),
    at: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!("SELECT password_reset_ask($1, $2, $3, $4)", email, id, link, at).execute(tx.conn()).await?;
    Ok(())
}

/// Name and address of the account a link is for.
pub(super) async fn reset_of(
    tx: &mut Tx,
    link: &[u8],
    at: OffsetDateTime,
) -> Result<Option<(String, String)>, DbError> {
    let row =
        sqlx::query!(r#"SELECT name AS "name!", email AS "email!" FROM password_reset_of($1, $2)"#, link, at)
            .fetch_optional(tx.conn())
            .await?;
    Ok(row.map(|row| (row.name, row.email)))
}

/// Sets the password by a link; answers whose.
pub(super) async fn use_reset(
    tx: &mut Tx,
    link: &[u8],
    hash: &str,
    at: OffsetDateTime,
) -> Result<Option<PersonId>, DbError> {
    let person =
        sqlx::query_scalar!(r#"SELECT password_reset_use($1, $2, $3) AS "person: PersonId""#, link, hash, at)
            .fetch_one(tx.conn())
            .await?;
    Ok(person)
}

/// Asks for a new address to sign in with; what came of it, `None` when the session is over.
pub(super) async fn ask_login_email(
    tx: &mut Tx,
    session: &[u8],
    email: &str,
    (id, link): (Uuid, &[u8]),
    at: OffsetDateTime,
) -> Result<Option<(String, PersonId)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT outcome AS "outcome!", person_id AS "person!: PersonId" FROM login_email_ask($1, $2, $3, $4, $5)"#,
        session,
        id,
        email,
        link,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.outcome, row.person)))
}

/// The address a link confirms, and whether somebody else has it.
pub(super) async fn login_email_of(
    tx: &mut Tx,
    link: &[u8],
    at: OffsetDateTime,
) -> Result<Option<(String, bool)>, DbError> {
    let row =
        sqlx::query!(r#"SELECT email AS "email!", taken AS "taken!" FROM login_email_of($1, $2)"#, link, at)
            .fetch_optional(tx.conn())
            .await?;
    Ok(row.map(|row| (row.email, row.taken)))
}

/// Uses a link; whose, or `None` when it can't be used.
pub(super) async fn use_login_email(
    tx: &mut Tx,
    link: &[u8],
    (undo, undo_link): (Uuid, &[u8]),
    at: OffsetDateTime,
) -> Result<Option<PersonId>, DbError> {
    let person = sqlx::query_scalar!(
        r#"SELECT login_email_use($1, $2, $3, $4) AS "person: PersonId""#,
        link,
        undo,
        undo_link,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(person)
}

/// The old address that a link takes back.
pub(super) async fn login_email_before(
    tx: &mut Tx,
    link: &[u8],
    at: OffsetDateTime,
) -> Result<Option<String>, DbError> {
    let email =
        sqlx::query_scalar!("SELECT login_email_before($1, $2)", link, at).fetch_one(tx.conn()).await?;
    Ok(email)
}

/// Takes the old address back; whose, or `None` when the link can't be used.
pub(super) async fn undo_login_email(
    tx: &mut Tx,
    link: &[u8],
    (reset, reset_link): (Uuid, &[u8]),
    at: OffsetDateTime,
) -> Result<Option<PersonId>, DbError> {
    let person = sqlx::query_scalar!(
        r#"SELECT login_email_undo($1, $2, $3, $4) AS "person: PersonId""#,
        link,
        reset,
        reset_link,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(person)
}

/// Closes the account of a live session: what came of it and whose it is, `None` when the session is over.
pub(super) async fn close_account(
    tx: &mut Tx,
    session: &[u8],
    at: OffsetDateTime,
) -> Result<Option<(String, PersonId)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT outcome AS "outcome!", person_id AS "person!: PersonId" FROM account_close($1, $2)"#,
        session,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.outcome, row.person)))
}
