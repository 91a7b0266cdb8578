//! Reading contacts: who there is, what they have, what waits for them.

use serde::Deserialize;
use sqlx::types::Json;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::domain::{Held, Kinds, Wanted};
use crate::{
    db::{DbError, Tx},
    identity::Role,
    ids::{MandateId, MembershipId, OrgId, PersonId},
};

/// Most contacts a page shows.
const MOST: i64 = 500;

/// A role as it was given.
#[derive(Clone, Debug, Deserialize)]
struct GrantJson {
    role: String,
    since: String,
    until: Option<String>,
}

/// A role somebody has, since when.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The role and its last day.
    pub held: Held,
    /// The day it was given.
    pub since: Option<Date>,
}

/// Somebody in the organisation.
#[derive(Clone, Debug)]
pub struct Contact {
    /// Id.
    pub id: MembershipId,
    /// The person.
    pub person: PersonId,
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Title.
    pub title: String,
    /// Telephone.
    pub phone: String,
    /// How many times it has changed.
    pub revision: i32,
    /// Since.
    pub created_at: OffsetDateTime,
    /// Removed.
    pub ended_at: Option<OffsetDateTime>,
    /// Is the account blocked? Then the roles are kept, and do not hold.
    pub blocked: bool,
    /// Roles that hold today.
    pub grants: Vec<Grant>,
    /// Mandates they may work with.
    pub mandates: Vec<MandateId>,
}

impl Contact {
    /// Has the role today?
    pub fn has(&self, role: Role) -> bool {
        self.grants.iter().any(|grant| grant.held.role == role)
    }

    /// Is there, and may act in the role today?
    pub fn acts_as(&self, role: Role) -> bool {
        self.ended_at.is_none() && !self.blocked && self.has(role)
    }

    /// Has the role today, and until further notice?
    pub fn has_lasting(&self, role: Role) -> bool {
        self.grants.iter().any(|grant| grant.held.role == role && grant.held.until.is_none())
    }

    /// Could this one take over the attests of `leaver`?
    pub fn may_inherit_from(&self, leaver: &Self) -> bool {
        self.id != leaver.id && self.acts_as(Role::Attestant)
    }

    /// Roles and mandates, as a change is made from them.
    pub fn standing(&self) -> Wanted {
        Wanted { held: self.grants.iter().map(|grant| grant.held).collect(), mandates: self.mandates.clone() }
    }
}

fn day(text: &str) -> Option<Date> {
    crate::calendar::parse_date(text.get(..10)?)
}

fn grants(json: Vec<GrantJson>) -> Vec<Grant> {
    let mut grants: Vec<Grant> = json
        .into_iter()
        .filter_map(|grant| {
            let held =
                Held { role: Role::from_code(&grant.role)?, until: grant.until.as_deref().and_then(day) };
            Some(Grant { held, since: day(&grant.since) })
        })
        .collect();
    grants.sort_by_key(|grant| Role::ALL.iter().position(|role| *role == grant.held.role));
    grants
}

/// The contacts of an organisation by name, those who were removed last; or one of them.
pub async fn contacts(
    tx: &mut Tx,
    org: OrgId,
    one: Option<MembershipId>,
    today: Date,
) -> Result<Vec<Contact>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT m.id AS "id: MembershipId", m.person_id AS "person: PersonId", m.name, m.email, m.title, m.phone, m.revision,
                  m.created_at, m.ended_at, m.blocked_at IS NOT NULL AS "blocked!",
                  (SELECT coalesce(json_agg(json_build_object('role', g.role, 'until', g.valid_to,
                            'since', (g.since AT TIME ZONE 'Europe/Stockholm')::date)), '[]')
                     FROM role_grant g
                    WHERE g.membership_id = m.id AND (g.valid_to IS NULL OR g.valid_to >= $3)) AS "grants!: Json<Vec<GrantJson>>",
                  ARRAY (SELECT p.mandate_id FROM mandate_permission p JOIN mandate a ON a.id = p.mandate_id AND a.status <> 'ended'
                          WHERE p.membership_id = m.id) AS "mandates!: Vec<MandateId>"
             FROM membership m
            WHERE m.org_id = $1
              -- Whose account is closed is nobody to list.
              AND CASE WHEN $2::uuid IS NULL THEN m.email <> '' ELSE m.id = $2 END
            ORDER BY m.ended_at IS NOT NULL, m.name COLLATE "sv-x-icu", m.id
            LIMIT $4"#,
        org.0,
        one.map(|id| id.0),
        today,
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    let contact = rows.into_iter().map(|row| Contact {
        id: row.id,
        person: row.person,
        name: row.name,
        email: row.email,
        title: row.title,
        phone: row.phone,
        revision: row.revision,
        created_at: row.created_at,
        ended_at: row.ended_at,
        blocked: row.blocked,
        grants: grants(row.grants.0),
        mandates: row.mandates,
    });
    Ok(contact.collect())
}

