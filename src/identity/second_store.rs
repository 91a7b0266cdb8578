//! Rows of the second step: the app's secrets, passkeys and recovery codes.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{second::Kind, token::Token};
use crate::{
    db::{DbError, Tx},
    ids::{ConfirmationId, MembershipId, OrgId, PersonId},
};

/// A second step as its owner sees it.
#[derive(Debug)]
pub struct Factor {
    /// Id.
    pub id: Uuid,
    /// App or passkey.
    pub kind: Kind,
    /// What its owner calls it.
    pub name: String,
    /// The authenticator's own name of a passkey.
    pub credential: Option<Vec<u8>>,
    /// Since.
    pub created_at: OffsetDateTime,
    /// Last used.
    pub used_at: Option<OffsetDateTime>,
    /// Recovery codes not used yet; the same on every row.
    pub codes_left: i64,
}

/// The second steps of the person behind a token.
pub async fn factors(tx: &mut Tx, token: &Token) -> Result<Vec<Factor>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", kind AS "kind!", name AS "name!", credential, created_at AS "created_at!", used_at,
                  codes_left AS "codes_left!"
             FROM second_factors_of($1)"#,
        token.hash()
    )
    .fetch_all(tx.conn())
    .await?;
    let factor = rows.into_iter().filter_map(|row| {
        Some(Factor {
            id: row.id,
            kind: Kind::from_code(&row.kind)?,
            name: row.name,
            credential: row.credential,
            created_at: row.created_at,
            used_at: row.used_at,
            codes_left: row.codes_left,
        })
    });
    Ok(factor.collect())
}

/// A second step about to be stored.
pub(super) struct NewFactor<'a> {
    pub id: Uuid,
    pub kind: Kind,
    pub name: &'a str,
    pub sealed: &'a [u8],
    pub credential: Option<&'a [u8]>,
    pub step: i64,
}

/// Adds one for the person behind a token; answers who and `first`, `added`, `full` or `known`.
pub(super) async fn add(
    tx: &mut Tx,
    token_hash: &[u8],
    new: &NewFactor<'_>,
    (codes, at): (&[Vec<u8>], OffsetDateTime),
) -> Result<Option<(PersonId, String)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT person_id AS "person!: PersonId", outcome AS "outcome!"
             FROM second_factor_add($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        token_hash,
        new.id,
        new.kind.code(),
        new.name,
        new.sealed,
        new.credential,
        new.step,
        codes,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.person, row.outcome)))
}

/// Removes one of the person's own; answers whose.
pub(super) async fn remove(
    tx: &mut Tx,
    token_hash: &[u8],
    (which, at): (Uuid, OffsetDateTime),
) -> Result<Option<PersonId>, DbError> {
    let person = sqlx::query_scalar!(
        r#"SELECT second_factor_remove($1, $2, $3) AS "person: PersonId""#,
        token_hash,
        which,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(person)
}

/// Replaces the recovery codes; answers whose.
pub(super) async fn make_codes(
    tx: &mut Tx,
    token_hash: &[u8],
    (codes, at): (&[Vec<u8>], OffsetDateTime),
) -> Result<Option<PersonId>, DbError> {
    let person = sqlx::query_scalar!(
        r#"SELECT recovery_codes_make($1, $2, $3) AS "person: PersonId""#,
        token_hash,
        codes,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(person)
}

/// A second step as the sign-in needs it.
pub(super) struct AtSignIn {
    pub id: Uuid,
    pub kind: Kind,
    pub sealed: Vec<u8>,
    pub credential: Option<Vec<u8>>,
    pub password_hash: Option<String>,
}

/// The second steps of somebody whose password has been right, or who is signed in.
pub(super) async fn at_sign_in(tx: &mut Tx, person: PersonId) -> Result<Vec<AtSignIn>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", kind AS "kind!", sealed AS "sealed!", credential, password_hash
             FROM second_factors_at_sign_in($1)"#,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    let factor = rows.into_iter().filter_map(|row| {
        Some(AtSignIn {
            id: row.id,
            kind: Kind::from_code(&row.kind)?,
            sealed: row.sealed,
            credential: row.credential,
            password_hash: row.password_hash,
        })
    });
    Ok(factor.collect())
}

/// Holds somebody who is about to sign in: whoever removes what they show waits, or has removed it.
pub(super) async fn hold(tx: &mut Tx, person: PersonId) -> Result<(), DbError> {
    sqlx::query!("SELECT person_hold($1)", person.0).execute(tx.conn()).await?;
    Ok(())
}

/// The passkeys of somebody who shows nothing else, and whether the account is blocked.
pub(super) async fn passkeys_alone(tx: &mut Tx, person: PersonId) -> Result<(Vec<AtSignIn>, bool), DbError> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", sealed AS "sealed!", credential, blocked AS "blocked!" FROM passkeys_alone($1)"#,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    let blocked = rows.iter().any(|row| row.blocked);
    let passkey = rows.into_iter().map(|row| AtSignIn {
        id: row.id,
        kind: Kind::Passkey,
        sealed: row.sealed,
        credential: row.credential,
        password_hash: None,
    });
    Ok((passkey.collect(), blocked))
}

