//! Reading persons and organisations.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{Roles, Side, token::Token};
use crate::{
    db::{Db, DbError, Tx},
    ids::{MembershipId, OrgId},
};

/// A person in an organisation.
#[derive(Debug)]
pub struct MemberRow {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Title.
    pub title: String,
    /// "Administratör, Attestant".
    pub roles: String,
}

/// The people of an organisation with their roles.
pub async fn members(tx: &mut Tx, org: OrgId) -> Result<Vec<MemberRow>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT m.name, m.email, m.title,
                  ARRAY (SELECT r.role::text FROM membership_role r WHERE r.membership_id = m.id) AS "roles!"
             FROM membership m
            WHERE m.org_id = $1
              AND m.ended_at IS NULL
            ORDER BY m.name COLLATE "sv-x-icu", m.id
            LIMIT 500"#,
        org.0
    )
    .fetch_all(tx.conn())
    .await?;
    let member = rows.into_iter().map(|row| {
        let roles = Roles::from_codes(row.roles.iter().map(String::as_str));
        let labels: Vec<&str> = roles.iter().map(super::Role::label).collect();
        MemberRow { name: row.name, email: row.email, title: row.title, roles: labels.join(", ") }
    });
    Ok(member.collect())
}

/// A customer in the staff's list.
#[derive(Debug)]
pub struct CustomerLine {
    /// Name.
    pub name: String,
    /// Number.
    pub customer_no: i64,
    /// As shown.
    pub org_nr: String,
    /// Category today.
    pub category: Option<String>,
}

/// Customers by name, after a name; narrowed to a part of the name or a number.
pub async fn customers(
    tx: &mut Tx,
    text: &str,
    after: &str,
    today: Date,
) -> Result<Vec<CustomerLine>, DbError> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let pattern = format!("%{}%", text.replace(['%', '_', '\\'], " "));
    let rows = sqlx::query_as!(
        CustomerLine,
        r#"SELECT o.name, o.customer_no AS "customer_no!", shown_org_nr(o.org_nr, o.sole_trader) AS "org_nr!",
                  (SELECT c.category FROM organisation_category c
                    WHERE c.org_id = o.id AND c.valid_from <= $4 AND (c.valid_to IS NULL OR c.valid_to >= $4) LIMIT 1) AS category
             FROM organisation o
            WHERE o.customer_no IS NOT NULL
              AND o.name > $2
              AND ($1 = '%%' OR o.name ILIKE $1 OR (NOT o.sole_trader AND o.org_nr = $3) OR o.customer_no::text = $3)
            ORDER BY o.name, o.id
            LIMIT 51"#,
        pattern,
        after,
        digits,
        today
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A live session of the person.
#[derive(Debug)]
pub struct SessionRow {
    /// Id.
    pub id: Uuid,
    /// Since.
    pub created_at: OffsetDateTime,
    /// Last used.
    pub seen_at: OffsetDateTime,
    /// What the browser says it is.
    pub device: String,
    /// This one?
    pub current: bool,
}

/// The live sessions of the person behind a token.
pub async fn sessions(tx: &mut Tx, token: &Token) -> Result<Vec<SessionRow>, DbError> {
    let rows = sqlx::query_as!(
        SessionRow,
        r#"SELECT id AS "id!", created_at AS "created_at!", seen_at AS "seen_at!", device AS "device!", current AS "current!"
             FROM sessions_of($1)"#,
        token.hash()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The address the person behind a token signs in with; `None` with e-legitimation alone.
pub async fn login_email(tx: &mut Tx, token: &Token) -> Result<Option<String>, DbError> {
    let email =
        sqlx::query_scalar!("SELECT session_login_email($1)", token.hash()).fetch_one(tx.conn()).await?;
    Ok(email)
}

/// The address that waits to be the one to sign in with, and until when its link can be opened.
pub async fn login_email_waits(
    tx: &mut Tx,
    token: &Token,
    now: OffsetDateTime,
) -> Result<Option<(String, OffsetDateTime)>, DbError> {
    let row = sqlx::query!(
        r#"SELECT email AS "email!", expires_at AS "until!" FROM session_login_email_waits($1, $2)"#,
        token.hash(),
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.email, row.until)))
}

/// Somewhere the person has a place.
#[derive(Debug)]
pub struct Place {
    /// The place.
    pub membership: MembershipId,
    /// Whose.
    pub org: String,
    /// Its number as a customer.
    pub customer_no: Option<i64>,
    /// Its number as an agent.
    pub agent_no: Option<i64>,
    /// Is it Inera?
    pub is_inera: bool,
}

/// Where the person behind a token has a place.
pub async fn places(tx: &mut Tx, token: &Token) -> Result<Vec<Place>, DbError> {
    let places = sqlx::query_as!(
        Place,
        r#"SELECT membership_id AS "membership!: MembershipId", org_name AS "org!", customer_no, agent_no, is_inera AS "is_inera!"
             FROM own_places($1)"#,
        token.hash()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(places)
}

/// An e-legitimation of the person.
#[derive(Debug)]
pub struct EidRow {
    /// Id.
    pub id: Uuid,
    /// With which provider it was connected.
    pub provider: String,
    /// When.
    pub linked_at: OffsetDateTime,
    /// Last signed in with.
    pub used_at: Option<OffsetDateTime>,
}

/// The e-legitimations of the person behind a token.
pub async fn eids(tx: &mut Tx, token: &Token) -> Result<Vec<EidRow>, DbError> {
    let rows = sqlx::query_as!(
        EidRow,
        r#"SELECT id AS "id!", provider_name AS "provider!", linked_at AS "linked_at!", used_at FROM eids_of($1)"#,
        token.hash()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Where a thing of a kind is for somebody with this hat.
fn address(side: Side, org_no: i64, kind: &str, number: &str) -> String {
    match side {
        Side::Customer => format!("/kund/{org_no}/{kind}/{number}"),
        Side::Agent => format!("/agent/{org_no}/{kind}/{number}"),
        Side::Inera | Side::System => format!("/inera/{kind}/{number}"),
    }
}

/// The page of an order for the person behind a token, whichever hat may see it.
pub async fn order_page(db: &Db, token: &Token, number: &str) -> Result<Option<String>, DbError> {
    let mut tx = db.gate().await?;
    let rows = sqlx::query!(
        r#"SELECT side AS "side!: Side", org_no AS "org_no!" FROM order_whereabouts($1, $2)"#,
        token.hash(),
        number
    )
    .fetch_all(tx.conn())
    .await?;
    tx.end().await?;
    Ok(rows.first().map(|row| address(row.side, row.org_no, "bestallningar", number)))
}

/// The page of an agreement for the person behind a token, whichever hat may see it.
pub async fn agreement_page(db: &Db, token: &Token, number: &str) -> Result<Option<String>, DbError> {
    let mut tx = db.gate().await?;
    let rows = sqlx::query!(
        r#"SELECT side AS "side!: Side", org_no AS "org_no!" FROM agreement_whereabouts($1, $2)"#,
        token.hash(),
        number
    )
    .fetch_all(tx.conn())
    .await?;
    tx.end().await?;
    Ok(rows.first().map(|row| address(row.side, row.org_no, "avtal", number)))
}