/// The organisation with this number as a customer, or else as an agent, and its name.
pub async fn by_number(
    tx: &mut Tx,
    customer: Option<i64>,
    agent: Option<i64>,
) -> Result<Option<(OrgId, String)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT id AS "id: OrgId", name FROM organisation WHERE customer_no = $1 OR ($1 IS NULL AND agent_no = $2)"#,
        customer,
        agent
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.id, row.name)))
}

/// All agents: number and name.
pub async fn agents(tx: &mut Tx) -> Result<Vec<(i64, String)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT agent_no AS "no!", name FROM organisation WHERE agent_no IS NOT NULL ORDER BY name COLLATE "sv-x-icu", id LIMIT 1000"#
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.no, row.name)).collect())
}

/// What an organisation is.
pub async fn kinds(tx: &mut Tx, org: OrgId) -> Result<Kinds, DbError> {
    let kinds = sqlx::query_as!(
        Kinds,
        r#"SELECT customer_no IS NOT NULL AS "customer!", agent_no IS NOT NULL AS "agent!", is_inera AS inera
             FROM organisation WHERE id = $1"#,
        org.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(kinds)
}

/// A mandate of the agent.
#[derive(Clone, Debug)]
pub struct MandateRow {
    /// Id.
    pub id: MandateId,
    /// Service.
    pub service_code: String,
    /// The agent's system.
    pub system: String,
}

/// The agent's mandates that have not ended.
pub async fn mandates(tx: &mut Tx, org: OrgId) -> Result<Vec<MandateRow>, DbError> {
    let rows = sqlx::query_as!(
        MandateRow,
        r#"SELECT id AS "id: MandateId", service_code, system
             FROM mandate
            WHERE agent_id = $1
              AND status <> 'ended'
            ORDER BY service_code, role
            LIMIT 200"#,
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Somebody stands in for somebody.
#[derive(Clone, Debug)]
pub struct SubstitutionRow {
    /// Id.
    pub id: Uuid,
    /// Who is away.
    pub absent: MembershipId,
    /// Name.
    pub absent_name: String,
    /// Who stands in.
    pub substitute: MembershipId,
    /// Name.
    pub substitute_name: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
}

/// Substitutions of the organisation that go on or are to come.
pub async fn substitutions(tx: &mut Tx, org: OrgId, today: Date) -> Result<Vec<SubstitutionRow>, DbError> {
    let rows = sqlx::query_as!(
        SubstitutionRow,
        r#"SELECT s.id, s.absent_id AS "absent: MembershipId", a.name AS absent_name, s.substitute_id AS "substitute: MembershipId",
                  b.name AS substitute_name, s.valid_from AS "from", s.valid_to AS "to"
             FROM substitution s
             JOIN membership a ON a.id = s.absent_id
             JOIN membership b ON b.id = s.substitute_id
            WHERE s.org_id = $1
              AND s.ended_at IS NULL
              AND s.valid_to >= $2
            ORDER BY s.valid_from, s.id
            LIMIT 200"#,
        org.0,
        today
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Something that happened to somebody's place.
#[derive(Debug)]
pub struct HistoryRow {
    /// `joined`, `roles`, `removed`, `restored`, `substitute`, `substitute_ended`, `details`,
    /// `email_confirmed`, `email_withdrawn`.
    pub kind: String,
    /// Who did it; empty = the clock.
    pub actor_name: String,
    /// When.
    pub at: OffsetDateTime,
    /// Roles that came.
    pub given: Vec<String>,
    /// Roles that went.
    pub taken: Vec<String>,
    /// Mandates that came.
    pub permitted: Vec<MandateId>,
    /// Mandates that went.
    pub barred: Vec<MandateId>,
    /// Who stands in.
    pub substitute_name: Option<String>,
    /// First day.
    pub from_on: Option<Date>,
    /// Last day.
    pub until_on: Option<Date>,
    /// Which of the contact's data changed.
    pub fields: Vec<String>,
    /// Did the contact do it?
    pub own: bool,
    /// What the contact was called before, and from then on, when the name was changed.
    pub name_was: Option<String>,
    /// The new name.
    pub name_is: Option<String>,
    /// Why Kundservice did it.
    pub reason: Option<String>,
    /// Did Kundservice do it?
    pub by_staff: bool,
}

/// Does nobody with an open account run the organisation, which has not ceased?
pub async fn is_unled(tx: &mut Tx, org: OrgId) -> Result<bool, DbError> {
    let unled = sqlx::query_scalar!(
        r#"SELECT NOT has_administrator(o.id) AND coalesce(o.ceased_on >= today_here(), true) AS "unled!" FROM organisation o WHERE o.id = $1"#,
        org.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(unled.unwrap_or(false))
}

/// Does the person work at Inera?
pub async fn is_colleague(tx: &mut Tx, person: PersonId) -> Result<bool, DbError> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM membership m JOIN organisation o ON o.id = m.org_id AND o.is_inera
                           WHERE m.person_id = $1 AND m.ended_at IS NULL) AS "found!""#,
        person.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// What has happened to somebody's place, newest first.
pub async fn history(tx: &mut Tx, member: MembershipId) -> Result<Vec<HistoryRow>, DbError> {
    let rows = sqlx::query_as!(
        HistoryRow,
        r#"SELECT e.kind::text AS "kind!", e.actor_name, e.at, e.given::text[] AS "given!", e.taken::text[] AS "taken!",
                  e.permitted AS "permitted: Vec<MandateId>", e.barred AS "barred: Vec<MandateId>", s.name AS "substitute_name?",
                  e.from_on, e.until_on, ARRAY (SELECT jsonb_object_keys(e.wanted)) AS "fields!",
                  same_person(e.actor_id, m.person_id) AS "own!",
                  e.was ->> 'name' AS name_was, e.wanted ->> 'name' AS name_is, e.reason,
                  (e.side = 'inera' AND NOT o.is_inera) AS "by_staff!"
             FROM member_event e
             JOIN membership m ON m.id = e.membership_id
             JOIN organisation o ON o.id = e.org_id
             LEFT JOIN membership s ON s.id = e.substitute_id
            WHERE e.membership_id = $1
            ORDER BY e.seq DESC
            LIMIT 50"#,
        member.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What somebody who leaves has under way.
#[derive(Debug, Default)]
pub struct LeftBehind {
    /// Orders that wait for their attest by name.
    pub attests: Vec<String>,
    /// Applications for agentuppdrag that do.
    pub applications: Vec<String>,
    /// Orders that wait for any attestant of the organisation.
    pub waiting: i64,
    /// Drafts they made.
    pub drafts: Vec<String>,
    /// Orders they made that are not closed.
    pub open: Vec<String>,
    /// Mandates that nobody else handles.
    pub alone_in: Vec<MandateId>,
}

impl LeftBehind {
    /// The numbers of everything that waits for their attest by name.
    pub fn by_name(&self) -> Vec<String> {
        self.attests.iter().chain(&self.applications).cloned().collect()
    }
}

/// What is left when somebody goes.
pub async fn left_behind(tx: &mut Tx, org: OrgId, contact: &Contact) -> Result<LeftBehind, DbError> {
    let row = sqlx::query!(
        r#"SELECT ARRAY (SELECT o.number FROM orders o
                    WHERE (o.customer_id = $1 AND o.state = 'awaiting_customer_attest' AND o.customer_attestant_id = $2)
                       OR (o.agent_id = $1 AND o.state = 'awaiting_agent_attest' AND o.agent_attestant_id = $2)
                    ORDER BY o.number LIMIT 200) AS "attests!",
                  mandates_to_attest($2) AS "applications!",
                  (SELECT count(*) FROM orders o
                    WHERE (o.customer_id = $1 AND o.state = 'awaiting_customer_attest')
                       OR (o.agent_id = $1 AND o.state = 'awaiting_agent_attest')) AS "waiting!",
                  ARRAY (SELECT o.number FROM orders o
                    WHERE o.customer_id = $1 AND o.created_by = $3 AND o.state = 'draft' AND NOT o.placed_by_staff
                    ORDER BY o.number LIMIT 50) AS "drafts!",
                  ARRAY (SELECT o.number FROM orders o
                    WHERE o.customer_id = $1 AND o.created_by = $3 AND o.state <> 'draft' AND o.closed_at IS NULL
                    ORDER BY o.number LIMIT 50) AS "open!",
                  ARRAY (SELECT p.mandate_id FROM mandate_permission p
                    WHERE p.membership_id = $2
                      AND NOT EXISTS (SELECT FROM mandate_permission x JOIN membership m ON m.id = x.membership_id AND m.ended_at IS NULL
                                       WHERE x.mandate_id = p.mandate_id AND x.membership_id <> $2)) AS "alone_in!: Vec<MandateId>""#,
        org.0,
        contact.id.0,
        contact.person.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(LeftBehind {
        attests: row.attests,
        applications: row.applications,
        waiting: row.waiting,
        drafts: row.drafts,
        open: row.open,
        alone_in: row.alone_in,
    })
}

/// Somebody asks for roles.
#[derive(Debug)]
pub struct RequestRow {
    /// Id.
    pub id: Uuid,
    /// Whose.
    pub member: MembershipId,
    /// Name.
    pub name: String,
    /// Which.
    pub roles: Vec<String>,
    /// Why.
    pub reason: String,
    /// When.
    pub made_at: OffsetDateTime,
    /// `granted`, `declined`, `withdrawn`; `None` = open.
    pub outcome: Option<String>,
    /// Who answered.
    pub closed_by_name: String,
    /// What they said.
    pub answer: String,
}

/// The open requests of an organisation, or the latest of one member whatever became of it.
pub async fn requests(tx: &mut Tx, org: OrgId, of: Option<MembershipId>) -> Result<Vec<RequestRow>, DbError> {
    let rows = sqlx::query_as!(
        RequestRow,
        r#"SELECT q.id, q.membership_id AS "member: MembershipId", m.name, q.roles::text[] AS "roles!", q.reason, q.made_at,
                  q.outcome, q.closed_by_name, q.answer
             FROM role_request q
             JOIN membership m ON m.id = q.membership_id
            WHERE q.org_id = $1
              AND CASE WHEN $2::uuid IS NULL THEN q.closed_at IS NULL ELSE q.membership_id = $2 END
            ORDER BY q.made_at DESC
            LIMIT 100"#,
        org.0,
        of.map(|id| id.0)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// One request.
pub async fn request(tx: &mut Tx, id: Uuid) -> Result<Option<(MembershipId, Vec<String>)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT membership_id AS "member: MembershipId", roles::text[] AS "roles!" FROM role_request WHERE id = $1 AND closed_at IS NULL"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.member, row.roles)))
}

/// A colleague to choose from.
#[derive(Debug)]
pub struct Colleague {
    /// Membership.
    pub id: MembershipId,
    /// Name.
    pub name: String,
    /// Title.
    pub title: String,
}

/// The organisation's attestants.
pub async fn attestants(tx: &mut Tx, org: OrgId) -> Result<Vec<Colleague>, DbError> {
    let rows = sqlx::query_as!(
        Colleague,
        r#"SELECT m.id AS "id: MembershipId", m.name, m.title
             FROM membership m
             JOIN membership_role r ON r.membership_id = m.id AND r.role = 'attestant' AND r.in_place_of IS NULL
            WHERE m.org_id = $1
              AND m.ended_at IS NULL
            ORDER BY m.name COLLATE "sv-x-icu", m.id
            LIMIT 200"#,
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
