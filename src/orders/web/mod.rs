//! Pages about orders. What several sides share is written once, for any side.

pub mod agent;
pub mod customer;
pub mod customer_list;
pub mod decide;
mod decision;
pub mod draft;
pub mod end;
mod first_steps;
mod history;
pub mod services;
pub mod show;
mod shown;
pub mod staff;
pub mod talk;
pub mod view;

use std::sync::Arc;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use serde::Deserialize;

use super::{
    actions::{Refused, rule_text},
    domain::Order,
    order_queries::{self, Detail},
    store,
};
use crate::{
    audit::Audit,
    calendar::long_time,
    catalogue::Catalogue,
    http::{Agent, AppError, Chrome, Customer, Cx, Staff, context::For},
    identity::Side,
};

/// A side that has orders.
pub trait Party: For {
    /// The side.
    const READER: Side;
}
impl Party for Customer {
    const READER: Side = Side::Customer;
}
impl Party for Agent {
    const READER: Side = Side::Agent;
}
impl Party for Staff {
    const READER: Side = Side::Inera;
}

/// The order's number in an address.
#[derive(Debug, Deserialize)]
pub struct OrderPath {
    /// BES-2026-004183.
    pub nummer: String,
}

/// The order and the catalogue; 404 when the order is not the reader's to see.
pub(super) async fn load<S: Party>(
    cx: &mut Cx<S>,
    number: &str,
) -> Result<(Order, Arc<Catalogue>), AppError> {
    let order = order_queries::find(&mut cx.tx, number).await?.ok_or(AppError::NotFound)?;
    let catalogue = cx.app.catalogue().await?;
    Ok((order, catalogue))
}

/// An order with what its page shows beyond it, as it stood at one moment.
pub(super) struct Whole {
    pub order: Order,
    pub detail: Detail,
    pub catalogue: Arc<Catalogue>,
}

/// The same with everything its page shows.
pub(super) async fn load_whole<S: Party>(cx: &mut Cx<S>, number: &str) -> Result<Whole, AppError> {
    let (order, detail) = order_queries::find_whole(&mut cx.tx, number).await?.ok_or(AppError::NotFound)?;
    Ok(Whole { order, detail, catalogue: cx.app.catalogue().await? })
}

#[derive(Template)]
#[template(path = "orders/conflict.html")]
struct ConflictPage {
    chrome: Chrome,
    title: String,
    what: String,
    href: String,
}

/// 409: what has happened since the page was shown, and the way on.
pub(super) async fn conflict<S: Party>(mut cx: Cx<S>, number: &str) -> Result<Response, AppError> {
    let (_, detail) = order_queries::find_whole(&mut cx.tx, number).await?.ok_or(AppError::NotFound)?;
    let what = match detail.events.last() {
        Some(event) if event.actor_name.is_empty() => {
            format!("Kundportalen {} {}.", history::event_words(event), long_time(event.at))
        }
        Some(event) => {
            format!("{} {} {}.", event.actor_name, history::event_words(event), long_time(event.at))
        }
        None => "Beställningen har ändrats sedan du öppnade sidan.".to_owned(),
    };
    told(cx, number, "Ärendet är redan hanterat", what).await
}

/// The order is still to be decided, but not as it stood on the page.
async fn changed<S: Party>(cx: Cx<S>, number: &str) -> Result<Response, AppError> {
    let what = "Ditt beslut är inte sparat. Läs beställningen igen innan du beslutar.".to_owned();
    told(cx, number, "Beställningen har ändrats sedan du öppnade sidan", what).await
}

async fn told<S: Party>(cx: Cx<S>, number: &str, title: &str, what: String) -> Result<Response, AppError> {
    let title = title.to_owned();
    let page = ConflictPage {
        chrome: cx.chrome(&title),
        title,
        what,
        href: format!("{}/bestallningar/{number}", cx.actor.base()),
    };
    cx.show_as(StatusCode::CONFLICT, page).await
}

/// An action that was refused, as a page. The transaction is spent: a new one is opened for what must be read or noted.
pub(super) async fn refused<S: Party>(cx: Cx<S>, order: &Order, why: Refused) -> Result<Response, AppError> {
    match why {
        Refused::Denied(denied) => {
            cx.tx.end().await?;
            Err(AppError::Forbidden(denied.0))
        }
        Refused::WrongState => conflict(cx.reopen().await?, &order.number).await,
        Refused::Duplicate => {
            let text =
                "En likadan beställning är redan på väg. Du hittar den på tjänstens sida och i listan över beställningar. Utkastet finns kvar.".to_owned();
            told(cx.reopen().await?, &order.number, "Beställningen finns redan", text).await
        }
        Refused::Rule(key) => {
            let mut cx = cx.reopen().await?;
            if key == "customer_agreement" || key == "agent_agreement" {
                store::raise_staff_task(&mut cx.tx, order).await?;
                let audit = Audit::order(
                    S::READER,
                    "order.agreement_missing",
                    order.id,
                    order.customer,
                    order.number.clone(),
                );
                let (again, spent) = cx.split().await?;
                spent.commit(audit).await?;
                cx = again;
            }
            told(cx, &order.number, "Det går inte att gå vidare", rule_text(&key).to_owned()).await
        }
        Refused::Db(error) => {
            cx.tx.end().await?;
            Err(error.into())
        }
    }
}
