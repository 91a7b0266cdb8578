//! Reading agreements for pages.

use time::{Date, OffsetDateTime};

use super::domain::{By, Kind, SigningState, Status};
use crate::{
    db::{DbError, Tx},
    ids::{AgreementId, OrgId, SignatoryId, SigningId},
};

/// An agreement as its page shows it.
#[derive(Debug)]
pub struct AgreementRow {
    /// Id.
    pub id: AgreementId,
    /// Whose.
    pub org: OrgId,
    /// Their name.
    pub org_name: String,
    /// Their number as a customer.
    pub customer_no: Option<i64>,
    /// What.
    pub kind: Kind,
    /// Number.
    pub number: String,
    /// The one service of an older agreement.
    pub service_code: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// How many must sign.
    pub needed: i32,
    /// The text; empty for agreements older than the portal.
    pub body: String,
    /// Its hash.
    pub body_sha256: Vec<u8>,
    /// The template and its version.
    pub template: String,
    /// In force from.
    pub valid_from: Option<Date>,
    /// In force until.
    pub valid_to: Option<Date>,
    /// The newest round of signing.
    pub signing: Option<SigningId>,
    /// Where that stands.
    pub signing_state: Option<SigningState>,
    /// When it was sent.
    pub sent_at: Option<OffsetDateTime>,
    /// By whom.
    pub sent_by: Option<String>,
    /// Until when it can be signed.
    pub expires_at: Option<OffsetDateTime>,
    /// The round's number of events.
    pub revision: Option<i32>,
    /// The party's number: as an agent for an agent agreement, else as a customer.
    pub party_no: Option<i64>,
    /// Is another of the kind in force or on its way?
    pub replaced: bool,
}

