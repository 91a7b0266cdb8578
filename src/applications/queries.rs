//! Reading applications: the officers' list and page, what the clock has to do.

use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Application, Content, Named, State};
use crate::{
    agreements::SigningState,
    db::{DbError, Tx},
};

/// A row of the list.
#[derive(Debug)]
pub struct Row {
    /// Its number.
    pub number: String,
    /// State.
    pub state: State,
    /// The organisation's name.
    pub name: String,
    /// Its number, a sole trader's masked.
    pub org_nr: String,
    /// Since when it is in its state.
    pub state_since: OffsetDateTime,
    /// Who has taken it.
    pub taken_by: String,
}

/// Applications, those that wait for Inera first and the oldest of them first; `all` also those that are over.
pub async fn list(tx: &mut Tx, all: bool) -> Result<Vec<Row>, DbError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT number AS "number!", state AS "state: State", coalesce(content ->> 'name', '') AS "name!",
                  CASE WHEN org_nr = '' THEN '' ELSE shown_org_nr(org_nr, sole_trader) END AS "org_nr!", state_since, taken_by_name AS taken_by
             FROM application
            WHERE state <> 'draft' AND ($1 OR closed_at IS NULL)
            ORDER BY closed_at IS NOT NULL, state NOT IN ('submitted', 'under_review'), state_since, number
            LIMIT 500"#,
        all
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many wait for somebody to take them.
pub async fn waiting(tx: &mut Tx) -> Result<i64, DbError> {
    let waiting =
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM application WHERE state = 'submitted'"#)
            .fetch_one(tx.conn())
            .await?;
    Ok(waiting)
}

/// An application with what the officer's page shows beside it.
#[derive(Debug)]
pub struct Found {
    /// The application.
    pub application: Application,
    /// Who has taken it.
    pub taken_by: String,
    /// The agreement and its number, once approved.
    pub agreement: Option<String>,
    /// The customer number, once approved.
    pub customer_no: Option<i64>,
    /// Has what it held been erased?
    pub erased: bool,
    /// Does somebody run the organisation?
    pub has_administrator: bool,
}

/// What the organisation is in the register already.
#[derive(Debug)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// As a customer.
    pub customer_no: Option<i64>,
    /// As an agent.
    pub agent_no: Option<i64>,
    /// Has it a category, which it keeps?
    pub has_category: bool,
    /// Who runs it.
    pub administrators: String,
}

/// What the organisation of an application is in the register already; `None` when it is new there.
pub async fn known_as(tx: &mut Tx, application: Uuid) -> Result<Option<Known>, DbError> {
    let known = sqlx::query_as!(
        Known,
        r#"SELECT name AS "name!", customer_no, agent_no, has_category AS "has_category!", administrators AS "administrators!"
             FROM application_known_as($1)"#,
        application
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(known)
}

/// The application with a number.
pub async fn by_number(tx: &mut Tx, number: &str) -> Result<Option<Found>, DbError> {
    let row = sqlx::query!(
        r#"SELECT a.id, a.number AS "number!", a.state AS "state: State", a.revision, a.applicant_name, a.applicant_email, a.org_nr, a.sole_trader,
                  a.content AS "content: Json<Content>", a.numbers_sealed, a.made_at, a.state_since, a.taken_by_name, o.customer_no AS "customer_no?",
                  r.number AS "agreement?", r.state AS "signing?: SigningState", a.erased_at IS NOT NULL AS "erased!",
                  coalesce(is_run(a.org_id), false) AS "has_administrator!"
             FROM application a
             LEFT JOIN organisation o ON o.id = a.org_id
             -- The newest round since it was approved.
             LEFT JOIN LATERAL (
               SELECT g.number, s.state FROM signing s JOIN agreement g ON g.id = s.agreement_id AND g.kind = 'customer_2'
                WHERE s.org_id = a.org_id
                  AND s.sent_at >= (SELECT e.at FROM application_event e WHERE e.application_id = a.id AND e.to_state = 'approved')
                ORDER BY s.sent_at DESC LIMIT 1) r ON true
            WHERE a.number = $1"#,
        number
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Found {
        application: Application {
            id: row.id,
            number: Some(row.number),
            state: row.state,
            revision: row.revision,
            saves: 0,
            applicant: Named { name: row.applicant_name, email: row.applicant_email, phone: String::new() },
            org_nr: row.org_nr,
            sole_trader: row.sole_trader,
            content: row.content.0,
            numbers_sealed: row.numbers_sealed,
            made_at: row.made_at,
            state_since: row.state_since,
            signing: row.signing,
        },
        erased: row.erased,
        has_administrator: row.has_administrator,
        taken_by: row.taken_by_name,
        agreement: row.agreement,
        customer_no: row.customer_no,
    }))
}

