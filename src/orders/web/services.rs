//! `/tjanster` and `/kund/{kundnr}/tjanster`. A service is never silently hidden: what stops it is said on its card.

use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    catalogue::{
        Catalogue, Service, Verdict, assess_offer, assess_service,
        domain::{Channel, area_label, within},
        eligibility::lasting_stop,
    },
    http::{AppError, Chrome, Customer, Cx, Path, Query},
    identity::{Role, Side},
    ids,
    orders::{
        queries,
        web::draft::connection::{ReasonView, reason_views},
    },
};

/// What is searched for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ServicesQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    visa: String,
}

/// A service in the list.
struct Card {
    name: String,
    former: String,
    href: String,
    description: String,
    tag_kind: &'static str,
    tag: &'static str,
    why: String,
}

/// Services under one heading.
struct Area {
    heading: &'static str,
    cards: Vec<Card>,
}

#[derive(Template)]
#[template(path = "orders/services.html")]
struct ServicesPage {
    chrome: Chrome,
    path: String,
    q: String,
    only_orderable: bool,
    with_eligibility: bool,
    areas: Vec<Area>,
    count: usize,
}

fn matches(service: &Service, words: &str) -> bool {
    let haystack =
        format!("{} {} {}", service.name, service.former_names, service.description).to_lowercase();
    words.to_lowercase().split_whitespace().all(|word| haystack.contains(word))
}

fn areas(cards: Vec<(&'static str, Card)>) -> Vec<Area> {
    let mut areas: Vec<Area> = Vec::new();
    for (heading, card) in cards {
        match areas.iter_mut().find(|area| area.heading == heading) {
            Some(area) => area.cards.push(card),
            None => areas.push(Area { heading, cards: vec![card] }),
        }
    }
    areas
}

fn former(service: &Service) -> String {
    if service.former_names.is_empty() {
        String::new()
    } else {
        format!("Tidigare: {}", service.former_names.replace(';', ","))
    }
}

/// `GET /tjanster`
pub async fn public_index(
    State(app): State<App>,
    Query(query): Query<ServicesQuery>,
) -> Result<Response, AppError> {
    let catalogue = app.catalogue().await?;
    let cards: Vec<_> = catalogue
        .services()
        .iter()
        .filter(|service| matches(service, &query.q))
        .map(|service| {
            let card = Card {
                name: service.name.clone(),
                former: former(service),
                href: format!("/tjanster/{}", service.slug),
                description: service.description.clone(),
                tag_kind: "",
                tag: "",
                why: String::new(),
            };
            (area_label(&service.area), card)
        })
        .collect();
    let page = ServicesPage {
        chrome: Chrome::public(&app, "Tjänster"),
        path: "/tjanster".to_owned(),
        q: query.q,
        only_orderable: false,
        with_eligibility: false,
        count: cards.len(),
        areas: areas(cards),
    };
    Ok(Html(page.render()?).into_response())
}

/// `GET /kund/{kundnr}/tjanster`
pub async fn index(mut cx: Cx<Customer>, Query(query): Query<ServicesQuery>) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let base = cx.actor.base();
    let today = cx.app.clock().today();
    let customer =
        queries::customer(&mut cx.tx, cx.actor.org(), &base, today).await?.ok_or(AppError::NotFound)?;
    let only_orderable = !query.visa.is_empty();
    let mut cards = Vec::new();
    for service in catalogue.services().iter().filter(|service| matches(service, &query.q)) {
        let reasons = assess_service(&catalogue, service, &customer.facts);
        let first_stop = reasons.iter().find(|reason| reason.verdict == Verdict::Stop);
        let (tag_kind, tag) = if customer.facts.in_use.contains(&service.code) {
            ("ok", "I drift")
        } else if customer.facts.on_order.contains(&service.code) {
            ("info", "Beställd")
        } else if first_stop.is_some() {
            ("neutral", "Kan inte beställas av er")
        } else {
            ("info", "Kan beställas")
        };
        if only_orderable && first_stop.is_some() {
            continue;
        }
        let card = Card {
            name: service.name.clone(),
            former: former(service),
            href: format!("{base}/tjanster/{}", service.slug),
            description: service.description.clone(),
            tag_kind,
            tag,
            why: first_stop.map(|stop| stop.title.clone()).unwrap_or_default(),
        };
        cards.push((area_label(&service.area), card));
    }
    let page = ServicesPage {
        chrome: cx.chrome("Tjänster"),
        path: format!("{base}/tjanster"),
        q: query.q,
        only_orderable,
        with_eligibility: true,
        count: cards.len(),
        areas: areas(cards),
    };
    cx.show(page).await
}

/// An offer on a service's page.
struct OfferView {
    code: String,
    name: String,
    channel: &'static str,
    note: String,
    stopped: String,
}

/// A price row.
struct PriceRowView {
    item: String,
    amount: String,
    note: String,
}

