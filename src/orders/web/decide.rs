//! The decision pages: the agent's review, the agent's attest, the customer's attest. The whole order is on the page,
//! and the decision is bound to exactly that text and that revision.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use uuid::Uuid;

use super::{
    OrderPath, Party, Whole, changed, conflict,
    decision::{
        ANYBODY, CHANGED, Decided, DecisionForm, Kind, PROMISE, Way, action, first, parse, receipt, said_of,
        ways,
    },
    load_whole, refused,
    shown::shown,
    told,
    view::OrderView,
};
use crate::{
    contacts,
    http::{
        Agent, AppError, Chrome, Customer, Cx, Errors, Form, Path, Query,
        form::{Choice, line},
        session::with_cookie,
    },
    identity::{
        confirmation::Subject,
        policy::{AttestAsAgent, AttestAsCustomer, Review},
        web::confirm::{
            Identified, IdentifiedAs, KeptQuery, NOT_YOURS, Seen, Ways, confirm, confirm_with, fingerprint,
            identified, identified_as, identified_for, identify_first, kept, nothing_shown,
        },
    },
    ids::MembershipId,
    orders::{
        actions::{self, AttestDecision, ReviewDecision},
        domain::{Order, State},
    },
};

#[derive(Template)]
#[template(path = "orders/decide.html")]
struct DecidePage {
    chrome: Chrome,
    heading: String,
    list_label: &'static str,
    list_href: String,
    action: String,
    order: OrderView,
    revision: i32,
    shown: String,
    ways: Vec<Way>,
    is_review: bool,
    is_money: bool,
    agent_is_billed: bool,
    attestants: Vec<Choice>,
    invoice_reference: String,
    promised: bool,
    promise: &'static str,
    motive: String,
    motive_hint: &'static str,
    button: &'static str,
    stands_in: Option<String>,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    terms: Option<(String, String)>,
    errors: Errors,
}

/// What the page is made from now.
fn seen<S: Party>(Whole { order, catalogue, .. }: &Whole) -> Seen {
    Seen { revision: order.revision, visat: fingerprint(&shown(order, catalogue, S::READER)) }
}

async fn page<S: Party>(
    mut cx: Cx<S>,
    kind: Kind,
    Whole { order, detail, catalogue }: &Whole,
    form: DecisionForm,
    errors: Errors,
) -> Result<Response, AppError> {
    let attestants = if kind == Kind::Review {
        contacts::queries::attestants(&mut cx.tx, cx.actor.org()).await?
    } else {
        Vec::new()
    };
    let base = cx.actor.base();
    let now = cx.app.clock().now();
    let view = OrderView::new(catalogue, order, detail, S::READER, &base, now);
    let verb = if kind == Kind::Review { "Granska" } else { "Attestera" };
    let heading = match kind {
        Kind::CustomerAttest => format!("{verb}: {}", view.title),
        _ => format!("{verb}: {} för {}", catalogue.name(&order.service_code), order.customer_name),
    };
    let (list_label, list_href) = match kind {
        Kind::Review => ("Beställningar från kunder", format!("{base}/godkannanden")),
        Kind::AgentAttest | Kind::CustomerAttest => ("Att attestera", format!("{base}/attester")),
    };
    // Nobody is chosen by accident: only one who is alone is chosen beforehand.
    let mut choices: Vec<Choice> = Vec::new();
    if attestants.len() > 1 {
        choices.push(Choice::new("", "Välj attestant", &form.attestant));
    }
    choices.extend(attestants.iter().map(|person| {
        let label = if person.title.is_empty() {
            person.name.clone()
        } else {
            format!("{}, {}", person.name, person.title)
        };
        Choice::new(person.id.to_string(), label, &form.attestant)
    }));
    if kind == Kind::Review {
        choices.push(Choice::new("alla", ANYBODY, &form.attestant));
    }
    let terms = catalogue.service(&order.service_code).and_then(|service| {
        let terms = service.terms.iter().find(|terms| Some(terms.id) == order.terms)?;
        Some((format!("{}, version {}", terms.title, terms.version), terms.body.clone()))
    });
    let prefix = errors.title_prefix();
    let status = errors.status();
    let confirms = confirm_with(&mut cx).await?;
    let page = DecidePage {
        chrome: cx.chrome(&format!("{prefix}{verb} {}", order.number)).focused(),
        heading,
        list_label,
        list_href,
        action: action(kind, &base, &order.number),
        revision: order.revision,
        shown: fingerprint(&shown(order, catalogue, S::READER)),
        ways: ways(kind, &form.beslut),
        is_review: kind == Kind::Review,
        is_money: kind == Kind::CustomerAttest,
        agent_is_billed: catalogue.offer(&order.offer_code).is_some_and(|(_, offer)| offer.billed_to_agent),
        attestants: choices,
        invoice_reference: form.fakturareferens,
        promised: !form.intygar.is_empty(),
        promise: PROMISE,
        motive: form.motivering,
        motive_hint: "Behövs om du sänder tillbaka eller avslår. Skriv inga personnummer eller patientuppgifter.",
        button: "Bekräfta beslutet",
        stands_in: contacts::web::substitute::stands_in(&mut cx).await?,
        identified: identified_as(form.proof.as_ref()),
        confirms,
        terms,
        order: view,
        errors,
    };
    cx.show_as(status, page).await
}