/// Something that happened.
#[derive(Debug)]
pub struct Event {
    /// When.
    pub at: OffsetDateTime,
    /// To which state.
    pub to: State,
    /// Who; empty when it was the clock.
    pub by: String,
    /// What was written.
    pub note: String,
}

/// What has happened to an application.
pub async fn events(tx: &mut Tx, application: Uuid) -> Result<Vec<Event>, DbError> {
    let rows = sqlx::query_as!(
        Event,
        r#"SELECT at, to_state AS "to: State", actor_name AS by, note FROM application_event WHERE application_id = $1 ORDER BY seq LIMIT 200"#,
        application
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The same for whoever has the link: Inera's people are Inera.
pub async fn events_by_link(tx: &mut Tx, link: &[u8]) -> Result<Vec<Event>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT at AS "at!", to_state AS "to!", moved_by AS "by!", note AS "note!" FROM application_events_of($1)"#,
        link
    )
    .fetch_all(tx.conn())
    .await?;
    let event = |at, to: &str, by: &str, note| {
        let by = if by == "inera" { "Inera" } else { "" };
        Some(Event { at, to: State::from_code(to)?, by: by.to_owned(), note })
    };
    Ok(rows.into_iter().filter_map(|row| event(row.at, &row.to, &row.by, row.note)).collect())
}

/// An invitation of an application's.
#[derive(Debug)]
pub struct Invited {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// How many times it has been sent.
    pub round: i32,
    /// Last sent.
    pub sent_at: OffsetDateTime,
    /// Until when it can be answered.
    pub expires_at: OffsetDateTime,
    /// Has it been answered?
    pub accepted: bool,
}

/// The first people of an application's organisation.
pub async fn invited(tx: &mut Tx, application: Uuid) -> Result<Vec<Invited>, DbError> {
    let rows = sqlx::query_as!(
        Invited,
        r#"SELECT id, name, CASE WHEN erased_at IS NULL THEN email ELSE '' END AS "email!", round, sent_at, expires_at, accepted_at IS NOT NULL AS "accepted!"
             FROM invitation WHERE application_id = $1 AND (revoked_at IS NULL OR erased_at IS NOT NULL) ORDER BY name LIMIT 10"#,
        application
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Approved applications whose agreement is signed.
pub async fn signed(tx: &mut Tx, now: OffsetDateTime) -> Result<Vec<Uuid>, DbError> {
    let ids = sqlx::query_scalar!(r#"SELECT a AS "a!" FROM applications_signed($1) a"#, now)
        .fetch_all(tx.conn())
        .await?;
    Ok(ids)
}

/// Approved applications that nobody has signed: which, and their revision.
pub async fn lapsed(tx: &mut Tx, now: OffsetDateTime) -> Result<Vec<(Uuid, i32)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT application_id AS "id!", revision AS "revision!" FROM applications_lapsed($1)"#,
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.revision)).collect())
}

/// Forgets drafts that nobody sent, and what was over long ago; answers how many.
pub async fn erase(tx: &mut Tx, now: OffsetDateTime) -> Result<i64, DbError> {
    let erased = sqlx::query_scalar!(r#"SELECT applications_erase($1) AS "erased!""#, now)
        .fetch_one(tx.conn())
        .await?;
    Ok(erased)
}
