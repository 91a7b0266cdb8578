//! Starting a draft: from a service, or as a copy of an earlier order.

use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::{DraftPath, Orderer, customer_id, moved, open};
use crate::{
    catalogue::{Channel, assess_service, eligibility::lasting_stop},
    http::{AppError, Customer, Cx, Form, Path, see_other},
    ids::OrderId,
    orders::{
        actions::{self, Refused, route_of},
        domain::{Content, Order},
        queries, store,
        web::{OrderPath, load, refused},
    },
    organisation,
};

/// The customer's number.
#[derive(Debug, Deserialize)]
pub struct CustomerPath {
    kundnr: i64,
}

/// What to order, and an id so that a double click makes one draft.
#[derive(Debug, Deserialize)]
pub struct StartForm {
    #[serde(default)]
    tjanst: String,
    #[serde(default)]
    erbjudande: String,
    #[serde(default)]
    id: Uuid,
}

/// `GET …/bestall/{nummer}`: goes on with a draft where something is left to do.
pub async fn resume<S: Orderer>(mut cx: Cx<S>, Path(path): Path<DraftPath>) -> Result<Response, AppError> {
    match open(&mut cx, &path).await? {
        Ok(draft) => {
            let href = draft.next_step()?;
            cx.tx.end().await?;
            Ok(see_other(&href))
        }
        Err(order) => moved(cx, &order).await,
    }
}

/// `POST …/bestall`
pub async fn create<S: Orderer>(
    mut cx: Cx<S>,
    Path(path): Path<CustomerPath>,
    Form(form): Form<StartForm>,
) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let service = catalogue.service(&form.tjanst).ok_or(AppError::NotFound)?;
    let customer_id = customer_id(&mut cx, path.kundnr).await?;
    let base = S::base(path.kundnr);
    let today = cx.app.clock().today();
    let customer =
        queries::customer(&mut cx.tx, customer_id, &base, today).await?.ok_or(AppError::NotFound)?;
    let chosen = service.offers.iter().find(|offer| offer.code == form.erbjudande);
    let first = chosen
        .or_else(|| service.offers.iter().find(|offer| offer.orderable && offer.channel != Channel::ViaAgent))
        .or_else(|| service.offers.iter().find(|offer| offer.orderable));
    let Some(offer) = first else {
        return Err(AppError::Conflict("Tjänsten kan inte beställas i Kundportalen.".to_owned()));
    };
    // A missing attestant is repaired while the draft waits; what can't be repaired there stops here (contracts.md rule 3).
    let reasons = assess_service(&catalogue, service, &customer.facts);
    if lasting_stop(&reasons).is_some() {
        return Err(AppError::Forbidden(
            "Er organisation kan inte beställa tjänsten. Skälen står på tjänstens sida.",
        ));
    }
    // Who may not read SITHS's own details gets the standard to begin with.
    let is_hidden =
        service.code == organisation::invoicing::SITHS && !organisation::actions::may_read_siths(&cx.actor);
    let of = (!is_hidden).then_some(service.code.as_str());
    let (invoice_address, invoice_reference) =
        organisation::queries::invoice_for(&mut cx.tx, customer_id, of, today).await?;
    let content = Content {
        hsa_id: customer.hsa_id.clone(),
        invoice_address,
        invoice_reference,
        contact_name: if S::ON_BEHALF { String::new() } else { cx.actor.name().to_owned() },
        contact_email: if S::ON_BEHALF { String::new() } else { cx.actor.email().to_owned() },
        ..Content::default()
    };
    let (person, name) = (cx.actor.person(), cx.actor.name().to_owned());
    let draft = store::NewDraft {
        id: chosen_id(form.id),
        customer: customer_id,
        route: route_of(offer.channel),
        offer: (&service.code, &offer.code),
        by: (person, &name),
        by_staff: S::ON_BEHALF,
        copied_from: None,
        terms: service.terms_on(today).map(|terms| terms.id),
        content: &content,
    };
    match actions::start_draft(&mut cx.tx, &cx.actor, &draft).await {
        Ok(Some((number, audit))) => {
            match audit {
                Some(audit) => cx.commit(audit).await?,
                None => cx.tx.end().await?, // a second click
            }
            Ok(see_other(&format!("{base}/bestall/{number}/anslutning")))
        }
        // The id belongs to somebody else's row: forged.
        Ok(None) => {
            cx.tx.end().await?;
            Err(AppError::NotFound)
        }
        Err(Refused::Denied(denied)) => {
            cx.tx.end().await?;
            Err(AppError::Forbidden(denied.0))
        }
        Err(Refused::Db(error)) => Err(error.into()),
        Err(_) => Err(AppError::Conflict("Utkastet kunde inte skapas. Öppna tjänsten på nytt.".to_owned())),
    }
}

/// The form's id, so that a second click finds the first one's draft; a form without one gets a new id.
fn chosen_id(sent: Uuid) -> OrderId {
    if sent.is_nil() { OrderId::fresh() } else { OrderId(sent) }
}

/// Copies the content, lines and connection of an earlier order.
#[derive(Debug, Deserialize)]
pub struct CopyForm {
    #[serde(default)]
    id: Uuid,
}

/// `POST /kund/{kundnr}/bestallningar/{nummer}/kopiera`
pub async fn copy(
    mut cx: Cx<Customer>,
    Path(path): Path<OrderPath>,
    Form(form): Form<CopyForm>,
) -> Result<Response, AppError> {
    let (order, catalogue) = load(&mut cx, &path.nummer).await?;
    let content = actions::copied(&order.content);
    let (person, name) = (cx.actor.person(), cx.actor.name().to_owned());
    let today = cx.app.clock().today();
    let terms = catalogue
        .service(&order.service_code)
        .and_then(|service| service.terms_on(today))
        .map(|terms| terms.id);
    let id = chosen_id(form.id);
    let draft = store::NewDraft {
        id,
        customer: order.customer,
        route: order.route,
        offer: (&order.service_code, &order.offer_code),
        by: (person, &name),
        by_staff: false,
        copied_from: Some(order.id),
        terms,
        content: &content,
    };
    match actions::start_draft(&mut cx.tx, &cx.actor, &draft).await {
        Ok(Some((number, audit))) => {
            let href = format!("{}/bestall/{number}/anslutning", cx.actor.base());
            match audit {
                Some(audit) => {
                    copy_rest(&mut cx, &order, id, &content).await?;
                    cx.commit(audit).await?;
                }
                None => cx.tx.end().await?, // a second click
            }
            Ok(see_other(&href))
        }
        Ok(None) => {
            cx.tx.end().await?;
            Err(AppError::NotFound)
        }
        Err(why) => refused(cx, &order, why).await,
    }
}

async fn copy_rest(
    cx: &mut Cx<Customer>,
    from: &Order,
    to: OrderId,
    content: &Content,
) -> Result<(), AppError> {
    let agent = from.agent.zip(from.mandate);
    store::update_connection(&mut cx.tx, to, &from.offer_code, from.route, agent, &content.hsa_id).await?;
    store::replace_lines(&mut cx.tx, to, from.customer, &content.lines).await?;
    Ok(())
}
