//! Step 5: check the answers, rehearse the route, send. And the confirmation.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use serde::Deserialize;

use super::{
    Draft, DraftPath, Orderer, StepMark, closed, connection::ReasonView, connection::reason_views, moved,
    open, step_marks,
};
use crate::{
    calendar::long_date,
    catalogue::{
        Offer, Reason, Scope, Verdict, assess_offer,
        price::{PriceSummary, Quantities, summary},
    },
    contacts,
    http::{AppError, Chrome, Cx, Errors, Form, Path, Query, see_other},
    orders::{
        actions,
        domain::{Content, LineKind, Route},
        order_queries, queries, store,
        web::{
            Whole, load_whole, refused,
            shown::seen_in_draft,
            talk::FileFault,
            view::{Fact, FileView, LineView, OrderView, fact, joined, lines, lines_heading, price_text},
        },
    },
    text::kronor,
};

/// The promise and what it was given for.
#[derive(Debug, Default, Deserialize)]
pub struct SubmitForm {
    #[serde(default)]
    villkor: String,
    #[serde(default)]
    villkor_id: String,
    #[serde(default)]
    innehall: String,
}

/// A line of the price table.
struct PriceView {
    item: String,
    quantity: String,
    amount: String,
    note: String,
}

/// A step of the rehearsal.
struct Rehearsed {
    number: usize,
    title: String,
    who: String,
}

#[derive(Template)]
#[template(path = "orders/draft_review.html")]
struct ReviewPage {
    chrome: Chrome,
    steps: Vec<StepMark>,
    eyebrow: String,
    number: String,
    action: String,
    connection_href: String,
    scope_href: String,
    upload: String,
    connection: Vec<Fact>,
    scope: Vec<Fact>,
    lines: Vec<LineView>,
    lines_heading: &'static str,
    prices: Vec<PriceView>,
    total_once: String,
    total_yearly: String,
    price_note: String,
    files: Vec<FileView>,
    rehearsal: Vec<Rehearsed>,
    obstacles: Vec<ReasonView>,
    terms_title: String,
    terms_body: String,
    terms_id: String,
    content_hash: String,
    can_send: bool,
    stale: bool,
    customer: String,
    later: String,
    errors: Errors,
}

pub(super) fn priced(draft: &Draft, today: time::Date) -> Result<PriceSummary, AppError> {
    let (service, offer) = draft.offer()?;
    let count = |kind: LineKind| {
        draft
            .order
            .content
            .lines
            .iter()
            .filter(|line| line.kind == kind)
            .map(|line| i64::from(line.quantity))
            .sum()
    };
    let quantities = Quantities {
        contracts: count(LineKind::Contract),
        cards: count(LineKind::Cards),
        units: count(LineKind::CareUnit),
    };
    Ok(summary(service, offer, &draft.customer.facts.categories, quantities, today))
}

fn stop(title: &str, text: &str, link: &'static str, href: String) -> Reason {
    Reason {
        verdict: Verdict::Stop,
        title: title.to_owned(),
        text: text.to_owned(),
        way_out: Some((link, href)),
        passing: false,
    }
}

/// Everything that would stop the order on its way: conditions, content not filled in, a step nobody can perform.
async fn obstacles<S: Orderer>(cx: &mut Cx<S>, draft: &Draft) -> Result<Vec<Reason>, AppError> {
    let (service, offer) = draft.offer()?;
    let today = cx.app.clock().today();
    let mut stops: Vec<Reason> = assess_offer(&draft.catalogue, service, offer, &draft.customer.facts)
        .into_iter()
        .filter(|reason| reason.verdict == Verdict::Stop)
        .collect();
    let order = &draft.order;
    if order.route == Route::ViaAgent {
        let agents = queries::agents_for(&mut cx.tx, &order.service_code, &offer.role, today).await?;
        match order.agent.map(|agent| agents.iter().find(|choice| choice.id == agent)) {
            None => stops.push(stop(
                "Agent är inte vald",
                "Välj vilken agent ni ansluter via.",
                "Välj agent",
                draft.href("anslutning"),
            )),
            Some(None) => stops.push(stop(
                "Agenten har inget agentuppdrag för tjänsten",
                "Beställningen skulle inte kunna granskas.",
                "Välj en annan agent",
                draft.href("anslutning"),
            )),
            Some(Some(choice)) if choice.obstacle.is_some() => stops.push(stop(
                "Agenten kan inte ta emot beställningar ännu",
                "Ingen hos agenten kan granska eller attestera. Kontakta agenten, eller välj en annan.",
                "Välj en annan agent",
                draft.href("anslutning"),
            )),
            Some(Some(_)) => {}
        }
        if order.content.hsa_id.is_empty() {
            stops.push(stop(
                "Vårdgivarens HSA-id saknas",
                "Agenten behöver det.",
                "Fyll i HSA-id",
                draft.href("anslutning"),
            ));
        }
    }
    let content = &order.content;
    if scope_is_missing(content, offer) {
        stops.push(stop(
            "Omfattningen är inte ifylld",
            "Fyll i vad ni beställer, kontaktperson och faktura.",
            "Fyll i omfattningen",
            draft.href("omfattning"),
        ));
    }
    if content.wanted_on.is_some_and(|day| day < today) {
        stops.push(stop(
            "Det önskade startdatumet har passerat",
            "Välj ett nytt datum.",
            "Välj datum",
            draft.href("omfattning"),
        ));
    }
    stops.extend(attest_obstacle(cx, draft).await?);
    Ok(stops)
}