#[derive(Template)]
#[template(path = "orders/service.html")]
struct ServicePage {
    chrome: Chrome,
    list_href: String,
    name: String,
    former: String,
    description: String,
    ordering_note: String,
    order_action: String,
    order_id: Uuid,
    code: String,
    reasons: Vec<ReasonView>,
    met: String,
    offers: Vec<OfferView>,
    prices: Vec<PriceRowView>,
    price_note: String,
    contracts: Vec<String>,
    needs: Vec<String>,
    terms_title: String,
    terms_body: String,
    needs_role: bool,
    /// The customer's orders of it that are under way: number, address and where they are.
    under_way: Vec<(String, String, &'static str)>,
}

/// A service's address.
#[derive(Debug, Deserialize)]
pub struct ServicePath {
    tjanst: String,
}

struct Parts {
    chrome: Chrome,
    list_href: String,
    order_action: String,
    reasons: Vec<ReasonView>,
    met: String,
    stopped: Vec<String>,
    needs_role: bool,
    under_way: Vec<(String, String, &'static str)>,
}

fn page(catalogue: &Catalogue, service: &Service, parts: Parts, today: time::Date) -> ServicePage {
    let terms = service.terms_on(today);
    ServicePage {
        chrome: parts.chrome,
        list_href: parts.list_href,
        name: service.name.clone(),
        former: former(service),
        description: service.description.clone(),
        ordering_note: service.ordering_note.clone(),
        order_action: parts.order_action,
        order_id: ids::fresh(),
        code: service.code.clone(),
        reasons: parts.reasons,
        met: parts.met,
        offers: service
            .offers
            .iter()
            .enumerate()
            .map(|(index, offer)| OfferView {
                code: offer.code.clone(),
                name: offer.name.clone(),
                channel: offer.channel.label(),
                note: if offer.start_fee {
                    "En senare tilläggsbeställning har en ny startavgift. Ta därför med alla vårdenheter från början.".to_owned()
                } else if offer.channel == Channel::ViaAgent {
                    "Agenten granskar och attesterar innan er attestant gör det.".to_owned()
                } else {
                    String::new()
                },
                stopped: parts.stopped.get(index).cloned().unwrap_or_default(),
            })
            .collect(),
        prices: service
            .prices
            .iter()
            .filter(|row| within(today, row.valid_from, row.valid_to))
            .filter(|row| matches!(row.kind.as_str(), "list_price" | "connection_fee" | "setup_fee" | "subscription" | "included" | "addon"))
            .map(|row| PriceRowView {
                item: row.item.clone(),
                amount: row.amount_ore.map_or_else(|| "Enligt prislista".to_owned(), crate::text::kronor),
                note: row.note.clone(),
            })
            .collect(),
        price_note: if service.price_note.is_empty() { "Pris enligt prislista.".to_owned() } else { service.price_note.clone() },
        contracts: service.contracts.iter().map(|contract| contract.name.clone()).collect(),
        needs: service
            .dependencies
            .iter()
            .filter(|dependency| dependency.hard)
            .map(|dependency| format!("{}: {}", catalogue.name(&dependency.requires), dependency.reason))
            .collect(),
        terms_title: terms.map(|terms| format!("{}, version {}", terms.title, terms.version)).unwrap_or_default(),
        terms_body: terms.map(|terms| terms.body.clone()).unwrap_or_default(),
        under_way: parts.under_way,
        needs_role: parts.needs_role,
    }
}

/// `GET /tjanster/{tjanst}`
pub async fn public_show(
    State(app): State<App>,
    Path(path): Path<ServicePath>,
) -> Result<Response, AppError> {
    let catalogue = app.catalogue().await?;
    let service = catalogue.by_slug(&path.tjanst).ok_or(AppError::NotFound)?;
    let parts = Parts {
        chrome: Chrome::public(&app, &service.name),
        list_href: "/tjanster".to_owned(),
        order_action: String::new(),
        reasons: Vec::new(),
        met: String::new(),
        stopped: Vec::new(),
        needs_role: false,
        under_way: Vec::new(),
    };
    Ok(Html(page(&catalogue, service, parts, app.clock().today()).render()?).into_response())
}

/// `GET /kund/{kundnr}/tjanster/{tjanst}`
pub async fn show(mut cx: Cx<Customer>, Path(path): Path<ServicePath>) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let service = catalogue.by_slug(&path.tjanst).ok_or(AppError::NotFound)?;
    let base = cx.actor.base();
    let today = cx.app.clock().today();
    let customer =
        queries::customer(&mut cx.tx, cx.actor.org(), &base, today).await?.ok_or(AppError::NotFound)?;
    let under_way = queries::under_way(&mut cx.tx, cx.actor.org(), &service.code).await?;
    let reasons = assess_service(&catalogue, service, &customer.facts);
    let stopped: Vec<String> = service
        .offers
        .iter()
        .map(|offer| {
            let reasons = assess_offer(&catalogue, service, offer, &customer.facts);
            lasting_stop(&reasons)
                .map(|reason| format!("{}. {}", reason.title, reason.text))
                .unwrap_or_default()
        })
        .collect();
    let orderer = cx.actor.has(Role::Orderer);
    let can_start = orderer && lasting_stop(&reasons).is_none();
    let count = |wanted| reasons.iter().filter(|reason| reason.verdict == wanted).count();
    let met = match count(Verdict::Todo) {
        0 => format!("{} av {} uppfyllda", count(Verdict::Ok), reasons.len()),
        todo => format!("{} av {} uppfyllda, {todo} behöver göras", count(Verdict::Ok), reasons.len()),
    };
    let parts = Parts {
        chrome: cx.chrome(&service.name),
        list_href: format!("{base}/tjanster"),
        order_action: if can_start { format!("{base}/bestall") } else { String::new() },
        reasons: reason_views(reasons),
        met,
        stopped,
        needs_role: !orderer,
        under_way: under_way
            .into_iter()
            .map(|(number, state)| {
                let href = format!("{base}/bestallningar/{number}");
                (number, href, state.tag(Side::Customer).1)
            })
            .collect(),
    };
    let view = page(&catalogue, service, parts, today);
    cx.show(view).await
}
