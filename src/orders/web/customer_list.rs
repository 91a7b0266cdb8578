//! The customer's own list of orders: the page that is read the most, so it copies little.

use askama::Template;
use axum::response::Response;
use time::Date;

use super::{
    customer::{ListQuery, ViewLink, service_choices, view_links},
    view::{Tag, tag},
};
use crate::{
    calendar::{DateWords, local},
    catalogue::Catalogue,
    http::{AppError, Chrome, Customer, Cx, Query, form::Choice},
    identity::{Role, Side},
    ids::OrderId,
    orders::{
        domain::State,
        list_queries::{self, CustomerRow, Filter, PAGE},
    },
};

struct ListRow<'a> {
    order: CustomerRow,
    service: &'a str,
    offer: &'a str,
    tag: Tag,
    since: DateWords,
    due: Option<DateWords>,
}

impl<'a> ListRow<'a> {
    fn new(catalogue: &'a Catalogue, order: CustomerRow, today: Date) -> Self {
        let (service, offer) = catalogue
            .offer(&order.offer_code)
            .map_or(("", ""), |(service, offer)| (service.name.as_str(), offer.name.as_str()));
        let due = if order.state.is_closed() { None } else { order.due_on };
        Self {
            service,
            offer,
            tag: tag(order.state, order.due_on, today, Side::Customer),
            since: local(order.state_since).date.into(),
            due: due.map(DateWords::from),
            order,
        }
    }
}

#[derive(Template)]
#[template(path = "orders/customer_list.html")]
struct ListPage<'a> {
    chrome: Chrome,
    can_order: bool,
    base: String,
    path: String,
    views: Vec<ViewLink>,
    services: Vec<Choice>,
    query: ListQuery,
    rows: Vec<ListRow<'a>>,
    next: String,
    filtered: bool,
}

/// `GET /kund/{kundnr}/bestallningar`
pub async fn index(mut cx: Cx<Customer>, Query(query): Query<ListQuery>) -> Result<Response, AppError> {
    let states: &[State] = match query.vy.as_str() {
        "pagar" => &[
            State::AwaitingAgentReview,
            State::AwaitingAgentAttest,
            State::AwaitingCustomerAttest,
            State::Returned,
            State::Attested,
            State::ReadyToConnect,
            State::InDelivery,
        ],
        "utkast" => &[State::Draft],
        "levererade" => &[State::Activated],
        "avslutade" => &[
            State::RejectedByAgent,
            State::RejectedByAgentAttestant,
            State::RejectedByCustomer,
            State::RejectedByInera,
            State::Withdrawn,
            State::Lapsed,
        ],
        _ => &[],
    };
    let filter = Filter {
        states: states.to_vec(),
        service: query.tjanst.clone(),
        text: query.q.trim().to_owned(),
        attestant: None,
    };
    let path = format!("{}/bestallningar", cx.actor.base());
    let views = view_links(
        &[
            ("", "Alla"),
            ("pagar", "Pågår"),
            ("utkast", "Utkast"),
            ("levererade", "Levererade"),
            ("avslutade", "Avslutade utan leverans"),
        ],
        &path,
        &query.vy,
    );
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let before = query.efter.parse().ok().map(OrderId);
    let mut orders = list_queries::customer_list(&mut cx.tx, cx.actor.org(), &filter, before).await?;
    let next = orders.get(PAGE - 1).filter(|_| orders.len() > PAGE);
    let next = next.map(|last| query.next(&path, &last.id.to_string())).unwrap_or_default();
    orders.truncate(PAGE);
    let page = ListPage {
        chrome: cx.chrome("Beställningar"),
        can_order: cx.actor.has(Role::Orderer),
        base: cx.actor.base(),
        next,
        filtered: !query.q.is_empty() || !query.tjanst.is_empty() || !query.vy.is_empty(),
        path,
        views,
        services: service_choices(&catalogue, &query.tjanst),
        rows: orders.into_iter().map(|order| ListRow::new(&catalogue, order, today)).collect(),
        query,
    };
    cx.show(page).await
}
