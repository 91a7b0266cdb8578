//! Kundservice: the queue, all orders, delivery, customers.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    OrderPath,
    agent::place,
    customer::{ListQuery, Row, ViewLink, row, view_links},
    load, refused, show,
};
use crate::{
    agreements::{self, Kind},
    applications,
    calendar::{iso_date, iso_time, long_date},
    catalogue::{assess_service, eligibility::stops},
    contacts,
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff, form::Motive},
    identity::{Role, Side, policy},
    ids::{self, OrderId},
    mandates,
    orders::{
        actions::{self, Delivery},
        domain::State,
        list_queries::{self, PAGE},
        queries, store,
    },
};

/// A queue with how many are in it.
struct Queue {
    label: &'static str,
    href: String,
    count: String,
    attention: bool,
}

/// A matter that no state tells.
struct Matter {
    number: String,
    href: String,
    customer: String,
    since: String,
}

#[derive(Template)]
#[template(path = "orders/staff_start.html")]
struct StartPage {
    chrome: Chrome,
    queues: Vec<Queue>,
    matters: Vec<Matter>,
    rows: Vec<Row>,
}

/// `GET /inera`
pub async fn start(mut cx: Cx<Staff>) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let counts = list_queries::staff_counts(&mut cx.tx).await?;
    let matters = list_queries::staff_tasks(&mut cx.tx).await?;
    let orders = list_queries::staff_queue(&mut cx.tx, State::Attested, None).await?;
    let applications = applications::queries::waiting(&mut cx.tx).await?;
    let mandates = mandates::queries::to_review(&mut cx.tx).await?;
    let page = StartPage {
        chrome: cx.chrome("Start"),
        queues: counts
            .into_iter()
            .map(|(state, count)| Queue {
                label: state.tag(Side::System).1,
                href: format!("/inera/bestallningar?vy={}", state.code()),
                count: if count >= 100 { "99+".to_owned() } else { count.to_string() },
                attention: matches!(state, State::Attested | State::InDelivery) && count > 0,
            })
            .chain([
                Queue {
                    label: "Nya kundansökningar",
                    href: "/inera/ansokningar".to_owned(),
                    count: applications.to_string(),
                    attention: applications > 0,
                },
                Queue {
                    label: "Agentuppdrag att granska eller aktivera",
                    href: "/inera/uppdrag".to_owned(),
                    count: mandates.to_string(),
                    attention: mandates > 0,
                },
            ])
            .collect(),
        matters: matters
            .into_iter()
            .map(|task| Matter {
                href: format!("/inera/bestallningar/{}", task.number),
                number: task.number,
                customer: task.customer_name,
                since: iso_time(task.created_at),
            })
            .collect(),
        rows: orders
            .into_iter()
            .take(20)
            .map(|order| {
                let href = format!("/inera/bestallningar/{}", order.number);
                row(&catalogue, order, Side::Inera, today, href)
            })
            .collect(),
    };
    cx.show(page).await
}

#[derive(Template)]
#[template(path = "orders/staff_list.html")]
struct ListPage {
    chrome: Chrome,
    path: String,
    views: Vec<ViewLink>,
    query: ListQuery,
    rows: Vec<Row>,
    next: String,
}

/// States with a queue of their own.
const QUEUES: [State; 7] = [
    State::Attested,
    State::ReadyToConnect,
    State::InDelivery,
    State::AwaitingAgentReview,
    State::AwaitingAgentAttest,
    State::AwaitingCustomerAttest,
    State::Returned,
];

