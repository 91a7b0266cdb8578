//! What the worker reads and writes about contacts: events, requests, invitations, roles that run out.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::{
    contacts::mails::Happened,
    db::{DbError, Tx},
    ids::{self, MembershipId, OrgId, PersonId},
};

/// An event of somebody's place and whom it touches.
#[derive(Debug)]
pub(super) struct MemberEvent {
    pub org: OrgId,
    pub org_name: String,
    pub person: PersonId,
    pub substitute: Option<MembershipId>,
    pub happened: Happened,
    /// Where the organisation's pages start.
    pub base: String,
}

/// Where an organisation's pages start: as a customer, else as an agent.
pub(super) fn base(customer_no: Option<i64>, agent_no: Option<i64>) -> String {
    match (customer_no, agent_no) {
        (Some(no), _) => format!("/kund/{no}"),
        (None, Some(no)) => format!("/agent/{no}"),
        (None, None) => "/inera".to_owned(),
    }
}

pub(super) async fn member_event(
    tx: &mut Tx,
    member: MembershipId,
    seq: i32,
) -> Result<Option<MemberEvent>, DbError> {
    let row = sqlx::query!(
        r#"SELECT e.org_id AS "org: OrgId", o.name AS org_name, o.customer_no, o.agent_no, m.person_id AS "person: PersonId", m.name,
                  e.kind::text AS "kind!", e.given::text[] AS "given!", e.taken::text[] AS "taken!",
                  (e.permitted <> '{}' OR e.barred <> '{}') AS "mandates_changed!", (e.side = 'inera' AND NOT o.is_inera) AS "by_staff!", e.from_on, e.until_on,
                  e.actor_name, coalesce(e.actor_id = m.person_id, false) AS "own!", ARRAY (SELECT jsonb_object_keys(e.wanted)) AS "fields!",
                  e.substitute_id AS "substitute: MembershipId", s.name AS "substitute_name?",
                  (SELECT i.email FROM invitation i WHERE i.membership_id = e.membership_id AND i.accepted_at = e.at) AS invited
             FROM member_event e
             JOIN membership m ON m.id = e.membership_id
             JOIN organisation o ON o.id = e.org_id
             LEFT JOIN membership s ON s.id = e.substitute_id
            WHERE e.membership_id = $1
              AND e.seq = $2"#,
        member.0,
        seq
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| MemberEvent {
        org: row.org,
        org_name: row.org_name,
        person: row.person,
        substitute: row.substitute,
        base: base(row.customer_no, row.agent_no),
        happened: Happened {
            kind: row.kind,
            given: row.given,
            taken: row.taken,
            by_staff: row.by_staff,
            mandates_changed: row.mandates_changed,
            days: row.from_on.zip(row.until_on),
            name: row.name,
            substitute: row.substitute_name.unwrap_or_default(),
            invited: row.invited.unwrap_or_default(),
            by: row.actor_name,
            own: row.own,
            fields: row.fields,
        },
    }))
}

/// Can the link to a contact's new address still be opened?
pub(super) async fn claim_is_open(
    tx: &mut Tx,
    (member, seq): (MembershipId, i32),
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let open = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM member_email_claim c
                           WHERE c.membership_id = $1 AND c.seq = $2 AND c.used_at IS NULL AND c.expires_at > $3
                             AND NOT EXISTS (SELECT FROM member_email_claim x WHERE x.membership_id = $1 AND x.seq > $2)) AS "open!""#,
        member.0,
        seq,
        now
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(open)
}

/// Somebody asks for roles, and what became of it.
#[derive(Debug)]
pub(super) struct Asked {
    pub org: OrgId,
    pub org_name: String,
    pub member: MembershipId,
    pub name: String,
    pub roles: Vec<String>,
    pub open: bool,
    pub base: String,
}

pub(super) async fn request(tx: &mut Tx, id: Uuid) -> Result<Option<Asked>, DbError> {
    let row = sqlx::query!(
        r#"SELECT q.org_id AS "org: OrgId", o.name AS org_name, o.customer_no, o.agent_no, q.membership_id AS "member: MembershipId",
                  m.name, q.roles::text[] AS "roles!", q.closed_at IS NULL AS "open!"
             FROM role_request q
             JOIN membership m ON m.id = q.membership_id
             JOIN organisation o ON o.id = q.org_id
            WHERE q.id = $1"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Asked {
        org: row.org,
        org_name: row.org_name,
        member: row.member,
        name: row.name,
        roles: row.roles,
        open: row.open,
        base: base(row.customer_no, row.agent_no),
    }))
}