/// The order, when it is this decision's turn and this person may make it; else the page that says why not.
async fn open<S: Party>(cx: &mut Cx<S>, kind: Kind, number: &str) -> Result<Result<Whole, Order>, AppError> {
    let whole = load_whole(cx, number).await?;
    let facts = whole.order.facts();
    let allowed = match kind {
        Kind::Review => cx.actor.permit::<Review>(&facts).map(drop),
        Kind::AgentAttest => cx.actor.permit::<AttestAsAgent>(&facts).map(drop),
        Kind::CustomerAttest => cx.actor.permit::<AttestAsCustomer>(&facts).map(drop),
    };
    allowed.map_err(|denied| AppError::Forbidden(denied.0))?;
    Ok(if whole.order.state == kind.state() { Ok(whole) } else { Err(whole.order) })
}

async fn new<S: Party>(
    mut cx: Cx<S>,
    kind: Kind,
    path: OrderPath,
    (headers, query): (HeaderMap, KeptQuery),
) -> Result<Response, AppError> {
    match open(&mut cx, kind, &path.nummer).await? {
        Ok(whole) => {
            let here = action(kind, &cx.actor.base(), &whole.order.number);
            let mut form: DecisionForm = kept(&mut cx, &here, &query).await?;
            let now = seen::<S>(&whole);
            let mut errors = Errors::none();
            match identified(&mut cx, &headers, (&here, &now)).await? {
                Identified::Own(proof) => form.proof = Some(*proof),
                Identified::Not => {}
                Identified::Another if query.is_return() => errors.add("losenord", NOT_YOURS),
                Identified::Another => {}
                Identified::Outdated | Identified::Altered => {
                    form = DecisionForm { motivering: form.motivering, ..DecisionForm::default() };
                    errors.add(first(kind), CHANGED);
                }
            }
            page(cx, kind, &whole, form, errors).await
        }
        Err(order) => not_now(cx, &order).await,
    }
}

/// It is not this decision's turn: not sent yet, or decided already.
async fn not_now<S: Party>(cx: Cx<S>, order: &Order) -> Result<Response, AppError> {
    if order.state == State::Draft {
        let what = "Den kan granskas och attesteras när beställaren har skickat den.".to_owned();
        return told(cx, &order.number, "Beställningen är inte skickad ännu", what).await;
    }
    conflict(cx, &order.number).await
}

async fn create<S: Party>(
    mut cx: Cx<S>,
    kind: Kind,
    path: OrderPath,
    (headers, mut form): (HeaderMap, DecisionForm),
) -> Result<Response, AppError> {
    let whole = match open(&mut cx, kind, &path.nummer).await? {
        Ok(found) => found,
        Err(order) => return not_now(cx, &order).await,
    };
    let Whole { order, catalogue, .. } = &whole;
    // Nobody decides on anything but what stood on their page: a file may have come since.
    let text = shown(order, catalogue, S::READER);
    let now = Seen { revision: order.revision, visat: fingerprint(&text) };
    if (form.revision, &form.visat) != (now.revision, &now.visat) {
        return changed(cx, &order.number).await;
    }
    form.tidy();
    let here = action(kind, &cx.actor.base(), &order.number);
    let identified = identified_for(&mut cx, &headers, (&here, &now), &form).await?;
    let mut errors = Errors::none();
    let decided = parse(kind, &form, &mut errors);
    let approves = kind == Kind::Review && matches!(decided, Some(Decided::Yes));
    let attestant =
        if approves { next_attestant(&mut cx, &form, &mut errors).await? } else { Attestant::default() };
    let reference = errors.take("fakturareferens", line(&form.fakturareferens, 50)).unwrap_or_default();
    let agent_is_billed = catalogue.offer(&order.offer_code).is_some_and(|(_, offer)| offer.billed_to_agent);
    if approves && agent_is_billed && reference.is_empty() && errors.of("fakturareferens").is_none() {
        errors.add("fakturareferens", "Skriv er fakturareferens");
    }
    if approves && form.intygar.is_empty() {
        errors.add("intygar", "Kryssa i att ni har kontrollerat beställningen");
    }
    if errors.is_empty() && !form.legitimera.is_empty() {
        let what = wanted(decided.as_ref(), kind, &order.number);
        return identify_first(cx, &form, (&form.legitimera, &here), what).await;
    }
    let nothing = nothing_shown(&mut cx).await?;
    form.take(identified, nothing, &mut errors);
    let proof = if errors.is_empty() {
        let text = text + &said_of(kind, &form, (&attestant.name, &reference));
        let with = (form.losenord.as_str(), form.proof.as_ref());
        let proof =
            confirm(&mut cx, (Subject::order(order.id, order.revision), &text), with, &mut errors).await?;
        if proof.is_none() {
            form.proof = None;
        }
        proof
    } else {
        None
    };
    let (Some(decided), Some(proof)) = (decided, proof) else {
        return page(cx, kind, &whole, form, errors).await;
    };
    let (at, receipt) = (cx.app.clock().now(), receipt(&decided, kind));
    let attest = |decided| match decided {
        Decided::Yes => AttestDecision::Attest,
        Decided::Back(motive) => AttestDecision::Return(motive),
        Decided::No(motive) => AttestDecision::Reject(motive),
    };
    let done = match kind {
        Kind::Review => {
            let decision = match decided {
                Decided::Yes => ReviewDecision::Approve(attestant.id, reference),
                Decided::Back(motive) => ReviewDecision::Return(motive),
                Decided::No(motive) => ReviewDecision::Reject(motive),
            };
            actions::review(&mut cx.tx, &cx.actor, order, (decision, proof), at).await
        }
        Kind::AgentAttest => {
            actions::attest_as_agent(&mut cx.tx, &cx.actor, order, (attest(decided), proof), at).await
        }
        Kind::CustomerAttest => {
            actions::attest_as_customer(&mut cx.tx, &cx.actor, order, (attest(decided), proof), at).await
        }
    };
    match done {
        Ok(audit) => {
            let there = format!("{}/bestallningar/{}", cx.actor.base(), order.number);
            let cookie = cx.app.cookie().clear_visit();
            cx.commit(audit).await?;
            // The visit is over: its identification has been used.
            Ok(with_cookie(receipt.on(&there), cookie))
        }
        Err(why) => refused(cx, order, why).await,
    }
}

