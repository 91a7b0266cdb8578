//! One transaction of one request. Reading ends with [`Tx::end`]; the only commit takes an audit entry.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use super::DbError;
use crate::{
    audit::Audit,
    identity::{Entered, Insight, OrgLink, Side},
    ids::{MandateId, MembershipId, OrgId, PersonId, SignatoryId, SigningId},
};

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing can be written, whatever the code tries.
    Read,
    /// Reads and writes.
    Write,
}

/// An open transaction with its role and context set, and a count of its round trips.
#[must_use]
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    mode: Mode,
    trips: Arc<AtomicU32>,
}

impl Tx {
    pub(super) async fn begin(pool: &PgPool, mode: Mode) -> Result<Self, DbError> {
        let statement = match mode {
            Mode::Read => "BEGIN READ ONLY",
            Mode::Write => "BEGIN",
        };
        let inner = pool.begin_with(statement).await?;
        Ok(Self { inner, mode, trips: Arc::new(AtomicU32::new(1)) })
    }

    /// The connection, for one query; each call counts as one round trip.
    pub fn conn(&mut self) -> &mut PgConnection {
        self.trips.fetch_add(1, Ordering::Relaxed);
        &mut self.inner
    }

    /// How many times the database has been asked so far; shared with the request's log line.
    pub fn trips(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.trips)
    }

    /// Commits together with the audit entry of what was done.
    pub async fn commit(mut self, audit: Audit) -> Result<(), DbError> {
        audit.append(&mut self).await?;
        self.finish().await
    }

    /// Commits the worker's own bookkeeping (leases, deliveries), which is not anybody's act.
    pub async fn commit_bookkeeping(self) -> Result<(), DbError> {
        self.finish().await
    }

    /// Ends a transaction that changed nothing. One that could only read is not waited for: its end goes to the database
    /// with the question the pool asks of every connection that comes back.
    pub async fn end(self) -> Result<(), DbError> {
        if self.mode == Mode::Read {
            return Ok(());
        }
        self.trips.fetch_add(1, Ordering::Relaxed);
        self.inner.rollback().await.map_err(DbError::from)
    }

    pub(super) async fn act_as(&mut self, role: &str) -> Result<(), DbError> {
        sqlx::query_scalar!(r#"SELECT set_config('role', $1, true) AS "role!""#, role)
            .fetch_one(self.conn())
            .await?;
        Ok(())
    }

    async fn finish(self) -> Result<(), DbError> {
        self.trips.fetch_add(1, Ordering::Relaxed);
        self.inner.commit().await.map_err(DbError::from)
    }
}

/// The database's role of a side, and the person's roles that see everything of the organisation, not only what the person
/// made.
fn places(side: Option<Side>) -> (&'static str, &'static str) {
    match side {
        Some(Side::Customer) => ("portal_customer", "{administrator,orderer,attestant,contract_contact}"),
        Some(Side::Agent) => ("portal_agent", "{administrator,mandate_orderer,attestant,contract_contact}"),
        Some(Side::Inera) => ("portal_staff", ""),
        Some(Side::System) | None => ("", ""),
    }
}

/// Looks the session up and, in the same statement, sets role and context until commit. The caller's statement sets them
/// because a security-definer function may not change the role.
pub(super) async fn open_session(
    tx: &mut Tx,
    token_hash: &[u8],
    side: Option<Side>,
    number: i64,
) -> Result<Option<Entered>, DbError> {
    let (role, wide) = places(side);
    let row = sqlx::query!(
        r#"SELECT c.session_id AS "session_id!", c.stale AS "stale!", c.person_id AS "person_id!: PersonId",
                  c.person_name AS "person_name!", c.org_id AS "org_id: OrgId", c.org_name, c.org_no,
                  c.membership_id AS "membership_id: MembershipId", c.roles AS "roles!",
                  c.mandates AS "mandates!: Vec<MandateId>", c.unread AS "unread!", c.email AS "email!",
                  c.orgs AS "orgs!: sqlx::types::Json<Vec<OrgLink>>",
                  c.stands_in_for AS "stands_in_for!: Vec<MembershipId>", c.strong AS "strong!", c.has_factor AS "has_factor!",
                  set_config('portal.person', c.person_id::text, true) AS set_person,
                  set_config('portal.org', coalesce(c.org_id::text, ''), true) AS set_org,
                  set_config('portal.membership', coalesce(c.membership_id::text, ''), true) AS set_membership,
                  set_config('portal.mandates', c.mandates::text, true) AS set_mandates,
                  set_config('portal.sees_all', ($5 = '' OR c.roles && $5::text[])::text, true) AS set_sees_all,
                  CASE WHEN $4 <> '' THEN set_config('role', CASE WHEN c.org_id IS NULL THEN 'portal_public' ELSE $4 END, true) END AS set_role
             FROM session_entry($1, $2, $3) c"#,
        token_hash,
        side as Option<Side>,
        number,
        role,
        wide
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Entered {
        session_id: row.session_id,
        stale: row.stale,
        person_id: row.person_id,
        person_name: row.person_name,
        org_id: row.org_id,
        org_name: row.org_name.unwrap_or_default(),
        org_no: row.org_no.unwrap_or_default(),
        membership_id: row.membership_id,
        roles: row.roles,
        mandates: row.mandates,
        unread: row.unread,
        email: row.email,
        orgs: row.orgs.0,
        stands_in_for: row.stands_in_for,
        strong: row.strong,
        has_factor: row.has_factor,
        insight: None,
    }))
}

