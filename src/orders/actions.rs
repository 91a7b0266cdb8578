//! What people do with orders. Each action checks, moves, and returns the audit entry that its commit demands.

use time::{Date, OffsetDateTime};

use super::{
    domain::{Content, Order, Route, State},
    lifecycle::Transition,
    store,
};
use crate::{
    audit::Audit,
    calendar::{add_working_days, local, working_day_of},
    db::{DbError, Tx},
    http::form::Motive,
    identity::{
        Actor, Confirmed, Side,
        policy::{
            AttestAsAgent, AttestAsCustomer, BeginAsAgent, Converse, Deliver, Denied, Intervene, Remind,
            Review, Submit, Withdraw,
        },
    },
    ids::MembershipId,
};

/// Working days each party has to answer.
pub const ANSWER_WITHIN: u32 = 10;

/// Files an order may carry: all of them must fit on the page that a decision is bound to.
pub const MOST_FILES: usize = 50;

/// Why an action was not done. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not this person; the sentence says who.
    #[error("denied: {0}")]
    Denied(#[from] Denied),
    /// Already handled, or the page is older than the order.
    #[error("wrong state")]
    WrongState,
    /// A rule of the domain is not met: its key in the database.
    #[error("rule {0}")]
    Rule(String),
    /// The same content is already under way.
    #[error("already under way")]
    Duplicate,
    /// The database failed.
    #[error(transparent)]
    Db(DbError),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Stale => Self::WrongState,
            DbError::Rule(key) if key == "not_this_person" => {
                Self::Denied(Denied("Din roll eller behörighet har ändrats. Be er administratör om hjälp."))
            }
            DbError::Rule(key) => Self::Rule(key),
            DbError::Constraint(name) if name == "orders_one_under_way" => Self::Duplicate,
            other => Self::Db(other),
        }
    }
}

/// A rule's key as a sentence with its way out.
pub fn rule_text(key: &str) -> &'static str {
    match key {
        "customer_agreement" => {
            "Kundavtalet gäller inte längre för tjänsten. Beställningen kan inte gå vidare förrän avtalet är på plats. Kundservice har fått besked."
        }
        "customer_agreement_ends" => {
            "Kundavtalet upphör före det önskade startdatumet. Välj ett tidigare datum eller kontakta Kundservice."
        }
        "agent_agreement" => {
            "Agentens avtal med Inera gäller inte. Beställningen kan inte gå vidare. Kundservice har fått besked."
        }
        "four_eyes" => {
            "Er organisation kräver att en annan person än den som beställde attesterar. Be en annan attestant."
        }
        "four_eyes_agent" => {
            "Er organisation kräver att en annan person än den som granskar attesterar. Välj en annan attestant."
        }
        "sent_connection" => {
            "Agent och erbjudande kan inte bytas i en beställning som har skickats. Ta tillbaka den och kopiera den till ett nytt utkast."
        }
        "customer_ceased" => {
            "Organisationen har upphört. Beställningen kan inte gå vidare. Kundservice hjälper den som tar över."
        }
        "agent_ceased" => "Agenten har upphört. Välj en annan agent, eller kontakta Kundservice.",
        "invoice" => "Fakturaadress och fakturareferens saknas. Fyll i dem under Omfattning.",
        "too_many_files" => "En beställning kan ha högst 50 bilagor.",
        "no_attestant" => "Det finns ingen attestant. Minst en person måste ha rollen Attestant.",
        "attestant_gone" => "Den valda attestanten har inte längre rollen. Välj en annan attestant.",
        "agent_not_ready" => {
            "Agenten kan inte ta emot beställningar ännu. Den saknar handläggare eller attestant."
        }
        "mandate" => "Agenten har inget aktivt agentuppdrag för tjänsten. Välj en annan agent.",
        "not_care_provider" => {
            "Bara vårdgivare kan ansluta via agent. Kontakta Kundservice om uppgiften är fel."
        }
        "category" => {
            "Er kundkategori får inte beställa tjänsten på det här sättet. Kontakta Kundservice om kategorin är fel."
        }
        "offer" => "Erbjudandet kan inte beställas så här. Välj ett annat.",
        "terms" => "Villkoren har bytts ut. Läs de nya villkoren och skicka igen.",
        "confirmation" => "Bekräftelsen gällde en äldre version. Läs beställningen och bekräfta igen.",
        _ => "Beställningen uppfyller inte ett av villkoren. Kontakta Kundservice.",
    }
}