/// What is about to be confirmed, in words.
fn wanted(decided: Option<&Decided>, kind: Kind, number: &str) -> String {
    let verb = match (decided, kind) {
        (Some(Decided::Yes), Kind::Review) => "Godkänn",
        (Some(Decided::Yes), _) => "Attestera",
        (Some(Decided::Back(_)), _) => "Sänd tillbaka",
        (Some(Decided::No(_)), _) => "Avslå",
        (None, _) => "Besluta om",
    };
    format!("{verb} {number}")
}

/// Who is to attest next; no id is anybody.
#[derive(Default)]
struct Attestant {
    id: Option<MembershipId>,
    name: String,
}

/// The attestant the handler chose, when it is one of the agent's own.
async fn next_attestant<S: Party>(
    cx: &mut Cx<S>,
    form: &DecisionForm,
    errors: &mut Errors,
) -> Result<Attestant, AppError> {
    if form.attestant == "alla" {
        return Ok(Attestant { id: None, name: ANYBODY.to_owned() });
    }
    let wanted = form.attestant.parse::<Uuid>().ok().map(MembershipId);
    let known = contacts::queries::attestants(&mut cx.tx, cx.actor.org()).await?;
    let found = known.into_iter().find(|person| Some(person.id) == wanted);
    if found.is_none() {
        errors.add("attestant", "Välj vem som ska attestera");
    }
    Ok(found.map(|person| Attestant { id: Some(person.id), name: person.name }).unwrap_or_default())
}

/// `GET /agent/{agentnr}/godkannanden/{nummer}`
pub async fn review_new(
    headers: HeaderMap,
    cx: Cx<Agent>,
    Path(path): Path<OrderPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(cx, Kind::Review, path, (headers, query)).await
}

/// `POST /agent/{agentnr}/godkannanden/{nummer}`
pub async fn review_create(
    headers: HeaderMap,
    cx: Cx<Agent>,
    Path(path): Path<OrderPath>,
    Form(form): Form<DecisionForm>,
) -> Result<Response, AppError> {
    create(cx, Kind::Review, path, (headers, form)).await
}

/// `GET /agent/{agentnr}/attester/{nummer}`
pub async fn agent_attest_new(
    headers: HeaderMap,
    cx: Cx<Agent>,
    Path(path): Path<OrderPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(cx, Kind::AgentAttest, path, (headers, query)).await
}

/// `POST /agent/{agentnr}/attester/{nummer}`
pub async fn agent_attest_create(
    headers: HeaderMap,
    cx: Cx<Agent>,
    Path(path): Path<OrderPath>,
    Form(form): Form<DecisionForm>,
) -> Result<Response, AppError> {
    create(cx, Kind::AgentAttest, path, (headers, form)).await
}

/// `GET /kund/{kundnr}/bestallningar/{nummer}/attestera`
pub async fn customer_attest_new(
    headers: HeaderMap,
    cx: Cx<Customer>,
    Path(path): Path<OrderPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(cx, Kind::CustomerAttest, path, (headers, query)).await
}

/// `POST /kund/{kundnr}/bestallningar/{nummer}/attestera`
pub async fn customer_attest_create(
    headers: HeaderMap,
    cx: Cx<Customer>,
    Path(path): Path<OrderPath>,
    Form(form): Form<DecisionForm>,
) -> Result<Response, AppError> {
    create(cx, Kind::CustomerAttest, path, (headers, form)).await
}