/// `GET /inera/bestallningar`
pub async fn index(mut cx: Cx<Staff>, Query(query): Query<ListQuery>) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let path = "/inera/bestallningar".to_owned();
    let state = QUEUES.into_iter().find(|state| state.code() == query.vy);
    let text = query.q.trim();
    let mut orders = if !text.is_empty() {
        list_queries::staff_search(&mut cx.tx, text).await?
    } else if let Some(state) = state {
        list_queries::staff_queue(&mut cx.tx, state, place(&query.efter)).await?
    } else {
        list_queries::staff_list(&mut cx.tx, query.efter.parse().ok().map(OrderId)).await?
    };
    let more = orders.len() > PAGE;
    orders.truncate(PAGE);
    let next = orders
        .last()
        .filter(|_| more)
        .map(|order| match state {
            Some(_) => format!("{}_{}", order.due_on.map(iso_date).unwrap_or_default(), order.id),
            None => order.id.to_string(),
        })
        .map(|place| query.next(&path, &place))
        .unwrap_or_default();
    let mut views = vec![("", "Alla")];
    views.extend(QUEUES.iter().map(|state| (state.code(), state.tag(Side::System).1)));
    let page = ListPage {
        chrome: cx.chrome("Beställningar"),
        views: view_links(&views, &path, &query.vy),
        rows: orders
            .into_iter()
            .map(|order| {
                let href = format!("/inera/bestallningar/{}", order.number);
                row(&catalogue, order, Side::Inera, today, href)
            })
            .collect(),
        path,
        query,
        next,
    };
    cx.show(page).await
}

/// What to do with an attested order.
#[derive(Debug, Default, Deserialize)]
pub struct DeliveryForm {
    #[serde(default)]
    steg: String,
    #[serde(default)]
    motivering: String,
}

/// `POST /inera/bestallningar/{nummer}/leverans`
pub async fn deliver(
    mut cx: Cx<Staff>,
    Path(path): Path<OrderPath>,
    Form(form): Form<DeliveryForm>,
) -> Result<Response, AppError> {
    let (order, _) = load(&mut cx, &path.nummer).await?;
    cx.actor
        .permit::<policy::Deliver>(&order.facts())
        .map(drop)
        .map_err(|denied| AppError::Forbidden(denied.0))?;
    let what = match form.steg.as_str() {
        "starta" => Delivery::Start,
        "paborjad" => Delivery::NoteBegun,
        "leverera" => Delivery::Activate,
        "avsla" => match Motive::parse(&form.motivering) {
            Ok(motive) => Delivery::Reject(motive),
            Err(message) => {
                let errors = Errors::one("motivering", message);
                return show::page(
                    cx,
                    &path.nummer,
                    StatusCode::UNPROCESSABLE_ENTITY,
                    errors,
                    form.motivering,
                )
                .await;
            }
        },
        _ => return Err(AppError::BadRequest("Formuläret saknar vad som ska göras.")),
    };
    let at = cx.app.clock().now();
    let receipt = match what {
        Delivery::Start => Flash::Started,
        Delivery::NoteBegun => Flash::Begun,
        Delivery::Activate => Flash::Delivered,
        Delivery::Reject(_) => Flash::Rejected,
    };
    match actions::deliver(&mut cx.tx, &cx.actor, &order, what, at).await {
        Ok(audit) => {
            let here = format!("/inera/bestallningar/{}", order.number);
            cx.commit(audit).await?;
            Ok(receipt.on(&here))
        }
        Err(why) => refused(cx, &order, why).await,
    }
}

/// A customer in the list.
struct CustomerLine {
    name: String,
    href: String,
    org_nr: String,
    number: i64,
    category: String,
}

#[derive(Template)]
#[template(path = "orders/staff_customers.html")]
struct CustomersPage {
    chrome: Chrome,
    q: String,
    rows: Vec<CustomerLine>,
    next: String,
}

/// `GET /inera/kunder`
pub async fn customers(mut cx: Cx<Staff>, Query(query): Query<ListQuery>) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let mut found =
        crate::identity::queries::customers(&mut cx.tx, query.q.trim(), &query.efter, today).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next =
        found.last().filter(|_| more).map(|last| query.next("/inera/kunder", &last.name)).unwrap_or_default();
    let page = CustomersPage {
        chrome: cx.chrome("Kunder"),
        rows: found
            .into_iter()
            .map(|row| CustomerLine {
                href: format!("/inera/kunder/{}", row.customer_no),
                number: row.customer_no,
                org_nr: row.org_nr,
                category: row.category.map(|code| catalogue.category(&code).to_owned()).unwrap_or_default(),
                name: row.name,
            })
            .collect(),
        q: query.q,
        next,
    };
    cx.show(page).await
}

