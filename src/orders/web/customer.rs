//! The customer's start page and list of what is to be attested.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use time::Date;

use super::{
    first_steps::{FirstStep, first_steps},
    view::{Tag, tag},
};
use crate::{
    calendar::{iso_date, local, long_date},
    catalogue::Catalogue,
    contacts,
    http::{AppError, Chrome, Customer, Cx, Query, form::Choice, layers::encode},
    identity::{Role, Side},
    ids::OrderId,
    orders::{
        domain::State,
        list_queries::{self, OrderRow, PAGE},
        queries,
    },
};

/// A row of a list.
pub struct Row {
    /// BES-2026-004183.
    pub number: String,
    /// Address.
    pub href: String,
    /// Service.
    pub service: String,
    /// Offer or agent.
    pub sub: String,
    /// Customer and organisation number, for the other sides.
    pub customer: String,
    /// Organisation number as shown.
    pub org_nr: String,
    /// State.
    pub tag: Tag,
    /// Since.
    pub since: String,
    /// Answer by.
    pub due: String,
    /// Made by.
    pub by: String,
    /// Days in its state.
    pub waited: String,
    /// Price, once.
    pub price: String,
}

/// A row for `reader`; dates long for care providers, ISO for those who read many.
pub fn row(catalogue: &Catalogue, row: OrderRow, reader: Side, today: Date, href: String) -> Row {
    let date = |day: Date| if reader == Side::Customer { long_date(day) } else { iso_date(day) };
    let since = local(row.state_since).date;
    let offer = catalogue.offer(&row.offer_code).map_or("", |(_, offer)| offer.name.as_str());
    let sub = match reader {
        Side::Customer if !row.agent_name.is_empty() => format!("Via {}", row.agent_name),
        Side::Inera if !row.agent_name.is_empty() => format!("{offer}, {}", row.agent_name),
        _ => offer.to_owned(),
    };
    let due = if row.state.is_closed() { None } else { row.due_on };
    Row {
        service: catalogue.name(&row.service_code).to_owned(),
        sub,
        tag: tag(row.state, row.due_on, today, reader),
        since: date(since),
        due: due.map(date).unwrap_or_default(),
        waited: crate::text::days(crate::calendar::days_between(since, today)),
        price: row.price_once_ore.filter(|ore| *ore > 0).map(crate::text::kronor).unwrap_or_default(),
        number: row.number,
        href,
        customer: row.customer_name,
        org_nr: row.customer_org_nr,
        by: row.created_by_name,
    }
}

/// Something for the person to do.
pub struct Todo {
    /// Text of the link.
    pub title: String,
    /// Address.
    pub href: String,
    /// More.
    pub meta: String,
    /// When.
    pub tag: Tag,
    /// Words of the tag when they hold a date.
    pub due: String,
    /// Icon.
    pub icon: &'static str,
}

/// A service in use.
pub struct InUse {
    /// Name.
    pub name: String,
    /// Address.
    pub href: String,
    /// Offer.
    pub offer: String,
    /// Way.
    pub way: String,
    /// Since.
    pub since: String,
}

#[derive(Template)]
#[template(path = "orders/customer_start.html")]
struct StartPage {
    chrome: Chrome,
    org: String,
    no_role: bool,
    can_order: bool,
    first_steps: Vec<FirstStep>,
    todo: Vec<Todo>,
    services: Vec<InUse>,
    orders: Vec<Row>,
    base: String,
}

/// `GET /kund/{kundnr}`
pub async fn start(mut cx: Cx<Customer>) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let base = cx.actor.base();
    let open = [
        State::Draft,
        State::Returned,
        State::AwaitingCustomerAttest,
        State::AwaitingAgentReview,
        State::AwaitingAgentAttest,
        State::Attested,
        State::ReadyToConnect,
        State::InDelivery,
    ];
    let orders = list_queries::customer_orders(&mut cx.tx, cx.actor.org(), &open, None, None).await?;
    let facts = queries::start_facts(&mut cx.tx, cx.actor.org(), today).await?;
    let is_new = !facts.has_orders && facts.services.is_empty();
    let mut todo = Vec::new();
    if let Some(title) = contacts::actions::asking(&cx.actor, &facts.asking, &facts.joining) {
        todo.push(Todo {
            title,
            href: format!("{base}/kontakter"),
            meta: "Svara under Kontakter".to_owned(),
            tag: Tag { kind: "warn", text: "Väntar på svar" },
            due: String::new(),
            icon: "people",
        });
    }
    for order in &orders {
        todo.extend(todo_of(&cx, &catalogue, order, today));
    }
    let page = StartPage {
        chrome: cx.chrome("Start"),
        org: cx.actor.org_name().to_owned(),
        no_role: cx.actor.roles().iter().next().is_none(),
        can_order: cx.actor.has(Role::Orderer),
        first_steps: if is_new { first_steps(&facts, &base, &cx.actor) } else { Vec::new() },
        todo,
        services: facts
            .services
            .into_iter()
            .map(|service| InUse {
                href: format!(
                    "{base}/tjanster/{}",
                    catalogue.service(&service.service_code).map_or("", |known| known.slug.as_str())
                ),
                offer: service
                    .offer_code
                    .as_deref()
                    .and_then(|code| catalogue.offer(code))
                    .map_or_else(String::new, |(_, offer)| offer.name.clone()),
                way: if service.agent_name.is_empty() {
                    service.channel.label().to_owned()
                } else {
                    format!("Via {}", service.agent_name)
                },
                since: long_date(service.valid_from),
                name: catalogue.name(&service.service_code).to_owned(),
            })
            .collect(),
        orders: orders
            .into_iter()
            .filter(|order| order.state != State::Draft)
            .take(8)
            .map(|order| {
                let href = format!("{base}/bestallningar/{}", order.number);
                row(&catalogue, order, Side::Customer, today, href)
            })
            .collect(),
        base,
    };
    cx.show(page).await
}