/// The same for somebody of Kundservice who looks at an organisation as one of its contacts sees it.
pub(super) async fn open_insight(
    tx: &mut Tx,
    token_hash: &[u8],
    side: Side,
    number: i64,
) -> Result<Option<Entered>, DbError> {
    let (role, wide) = places(Some(side));
    let row = sqlx::query!(
        r#"SELECT c.session_id AS "session_id!", c.person_id AS "person_id!: PersonId", c.person_name AS "person_name!",
                  c.org_id AS "org_id!: OrgId", c.org_name AS "org_name!", c.org_no AS "org_no!",
                  c.membership_id AS "membership_id!: MembershipId", c.roles AS "roles!", c.mandates AS "mandates!: Vec<MandateId>",
                  c.email AS "email!", c.orgs AS "orgs!: sqlx::types::Json<Vec<OrgLink>>",
                  c.stands_in_for AS "stands_in_for!: Vec<MembershipId>", c.staff_id AS "staff!: PersonId",
                  c.staff_name AS "staff_name!", c.ends_at AS "until!",
                  set_config('portal.person', c.person_id::text, true) AS set_person,
                  set_config('portal.org', c.org_id::text, true) AS set_org,
                  set_config('portal.membership', c.membership_id::text, true) AS set_membership,
                  set_config('portal.mandates', c.mandates::text, true) AS set_mandates,
                  set_config('portal.sees_all', (c.roles && $5::text::text[])::text, true) AS set_sees_all,
                  set_config('role', $4, true) AS set_role
             FROM insight_entry($1, $2, $3) c"#,
        token_hash,
        side as Side,
        number,
        role,
        wide
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Entered {
        session_id: row.session_id,
        stale: false,
        person_id: row.person_id,
        person_name: row.person_name,
        org_id: Some(row.org_id),
        org_name: row.org_name,
        org_no: row.org_no,
        membership_id: Some(row.membership_id),
        roles: row.roles,
        mandates: row.mandates,
        unread: 0,
        email: row.email,
        orgs: row.orgs.0,
        stands_in_for: row.stands_in_for,
        strong: true,
        has_factor: false,
        insight: Some(Insight { staff: row.staff, staff_name: row.staff_name, until: row.until }),
    }))
}

/// Sets role and context for the holder of a signing link; `None` when there is no such link.
pub(super) async fn open_signing(
    tx: &mut Tx,
    link_sha256: &[u8],
) -> Result<Option<(SignatoryId, SigningId)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT signatory_id AS "signatory!: SignatoryId", signing_id AS "signing!: SigningId" FROM open_signing($1)"#,
        link_sha256
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.signatory, row.signing)))
}

/// Is it a demo's database, and does the secret's mark fit the one it remembers?
pub(super) async fn installation(tx: &mut Tx, secret_mark: &[u8]) -> Result<(bool, bool), DbError> {
    let row =
        sqlx::query!(r#"SELECT is_demo_database() AS "is_demo!", secret_fits($1) AS "fits!""#, secret_mark)
            .fetch_one(tx.conn())
            .await?;
    Ok((row.is_demo, row.fits))
}

pub(super) async fn newest_migration(tx: &mut Tx) -> Result<i64, DbError> {
    let newest = sqlx::query_scalar!(r#"SELECT schema_version() AS "version!""#).fetch_one(tx.conn()).await?;
    Ok(newest)
}

/// Everything that would let the login role see past row-level security.
pub(super) async fn login_faults(tx: &mut Tx) -> Result<Vec<String>, DbError> {
    let faults = sqlx::query_scalar!(
        r#"SELECT 'the login role ' || rolname || ' is a superuser or bypasses row security' AS "fault!"
             FROM pg_roles
            WHERE rolname = session_user AND (rolsuper OR rolbypassrls)
            UNION ALL
           SELECT 'the login role owns table ' || c.relname
             FROM pg_class c
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
              AND pg_has_role(session_user, c.relowner, 'USAGE')
            UNION ALL
           SELECT 'table ' || c.relname || ' has a tenant but no forced row security'
             FROM pg_class c
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
              AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
              AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('customer_id', 'agent_id', 'org_id'))
            LIMIT 50"#
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(faults)
}