/// Uses the code of a half minute up; false when it or a later one has been used.
pub(super) async fn use_step(
    tx: &mut Tx,
    which: Uuid,
    (step, at): (i64, OffsetDateTime),
) -> Result<bool, DbError> {
    let first = sqlx::query_scalar!(r#"SELECT second_factor_step($1, $2, $3) AS "first!""#, which, step, at)
        .fetch_one(tx.conn())
        .await?;
    Ok(first)
}

/// Keeps what a passkey says of itself after use; false when it has been removed.
pub(super) async fn passkey_shown(
    tx: &mut Tx,
    which: Uuid,
    (sealed, at): (&[u8], OffsetDateTime),
) -> Result<bool, DbError> {
    let there =
        sqlx::query_scalar!(r#"SELECT second_factor_shown($1, $2, $3) AS "there!""#, which, sealed, at)
            .fetch_one(tx.conn())
            .await?;
    Ok(there)
}

/// Uses a recovery code up; answers how many are left, `None` when it is not one of the person's.
pub(super) async fn use_code(
    tx: &mut Tx,
    person: PersonId,
    (code, at): (&[u8], OffsetDateTime),
) -> Result<Option<i64>, DbError> {
    let left = sqlx::query_scalar!("SELECT recovery_code_use($1, $2, $3)", person.0, code, at)
        .fetch_one(tx.conn())
        .await?;
    Ok(left)
}

/// Tells the owner that somebody who knows the password tries codes.
pub(super) async fn tell_of_tries(tx: &mut Tx, person: PersonId, at: OffsetDateTime) -> Result<(), DbError> {
    sqlx::query!("SELECT second_step_tried($1, $2)", person.0, at).execute(tx.conn()).await?;
    Ok(())
}

/// Gives a session that began with a password alone a new token and says how it is stronger now.
pub(super) async fn strengthen(
    tx: &mut Tx,
    token_hash: &[u8],
    (new_hash, how): (&[u8], &str),
) -> Result<bool, DbError> {
    let changed = sqlx::query_scalar!(
        r#"SELECT session_strengthen($1, $2, $3) AS "changed!""#,
        token_hash,
        new_hash,
        how
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(changed)
}

/// Contacts of an organisation who have a second step; asked by Kundservice.
pub async fn members_with(tx: &mut Tx, org: OrgId) -> Result<Vec<MembershipId>, DbError> {
    let members =
        sqlx::query_scalar!(r#"SELECT m AS "m!: MembershipId" FROM members_with_second_factor($1) m"#, org.0)
            .fetch_all(tx.conn())
            .await?;
    Ok(members)
}

/// Clears the second steps of a contact who has lost them; answers how many there were.
pub(super) async fn clear(
    tx: &mut Tx,
    member: MembershipId,
    (proof, at): (ConfirmationId, OffsetDateTime),
) -> Result<i64, DbError> {
    let cleared = sqlx::query_scalar!(
        r#"SELECT second_factors_clear($1, $2, $3) AS "cleared!""#,
        member.0,
        proof.0,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(cleared)
}

/// Must the person open a link in the mail before the first step is added?
pub async fn needs_mail(tx: &mut Tx, token: &Token) -> Result<bool, DbError> {
    let needs = sqlx::query_scalar!(r#"SELECT session_needs_mail($1) AS "needs!""#, token.hash())
        .fetch_one(tx.conn())
        .await?;
    Ok(needs)
}

/// Notes that a session came by a link in the mail.
pub(super) async fn came_by_mail(tx: &mut Tx, token_hash: &[u8]) -> Result<(), DbError> {
    sqlx::query!("SELECT session_came_by_mail($1)", token_hash).execute(tx.conn()).await?;
    Ok(())
}

/// Asks for the link; whose account it is, `None` when none is needed.
pub(super) async fn ask_link(
    tx: &mut Tx,
    token_hash: &[u8],
    (id, link): (Uuid, &[u8]),
    at: OffsetDateTime,
) -> Result<Option<PersonId>, DbError> {
    let who = sqlx::query_scalar!(
        r#"SELECT step_link_ask($1, $2, $3, $4) AS "who: PersonId""#,
        token_hash,
        id,
        link,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(who)
}

/// Can the link be used in this session?
pub(super) async fn link_fits(
    tx: &mut Tx,
    (link, token_hash): (&[u8], &[u8]),
    at: OffsetDateTime,
) -> Result<bool, DbError> {
    let fits = sqlx::query_scalar!(r#"SELECT step_link_fits($1, $2, $3) AS "fits!""#, link, token_hash, at)
        .fetch_one(tx.conn())
        .await?;
    Ok(fits)
}

/// Uses it; whose, `None` when it can't be.
pub(super) async fn use_link(
    tx: &mut Tx,
    (link, token_hash): (&[u8], &[u8]),
    at: OffsetDateTime,
) -> Result<Option<PersonId>, DbError> {
    let who =
        sqlx::query_scalar!(r#"SELECT step_link_use($1, $2, $3) AS "who: PersonId""#, link, token_hash, at)
            .fetch_one(tx.conn())
            .await?;
    Ok(who)
}