/// When the one who gets the order should have answered.
fn due(transition: &Transition, at: OffsetDateTime) -> Option<Date> {
    let waits = transition.to().ball().is_some() && transition.to() != State::Draft;
    waits.then(|| add_working_days(local(at).date, ANSWER_WITHIN))
}

async fn make(
    tx: &mut Tx,
    order: &Order,
    transition: Transition,
    action: &'static str,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    store::apply(tx, order, &transition, at, due(&transition, at)).await?;
    let detail = format!("{} {} → {}", order.number, transition.from.code(), transition.to.code());
    Ok(Audit::order(transition.side, action, order.id, order.customer, detail))
}

/// Sends the content.
pub async fn submit(
    tx: &mut Tx,
    actor: &Actor,
    order: &Order,
    price: (Option<i64>, Option<i64>),
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let step = order.editable().ok_or(Refused::WrongState)?;
    let permit = actor.permit::<Submit>(&order.facts())?;
    let transition = step.submit(permit, order.content.clone(), price);
    make(tx, order, transition, "order.submit", at).await
}

/// What the agent's handler decided.
#[derive(Debug)]
pub enum ReviewDecision {
    /// On to an attestant, with the agent's own invoice reference.
    Approve(Option<MembershipId>, String),
    /// Back to the customer.
    Return(Motive),
    /// Ended.
    Reject(Motive),
}

/// The agent's handler decides.
pub async fn review(
    tx: &mut Tx,
    actor: &Actor,
    order: &Order,
    (decision, proof): (ReviewDecision, Confirmed),
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let step = order.awaiting_agent_review().ok_or(Refused::WrongState)?;
    let permit = actor.permit::<Review>(&order.facts())?;
    let (transition, action) = match decision {
        ReviewDecision::Approve(attestant, reference) => {
            (step.approve(permit, proof, attestant, reference), "order.review.approve")
        }
        ReviewDecision::Return(motive) => {
            (step.return_to_customer(permit, proof, motive), "order.review.return")
        }
        ReviewDecision::Reject(motive) => (step.reject(permit, proof, motive), "order.review.reject"),
    };
    make(tx, order, transition, action, at).await
}

/// What an attestant decided.
#[derive(Debug)]
pub enum AttestDecision {
    /// Yes.
    Attest,
    /// Back a step.
    Return(Motive),
    /// Ended.
    Reject(Motive),
}

/// The agent's attestant decides.
pub async fn attest_as_agent(
    tx: &mut Tx,
    actor: &Actor,
    order: &Order,
    (decision, proof): (AttestDecision, Confirmed),
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let step = order.awaiting_agent_attest().ok_or(Refused::WrongState)?;
    let permit = actor.permit::<AttestAsAgent>(&order.facts())?;
    let (transition, action) = match decision {
        AttestDecision::Attest => (step.attest(permit, proof), "order.agent_attest.attest"),
        AttestDecision::Return(motive) => {
            (step.return_to_handler(permit, proof, motive), "order.agent_attest.return")
        }
        AttestDecision::Reject(motive) => (step.reject(permit, proof, motive), "order.agent_attest.reject"),
    };
    make(tx, order, transition, action, at).await
}

/// The customer's attestant decides.
pub async fn attest_as_customer(
    tx: &mut Tx,
    actor: &Actor,
    order: &Order,
    (decision, proof): (AttestDecision, Confirmed),
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let step = order.awaiting_customer_attest().ok_or(Refused::WrongState)?;
    let permit = actor.permit::<AttestAsCustomer>(&order.facts())?;
    let (transition, action) = match decision {
        AttestDecision::Attest => (step.attest(permit, proof), "order.customer_attest.attest"),
        AttestDecision::Return(motive) => {
            (step.return_to_orderer(permit, proof, motive), "order.customer_attest.return")
        }
        AttestDecision::Reject(motive) => {
            (step.reject(permit, proof, motive), "order.customer_attest.reject")
        }
    };
    make(tx, order, transition, action, at).await
}

