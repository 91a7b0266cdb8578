//! Writing agreements and their signing: the round, its signatories, its events.

use time::OffsetDateTime;

use super::{
    domain::{Kind, Signatory, Signing, SigningState},
    lifecycle::Transition,
};
use crate::{
    db::{DbError, Tx},
    ids::{AgreementId, OrgId, PersonId, SignatoryId, SigningId},
};

/// The organisation an agreement is for.
#[derive(Debug)]
pub struct Party {
    /// Id.
    pub id: OrgId,
    /// Name.
    pub name: String,
    /// Its number, a sole trader's masked.
    pub org_nr: String,
}

/// A customer or agent by its number in the portal.
pub async fn party(tx: &mut Tx, kind: Kind, number: i64) -> Result<Option<Party>, DbError> {
    let party = sqlx::query_as!(
        Party,
        r#"SELECT id AS "id: OrgId", name, shown_org_nr(org_nr, sole_trader) AS "org_nr!"
             FROM organisation
            WHERE CASE WHEN $2 THEN agent_no = $1 ELSE customer_no = $1 END"#,
        number,
        kind == Kind::Agent
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(party)
}

/// Is somebody who has legitimated the one the link is for?
pub(super) async fn is_signatory(tx: &mut Tx, mark: &[u8]) -> Result<bool, DbError> {
    let is = sqlx::query_scalar!(r#"SELECT signatory_is($1) AS "is!""#, mark).fetch_one(tx.conn()).await?;
    Ok(is)
}

/// An agreement to be sent.
#[derive(Debug)]
pub(super) struct NewAgreement<'a> {
    pub id: AgreementId,
    pub org: OrgId,
    pub kind: Kind,
    pub number: &'a str,
    pub needed: i32,
    pub body: &'a str,
    pub body_sha256: &'a [u8],
    pub template: &'a str,
}

/// How many agreements of the kind the organisation has had: the next one's number ends in one more.
pub(super) async fn count(tx: &mut Tx, org: OrgId, kind: Kind) -> Result<i64, DbError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM agreement WHERE org_id = $1 AND kind = $2"#,
        org.0,
        kind as Kind
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

pub(super) async fn insert_agreement(tx: &mut Tx, new: &NewAgreement<'_>) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO agreement (id, org_id, kind, number, status, signatures_needed, body, body_sha256, template)
         VALUES ($1, $2, $3, $4, 'awaiting_signature', $5, $6, $7, $8)",
        new.id.0,
        new.org.0,
        new.kind as Kind,
        new.number,
        new.needed,
        new.body,
        new.body_sha256,
        new.template
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The number of the agreement that an earlier click of the same form has made.
pub async fn number_of(tx: &mut Tx, id: AgreementId) -> Result<Option<String>, DbError> {
    let number = sqlx::query_scalar!("SELECT number FROM agreement WHERE id = $1", id.0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(number)
}

/// A round to be sent.
#[derive(Debug)]
pub(super) struct NewSigning<'a> {
    pub id: SigningId,
    pub org: OrgId,
    pub agreement: AgreementId,
    pub body_sha256: &'a [u8],
    pub sent_by: PersonId,
    pub sent_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

pub(super) async fn insert_signing(tx: &mut Tx, new: &NewSigning<'_>) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO signing (id, org_id, agreement_id, body_sha256, sent_by, sent_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.id.0,
        new.org.0,
        new.agreement.0,
        new.body_sha256,
        new.sent_by.0,
        new.sent_at,
        new.expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Somebody to be named in a round.
#[derive(Debug)]
pub(super) struct NewSignatory<'a> {
    pub id: SignatoryId,
    pub place: i32,
    pub name: &'a str,
    pub email: &'a str,
    pub sealed: &'a [u8],
    pub mark: &'a [u8],
    pub link_sha256: &'a [u8],
}

pub(super) async fn insert_signatory(
    tx: &mut Tx,
    (signing, org): (SigningId, OrgId),
    new: &NewSignatory<'_>,
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO signatory (id, org_id, signing_id, place, name, email, personal_no_sealed, personal_no_mark, link_sha256)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        new.id.0,
        org.0,
        signing.0,
        new.place,
        new.name,
        new.email,
        new.sealed,
        new.mark,
        new.link_sha256
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The newest round of an agreement, by its number; `None` when there is none the reader may see.
pub async fn find(tx: &mut Tx, number: &str) -> Result<Option<Signing>, DbError> {
    let signing = sqlx::query_as!(
        Signing,
        r#"SELECT id AS "id!: SigningId", org_id AS "org!: OrgId", agreement_id AS "agreement!: AgreementId", state AS "state!: SigningState",
                  revision AS "revision!", sent_at AS "sent_at!", expires_at AS "expires_at!", number AS "number!", kind AS "kind!: Kind",
                  needed AS "needed!", body AS "body!", body_sha256 AS "body_sha256!", org_name AS "org_name!", org_nr AS "org_nr!"
             FROM signing_round
            WHERE number = $1
            ORDER BY id DESC
            LIMIT 1"#,
        number
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(signing)
}

/// A round by its id.
pub async fn find_by_id(tx: &mut Tx, id: SigningId) -> Result<Option<Signing>, DbError> {
    let signing = sqlx::query_as!(
        Signing,
        r#"SELECT id AS "id!: SigningId", org_id AS "org!: OrgId", agreement_id AS "agreement!: AgreementId", state AS "state!: SigningState",
                  revision AS "revision!", sent_at AS "sent_at!", expires_at AS "expires_at!", number AS "number!", kind AS "kind!: Kind",
                  needed AS "needed!", body AS "body!", body_sha256 AS "body_sha256!", org_name AS "org_name!", org_nr AS "org_nr!"
             FROM signing_round
            WHERE id = $1"#,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(signing)
}

/// Those named in a round, in their order.
pub async fn signatories(tx: &mut Tx, signing: SigningId) -> Result<Vec<Signatory>, DbError> {
    let rows = sqlx::query_as!(
        Signatory,
        r#"SELECT id AS "id: SignatoryId", name, signed_at FROM signatory WHERE signing_id = $1 ORDER BY place LIMIT 10"#,
        signing.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Inserts the event, which moves the round (`signing_event_applies`).
pub(super) async fn apply(
    tx: &mut Tx,
    signing: &Signing,
    transition: &Transition,
    at: OffsetDateTime,
) -> Result<(), DbError> {
    let evidence = transition.evidence.as_ref();
    sqlx::query!(
        "INSERT INTO signing_event (signing_id, org_id, seq, from_state, to_state, moved_by, at, signatory_id, actor_id, note,
           method, provider_reference, provider_name, personal_no_mark, statement, body_sha256)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        signing.id.0,
        signing.org.0,
        signing.revision + 1,
        transition.from as SigningState,
        transition.to as SigningState,
        transition.by as super::domain::By,
        at,
        transition.signatory.map(|id| id.0),
        transition.person.map(|id| id.0),
        transition.note,
        evidence.map_or("", |evidence| &evidence.method),
        evidence.map_or("", |evidence| &evidence.reference),
        evidence.map_or("", |evidence| &evidence.name),
        evidence.map(|evidence| evidence.mark.as_slice()),
        evidence.map_or("", |evidence| &evidence.statement),
        evidence.map(|evidence| evidence.body_sha256.as_slice())
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