/// What an order asks of this person, if anything.
fn todo_of(cx: &Cx<Customer>, catalogue: &Catalogue, order: &OrderRow, today: Date) -> Option<Todo> {
    let base = cx.actor.base();
    let service = catalogue.name(&order.service_code);
    let via = if order.agent_name.is_empty() { String::new() } else { format!(" via {}", order.agent_name) };
    let (title, href, icon) = match order.state {
        State::AwaitingCustomerAttest
            if cx.actor.has(Role::Attestant) && cx.actor.sits_at(order.customer_attestant_id) =>
        {
            (
                format!("Attestera {service}{via}"),
                format!("{base}/bestallningar/{}/attestera", order.number),
                "sign",
            )
        }
        State::Returned if cx.actor.has(Role::Orderer) => {
            (format!("Komplettera {service}{via}"), format!("{base}/bestallningar/{}", order.number), "doc")
        }
        State::Draft if cx.actor.has(Role::Orderer) => {
            (format!("Fortsätt utkastet {service}{via}"), format!("{base}/bestall/{}", order.number), "list")
        }
        _ => return None,
    };
    let price = order
        .price_once_ore
        .filter(|ore| *ore > 0)
        .map(|ore| format!(" · {}", crate::text::kronor(ore)))
        .unwrap_or_default();
    let since = long_date(local(order.state_since).date);
    let mark = tag(order.state, order.due_on, today, Side::Customer);
    let due = if mark.kind == "late" {
        String::new()
    } else {
        order.due_on.map(|due| format!("Senast {}", long_date(due))).unwrap_or_default()
    };
    Some(Todo {
        title,
        href,
        meta: format!("{} · av {} · {since}{price}", order.number, order.created_by_name),
        tag: mark,
        due,
        icon,
    })
}

/// How a list is narrowed, and where it goes on.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ListQuery {
    /// View.
    #[serde(default)]
    pub vy: String,
    /// Service.
    #[serde(default)]
    pub tjanst: String,
    /// Words.
    #[serde(default)]
    pub q: String,
    /// Goes on after this place.
    #[serde(default)]
    pub efter: String,
}

impl ListQuery {
    /// The address of the next page.
    pub fn next(&self, path: &str, place: &str) -> String {
        format!(
            "{path}?vy={}&tjanst={}&q={}&efter={}",
            encode(&self.vy),
            encode(&self.tjanst),
            encode(&self.q),
            encode(place)
        )
    }
}

/// A view of a list, as a link.
pub struct ViewLink {
    /// Text.
    pub label: &'static str,
    /// Address.
    pub href: String,
    /// Shown now?
    pub current: bool,
    /// How many wait there; empty = not counted.
    pub count: String,
}

/// Links for views, given as code and label.
pub fn view_links(views: &[(&'static str, &'static str)], path: &str, current: &str) -> Vec<ViewLink> {
    views
        .iter()
        .map(|(code, label)| ViewLink {
            label,
            href: if code.is_empty() { path.to_owned() } else { format!("{path}?vy={code}") },
            current: *code == current,
            count: String::new(),
        })
        .collect()
}

/// Services to filter by.
pub fn service_choices(catalogue: &Catalogue, current: &str) -> Vec<Choice> {
    let mut choices = vec![Choice::new("", "Alla tjänster", current)];
    let orderable =
        catalogue.services().iter().filter(|service| service.offers.iter().any(|offer| offer.orderable));
    choices.extend(orderable.map(|service| Choice::new(service.code.clone(), service.name.clone(), current)));
    choices
}

/// `GET /kund/{kundnr}/attester`
pub async fn attests(mut cx: Cx<Customer>, Query(query): Query<ListQuery>) -> Result<Response, AppError> {
    if !cx.actor.has(Role::Attestant) {
        return Err(AppError::Forbidden(
            "Bara attestanter har en attestlista. Be er administratör om rollen Attestant.",
        ));
    }
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let base = cx.actor.base();
    let before = query.efter.parse().ok().map(OrderId);
    let desks = cx.actor.desks();
    let mut orders = list_queries::customer_orders(
        &mut cx.tx,
        cx.actor.org(),
        &[State::AwaitingCustomerAttest],
        Some(&desks),
        before,
    )
    .await?;
    let more = orders.len() > PAGE;
    orders.truncate(PAGE);
    let path = format!("{base}/attester");
    let next = orders
        .last()
        .filter(|_| more)
        .map(|order| query.next(&path, &order.id.to_string()))
        .unwrap_or_default();
    let page = super::agent::AttestsPage {
        mandates: Vec::new(),
        chrome: cx.chrome("Att attestera"),
        rows: orders
            .into_iter()
            .map(|order| {
                let href = format!("{base}/bestallningar/{}/attestera", order.number);
                row(&catalogue, order, Side::Customer, today, href)
            })
            .collect(),
        next,
        is_agent: false,
    };
    cx.show(page).await
}