/// The customer's number.
#[derive(Debug, Deserialize)]
pub struct CustomerPath {
    kundnr: i64,
}

/// A service Kundservice may order for the customer.
struct Orderable {
    code: String,
    name: String,
    id: Uuid,
    stopped: String,
}

/// An agreement of the customer.
struct HeldView {
    name: String,
    href: String,
    tag: agreements::web::view::Tag,
    period: String,
}

#[derive(Template)]
#[template(path = "orders/staff_customer.html")]
struct CustomerPage {
    chrome: Chrome,
    name: String,
    number: i64,
    can_order: bool,
    sees_invoicing: bool,
    can_send_agreement: bool,
    agreements: Vec<HeldView>,
    subscriptions: Vec<String>,
    rows: Vec<Row>,
    services: Vec<Orderable>,
    people: contacts::web::agents::People,
    /// The organisation's last day, planned or past.
    last_day: String,
}

/// `GET /inera/kunder/{kundnr}`
pub async fn customer(mut cx: Cx<Staff>, Path(path): Path<CustomerPath>) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let id = store::customer_by_number(&mut cx.tx, path.kundnr).await?.ok_or(AppError::NotFound)?;
    let base = format!("/inera/kunder/{}", path.kundnr);
    let customer = queries::customer(&mut cx.tx, id, &base, today).await?.ok_or(AppError::NotFound)?;
    let orders = list_queries::customer_orders(&mut cx.tx, id, &[], None, None).await?;
    let subscriptions = queries::subscriptions(&mut cx.tx, id, today).await?;
    let held = agreements::queries::of_organisation(&mut cx.tx, id).await?;
    let people = contacts::web::agents::people(&mut cx, id, &base).await?;
    let page = CustomerPage {
        chrome: cx.chrome(&customer.name),
        name: customer.name.clone(),
        last_day: customer.facts.ceased_on.map(long_date).unwrap_or_default(),
        number: customer.customer_no,
        can_order: cx.actor.roles().has_any(&[Role::Support, Role::ServiceManager]),
        sees_invoicing: policy::may_read_invoicing(&cx.actor),
        can_send_agreement: cx.actor.permit_agreements().is_ok()
            && !held.iter().any(|row| row.kind == Kind::Customer2 && row.in_the_way(today).is_some()),
        agreements: held
            .into_iter()
            .map(|row| HeldView {
                name: agreements::web::view::name(row.kind, row.service_code.as_deref(), &catalogue),
                href: format!("/inera/avtal/{}", row.number),
                tag: agreements::web::view::tag(row.status, row.signing_state),
                period: match (row.valid_from, row.valid_to) {
                    (Some(from), Some(to)) => {
                        format!("{}, {} till {}", row.number, iso_date(from), iso_date(to))
                    }
                    (Some(from), None) => format!("{}, från {}", row.number, iso_date(from)),
                    _ => row.number,
                },
            })
            .collect(),
        subscriptions: subscriptions
            .iter()
            .map(|service| catalogue.name(&service.service_code).to_owned())
            .collect(),
        rows: orders
            .into_iter()
            .take(PAGE)
            .map(|order| {
                let href = format!("/inera/bestallningar/{}", order.number);
                row(&catalogue, order, Side::Inera, today, href)
            })
            .collect(),
        services: catalogue
            .services()
            .iter()
            .filter(|service| service.offers.iter().any(|offer| offer.orderable))
            .map(|service| {
                let reasons = assess_service(&catalogue, service, &customer.facts);
                let stopped = if stops(&reasons) {
                    reasons
                        .iter()
                        .find(|reason| reason.verdict == crate::catalogue::Verdict::Stop)
                        .map(|reason| reason.title.clone())
                } else {
                    None
                };
                Orderable {
                    code: service.code.clone(),
                    name: service.name.clone(),
                    id: ids::fresh(),
                    stopped: stopped.unwrap_or_default(),
                }
            })
            .collect(),
        people,
    };
    cx.show(page).await
}
