//! The agent's start page, inbox and list of what is to be attested; and that the work has begun.

use askama::Template;
use axum::response::Response;
use time::Date;

use super::{
    OrderPath,
    customer::{ListQuery, Row, ViewLink, row, service_choices, view_links},
    refused,
};
use crate::{
    calendar::{add_working_days, iso_date, parse_date},
    catalogue::Catalogue,
    contacts,
    http::{Agent, AppError, Chrome, Cx, Flash, Path, Query, form::Choice},
    identity::{Role, Side},
    ids::OrderId,
    mandates,
    orders::{
        actions,
        domain::State,
        list_queries::{self, Filter, OrderRow, PAGE, Place},
        order_queries,
    },
};

/// Rows under one heading of urgency.
pub struct Group {
    /// "Försenade, 2 ärenden".
    pub heading: String,
    /// Rows.
    pub rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "orders/agent_inbox.html")]
struct InboxPage {
    chrome: Chrome,
    org: String,
    path: String,
    views: Vec<ViewLink>,
    services: Vec<Choice>,
    query: ListQuery,
    groups: Vec<Group>,
    count: usize,
    next: String,
    filtered: bool,
    no_mandate: bool,
}

/// The inbox's views: code and label.
const VIEWS: &[(&str, &str)] = &[
    ("", "Att granska"),
    ("attest", "Väntar på attest"),
    ("kund", "Hos kunden"),
    ("inera", "Hos Inera och anslutning"),
    ("avslutade", "Avslutade"),
];

/// Waiting on the agent's side.
const OURS: &[State] = &[State::AwaitingAgentReview];

/// `GET /agent/{agentnr}/godkannanden`
pub async fn inbox(mut cx: Cx<Agent>, Query(query): Query<ListQuery>) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let path = format!("{}/godkannanden", cx.actor.base());
    let (states, history): (&[State], bool) = match query.vy.as_str() {
        "attest" => (&[State::AwaitingAgentAttest], false),
        "kund" => (&[State::AwaitingCustomerAttest, State::Returned], false),
        "inera" => (&[State::Attested, State::ReadyToConnect, State::InDelivery], false),
        "avslutade" => (
            &[
                State::Activated,
                State::RejectedByAgent,
                State::RejectedByAgentAttestant,
                State::RejectedByCustomer,
                State::RejectedByInera,
                State::Withdrawn,
                State::Lapsed,
            ],
            true,
        ),
        _ => (OURS, false),
    };
    let filter = Filter {
        states: states.to_vec(),
        service: query.tjanst.clone(),
        text: query.q.trim().to_owned(),
        attestant: None,
    };
    let mut orders = found(&mut cx, &filter, history, &query.efter).await?;
    let more = orders.len() > PAGE;
    orders.truncate(PAGE);
    let next = orders
        .last()
        .filter(|_| more)
        .map(|order| query.next(&path, &mark(order, history)))
        .unwrap_or_default();
    let mut views = view_links(VIEWS, &path, &query.vy);
    for (view, count) in views.iter_mut().zip(list_queries::agent_counts(&mut cx.tx, cx.actor.org()).await?) {
        view.count = if count >= 100 { "99+".to_owned() } else { count.to_string() };
    }
    let base = cx.actor.base();
    let count = orders.len();
    let groups = if history {
        vec![Group {
            heading: String::new(),
            rows: orders.into_iter().map(|order| agent_row(&catalogue, order, &base, today)).collect(),
        }]
    } else {
        grouped(orders, today, |order| agent_row(&catalogue, order, &base, today))
    };
    let page = InboxPage {
        chrome: cx.chrome("Beställningar från kunder"),
        org: cx.actor.org_name().to_owned(),
        views,
        services: service_choices(&catalogue, &query.tjanst),
        filtered: !query.q.is_empty() || !query.tjanst.is_empty(),
        no_mandate: cx.actor.has(Role::AgentHandler) && cx.actor.mandates().is_empty(),
        path,
        query,
        groups,
        count,
        next,
    };
    cx.show(page).await
}

