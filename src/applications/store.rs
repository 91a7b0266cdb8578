//! Applications in the database (`0038`).

use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Application, By, Content, Named, State};
use crate::{
    agreements::SigningState,
    db::{DbError, Tx},
    ids::{ConfirmationId, PersonId},
};

pub(super) async fn start(
    tx: &mut Tx,
    (id, link): (Uuid, &[u8]),
    (name, email): (&str, &str),
    at: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!("SELECT application_start($1, $2, $3, $4, $5)", id, name, email, link, at)
        .fetch_one(tx.conn())
        .await?;
    Ok(())
}

/// What a link leads to; `None` when it leads nowhere.
pub(super) async fn by_link(
    tx: &mut Tx,
    link: &[u8],
    at: OffsetDateTime,
) -> Result<Option<Application>, DbError> {
    let row = sqlx::query!(
        r#"SELECT id AS "id!", number, state AS "state!", revision AS "revision!", saves AS "saves!", applicant_name AS "applicant_name!",
                  applicant_email AS "applicant_email!", org_nr AS "org_nr!", sole_trader AS "sole_trader!", content AS "content!: Json<Content>",
                  numbers_sealed, made_at AS "made_at!", state_since AS "state_since!", signing
             FROM application_of($1, $2)"#,
        link,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.and_then(|row| {
        Some(Application {
            id: row.id,
            number: row.number,
            state: State::from_code(&row.state)?,
            revision: row.revision,
            saves: row.saves,
            applicant: Named { name: row.applicant_name, email: row.applicant_email, phone: String::new() },
            org_nr: row.org_nr,
            sole_trader: row.sole_trader,
            content: row.content.0,
            numbers_sealed: row.numbers_sealed,
            made_at: row.made_at,
            state_since: row.state_since,
            signing: row
                .signing
                .and_then(|code| SigningState::ALL.into_iter().find(|state| state.code() == code)),
        })
    }))
}

/// Saves the form; false when somebody else has saved it since.
pub(super) async fn save(
    tx: &mut Tx,
    (link, seen): (&[u8], i32),
    (org_nr, sole_trader): (&str, bool),
    (content, numbers): (&Content, Option<&[u8]>),
    at: OffsetDateTime,
) -> Result<bool, DbError> {
    let saved = sqlx::query_scalar!(
        r#"SELECT application_save($1, $2, $3, $4, $5, $6, $7) AS "saved!""#,
        link,
        seen,
        org_nr,
        sole_trader,
        Json(content) as _,
        numbers,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(saved)
}

/// The applicant's move.
pub(super) async fn act(
    tx: &mut Tx,
    link: &[u8],
    (revision, saves): (i32, i32),
    (to, note, certified): (State, &str, &str),
    at: OffsetDateTime,
) -> Result<Option<Uuid>, DbError> {
    let id = sqlx::query_scalar!(
        "SELECT application_act($1, $2, $3, $4, $5, $6, $7)",
        link,
        revision,
        saves,
        to.code(),
        note,
        certified,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(id)
}

/// A move of an officer's, or of the clock.
#[derive(Debug)]
pub(super) struct NewEvent<'a> {
    pub application: Uuid,
    pub revision: i32,
    pub from: State,
    pub to: State,
    pub by: By,
    pub actor: Option<PersonId>,
    pub note: &'a str,
    pub proof: Option<ConfirmationId>,
    pub category: Option<&'a str>,
    pub facts: &'a [String],
    pub checks: &'a [String],
    pub at: OffsetDateTime,
}

pub(super) async fn insert_event(tx: &mut Tx, new: &NewEvent<'_>) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO application_event (application_id, seq, from_state, to_state, moved_by, at, actor_id, note, confirmation_id, category, facts, checks)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text[]::fact[], $12)",
        new.application,
        new.revision + 1,
        new.from as State,
        new.to as State,
        new.by as By,
        new.at,
        new.actor.map(|id| id.0),
        new.note,
        new.proof.map(|id| id.0),
        new.category,
        new.facts,
        new.checks
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The number that an approved application's organisation got.
pub(super) async fn customer_no(tx: &mut Tx, application: Uuid) -> Result<Option<i64>, DbError> {
    let number = sqlx::query_scalar!(
        "SELECT o.customer_no FROM application a JOIN organisation o ON o.id = a.org_id WHERE a.id = $1",
        application
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(number.flatten())
}

/// Sends one of the first invitations again; false when it is not open any more.
pub(super) async fn invite_again(
    tx: &mut Tx,
    (application, invitation): (Uuid, Uuid),
    link: &[u8],
    at: OffsetDateTime,
) -> Result<bool, DbError> {
    let sent = sqlx::query_scalar!(
        r#"SELECT application_invite_again($1, $2, $3, $4) AS "sent!""#,
        application,
        invitation,
        link,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(sent)
}

/// The last signature is there: the first people are invited.
pub(super) async fn signed(
    tx: &mut Tx,
    application: Uuid,
    (ids, links): (&[Uuid], &[Vec<u8>]),
    at: OffsetDateTime,
) -> Result<Option<crate::ids::OrgId>, DbError> {
    let org = sqlx::query_scalar!(
        r#"SELECT application_signed($1, $2, $3, $4) AS "org: crate::ids::OrgId""#,
        application,
        ids,
        links,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(org)
}

/// Somebody else in the place of one who can't be reached; false when the invitation is not open, or the organisation has an
/// administrator.
pub(super) async fn invite_other(
    tx: &mut Tx,
    (application, instead_of): (Uuid, Uuid),
    new: (Uuid, &str, &str, &[u8]),
    (proof, at): (ConfirmationId, OffsetDateTime),
) -> Result<bool, DbError> {
    let (id, name, email, link) = new;
    let invited = sqlx::query_scalar!(
        r#"SELECT application_invite_other($1, $2, $3, $4, $5, $6, $7, $8) AS "invited!""#,
        application,
        instead_of,
        id,
        name,
        email,
        link,
        proof.0,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(invited)
}