/// Is there more to fill in on the step about scope?
pub(super) fn scope_is_missing(content: &Content, offer: &Offer) -> bool {
    content.contact_name.is_empty()
        || content.contact_email.is_empty()
        || content.contact_phone.is_empty()
        || content.invoice_reference.is_empty()
        || content.lines.is_empty() != (offer.scope == Scope::None)
        || content.lines.iter().any(|line| line.kind.scope() != offer.scope)
}

/// A named attestant who is gone, or four eyes with nobody else to attest.
async fn attest_obstacle<S: Orderer>(cx: &mut Cx<S>, draft: &Draft) -> Result<Option<Reason>, AppError> {
    let attestants = contacts::queries::attestants(&mut cx.tx, draft.order.customer).await?;
    let named =
        draft.order.customer_attestant.map(|named| attestants.iter().find(|person| person.id == named));
    let own = |person: &contacts::queries::Colleague| person.id == cx.actor.membership();
    if named.is_some_and(|found| found.is_none()) {
        return Ok(Some(stop(
            "Attestanten ni valde har slutat",
            "Välj en annan attestant.",
            "Välj attestant",
            draft.href("omfattning"),
        )));
    }
    if draft.customer.four_eyes && named.flatten().is_some_and(own) {
        return Ok(Some(stop(
            "Ni kan inte attestera er egen beställning",
            "Er organisation kräver att en annan person attesterar. Välj en annan attestant.",
            "Välj attestant",
            draft.href("omfattning"),
        )));
    }
    if draft.customer.four_eyes && !attestants.is_empty() && attestants.iter().all(own) {
        return Ok(Some(stop(
            "Ingen annan än du kan attestera",
            "Er organisation kräver att en annan person attesterar. Någon mer behöver rollen Attestant.",
            "Se vilka som har roller hos er",
            format!("{}/uppgifter", cx.actor.base()),
        )));
    }
    Ok(None)
}

fn rehearsal(draft: &Draft, attestant: &str) -> Vec<Rehearsed> {
    let own = if attestant.is_empty() {
        "Någon av era attestanter får mejl när det är dags.".to_owned()
    } else {
        format!("{attestant} får mejl när det är dags.")
    };
    let mut steps: Vec<(String, String)> = Vec::new();
    if draft.order.route == Route::ViaAgent {
        let agent = if draft.order.agent_name.is_empty() { "Agenten" } else { &draft.order.agent_name };
        steps.push((
            format!("{agent} granskar"),
            format!("En handläggare svarar inom {} arbetsdagar.", actions::ANSWER_WITHIN),
        ));
        steps.push((format!("{agent} attesterar"), "Agentens attestant godkänner för agenten.".to_owned()));
    }
    steps.push(("Er attestant attesterar".to_owned(), own));
    let last = if draft.order.route == Route::ViaAgent {
        "Inera meddelar agenten att anslutningen kan börja"
    } else {
        "Inera levererar"
    };
    steps.push((last.to_owned(), "Kundservice kontaktar er med instruktioner.".to_owned()));
    steps
        .into_iter()
        .enumerate()
        .map(|(index, (title, who))| Rehearsed { number: index + 1, title, who })
        .collect()
}

fn scope_facts(content: &Content, attestant: &str) -> Vec<Fact> {
    vec![
        Fact {
            key: "Önskat startdatum",
            value: content.wanted_on.map_or_else(|| "Så snart som möjligt".to_owned(), long_date),
        },
        Fact {
            key: "Kontaktperson",
            value: joined(&[&content.contact_name, &content.contact_email, &content.contact_phone]),
        },
        Fact { key: "Fakturaadress", value: content.invoice_address.replace('\n', ", ") },
        fact("Fakturareferens", &content.invoice_reference),
        fact("Attestant", attestant),
        fact("Egen referens", &content.own_reference),
    ]
}

