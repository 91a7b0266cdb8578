//! Invitations in the database (`0019`).

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    db::{DbError, Tx},
    identity::{Side, second::Beginning},
    ids::{self, ConfirmationId, MandateId, MembershipId, OrgId, PersonId},
};

/// An invitation about to be sent.
#[derive(Debug)]
pub(super) struct NewInvitation<'a> {
    pub id: Uuid,
    pub org: OrgId,
    pub name: &'a str,
    pub email: &'a str,
    pub title: &'a str,
    pub roles: &'a [String],
    pub mandates: &'a [MandateId],
    pub link_sha256: &'a [u8],
    pub sent_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
    pub by: PersonId,
    pub side: Side,
    pub confirmation: ConfirmationId,
    /// How Kundservice knows that the organisation wants the person, when it invites.
    pub authority: Option<&'a str>,
}

pub(super) async fn insert(tx: &mut Tx, new: &NewInvitation<'_>) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO invitation (id, org_id, name, email, title, roles, mandates, link_sha256, sent_at, expires_at, invited_by, side,
                                 confirmation_id, authority)
         VALUES ($1, $2, $3, $4, $5, $6::text[]::role[], $7, $8, $9, $10, $11, $12, $13, $14)",
        new.id,
        new.org.0,
        new.name,
        new.email,
        new.title,
        new.roles,
        new.mandates as &[MandateId],
        new.link_sha256,
        new.sent_at,
        new.expires_at,
        new.by.0,
        new.side as Side,
        new.confirmation.0,
        new.authority
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A new sending; false when it is not open, or somebody was first.
pub(super) async fn resend(
    tx: &mut Tx,
    (id, round): (Uuid, i32),
    link_sha256: &[u8],
    (sent_at, expires_at): (OffsetDateTime, OffsetDateTime),
    by: PersonId,
) -> Result<bool, DbError> {
    let sent = sqlx::query!(
        "UPDATE invitation SET round = $2, link_sha256 = $3, sent_at = $4, expires_at = $5, invited_by = $6
          WHERE id = $1 AND round = $2 - 1 AND accepted_at IS NULL AND revoked_at IS NULL",
        id,
        round,
        link_sha256,
        sent_at,
        expires_at,
        by.0
    )
    .execute(tx.conn())
    .await?;
    Ok(sent.rows_affected() == 1)
}

/// Takes it back; false when it is not open.
pub(super) async fn revoke(tx: &mut Tx, id: Uuid, at: OffsetDateTime) -> Result<bool, DbError> {
    let revoked = sqlx::query!(
        "UPDATE invitation SET revoked_at = $2 WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
        id,
        at
    )
    .execute(tx.conn())
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// An invitation nobody has answered.
#[derive(Clone, Debug)]
pub struct InvitationRow {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Roles it gives.
    pub roles: Vec<String>,
    /// How many times it has been sent.
    pub round: i32,
    /// Last sent.
    pub sent_at: OffsetDateTime,
    /// Can be answered until.
    pub expires_at: OffsetDateTime,
    /// Who sent it.
    pub invited_by_name: String,
}

pub(super) async fn open(tx: &mut Tx, org: OrgId) -> Result<Vec<InvitationRow>, DbError> {
    let rows = sqlx::query_as!(
        InvitationRow,
        r#"SELECT id, name, email, roles::text[] AS "roles!", round, sent_at, expires_at, invited_by_name
             FROM invitation
            WHERE org_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL
            ORDER BY name COLLATE "sv-x-icu", id
            LIMIT 200"#,
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Those that Kundservice has sent to an organisation without an administrator, and nobody has answered.
pub(super) async fn open_of_staff(tx: &mut Tx, org: OrgId) -> Result<Vec<(InvitationRow, String)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT id, name, email, roles::text[] AS "roles!", round, sent_at, expires_at, invited_by_name, authority AS "authority!"
             FROM invitation
            WHERE org_id = $1 AND authority IS NOT NULL AND accepted_at IS NULL AND revoked_at IS NULL AND erased_at IS NULL
            ORDER BY name COLLATE "sv-x-icu", id
            LIMIT 200"#,
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|found| {
            let invitation = InvitationRow {
                id: found.id,
                name: found.name,
                email: found.email,
                roles: found.roles,
                round: found.round,
                sent_at: found.sent_at,
                expires_at: found.expires_at,
                invited_by_name: found.invited_by_name,
            };
            (invitation, found.authority)
        })
        .collect())
}

/// What a link leads to.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Organisation.
    pub org_name: String,
    /// Who is invited.
    pub name: String,
    /// Address it was sent to.
    pub email: String,
    /// Who invited.
    pub invited_by_name: String,
    /// Roles it gives.
    pub roles: Vec<String>,
    /// Can be answered until.
    pub expires_at: OffsetDateTime,
    /// Why it can't be used: `accepted`, `revoked`, `expired`, `inviter_left`.
    pub closed: Option<String>,
    /// Is there an account with this address?
    pub has_account: bool,
}

pub(super) async fn by_link(tx: &mut Tx, link: &[u8], at: OffsetDateTime) -> Result<Option<Opened>, DbError> {
    let row = sqlx::query_as!(
        Opened,
        r#"SELECT org_name AS "org_name!", name AS "name!", email AS "email!", invited_by_name AS "invited_by_name!", roles AS "roles!",
                  expires_at AS "expires_at!", closed, has_account AS "has_account!"
             FROM invitation_by_link($1, $2)"#,
        link,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// What the database answered to a yes.
#[derive(Debug)]
pub(super) struct Answer {
    pub outcome: String,
    pub person: Option<PersonId>,
    pub org: Option<OrgId>,
    pub membership: Option<MembershipId>,
}

pub(super) async fn accept(
    tx: &mut Tx,
    link: &[u8],
    session: &[u8],
    membership: Uuid,
    at: OffsetDateTime,
) -> Result<Option<Answer>, DbError> {
    let row = sqlx::query_as!(
        Answer,
        r#"SELECT outcome AS "outcome!", person_id AS "person: PersonId", org_id AS "org: OrgId", membership_id AS "membership: MembershipId"
             FROM invitation_accept($1, $2, $3, $4)"#,
        link,
        session,
        membership,
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Somebody new.
pub(super) struct NewPerson<'a> {
    pub name: Option<&'a str>,
    pub hash: Option<&'a str>,
    pub eid: Option<&'a (Vec<u8>, String, String)>,
    pub passkey: Option<&'a Beginning>,
}

pub(super) async fn accept_new(
    tx: &mut Tx,
    link: &[u8],
    new: &NewPerson<'_>,
    at: OffsetDateTime,
) -> Result<Option<Answer>, DbError> {
    let row = sqlx::query_as!(
        Answer,
        r#"SELECT outcome AS "outcome!", person_id AS "person: PersonId", org_id AS "org: OrgId", membership_id AS "membership: MembershipId"
             FROM invitation_accept_new($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"#,
        link,
        new.passkey.map_or_else(ids::fresh, |passkey| passkey.person.0),
        ids::fresh(),
        new.name,
        new.hash,
        ids::fresh(),
        new.eid.map(|(mark, ..)| mark.as_slice()),
        new.eid.map(|(_, code, _)| code.as_str()),
        new.eid.map(|(.., name)| name.as_str()),
        new.passkey.map(|passkey| passkey.id),
        new.passkey.map(|passkey| passkey.sealed.as_slice()),
        new.passkey.map(|passkey| passkey.credential.as_slice()),
        new.passkey.map(|passkey| passkey.hashes.as_slice()),
        at
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}
