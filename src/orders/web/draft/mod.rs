//! The steps of an order: anslutning, förutsättningar, omfattning, granska. The draft row is the only state, so Back,
//! another tab and another day all work. The same steps serve the customer and Kundservice acting for one.

pub mod connection;
pub mod review;
pub mod scope;
pub mod start;

use std::sync::Arc;

use axum::response::Response;
use serde::Deserialize;

use super::{Party, conflict, load};
use crate::{
    catalogue::{Catalogue, Offer, Service},
    http::{AppError, Customer, Cx, Staff, see_other},
    identity::policy::Submit,
    ids::OrgId,
    orders::{
        domain::{Order, Route, State},
        queries::{self, CustomerRow},
        store,
    },
};

/// A side that can order.
pub trait Orderer: Party {
    /// Kundservice, on behalf of the customer.
    const ON_BEHALF: bool;
    /// No attestant in particular, in this side's words.
    const ANYBODY: &'static str;
    /// Where the customer's pages start for this side.
    fn base(kundnr: i64) -> String;
}
impl Orderer for Customer {
    const ON_BEHALF: bool = false;
    const ANYBODY: &'static str = "Någon av era attestanter";
    fn base(kundnr: i64) -> String {
        format!("/kund/{kundnr}")
    }
}
impl Orderer for Staff {
    const ON_BEHALF: bool = true;
    const ANYBODY: &'static str = "Någon av kundens attestanter";
    fn base(kundnr: i64) -> String {
        format!("/inera/kunder/{kundnr}")
    }
}

/// The customer's number and the draft's.
#[derive(Debug, Deserialize)]
pub struct DraftPath {
    /// Customer.
    pub kundnr: i64,
    /// BES-2026-004183.
    pub nummer: String,
}

/// A draft that the person may edit, with all it is judged by.
pub(super) struct Draft {
    pub order: Order,
    pub customer: CustomerRow,
    pub catalogue: Arc<Catalogue>,
    pub base: String,
}

impl Draft {
    pub fn service(&self) -> Result<&Service, AppError> {
        self.catalogue
            .service(&self.order.service_code)
            .ok_or_else(|| AppError::Internal("the order's service is gone".to_owned()))
    }

    pub fn offer(&self) -> Result<(&Service, &Offer), AppError> {
        self.catalogue
            .offer(&self.order.offer_code)
            .ok_or_else(|| AppError::Internal("the order's offer is gone".to_owned()))
    }

    pub fn href(&self, step: &str) -> String {
        format!("{}/bestall/{}/{step}", self.base, self.order.number)
    }

    /// The first step that has something left to fill in, else the last.
    pub fn next_step(&self) -> Result<String, AppError> {
        let (_, offer) = self.offer()?;
        let content = &self.order.content;
        // A new draft is direct until its orderer has chosen; the telephone number is what nobody fills in beforehand.
        let connection_is_missing = match self.order.route {
            Route::ViaAgent => self.order.agent.is_none() || content.hsa_id.is_empty(),
            Route::Direct => content.contact_phone.is_empty(),
        };
        let step = if connection_is_missing {
            "anslutning"
        } else if content.contact_phone.is_empty() {
            "forutsattningar"
        // What has come back is to be completed, not sent again as it was.
        } else if self.order.state == State::Returned || review::scope_is_missing(content, offer) {
            "omfattning"
        } else {
            "granska"
        };
        Ok(self.href(step))
    }

    pub fn eyebrow(&self) -> String {
        let service = self.catalogue.name(&self.order.service_code);
        if self.order.placed_by_staff {
            format!("{service} för {}", self.order.customer_name)
        } else {
            service.to_owned()
        }
    }
}

/// Opens the draft, or answers the order when it can't be edited any more.
pub(super) async fn open<S: Orderer>(
    cx: &mut Cx<S>,
    path: &DraftPath,
) -> Result<Result<Draft, Order>, AppError> {
    let (order, catalogue) = load(cx, &path.nummer).await?;
    if order.customer_no != path.kundnr {
        return Err(AppError::NotFound);
    }
    cx.actor.permit::<Submit>(&order.facts()).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    // Kundservice edits only its own drafts: what has come back is the customer's to complete.
    if order.editable().is_none() || (S::ON_BEHALF && order.state != State::Draft) {
        return Ok(Err(order));
    }
    let base = S::base(path.kundnr);
    let today = cx.app.clock().today();
    let customer =
        queries::customer(&mut cx.tx, order.customer, &base, today).await?.ok_or(AppError::NotFound)?;
    Ok(Ok(Draft { order, customer, catalogue, base }))
}

/// A step of a draft that has been sent is opened, from the history or a saved link: the order's page.
pub(super) async fn moved<S: Orderer>(cx: Cx<S>, order: &Order) -> Result<Response, AppError> {
    let href = format!("{}/bestallningar/{}", cx.actor.base(), order.number);
    cx.tx.end().await?;
    Ok(see_other(&href))
}

/// A form of a draft that has been sent already: what has happened since, and the way to the order.
pub(super) async fn closed<S: Orderer>(cx: Cx<S>, order: &Order) -> Result<Response, AppError> {
    conflict(cx, &order.number).await
}

/// The customer behind a number, for the side that asks.
pub(super) async fn customer_id<S: Orderer>(cx: &mut Cx<S>, kundnr: i64) -> Result<OrgId, AppError> {
    if !S::ON_BEHALF {
        return Ok(cx.actor.org());
    }
    store::customer_by_number(&mut cx.tx, kundnr).await?.ok_or(AppError::NotFound)
}

/// One of the five steps, for the bar at the top.
pub(super) struct StepMark {
    pub label: &'static str,
    pub state: &'static str,
}

/// The bar, with `current` of five.
pub(super) fn step_marks(current: usize) -> Vec<StepMark> {
    ["Tjänst", "Anslutning", "Förutsättningar", "Omfattning", "Granska och skicka"]
        .into_iter()
        .enumerate()
        .map(|(index, label)| StepMark {
            label,
            state: match (index + 1).cmp(&current) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal => "now",
                std::cmp::Ordering::Greater => "wait",
            },
        })
        .collect()
}