fn price_views(price: &PriceSummary) -> Vec<PriceView> {
    let amount = |ore: Option<i64>| ore.map_or_else(|| "Enligt prislista".to_owned(), kronor);
    price
        .lines
        .iter()
        .map(|line| PriceView {
            item: line.item.clone(),
            quantity: line.quantity.clone(),
            amount: format!(
                "{}{}",
                amount(line.amount_ore),
                if line.yearly && line.amount_ore.is_some() { " per år" } else { "" }
            ),
            note: line.note.clone(),
        })
        .collect()
}

async fn page<S: Orderer>(
    mut cx: Cx<S>,
    draft: Draft,
    status: StatusCode,
    stale: bool,
    errors: Errors,
) -> Result<Response, AppError> {
    let today = cx.app.clock().today();
    // "0 tjänstekontrakt, 0 kr" would say that it is free.
    let unknown = scope_is_missing(&draft.order.content, draft.offer()?.1);
    let price = if unknown { PriceSummary::default() } else { priced(&draft, today)? };
    let stops = obstacles(&mut cx, &draft).await?;
    let number = &draft.order.number;
    let (_, detail) = order_queries::find_whole(&mut cx.tx, number).await?.ok_or(AppError::NotFound)?;
    let (service, offer) = draft.offer()?;
    let base = cx.actor.base();
    let view =
        OrderView::new(&draft.catalogue, &draft.order, &detail, S::READER, &base, cx.app.clock().now());
    let content = &draft.order.content;
    let terms = service.terms_on(today);
    let prefix = errors.title_prefix();
    let attestant =
        if detail.customer_attestant_name.is_empty() { S::ANYBODY } else { &detail.customer_attestant_name };
    let page = ReviewPage {
        chrome: cx.chrome(&format!("{prefix}Granska och skicka – beställ {}", service.name)).focused(),
        steps: step_marks(5),
        eyebrow: draft.eyebrow(),
        number: draft.order.number.clone(),
        action: draft.href("granska"),
        connection_href: draft.href("anslutning"),
        scope_href: draft.href("omfattning"),
        upload: format!("{base}/bestallningar/{}/bilagor", draft.order.number),
        connection: vec![
            fact("Tjänst", &service.name),
            fact("Erbjudande", &offer.name),
            fact("Agent", &draft.order.agent_name),
            fact("Vårdgivarens HSA-id", &content.hsa_id),
        ],
        scope: scope_facts(content, attestant),
        lines: lines(content),
        lines_heading: lines_heading(content),
        prices: price_views(&price),
        total_once: price.once_ore.filter(|ore| *ore > 0).map(kronor).unwrap_or_default(),
        total_yearly: price
            .yearly_ore
            .filter(|ore| *ore > 0)
            .map(|ore| format!("{} per år", kronor(ore)))
            .unwrap_or_default(),
        price_note: if unknown {
            "Priset visas när omfattningen är ifylld.".to_owned()
        } else if price.lines.is_empty() {
            format!("Pris enligt prislista. {}", service.price_note)
        } else {
            String::new()
        },
        files: view.files,
        rehearsal: rehearsal(&draft, &detail.customer_attestant_name),
        can_send: stops.is_empty(),
        obstacles: reason_views(stops),
        terms_title: terms
            .map(|terms| format!("{}, version {}", terms.title, terms.version))
            .unwrap_or_default(),
        terms_body: terms.map(|terms| terms.body.clone()).unwrap_or_default(),
        terms_id: terms.map(|terms| terms.id.to_string()).unwrap_or_default(),
        content_hash: seen_in_draft(&draft.order),
        stale,
        customer: draft.order.customer_name.clone(),
        later: format!("{base}/bestallningar/{}", draft.order.number),
        errors,
    };
    cx.show_as(status, page).await
}

/// What was wrong with a file sent from here.
#[derive(Debug, Default, Deserialize)]
pub struct ReviewQuery {
    #[serde(default)]
    fil: String,
}

/// `GET …/bestall/{nummer}/granska`
pub async fn show<S: Orderer>(
    mut cx: Cx<S>,
    Path(path): Path<DraftPath>,
    Query(query): Query<ReviewQuery>,
) -> Result<Response, AppError> {
    let errors = FileFault::words(&query.fil).map_or_else(Errors::none, |text| Errors::one("fil", text));
    match open(&mut cx, &path).await? {
        Ok(draft) => {
            let status = errors.status();
            page(cx, draft, status, false, errors).await
        }
        Err(order) => moved(cx, &order).await,
    }
}