/// The orderer takes it back.
pub async fn withdraw(
    tx: &mut Tx,
    actor: &Actor,
    order: &Order,
    note: String,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let step = order.open().ok_or(Refused::WrongState)?;
    let permit = actor.permit::<Withdraw>(&order.facts())?;
    make(tx, order, step.withdraw(permit, note), "order.withdraw", at).await
}

/// Kundservice ends a waiting order.
pub async fn intervene(
    tx: &mut Tx,
    actor: &Actor,
    order: &Order,
    motive: Motive,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let step = order.open().ok_or(Refused::WrongState)?;
    let permit = actor.permit::<Intervene>(&order.facts())?;
    make(tx, order, step.intervene(permit, motive), "order.intervene", at).await
}

/// What Kundservice does with an attested order.
#[derive(Debug)]
pub enum Delivery {
    /// Direct: delivery begins. Via agent: the agent may begin.
    Start,
    /// The agent has begun, says Kundservice.
    NoteBegun,
    /// Delivered.
    Activate,
    /// Inera says no.
    Reject(Motive),
}

/// Kundservice moves an attested order on.
pub async fn deliver(
    tx: &mut Tx,
    actor: &Actor,
    order: &Order,
    what: Delivery,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let permit = actor.permit::<Deliver>(&order.facts())?;
    let (transition, action) = match what {
        Delivery::Start => {
            (order.attested().ok_or(Refused::WrongState)?.start(permit), "order.deliver.start")
        }
        Delivery::NoteBegun => {
            (order.ready_to_connect().ok_or(Refused::WrongState)?.note_begun(permit), "order.deliver.begun")
        }
        Delivery::Activate => {
            (order.in_delivery().ok_or(Refused::WrongState)?.activate(permit), "order.deliver.activate")
        }
        Delivery::Reject(motive) => {
            (order.attested().ok_or(Refused::WrongState)?.reject(permit, motive), "order.deliver.reject")
        }
    };
    make(tx, order, transition, action, at).await
}

/// The agent reports that it has begun to connect.
pub async fn begin(tx: &mut Tx, actor: &Actor, order: &Order, at: OffsetDateTime) -> Result<Audit, Refused> {
    let step = order.ready_to_connect().ok_or(Refused::WrongState)?;
    let permit = actor.permit::<BeginAsAgent>(&order.facts())?;
    make(tx, order, step.begin(permit), "order.begin", at).await
}

/// Nobody decided in time.
pub async fn lapse(tx: &mut Tx, order: &Order, at: OffsetDateTime) -> Result<Audit, Refused> {
    let step = order.waiting().ok_or(Refused::WrongState)?;
    make(tx, order, step.lapse(), "order.lapse", at).await
}

/// Writes a message that the order's parties see.
pub async fn write(
    tx: &mut Tx,
    actor: &Actor,
    order: &Order,
    body: &str,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    // A draft has one reader side now and perhaps an agent later: nothing is said in it that would be read by others then.
    if order.submitted_at.is_none() {
        return Err(Refused::WrongState);
    }
    let permit = actor.permit::<Converse>(&order.facts())?;
    let author = store::Author { side: permit.side(), person: permit.person(), name: actor.name(), at };
    store::insert_message(tx, order, &author, body).await?;
    Ok(Audit::order(author.side, "order.message", order.id, order.customer, order.number.clone()))
}

/// Adds a file whose content has been looked into.
pub async fn attach(
    tx: &mut Tx,
    actor: &Actor,
    order: &Order,
    file: &store::NewAttachment<'_>,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    if order.state.is_closed() {
        return Err(Refused::WrongState);
    }
    if order.files.len() >= MOST_FILES {
        return Err(Refused::Rule("too_many_files".to_owned()));
    }
    // What stands in a draft is its orderers' business.
    if order.state == State::Draft {
        actor.permit::<Submit>(&order.facts()).map(drop)?;
    }
    let permit = actor.permit::<Converse>(&order.facts())?;
    let author = store::Author { side: permit.side(), person: permit.person(), name: actor.name(), at };
    store::insert_attachment(tx, order, &author, file).await?;
    let detail = format!("{} sha256 {}", order.number, crate::text::hex(file.sha256));
    Ok(Audit::order(author.side, "order.attach", order.id, order.customer, detail))
}