/// What waits for review comes straight out of its index; the rest is looked for among the agent's open orders.
async fn found(
    cx: &mut Cx<Agent>,
    filter: &Filter,
    history: bool,
    after: &str,
) -> Result<Vec<OrderRow>, AppError> {
    let org = cx.actor.org();
    let narrowed = !filter.service.is_empty() || !filter.text.is_empty();
    Ok(match filter.states.as_slice() {
        _ if history => {
            list_queries::agent_history(&mut cx.tx, org, filter, after.parse().ok().map(OrderId)).await?
        }
        [State::AwaitingAgentReview] if !narrowed => {
            list_queries::agent_reviews(&mut cx.tx, org, place(after)).await?
        }
        _ => list_queries::agent_list(&mut cx.tx, org, filter, place(after)).await?,
    })
}

fn agent_row(catalogue: &crate::catalogue::Catalogue, order: OrderRow, base: &str, today: Date) -> Row {
    let href = match order.state {
        State::AwaitingAgentReview => format!("{base}/godkannanden/{}", order.number),
        _ => format!("{base}/bestallningar/{}", order.number),
    };
    row(catalogue, order, Side::Agent, today, href)
}

/// Late first, then what is due within five working days, then the rest.
fn grouped(orders: Vec<OrderRow>, today: Date, view: impl Fn(OrderRow) -> Row) -> Vec<Group> {
    let soon = add_working_days(today, 5);
    let mut parts: [(&str, Vec<Row>); 3] =
        [("Försenade", Vec::new()), ("Svar inom 5 arbetsdagar", Vec::new()), ("Senare", Vec::new())];
    for order in orders {
        let at = match order.due_on {
            Some(due) if due < today => 0,
            Some(due) if due <= soon => 1,
            _ => 2,
        };
        if let Some((_, rows)) = parts.get_mut(at) {
            rows.push(view(order));
        }
    }
    parts
        .into_iter()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(name, rows)| Group {
            heading: format!("{name}, {} {}", rows.len(), if rows.len() == 1 { "ärende" } else { "ärenden" }),
            rows,
        })
        .collect()
}

/// A place as text in an address: `2026-11-27_<id>`.
fn mark(order: &OrderRow, history: bool) -> String {
    if history {
        return order.id.to_string();
    }
    format!("{}_{}", order.due_on.map_or_else(|| "9999-12-31".to_owned(), iso_date), order.id)
}

/// The place in an address, when it is one.
pub(super) fn place(text: &str) -> Option<Place> {
    let (day, id) = text.split_once('_')?;
    Some((parse_date(day)?, OrderId(id.parse().ok()?)))
}

/// A list of what waits for this attestant, for both sides; made for a phone.
#[derive(Template)]
#[template(path = "orders/attests.html")]
pub struct AttestsPage {
    /// Frame.
    pub chrome: Chrome,
    /// Rows.
    pub rows: Vec<Row>,
    /// Next page.
    pub next: String,
    /// The agent's list.
    pub is_agent: bool,
    /// Applications for agentuppdrag that wait too.
    pub mandates: Vec<mandates::web::Row>,
}

/// `GET /agent/{agentnr}/attester`
pub async fn attests(mut cx: Cx<Agent>, Query(query): Query<ListQuery>) -> Result<Response, AppError> {
    if !cx.actor.has(Role::Attestant) {
        return Err(AppError::Forbidden(
            "Bara attestanter har en attestlista. Be er administratör om rollen Attestant.",
        ));
    }
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let base = cx.actor.base();
    let filter = Filter {
        states: vec![State::AwaitingAgentAttest],
        attestant: Some(cx.actor.desks()),
        ..Filter::default()
    };
    let mut orders =
        list_queries::agent_list(&mut cx.tx, cx.actor.org(), &filter, place(&query.efter)).await?;
    let more = orders.len() > PAGE;
    orders.truncate(PAGE);
    let path = format!("{base}/attester");
    let next = orders
        .last()
        .filter(|_| more)
        .map(|order| query.next(&path, &mark(order, false)))
        .unwrap_or_default();
    let mandates = mandates_to_attest(&mut cx, &catalogue).await?;
    let page = AttestsPage {
        chrome: cx.chrome("Att attestera"),
        rows: orders
            .into_iter()
            .map(|order| {
                let href = format!("{base}/attester/{}", order.number);
                row(&catalogue, order, Side::Agent, today, href)
            })
            .collect(),
        next,
        is_agent: true,
        mandates,
    };
    cx.show(page).await
}

