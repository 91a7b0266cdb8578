//! Reading agentuppdrag and applications for them.

use sqlx::types::Json;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::domain::{Content, State};
use crate::{
    db::{DbError, Tx},
    ids::{MembershipId, OrgId},
};

/// A mandate of the agent's.
#[derive(Debug)]
pub struct MandateRow {
    /// Service.
    pub service_code: String,
    /// `producer`, `consumer` or empty.
    pub role: String,
    /// The system that connects.
    pub system: String,
    /// `granted`, `active`, `paused` or `ended`.
    pub status: String,
    /// Since.
    pub since: Date,
    /// Who may handle its orders today.
    pub handlers: Vec<String>,
}

/// The agent's mandates, those in use first.
pub async fn mandates(tx: &mut Tx, agent: OrgId) -> Result<Vec<MandateRow>, DbError> {
    let rows = sqlx::query_as!(
        MandateRow,
        r#"SELECT a.service_code, a.role, a.system, a.status::text AS "status!", a.since,
                  ARRAY (SELECT DISTINCT m.name FROM mandate_handler h JOIN membership m ON m.id = h.membership_id AND m.ended_at IS NULL
                          WHERE h.mandate_id = a.id AND h.in_place_of IS NULL ORDER BY m.name LIMIT 50) AS "handlers!"
             FROM mandate a
            WHERE a.agent_id = $1
              -- A handler sees their own (portal.md 1.5 rule 4).
              AND (ctx_sees_all() OR a.id = ANY (ctx_mandates()))
            ORDER BY a.status, a.service_code, a.role
            LIMIT 200"#,
        agent.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A line of a list.
#[derive(Debug)]
pub struct Line {
    /// Number.
    pub number: String,
    /// The agent's name.
    pub agent: String,
    /// Service.
    pub service_code: String,
    /// `producer`, `consumer` or empty.
    pub role: String,
    /// State.
    pub state: State,
    /// Since.
    pub since: OffsetDateTime,
    /// Who applied.
    pub applied_by: String,
}

/// The agent's applications, newest first.
pub async fn of_agent(tx: &mut Tx, agent: OrgId) -> Result<Vec<Line>, DbError> {
    let rows = sqlx::query_as!(
        Line,
        r#"SELECT number, agent_name AS agent, service_code, role, state AS "state: State", state_since AS since, applied_by_name AS applied_by
             FROM mandate_application
            WHERE agent_id = $1
            ORDER BY made_at DESC, id
            LIMIT 200"#,
        agent.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Everybody's, for Inera: those that wait, longest first; or all, newest first.
pub async fn all(tx: &mut Tx, closed_too: bool) -> Result<Vec<Line>, DbError> {
    let rows = sqlx::query_as!(
        Line,
        r#"SELECT number, agent_name AS agent, service_code, role, state AS "state: State", state_since AS since, applied_by_name AS applied_by
             FROM mandate_application
            WHERE $1 OR closed_at IS NULL
            ORDER BY CASE WHEN $1 THEN -extract(epoch FROM made_at) ELSE extract(epoch FROM state_since) END, id
            LIMIT 500"#,
        closed_too
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What waits for the agent's answer to Inera's question.
pub async fn to_answer(tx: &mut Tx, agent: OrgId) -> Result<Vec<Line>, DbError> {
    let rows = sqlx::query_as!(
        Line,
        r#"SELECT number, agent_name AS agent, service_code, role, state AS "state: State", state_since AS since, applied_by_name AS applied_by
             FROM mandate_application
            WHERE agent_id = $1
              AND state = 'completion_asked'
            ORDER BY state_since, id
            LIMIT 50"#,
        agent.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What waits for the attestant's answer: those that name one of these desks, and those that name nobody.
pub async fn to_attest(tx: &mut Tx, agent: OrgId, desks: &[MembershipId]) -> Result<Vec<Line>, DbError> {
    let rows = sqlx::query_as!(
        Line,
        r#"SELECT number, agent_name AS agent, service_code, role, state AS "state: State", state_since AS since, applied_by_name AS applied_by
             FROM mandate_application
            WHERE agent_id = $1
              AND state = 'awaiting_attest'
              AND coalesce(mandate_attestant(agent_id, attestant_id) = ANY ($2), true)
            ORDER BY state_since, id
            LIMIT 50"#,
        agent.0,
        desks as &[MembershipId]
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many wait for Inera, at most 100.
pub async fn to_review(tx: &mut Tx) -> Result<i64, DbError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (SELECT FROM mandate_application WHERE state IN ('under_review', 'granted') LIMIT 100) x"#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// An application as its pages need it.
#[derive(Debug)]
pub struct Application {
    /// Id.
    pub id: Uuid,
    /// `AU-2026-00031`.
    pub number: String,
    /// Whose.
    pub agent: OrgId,
    /// Name.
    pub agent_name: String,
    /// The agent's number.
    pub agent_no: i64,
    /// What it is for.
    pub offer_code: String,
    /// Service.
    pub service_code: String,
    /// `producer`, `consumer` or empty.
    pub role: String,
    /// State.
    pub state: State,
    /// Events so far.
    pub revision: i32,
    /// What it holds.
    pub content: Content,
    /// Title and version of the terms that are accepted.
    pub terms_title: String,
    /// Their text.
    pub terms_body: String,
    /// Who attests; `None` = anybody with the role.
    pub attestant: Option<MembershipId>,
    /// That one's name.
    pub attestant_name: Option<String>,
    /// Has the reader sent it at any time?
    pub sent_by_reader: bool,
    /// Is whoever sent it last not there any more?
    pub sender_left: bool,
    /// The numbers of the end customers that Inera has approved, when it has said yes.
    pub approved: Option<Vec<String>>,
    /// Why fewer are enough.
    pub waiver: String,
    /// May somebody handle its orders today, when there is a mandate?
    pub is_handled: bool,
    /// End customers that Inera demands.
    pub min_end_customers: i32,
}

/// By its number; row security decides whose can be seen.
pub async fn by_number(tx: &mut Tx, number: &str) -> Result<Option<Application>, DbError> {
    let row = sqlx::query!(
        r#"SELECT a.id, a.number, a.agent_id AS "agent: OrgId", a.agent_name, g.agent_no AS "agent_no!", a.offer_code, a.service_code, a.role,
                  a.state AS "state: State", a.revision, a.content AS "content!: Json<Content>", m.id AS "attestant?: MembershipId",
                  m.name AS "attestant_name?", o.min_end_customers,
                  t.title || ', version ' || t.version AS "terms_title!", t.body AS terms_body,
                  mandate_sent_by(a.id, ctx_person()) AS "sent_by_reader!", e.approved AS "approved?", coalesce(e.waiver, '') AS "waiver!",
                  NOT EXISTS (SELECT FROM membership s WHERE s.org_id = a.agent_id AND same_person(s.person_id, a.applied_by)
                                 AND s.ended_at IS NULL AND s.blocked_at IS NULL) AS "sender_left!",
                  EXISTS (SELECT FROM mandate_handler h WHERE h.mandate_id = a.mandate_id) AS "is_handled!"
             FROM mandate_application a
             JOIN organisation g ON g.id = a.agent_id
             JOIN offer o ON o.code = a.offer_code
             JOIN mediation_terms t ON t.id = a.terms_id
             LEFT JOIN membership m ON m.id = mandate_attestant(a.agent_id, a.attestant_id)
             LEFT JOIN LATERAL (SELECT x.approved, x.waiver FROM mandate_application_event x
                                 WHERE x.application_id = a.id AND x.to_state = 'awaiting_attest' ORDER BY x.seq DESC LIMIT 1) e ON true
            WHERE a.number = $1"#,
        number
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Application {
        id: row.id,
        number: row.number,
        agent: row.agent,
        agent_name: row.agent_name,
        agent_no: row.agent_no,
        offer_code: row.offer_code,
        service_code: row.service_code,
        role: row.role,
        state: row.state,
        revision: row.revision,
        content: row.content.0,
        attestant: row.attestant,
        attestant_name: row.attestant_name,
        terms_title: row.terms_title,
        terms_body: row.terms_body,
        sent_by_reader: row.sent_by_reader,
        sender_left: row.sender_left,
        approved: row.approved,
        waiver: row.waiver,
        is_handled: row.is_handled,
        min_end_customers: row.min_end_customers,
    }))
}

/// Something that happened.
#[derive(Debug)]
pub struct Event {
    /// When.
    pub at: OffsetDateTime,
    /// The state it came from; `None` for the first.
    pub from: Option<State>,
    /// The state it led to.
    pub to: State,
    /// Who.
    pub actor: String,
    /// For whom, when a substitute decided.
    pub in_place_of: String,
    /// Was it the one who had applied?
    pub self_attested: bool,
    /// What was written.
    pub note: String,
    /// The numbers of the end customers that were approved.
    pub approved: Vec<String>,
    /// Why fewer were enough.
    pub waiver: String,
    /// What the agent sent.
    pub content: Option<Json<Content>>,
}

/// All that has happened, oldest first.
pub async fn events(tx: &mut Tx, application: Uuid) -> Result<Vec<Event>, DbError> {
    let rows = sqlx::query_as!(
        Event,
        r#"SELECT at, from_state AS "from: State", to_state AS "to: State", actor_name AS actor, in_place_of, self_attested, note, approved, waiver,
                  content AS "content: Json<Content>"
             FROM mandate_application_event
            WHERE application_id = $1
            ORDER BY seq
            LIMIT 200"#,
        application
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What the register knows of a named end customer.
#[derive(Debug)]
pub struct KnownCustomer {
    /// Ten digits.
    pub org_nr: String,
    /// Name in the register.
    pub name: String,
    /// The number as a customer.
    pub customer_no: Option<i64>,
    /// Does an agreement for the service hold today?
    pub covered: bool,
    /// Is it a vårdgivare?
    pub care_provider: bool,
    /// Has it ceased?
    pub ceased: bool,
}

/// The end customers with these numbers, for Inera.
pub async fn known_customers(
    tx: &mut Tx,
    numbers: &[String],
    (service, day): (&str, Date),
) -> Result<Vec<KnownCustomer>, DbError> {
    let rows = sqlx::query_as!(
        KnownCustomer,
        r#"SELECT org_nr, name, customer_no, customer_agreement_covers(id, $2, $3) AS "covered!",
                  EXISTS (SELECT FROM organisation_fact f WHERE f.org_id = organisation.id AND f.fact = 'care_provider' AND f.valid_from <= $3
                             AND (f.valid_to IS NULL OR f.valid_to >= $3)) AS "care_provider!",
                  coalesce(ceased_on < $3, false) AS "ceased!"
             FROM organisation
            WHERE org_nr = ANY ($1)
            LIMIT 20"#,
        numbers,
        service,
        day
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Has the agent an agreement in force on the day?
pub async fn has_agreement(tx: &mut Tx, agent: OrgId, day: Date) -> Result<bool, DbError> {
    let holds = sqlx::query_scalar!(r#"SELECT agent_agreement_in_force($1, $2) AS "holds!""#, agent.0, day)
        .fetch_one(tx.conn())
        .await?;
    Ok(holds)
}
