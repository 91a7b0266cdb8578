//! Writing orders. State moves only through [`apply`]; content only while the database lets it be edited.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{
    domain::{Content, Line, LineKind, Order, Route, State},
    lifecycle::Transition,
};
use crate::{
    catalogue::Scope,
    db::{DbError, Tx},
    identity::Side,
    ids::{self, MandateId, MembershipId, OrderId, OrgId, PersonId, TermsId},
};

/// Holds a draft until commit, so that what is read next is what is written and sent; another tab waits.
/// Rows that may not be edited are not held, and the reader finds out why.
pub async fn hold(tx: &mut Tx, number: &str) -> Result<(), DbError> {
    sqlx::query!(
        "SELECT id FROM orders WHERE number = $1 AND state IN ('draft', 'returned') FOR UPDATE",
        number
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(())
}

/// Moves the order: one row, whose trigger judges and applies it (`0006_order_rules.sql`).
pub async fn apply(
    tx: &mut Tx,
    order: &Order,
    transition: &Transition,
    at: OffsetDateTime,
    due_on: Option<Date>,
) -> Result<(), DbError> {
    let hash = transition.content.as_ref().map(Content::hash);
    let content = transition.content.as_ref().map(sqlx::types::Json);
    sqlx::query!(
        "INSERT INTO order_event (order_id, seq, customer_id, route, from_state, to_state, side, actor_id, at, note, due_on,
                                  confirmation_id, next_attestant_id, agent_invoice_reference, content, content_sha256,
                                  price_once_ore, price_yearly_ore)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        order.id.0,
        order.revision + 1,
        order.customer.0,
        order.route as Route,
        transition.from as State,
        transition.to as State,
        transition.side as Side,
        transition.person.map(|person| person.0),
        at,
        transition.note,
        due_on,
        transition.proof.map(|proof| proof.0),
        transition.next_attestant.map(|membership| membership.0),
        transition.agent_invoice_reference,
        content as _,
        hash,
        transition.price.0,
        transition.price.1
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A draft about to be made.
#[derive(Debug)]
pub struct NewDraft<'a> {
    /// Chosen by the form, so that a second click finds the first one's row.
    pub id: OrderId,
    /// For whom.
    pub customer: OrgId,
    /// Direct or via agent.
    pub route: Route,
    /// Offer, which names the service.
    pub offer: (&'a str, &'a str),
    /// Who makes it.
    pub by: (PersonId, &'a str),
    /// Is it Kundservice?
    pub by_staff: bool,
    /// The order it copies.
    pub copied_from: Option<OrderId>,
    /// Terms that apply today.
    pub terms: Option<TermsId>,
    /// What to start with.
    pub content: &'a Content,
}

/// Makes a draft; a second one with the same id changes nothing. Answers the number, if the row is the caller's to see,
/// and whether it is new.
pub async fn insert_draft(tx: &mut Tx, draft: &NewDraft<'_>) -> Result<Option<(String, bool)>, DbError> {
    let content = draft.content;
    // The id stands in several keys, and two at once meet whichever is checked first: so no key is named.
    let made = sqlx::query!(
        "INSERT INTO orders (id, customer_id, route, service_code, offer_code, created_by, created_by_name, placed_by_staff,
                             copied_from, terms_id, hsa_id, wanted_on, contact_name, contact_email, contact_phone,
                             invoice_address, invoice_reference, own_reference)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         ON CONFLICT DO NOTHING",
        draft.id.0,
        draft.customer.0,
        draft.route as Route,
        draft.offer.0,
        draft.offer.1,
        draft.by.0.0,
        draft.by.1,
        draft.by_staff,
        draft.copied_from.map(|id| id.0),
        draft.terms.map(|id| id.0),
        content.hsa_id,
        content.wanted_on,
        content.contact_name,
        content.contact_email,
        content.contact_phone,
        content.invoice_address,
        content.invoice_reference,
        content.own_reference
    )
    .execute(tx.conn())
    .await?;
    let number = sqlx::query_scalar!(
        "SELECT number FROM orders WHERE id = $1 AND customer_id = $2",
        draft.id.0,
        draft.customer.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(number.map(|number| (number, made.rows_affected() == 1)))
}

/// The offer and, via agent, whom to connect through.
pub async fn update_connection(
    tx: &mut Tx,
    order: OrderId,
    offer: &str,
    route: Route,
    agent: Option<(OrgId, MandateId)>,
    hsa_id: &str,
) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE orders SET offer_code = $2, route = $3, agent_id = $4, mandate_id = $5, hsa_id = $6 WHERE id = $1",
        order.0,
        offer,
        route as Route,
        agent.map(|(agent, _)| agent.0),
        agent.map(|(_, mandate)| mandate.0),
        hsa_id
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Start date, contact, invoice, attestant and own reference.
pub async fn update_scope(
    tx: &mut Tx,
    order: OrderId,
    content: &Content,
    attestant: Option<MembershipId>,
    terms: Option<TermsId>,
) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE orders SET wanted_on = $2, contact_name = $3, contact_email = $4, contact_phone = $5, invoice_address = $6,
                invoice_reference = $7, own_reference = $8, customer_attestant_id = $9, terms_id = $10
          WHERE id = $1",
        order.0,
        content.wanted_on,
        content.contact_name,
        content.contact_email,
        content.contact_phone,
        content.invoice_address,
        content.invoice_reference,
        content.own_reference,
        attestant.map(|id| id.0),
        terms.map(|id| id.0)
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces all lines.
pub async fn replace_lines(
    tx: &mut Tx,
    order: OrderId,
    customer: OrgId,
    lines: &[Line],
) -> Result<(), DbError> {
    sqlx::query!("DELETE FROM order_line WHERE order_id = $1", order.0).execute(tx.conn()).await?;
    if lines.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = lines.iter().map(|_| ids::fresh()).collect();
    let positions: Vec<i32> = (1..).take(lines.len()).collect();
    let kinds: Vec<Scope> = lines.iter().map(|line| LineKind::scope(line.kind)).collect();
    let names: Vec<String> = lines.iter().map(|line| line.name.clone()).collect();
    let hsa_ids: Vec<String> = lines.iter().map(|line| line.hsa_id.clone()).collect();
    let contracts: Vec<String> = lines.iter().map(|line| line.contract.clone()).collect();
    let quantities: Vec<i32> = lines.iter().map(|line| line.quantity).collect();
    let dates: Vec<Option<Date>> = lines.iter().map(|line| line.wanted_on).collect();
    sqlx::query!(
        "INSERT INTO order_line (id, order_id, customer_id, position, kind, name, hsa_id, contract, quantity, wanted_on)
         SELECT l.id, $1, $2, l.position, l.kind, l.name, l.hsa_id, l.contract, l.quantity, l.wanted_on
           FROM unnest($3::uuid[], $4::int[], $5::scope_kind[], $6::text[], $7::text[], $8::text[], $9::int[], $10::date[])
             AS l (id, position, kind, name, hsa_id, contract, quantity, wanted_on)",
        order.0,
        customer.0,
        &ids,
        &positions,
        &kinds as &[Scope],
        &names,
        &hsa_ids,
        &contracts,
        &quantities,
        &dates as &[Option<Date>]
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A message or a file about to be added.
#[derive(Debug)]
pub struct Author<'a> {
    /// From which side.
    pub side: Side,
    /// Who.
    pub person: PersonId,
    /// Their name, as it will be shown.
    pub name: &'a str,
    /// When.
    pub at: OffsetDateTime,
}

/// Adds a message; the outbox row that tells the others comes with it.
pub async fn insert_message(
    tx: &mut Tx,
    order: &Order,
    author: &Author<'_>,
    body: &str,
) -> Result<(), DbError> {
    let id = ids::fresh();
    sqlx::query!(
        "INSERT INTO order_message (id, order_id, customer_id, side, author_id, author_name, at, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        id,
        order.id.0,
        order.customer.0,
        author.side as Side,
        author.person.0,
        author.name,
        author.at,
        body
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "INSERT INTO notification (id, key, cause, order_id, seq, message_id, due_at)
         VALUES ($1, $2, 'message', $3, $4, $5, $6)",
        ids::fresh(),
        format!("message:{id}"),
        order.id.0,
        order.revision,
        id,
        author.at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A file that has been looked into.
#[derive(Debug)]
pub struct NewAttachment<'a> {
    /// Shown name.
    pub file_name: &'a str,
    /// Type, by its content.
    pub media_type: &'a str,
    /// Bytes.
    pub content: &'a [u8],
    /// Their hash.
    pub sha256: &'a [u8],
}

/// Adds a file.
pub async fn insert_attachment(
    tx: &mut Tx,
    order: &Order,
    author: &Author<'_>,
    file: &NewAttachment<'_>,
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO order_attachment (id, order_id, customer_id, side, added_by, added_by_name, at, file_name, media_type, sha256, content)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        ids::fresh(),
        order.id.0,
        order.customer.0,
        author.side as Side,
        author.person.0,
        author.name,
        author.at,
        file.file_name,
        file.media_type,
        file.sha256,
        file.content
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes a file while the order may be edited; false when there is none to remove.
pub async fn delete_attachment(tx: &mut Tx, order: OrderId, id: Uuid) -> Result<bool, DbError> {
    let done = sqlx::query!("DELETE FROM order_attachment WHERE id = $1 AND order_id = $2", id, order.0)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Asks for a reminder; false when one has been asked for today.
pub async fn insert_reminder(
    tx: &mut Tx,
    order: &Order,
    by: PersonId,
    on_day: Date,
    at: OffsetDateTime,
) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "INSERT INTO order_reminder (order_id, customer_id, on_day, revision, by_person) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (order_id, on_day) DO NOTHING",
        order.id.0,
        order.customer.0,
        on_day,
        order.revision,
        by.0
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "INSERT INTO notification (id, key, cause, order_id, seq, due_at) VALUES ($1, $2, 'reminder', $3, $4, $5)
         ON CONFLICT DO NOTHING",
        ids::fresh(),
        format!("reminder:{}:{}:{on_day}", order.id, order.revision),
        order.id.0,
        order.revision,
        at
    )
    .execute(tx.conn())
    .await?;
    Ok(true)
}

/// Puts a matter on Kundservice's list; a second one of the same kind changes nothing.
pub async fn raise_staff_task(tx: &mut Tx, order: &Order) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO staff_task (id, order_id, customer_id, kind) VALUES ($1, $2, $3, 'agreement_not_in_force')
         ON CONFLICT DO NOTHING",
        ids::fresh(),
        order.id.0,
        order.customer.0
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The customer with this number; for staff, who see them all.
pub async fn customer_by_number(tx: &mut Tx, number: i64) -> Result<Option<OrgId>, DbError> {
    let id =
        sqlx::query_scalar!(r#"SELECT id AS "id: OrgId" FROM organisation WHERE customer_no = $1"#, number)
            .fetch_optional(tx.conn())
            .await?;
    Ok(id)
}