/// Applications for agentuppdrag that wait for the reader's attest.
async fn mandates_to_attest(
    cx: &mut Cx<Agent>,
    catalogue: &Catalogue,
) -> Result<Vec<mandates::web::Row>, AppError> {
    if !cx.actor.has(Role::Attestant) {
        return Ok(Vec::new());
    }
    let lines = mandates::queries::to_attest(&mut cx.tx, cx.actor.org(), &cx.actor.desks()).await?;
    Ok(mandates::web::rows(lines, catalogue, (&cx.actor.base(), Side::Agent)))
}

#[derive(Template)]
#[template(path = "orders/agent_start.html")]
struct StartPage {
    chrome: Chrome,
    org: String,
    base: String,
    groups: Vec<Group>,
    to_attest: Vec<Row>,
    to_begin: Vec<Row>,
    asks: Option<String>,
    is_administrator: bool,
    reviews: bool,
    attests: bool,
    applies: bool,
    to_answer: Vec<mandates::web::Row>,
    mandates: Vec<mandates::web::Row>,
}

/// `GET /agent/{agentnr}`
pub async fn start(mut cx: Cx<Agent>) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let base = cx.actor.base();
    let filter = Filter {
        states: vec![State::AwaitingAgentReview, State::AwaitingAgentAttest, State::ReadyToConnect],
        ..Filter::default()
    };
    let orders = list_queries::agent_list(&mut cx.tx, cx.actor.org(), &filter, None).await?;
    let (mut review, mut attest, mut begin) = (Vec::new(), Vec::new(), Vec::new());
    for order in orders {
        match order.state {
            State::AwaitingAgentReview => review.push(order),
            State::AwaitingAgentAttest => attest.push(order),
            _ => begin.push(order),
        }
    }
    let attests = cx.actor.has(Role::Attestant);
    let mandates = mandates_to_attest(&mut cx, &catalogue).await?;
    let applies = cx.actor.has(Role::MandateOrderer);
    let asked =
        if applies { mandates::queries::to_answer(&mut cx.tx, cx.actor.org()).await? } else { Vec::new() };
    let page = StartPage {
        chrome: cx.chrome("Start"),
        org: cx.actor.org_name().to_owned(),
        groups: grouped(review, today, |order| agent_row(&catalogue, order, &base, today)),
        to_attest: attest
            .into_iter()
            .filter(|order| attests && cx.actor.sits_at(order.agent_attestant_id))
            .map(|order| {
                let href = format!("{base}/attester/{}", order.number);
                row(&catalogue, order, Side::Agent, today, href)
            })
            .collect(),
        to_begin: begin.into_iter().map(|order| agent_row(&catalogue, order, &base, today)).collect(),
        asks: contacts::web::ask::waiting(&mut cx).await?,
        is_administrator: cx.actor.has(Role::Administrator),
        reviews: cx.actor.has(Role::AgentHandler),
        attests,
        applies,
        to_answer: mandates::web::rows(asked, &catalogue, (&base, Side::Agent)),
        mandates,
        base,
    };
    cx.show(page).await
}

/// `POST /agent/{agentnr}/bestallningar/{nummer}/paborjad`: the agent has begun to connect.
pub async fn begin(mut cx: Cx<Agent>, Path(path): Path<OrderPath>) -> Result<Response, AppError> {
    let order = order_queries::find(&mut cx.tx, &path.nummer).await?.ok_or(AppError::NotFound)?;
    let at = cx.app.clock().now();
    match actions::begin(&mut cx.tx, &cx.actor, &order, at).await {
        Ok(audit) => {
            let here = format!("{}/bestallningar/{}", cx.actor.base(), order.number);
            cx.commit(audit).await?;
            Ok(Flash::Begun.on(&here))
        }
        Err(why) => refused(cx, &order, why).await,
    }
}