/// One agreement by its number, when the reader may see it.
pub async fn agreement(tx: &mut Tx, number: &str) -> Result<Option<AgreementRow>, DbError> {
    let row = sqlx::query_as!(
        AgreementRow,
        r#"SELECT a.id AS "id: AgreementId", a.org_id AS "org: OrgId", o.name AS org_name, o.customer_no, a.kind AS "kind: Kind",
                  a.number, a.service_code, a.status AS "status: Status", a.signatures_needed AS needed, a.body, a.body_sha256,
                  a.template, a.valid_from, a.valid_to, s.id AS "signing?: SigningId", s.state AS "signing_state?: SigningState",
                  s.sent_at AS "sent_at?", s.sent_by_name AS "sent_by?", s.expires_at AS "expires_at?",
                  s.revision AS "revision?", CASE a.kind WHEN 'agent' THEN o.agent_no ELSE o.customer_no END AS party_no,
                  EXISTS (SELECT FROM agreement b WHERE b.org_id = a.org_id AND b.kind = a.kind AND b.id <> a.id
                            AND (b.status IN ('active', 'terminated')
                              OR EXISTS (SELECT FROM signing y WHERE y.agreement_id = b.id AND y.closed_at IS NULL))) AS "replaced!"
             FROM agreement a
             JOIN organisation o ON o.id = a.org_id
             LEFT JOIN LATERAL (SELECT id, state, revision, sent_at, sent_by_name, expires_at FROM signing x WHERE x.agreement_id = a.id ORDER BY x.id DESC LIMIT 1) s ON true
            WHERE a.number = $1"#,
        number
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// An agreement in an organisation's list.
#[derive(Debug)]
pub struct OwnRow {
    /// Number.
    pub number: String,
    /// What.
    pub kind: Kind,
    /// The one service of an older agreement.
    pub service_code: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Where its signing stands.
    pub signing_state: Option<SigningState>,
    /// In force from.
    pub valid_from: Option<Date>,
    /// In force until.
    pub valid_to: Option<Date>,
}

impl OwnRow {
    /// Why another of the kind can't be sent now, as the database's rule is called (`0010_signing.sql`).
    pub fn in_the_way(&self, today: Date) -> Option<&'static str> {
        match self.status {
            Status::Active => Some("in_force"),
            Status::Terminated if self.valid_to.is_none_or(|last| last >= today) => Some("in_force"),
            _ if self.signing_state.is_some_and(SigningState::is_open) => Some("under_way"),
            _ => None,
        }
    }
}

/// An organisation's agreements, newest first.
pub async fn of_organisation(tx: &mut Tx, org: OrgId) -> Result<Vec<OwnRow>, DbError> {
    let rows = sqlx::query_as!(
        OwnRow,
        r#"SELECT a.number, a.kind AS "kind: Kind", a.service_code, a.status AS "status: Status",
                  (SELECT s.state FROM signing s WHERE s.agreement_id = a.id ORDER BY s.id DESC LIMIT 1) AS "signing_state: SigningState",
                  a.valid_from, a.valid_to
             FROM agreement a
            WHERE a.org_id = $1
            ORDER BY a.created_at DESC, a.number DESC
            LIMIT 200"#,
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Somebody named to sign, with the evidence when there is a signature.
#[derive(Debug)]
pub struct SignatoryRow {
    /// Id.
    pub id: SignatoryId,
    /// Name.
    pub name: String,
    /// Where the link went.
    pub email: String,
    /// When he or she signed.
    pub signed_at: Option<OffsetDateTime>,
    /// How he or she was identified.
    pub method: Option<String>,
    /// The provider's reference.
    pub reference: Option<String>,
    /// The name the provider gave.
    pub provider_name: Option<String>,
    /// What was declared.
    pub statement: Option<String>,
}

/// Those named in a round.
pub async fn signatories(tx: &mut Tx, signing: SigningId) -> Result<Vec<SignatoryRow>, DbError> {
    let rows = sqlx::query_as!(
        SignatoryRow,
        r#"SELECT g.id AS "id: SignatoryId", g.name, g.email, g.signed_at, e.method AS "method?",
                  e.provider_reference AS "reference?", e.provider_name AS "provider_name?", e.statement AS "statement?"
             FROM signatory g
             LEFT JOIN signing_event e ON e.signatory_id = g.id AND e.to_state IN ('partly_signed', 'signed')
            WHERE g.signing_id = $1
            ORDER BY g.place
            LIMIT 10"#,
        signing.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What a signatory declared, when he or she has answered.
pub async fn statement(tx: &mut Tx, signatory: SignatoryId) -> Result<Option<String>, DbError> {
    let statement = sqlx::query_scalar!(
        "SELECT statement FROM signing_event WHERE signatory_id = $1 LIMIT 1",
        signatory.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(statement)
}

/// The sealed personal numbers of those named in a round, in their order; only Inera's staff may read them.
pub async fn sealed_numbers(tx: &mut Tx, signing: SigningId) -> Result<Vec<(SignatoryId, Vec<u8>)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: SignatoryId", personal_no_sealed FROM signatory WHERE signing_id = $1 ORDER BY place LIMIT 10"#,
        signing.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.personal_no_sealed)).collect())
}

/// Something that happened to a round.
#[derive(Debug)]
pub struct EventRow {
    /// When.
    pub at: OffsetDateTime,
    /// Who moved it.
    pub by: By,
    /// Their name.
    pub actor_name: String,
    /// Where to.
    pub to: SigningState,
    /// The reason.
    pub note: String,
}

/// What happened to a round, newest first.
pub async fn events(tx: &mut Tx, signing: SigningId) -> Result<Vec<EventRow>, DbError> {
    let rows = sqlx::query_as!(
        EventRow,
        r#"SELECT at, moved_by AS "by: By", actor_name, to_state AS "to: SigningState", note
             FROM signing_event WHERE signing_id = $1 ORDER BY seq DESC LIMIT 50"#,
        signing.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A round in the staff's list.
#[derive(Debug)]
pub struct RoundRow {
    /// Id: where the list goes on.
    pub id: SigningId,
    /// The agreement's number.
    pub number: String,
    /// What.
    pub kind: Kind,
    /// Whose.
    pub org_name: String,
    /// Where it stands.
    pub state: SigningState,
    /// When it was sent.
    pub sent_at: OffsetDateTime,
    /// Until when it can be signed.
    pub expires_at: OffsetDateTime,
    /// How many must sign.
    pub needed: i32,
    /// How many have.
    pub signed: i64,
}

/// Rounds, newest first, before one; only those that wait when `open`.
pub async fn rounds(
    tx: &mut Tx,
    open: bool,
    before: Option<SigningId>,
    limit: i64,
) -> Result<Vec<RoundRow>, DbError> {
    let rows = sqlx::query_as!(
        RoundRow,
        r#"SELECT r.id AS "id!: SigningId", r.number AS "number!", r.kind AS "kind!: Kind", r.org_name AS "org_name!",
                  r.state AS "state!: SigningState", r.sent_at AS "sent_at!", r.expires_at AS "expires_at!", r.needed AS "needed!",
                  (SELECT count(*) FROM signatory g WHERE g.signing_id = r.id AND g.signed_at IS NOT NULL) AS "signed!"
             FROM signing_round r
            WHERE (NOT $1 OR r.closed_at IS NULL)
              AND r.id < $2
            ORDER BY r.id DESC
            LIMIT $3"#,
        open,
        before.map_or(uuid::Uuid::max(), |id| id.0),
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