/// Reminds whoever has the order; `None` when that has been done this working day.
pub async fn remind(
    tx: &mut Tx,
    actor: &Actor,
    order: &Order,
    at: OffsetDateTime,
) -> Result<Option<Audit>, Refused> {
    if !order.state.is_waiting() {
        return Err(Refused::WrongState);
    }
    let permit = actor.permit::<Remind>(&order.facts())?;
    let asked =
        store::insert_reminder(tx, order, permit.person(), working_day_of(local(at).date), at).await?;
    Ok(asked
        .then(|| Audit::order(permit.side(), "order.remind", order.id, order.customer, order.number.clone())))
}

/// What a decision page calls things that an order knows by code.
#[derive(Debug)]
pub struct Shown<'a> {
    /// Service's name.
    pub service: &'a str,
    /// Offer's name.
    pub offer: &'a str,
    /// Price in words.
    pub price: &'a str,
    /// Terms with version and the hash of their text.
    pub terms: &'a str,
}

/// The words a decision is bound to: everything that was ordered, in a fixed order, with the order's revision.
/// The agent's version leaves out the customer's invoice data and own note, which the agent does not see.
pub fn shown_text(order: &Order, reader: Side, shown: &Shown<'_>) -> String {
    use std::fmt::Write as _;
    let content = &order.content;
    let Shown { service, offer, price, terms } = shown;
    let mut text = format!(
        "{} revision {}\nKund: {} ({})\nTjänst: {service}\nErbjudande: {offer}\nAgent: {}\nVårdgivare: {}\nStart: {}\nKontakt: {} {} {}\nPris: {price}\nVillkor: {terms}\n",
        order.number,
        order.revision,
        order.customer_name,
        order.customer_no,
        if order.agent_name.is_empty() { "–" } else { &order.agent_name },
        content.hsa_id,
        content.wanted_on.map_or_else(|| "–".to_owned(), crate::calendar::iso_date),
        content.contact_name,
        content.contact_email,
        content.contact_phone,
    );
    if reader != Side::Agent {
        let _ = writeln!(
            text,
            "Faktura: {} / {}",
            content.invoice_address.replace('\n', ", "),
            content.invoice_reference
        );
        let _ = writeln!(text, "Egen referens: {}", content.own_reference.replace('\n', " "));
    }
    for file in &order.files {
        let _ = writeln!(text, "Bilaga: {} sha256 {}", file.name, file.sha256);
    }
    for line in &content.lines {
        let wanted = line.wanted_on.map(crate::calendar::iso_date).unwrap_or_default();
        let _ = writeln!(
            text,
            "Rad: {} {} {} × {} {wanted}",
            line.name, line.hsa_id, line.contract, line.quantity
        );
    }
    text
}

/// A new draft for a customer: its number and, when it is new, the audit entry.
pub async fn start_draft(
    tx: &mut Tx,
    actor: &Actor,
    draft: &store::NewDraft<'_>,
) -> Result<Option<(String, Option<Audit>)>, Refused> {
    let facts = crate::identity::policy::OrderFacts {
        created_by: actor.person(),
        creator_left: false,
        placed_by_staff: draft.by_staff,
        customer_attestant: None,
        agent_attestant: None,
        mandate: None,
    };
    let permit = actor.permit::<Submit>(&facts)?;
    let Some((number, is_new)) = store::insert_draft(tx, draft).await? else { return Ok(None) };
    let audit =
        is_new.then(|| Audit::order(permit.side(), "order.draft", draft.id, draft.customer, number.clone()));
    Ok(Some((number, audit)))
}

/// The audit entry of an edit.
pub fn edited(actor: &Actor, order: &Order, what: &str) -> Audit {
    Audit::order(
        actor.side().unwrap_or(Side::Customer),
        "order.edit",
        order.id,
        order.customer,
        format!("{} {what}", order.number),
    )
}

/// The route an offer is ordered by.
pub fn route_of(channel: crate::catalogue::Channel) -> Route {
    if channel == crate::catalogue::Channel::ViaAgent { Route::ViaAgent } else { Route::Direct }
}

/// What a copy of an earlier order starts with: the same, but no date and no terms accepted.
pub fn copied(from: &Content) -> Content {
    Content { wanted_on: None, terms: None, ..from.clone() }
}
