//! The worker's causes: claim with a lease, who is to be told, mails and notices made of them.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    agreements::SigningState,
    calendar::next_morning,
    db::{DbError, Tx},
    identity::Side,
    ids::{self, AgreementId, MembershipId, OrderId, OrgId, PersonId, SignatoryId, SigningId},
    mandates,
    orders::{self, Route, State},
};

/// A cause that is due.
#[derive(Debug)]
pub(super) struct Due {
    pub id: Uuid,
    pub cause: String,
    pub order: Option<OrderId>,
    pub signing: Option<SigningId>,
    pub member: Option<MembershipId>,
    pub request: Option<Uuid>,
    pub invitation: Option<Uuid>,
    pub account: Option<Uuid>,
    pub organisation: Option<Uuid>,
    pub joining: Option<Uuid>,
    pub application: Option<Uuid>,
    pub mandate: Option<Uuid>,
    pub seq: i32,
    pub message: Option<Uuid>,
    pub attempts: i32,
}

/// Takes one due cause for a minute: a worker that dies leaves it to come due again.
pub(super) async fn claim_notification(tx: &mut Tx, now: OffsetDateTime) -> Result<Option<Due>, DbError> {
    let due = sqlx::query_as!(
        Due,
        r#"UPDATE notification SET attempts = attempts + 1, due_at = $1::timestamptz + interval '1 minute'
            WHERE id = (SELECT n.id FROM notification n
                         WHERE n.done_at IS NULL AND n.dead_at IS NULL AND n.due_at <= $1
                         ORDER BY n.due_at, n.id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, cause::text AS "cause!", order_id AS "order: OrderId", signing_id AS "signing: SigningId",
                  member_id AS "member: MembershipId", role_request_id AS request, invitation_id AS invitation,
                  account_event_id AS account, org_event_id AS organisation, join_request_id AS joining, application_id AS application,
                  mandate_application_id AS mandate, seq,
                  message_id AS message, attempts"#,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(due)
}

/// The cause of a mail that was written earlier.
pub(super) async fn cause(tx: &mut Tx, id: Uuid) -> Result<Option<Due>, DbError> {
    let due = sqlx::query_as!(
        Due,
        r#"SELECT id, cause::text AS "cause!", order_id AS "order: OrderId", signing_id AS "signing: SigningId",
                  member_id AS "member: MembershipId", role_request_id AS request, invitation_id AS invitation,
                  account_event_id AS account, org_event_id AS organisation, join_request_id AS joining, application_id AS application,
                  mandate_application_id AS mandate, seq, message_id AS message, attempts
             FROM notification WHERE id = $1"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(due)
}

/// The order and event behind a cause.
#[derive(Debug)]
pub(super) struct Subject {
    pub route: Route,
    pub state: State,
    pub revision: i32,
    pub customer: OrgId,
    pub agent: Option<OrgId>,
    pub mandate: Option<Uuid>,
    pub customer_attestant: Option<MembershipId>,
    pub agent_attestant: Option<MembershipId>,
    pub orderer: PersonId,
    pub from_state: Option<State>,
    pub to_state: Option<State>,
    pub side: Option<Side>,
    pub message_side: Option<Side>,
    pub service_code: String,
    pub customer_name: String,
    pub agent_name: String,
}

pub(super) async fn subject(tx: &mut Tx, due: &Due) -> Result<Option<Subject>, DbError> {
    let subject = sqlx::query_as!(
        Subject,
        r#"SELECT o.route AS "route: Route", o.state AS "state: State", o.revision, o.customer_id AS "customer: OrgId",
                  o.agent_id AS "agent: OrgId", o.mandate_id AS mandate,
                  o.customer_attestant_id AS "customer_attestant: MembershipId",
                  o.agent_attestant_id AS "agent_attestant: MembershipId",
                  coalesce(o.submitted_by, o.created_by) AS "orderer!: PersonId",
                  e.from_state AS "from_state?: State", e.to_state AS "to_state?: State", e.side AS "side?: Side",
                  m.side AS "message_side?: Side", o.service_code, o.customer_name, o.agent_name
             FROM orders o
             LEFT JOIN order_event e ON e.order_id = o.id AND e.seq = $2
             LEFT JOIN order_message m ON m.id = $3
            WHERE o.id = $1"#,
        due.order.map(|id| id.0),
        due.seq,
        due.message
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(subject)
}

/// Somebody to tell.
#[derive(Clone, Debug)]
pub(super) struct Recipient {
    pub org: OrgId,
    pub membership: Option<MembershipId>,
    pub person: Option<PersonId>,
    /// Somebody named to sign, who has no account.
    pub signatory: Option<SignatoryId>,
}

struct MemberPair {
    membership: MembershipId,
    person: PersonId,
}

/// The person's place in the organisation, if it is still there.
pub(super) async fn member(tx: &mut Tx, org: OrgId, person: PersonId) -> Result<Vec<Recipient>, DbError> {
    let rows = sqlx::query_as!(
        MemberPair,
        r#"SELECT id AS "membership: MembershipId", person_id AS "person: PersonId"
             FROM membership WHERE org_id = $1 AND person_id = $2 AND ended_at IS NULL AND blocked_at IS NULL"#,
        org.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(recipients(org, rows))
}

/// Those who are told when somebody comes, asks or is changed in an organisation: its administrators; at Inera the
/// systemadministratörer, and the granskare, so that no systemadministratör lets anybody in unseen.
pub(super) async fn administrators(tx: &mut Tx, org: OrgId) -> Result<Vec<Recipient>, DbError> {
    let role = sqlx::query_scalar!("SELECT gives_roles($1)::text", org.0).fetch_one(tx.conn()).await?;
    let role = role.unwrap_or_default();
    let mut told = with_role(tx, org, &role, None).await?;
    if role == "sysadmin" {
        let others = with_role(tx, org, "auditor", None).await?;
        let fresh: Vec<Recipient> = others
            .into_iter()
            .filter(|other| !told.iter().any(|one| one.membership == other.membership))
            .collect();
        told.extend(fresh);
    }
    Ok(told)
}

/// Everybody with a role in the organisation, or the one named and who stands in for that one.
pub(super) async fn with_role(
    tx: &mut Tx,
    org: OrgId,
    role: &str,
    named: Option<MembershipId>,
) -> Result<Vec<Recipient>, DbError> {
    let rows = sqlx::query_as!(
        MemberPair,
        r#"SELECT m.id AS "membership: MembershipId", m.person_id AS "person: PersonId"
             FROM membership m
             JOIN membership_role r ON r.membership_id = m.id AND r.role::text = $2
            WHERE m.org_id = $1
              AND m.ended_at IS NULL
              AND ($3::uuid IS NULL OR $3 IN (m.id, r.in_place_of))
            ORDER BY m.id
            LIMIT 500"#,
        org.0,
        role,
        named.map(|id| id.0)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(recipients(org, rows))
}

/// The one with this place, if still there.
pub(super) async fn by_id(tx: &mut Tx, org: OrgId, member: MembershipId) -> Result<Vec<Recipient>, DbError> {
    let rows = sqlx::query_as!(
        MemberPair,
        r#"SELECT id AS "membership: MembershipId", person_id AS "person: PersonId"
             FROM membership WHERE org_id = $1 AND id = $2 AND ended_at IS NULL"#,
        org.0,
        member.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(recipients(org, rows))
}

/// The handlers with permission in a mandate.
pub(super) async fn handlers(tx: &mut Tx, agent: OrgId, mandate: Uuid) -> Result<Vec<Recipient>, DbError> {
    let rows = sqlx::query_as!(
        MemberPair,
        r#"SELECT m.id AS "membership: MembershipId", m.person_id AS "person: PersonId"
             FROM mandate_handler h
             JOIN membership m ON m.id = h.membership_id AND m.ended_at IS NULL
             JOIN membership_role r ON r.membership_id = m.id AND r.role = 'agent_handler'
            WHERE h.mandate_id = $1
              AND h.agent_id = $2
            ORDER BY m.id
            LIMIT 500"#,
        mandate,
        agent.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(recipients(agent, rows))
}

/// Inera itself.
pub(super) async fn inera(tx: &mut Tx) -> Result<Option<OrgId>, DbError> {
    let inera = sqlx::query_scalar!(r#"SELECT id AS "id: OrgId" FROM organisation WHERE is_inera"#)
        .fetch_optional(tx.conn())
        .await?;
    Ok(inera)
}

/// Kundservice's common address. Its people see the matter in their queue, so they get no notice each.
pub(super) async fn support(tx: &mut Tx) -> Result<Vec<Recipient>, DbError> {
    let common = |org| Recipient { org, membership: None, person: None, signatory: None };
    Ok(inera(tx).await?.map(common).into_iter().collect())
}

fn recipients(org: OrgId, rows: Vec<MemberPair>) -> Vec<Recipient> {
    rows.into_iter()
        .map(|row| Recipient {
            org,
            membership: Some(row.membership),
            person: Some(row.person),
            signatory: None,
        })
        .collect()
}

/// What a notice leads to beside an order.
#[derive(Clone, Copy, Debug)]
pub(super) enum NoticeAbout {
    /// The order.
    Order,
    /// An agreement.
    Agreement(AgreementId),
    /// Somebody's place in the organisation; the notice leads to the second.
    Member(MembershipId, MembershipId),
    /// The organisation's data.
    Organisation,
    /// An application for an agentuppdrag.
    Mandate,
    /// Nothing: only a mail is sent.
    Nothing,
}

/// May a mail wait for the day's digest? What is about an order or an agentuppdrag may, and what asks somebody to see to a request or an
/// application, for somebody with a place. What guards accounts, roles and an organisation's data, and what is about signing, may
/// not (portal.md 2.99; the table refuses it too).
pub(super) fn may_wait(code: &str, to_member: bool, of_matter: bool) -> bool {
    to_member && (of_matter || matches!(code, "N-06" | "N-12" | "N-35" | "N-36" | "N-128" | "N-190"))
}

/// One to be told of a cause.
#[derive(Debug)]
pub(super) struct Told {
    pub about: NoticeAbout,
    /// The notification's number in the catalogue.
    pub code: &'static str,
    pub to: Recipient,
    /// The notice's line; a mail makes its own.
    pub says: String,
}

impl Told {
    /// Tells by mail alone.
    pub(super) fn by_mail(code: &'static str, to: Recipient) -> Self {
        Self { about: NoticeAbout::Nothing, code, to, says: String::new() }
    }
}

/// What notices have asked for of a matter is over when it has moved on: they are read. An event that is not the newest says nothing of
/// the one after it.
pub(super) async fn asks_are_over(tx: &mut Tx, due: &Due, now: OffsetDateTime) -> Result<(), DbError> {
    let of_order: Vec<String> = orders::mails::ASKS.map(str::to_owned).to_vec();
    let of_mandate: Vec<String> = mandates::mails::ASKS.map(str::to_owned).to_vec();
    sqlx::query!(
        "UPDATE notice n SET read_at = $4
          WHERE n.read_at IS NULL
            AND ((n.order_id = $1 AND n.code = ANY ($5) AND EXISTS (SELECT FROM orders o WHERE o.id = $1 AND o.revision = $3))
              OR (n.mandate_application_id = $2 AND n.code = ANY ($6)
                  AND EXISTS (SELECT FROM mandate_application a WHERE a.id = $2 AND a.revision = $3)))",
        due.order.map(|id| id.0),
        due.mandate,
        due.seq,
        now,
        &of_order,
        &of_mandate
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes one mail and, for a person, one notice. The mail waits for a digest when the person has chosen so and it may. The key makes a second expansion change nothing.
pub(super) async fn insert_told(
    tx: &mut Tx,
    due: &Due,
    Told { about, code, to, says }: Told,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    let whose = match (to.membership, to.signatory) {
        (Some(membership), _) => membership.to_string(),
        (None, Some(signatory)) => signatory.to_string(),
        (None, None) => to.org.to_string(),
    };
    let (agreement, member, shown) = match about {
        NoticeAbout::Agreement(id) => (Some(id), None, None),
        NoticeAbout::Member(id, shown) => (None, Some(id), Some(shown)),
        _ => (None, None, None),
    };
    let may_wait = may_wait(code, to.membership.is_some(), due.order.is_some() || due.mandate.is_some());
    let fresh = sqlx::query!(
        "INSERT INTO mail (id, notification_id, key, code, order_id, signing_id, seq, org_id, membership_id, signatory_id, due_at, member_id,
                           invitation_id, account_event_id, org_event_id, join_request_id, application_id, mandate_application_id, held)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN q.held THEN $20::timestamptz ELSE $11 END, $12, $13, $14, $15, $16, $17, $18, q.held
           FROM (SELECT $19 AND EXISTS (SELECT FROM membership m JOIN person p ON p.id = m.person_id AND p.mails_daily WHERE m.id = $9) AS held) q
         ON CONFLICT (key) DO NOTHING",
        ids::fresh(),
        due.id,
        format!("{code}:{}:{whose}", due.id),
        code,
        due.order.map(|id| id.0),
        due.signing.map(|id| id.0),
        due.seq,
        to.org.0,
        to.membership.map(|id| id.0),
        to.signatory.map(|id| id.0),
        now,
        member.map(|id| id.0),
        due.invitation,
        due.account,
        due.organisation,
        due.joining,
        due.application,
        due.mandate,
        may_wait,
        next_morning(now)
    )
    .execute(tx.conn())
    .await?;
    if let (1, Some(person), false) =
        (fresh.rows_affected(), to.person, matches!(about, NoticeAbout::Nothing))
    {
        sqlx::query!(
            "INSERT INTO notice (id, org_id, person_id, order_id, agreement_id, code, title, created_at, member_id,
                                 org_event_id, mandate_application_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            ids::fresh(),
            to.org.0,
            person.0,
            due.order.map(|id| id.0),
            agreement.map(|id| id.0),
            code,
            says,
            now,
            shown.map(|id| id.0),
            due.organisation,
            due.mandate
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

pub(super) async fn notification_done(tx: &mut Tx, id: Uuid, now: OffsetDateTime) -> Result<(), DbError> {
    sqlx::query!("UPDATE notification SET done_at = $2, last_error = '' WHERE id = $1", id, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn notification_failed(
    tx: &mut Tx,
    id: Uuid,
    retry_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
    error: &str,
) -> Result<(), DbError> {
    sqlx::query!(
        "UPDATE notification SET last_error = left($3, 500), due_at = coalesce($2, due_at), dead_at = CASE WHEN $2::timestamptz IS NULL THEN $4::timestamptz END
          WHERE id = $1",
        id,
        retry_at,
        error,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Those named in a round of signing; only those who have not signed when `remaining`.
pub(super) async fn named(
    tx: &mut Tx,
    signing: SigningId,
    remaining: bool,
) -> Result<Vec<Recipient>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT org_id AS "org: OrgId", id AS "id: SignatoryId"
             FROM signatory
            WHERE signing_id = $1
              AND (NOT $2 OR signed_at IS NULL)
            ORDER BY place
            LIMIT 10"#,
        signing.0,
        remaining
    )
    .fetch_all(tx.conn())
    .await?;
    let recipient = |org, id| Recipient { org, membership: None, person: None, signatory: Some(id) };
    Ok(rows.into_iter().map(|row| recipient(row.org, row.id)).collect())
}

/// The state an event of signing led to; `None` for the sending itself.
pub(super) async fn signing_event(
    tx: &mut Tx,
    signing: SigningId,
    seq: i32,
) -> Result<Option<SigningState>, DbError> {
    let state = sqlx::query_scalar!(
        r#"SELECT to_state AS "to: SigningState" FROM signing_event WHERE signing_id = $1 AND seq = $2"#,
        signing.0,
        seq
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(state)
}

/// When the next thing of either kind is due.
pub(super) async fn next_due(tx: &mut Tx) -> Result<Option<OffsetDateTime>, DbError> {
    let next = sqlx::query_scalar!(
        "SELECT min(due) FROM (
           (SELECT due_at AS due FROM notification WHERE done_at IS NULL AND dead_at IS NULL ORDER BY due_at LIMIT 1)
           UNION ALL
           (SELECT due_at FROM mail WHERE sent_at IS NULL AND dropped_at IS NULL AND dead_at IS NULL AND NOT held ORDER BY due_at LIMIT 1)) x"
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(next)
}