/// `POST …/bestall/{nummer}/granska`: sends the order.
pub async fn submit<S: Orderer>(
    mut cx: Cx<S>,
    Path(path): Path<DraftPath>,
    Form(form): Form<SubmitForm>,
) -> Result<Response, AppError> {
    store::hold(&mut cx.tx, &path.nummer).await?;
    let mut draft = match open(&mut cx, &path).await? {
        Ok(draft) => draft,
        // A double click: the first one has sent it.
        Err(order) if order.submitted_at.is_some() && order.created_by == cx.actor.person() => {
            let href = format!("{}/bestallningar/{}/skickad", cx.actor.base(), order.number);
            cx.tx.end().await?;
            return Ok(see_other(&href));
        }
        Err(order) => return closed(cx, &order).await,
    };
    let today = cx.app.clock().today();
    if form.innehall != seen_in_draft(&draft.order) {
        return page(cx, draft, StatusCode::CONFLICT, true, Errors::none()).await;
    }
    if !obstacles(&mut cx, &draft).await?.is_empty() {
        return page(cx, draft, StatusCode::CONFLICT, false, Errors::none()).await;
    }
    let terms = draft.service()?.terms_on(today).map(|terms| terms.id);
    if form.villkor.is_empty() || terms.map(|id| id.to_string()).unwrap_or_default() != form.villkor_id {
        let errors = Errors::one("villkor", "Kryssa i att du har läst villkoren och har rätt att beställa");
        return page(cx, draft, StatusCode::UNPROCESSABLE_ENTITY, false, errors).await;
    }
    draft.order.content.terms = terms;
    if !store::update_scope(
        &mut cx.tx,
        draft.order.id,
        &draft.order.content,
        draft.order.customer_attestant,
        terms,
    )
    .await?
    {
        return closed(cx, &draft.order).await;
    }
    let price = priced(&draft, today)?;
    let at = cx.app.clock().now();
    let href = format!("{}/bestallningar/{}/skickad", cx.actor.base(), draft.order.number);
    match actions::submit(&mut cx.tx, &cx.actor, &draft.order, (price.once_ore, price.yearly_ore), at).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(see_other(&href))
        }
        Err(why) => refused(cx, &draft.order, why).await,
    }
}

#[derive(Template)]
#[template(path = "orders/sent.html")]
struct SentPage {
    chrome: Chrome,
    number: String,
    email: String,
    title: String,
    price: String,
    next: Vec<String>,
    follow: String,
    attest: String,
    home: String,
}

/// `GET {side}/bestallningar/{nummer}/skickad`
pub async fn sent<S: Orderer>(
    mut cx: Cx<S>,
    Path(path): Path<super::super::OrderPath>,
) -> Result<Response, AppError> {
    let Whole { order, detail, catalogue } = load_whole(&mut cx, &path.nummer).await?;
    if order.submitted_at.is_none() {
        return Err(AppError::NotFound);
    }
    let base = cx.actor.base();
    let view = OrderView::new(&catalogue, &order, &detail, S::READER, &base, cx.app.clock().now());
    let due = detail.due_on.map(long_date).unwrap_or_default();
    let attestant = if detail.customer_attestant_name.is_empty() {
        "någon av era attestanter"
    } else {
        &detail.customer_attestant_name
    };
    let mut next = Vec::new();
    if order.route == Route::ViaAgent {
        next.push(format!("{} granskar och attesterar. Ni får besked senast {due}.", order.agent_name));
        next.push(format!("Sedan attesterar {attestant}."));
        next.push("Inera meddelar agenten att anslutningen kan börja.".to_owned());
    } else {
        next.push(format!("Nu attesterar {attestant}, senast {due}."));
        next.push("Inera levererar och kontaktar er med instruktioner.".to_owned());
    }
    let attests = cx.actor.may(crate::identity::policy::ActionKind::AttestAsCustomer, &order.facts())
        && order.awaiting_customer_attest().is_some();
    let page = SentPage {
        chrome: cx.chrome("Beställningen är skickad").focused(),
        number: order.number.clone(),
        email: cx.actor.email().to_owned(),
        title: view.title,
        price: price_text(detail.price_once_ore, detail.price_yearly_ore),
        next,
        follow: format!("{base}/bestallningar/{}", order.number),
        attest: if attests {
            format!("{base}/bestallningar/{}/attestera", order.number)
        } else {
            String::new()
        },
        home: base,
    };
    cx.show(page).await
}