/// An invitation as its mails need it.
#[derive(Debug)]
pub(super) struct Invited {
    pub org: OrgId,
    pub org_name: String,
    pub name: String,
    pub by_name: String,
    pub by: PersonId,
    pub roles: Vec<String>,
    pub round: i32,
    pub open: bool,
    pub expires_at: OffsetDateTime,
    pub base: String,
    /// The application it is of, by number.
    pub application: Option<String>,
    /// Has Kundservice sent it?
    pub by_staff: bool,
}

pub(super) async fn invitation(tx: &mut Tx, id: Uuid) -> Result<Option<Invited>, DbError> {
    let row = sqlx::query!(
        r#"SELECT i.org_id AS "org: OrgId", o.name AS org_name, o.customer_no, o.agent_no, i.name, i.invited_by_name,
                  i.invited_by AS "by: PersonId", i.roles::text[] AS "roles!", i.round, (i.accepted_at IS NULL AND i.revoked_at IS NULL) AS "open!", i.expires_at,
                  a.number AS "application?", i.authority IS NOT NULL AS "by_staff!"
             FROM invitation i
             LEFT JOIN application a ON a.id = i.application_id
             JOIN organisation o ON o.id = i.org_id
            WHERE i.id = $1"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Invited {
        org: row.org,
        org_name: row.org_name,
        name: row.name,
        by_name: row.invited_by_name,
        by: row.by,
        roles: row.roles,
        round: row.round,
        open: row.open,
        expires_at: row.expires_at,
        base: base(row.customer_no, row.agent_no),
        application: row.application,
        by_staff: row.by_staff,
    }))
}

/// Notes that invitations have run out, once for each sending.
pub(super) async fn insert_expired_invitations(tx: &mut Tx, now: OffsetDateTime) -> Result<u64, DbError> {
    let week_ago = now - time::Duration::days(7);
    let rows = sqlx::query!(
        r#"SELECT id, round FROM invitation
            WHERE accepted_at IS NULL AND revoked_at IS NULL AND expires_at <= $1 AND expires_at > $2
              AND NOT EXISTS (SELECT FROM notification n WHERE n.key = 'invitation expired:' || invitation.id || ':' || invitation.round)
            ORDER BY expires_at
            LIMIT 500"#,
        now,
        week_ago
    )
    .fetch_all(tx.conn())
    .await?;
    let mut made = 0;
    for row in rows {
        let done = sqlx::query!(
            "INSERT INTO notification (id, key, cause, invitation_id, seq, due_at) VALUES ($1, $2, 'reminder', $3, $4, $5)
             ON CONFLICT (key) DO NOTHING",
            ids::fresh(),
            format!("invitation expired:{}:{}", row.id, row.round),
            row.id,
            row.round,
            now
        )
        .execute(tx.conn())
        .await?;
        made += done.rows_affected();
    }
    Ok(made)
}

/// Contacts with a role whose last day has passed.
pub(super) async fn with_passed_roles(
    tx: &mut Tx,
    today: Date,
) -> Result<Vec<(OrgId, MembershipId)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT g.org_id AS "org: OrgId", g.membership_id AS "member: MembershipId"
             FROM role_grant g
            WHERE g.valid_to < $1
            LIMIT 200"#,
        today
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.org, row.member)).collect())
}

/// Something that happened to an account.
#[derive(Debug)]
pub(super) struct AccountEvent {
    pub kind: String,
    pub has_owner: bool,
    /// Is the owner's account blocked?
    pub blocked: bool,
    pub expires_at: Option<OffsetDateTime>,
    pub used: bool,
}

pub(super) async fn account_event(tx: &mut Tx, id: Uuid) -> Result<Option<AccountEvent>, DbError> {
    let event = sqlx::query_as!(
        AccountEvent,
        r#"SELECT e.kind, e.person_id IS NOT NULL AS "has_owner!", p.blocked_at IS NOT NULL AS "blocked!", e.expires_at, e.used_at IS NOT NULL AS "used!"
             FROM account_event e LEFT JOIN person p ON p.id = e.person_id WHERE e.id = $1"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(event)
}
