//! `/agent/{agentnr}/uppdrag/ansok…`: which service, the form, and the form again when Inera has asked for more.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use time::Date;

use super::{ApplicationPath, fault, here, load};
use crate::{
    catalogue::{
        Catalogue, Channel, Offer, Service,
        domain::{Terms, within},
    },
    contacts::queries::{Colleague, attestants},
    http::{Agent, AppError, Chrome, Cx, Errors, Flash, Form, Path, form::Choice},
    mandates::{
        actions::{self, Refused, may_apply, rule_text},
        domain::{State, named},
        form::{self, Against, ApplyForm, MOST_CUSTOMERS},
        queries::{self, Application},
    },
};

/// Offers that an agent can ask to mediate on the day, in the order of the catalogue.
fn mediable(catalogue: &Catalogue, day: Date) -> impl Iterator<Item = (&Service, &Offer)> {
    let offers = catalogue
        .services()
        .iter()
        .flat_map(|service| service.offers.iter().map(move |offer| (service, offer)));
    offers.filter(move |(service, offer)| {
        service.lifecycle != "closed_to_new"
            && offer.channel == Channel::ViaAgent
            && offer.orderable
            && within(day, offer.valid_from, offer.valid_to)
    })
}

/// An offer's code in addresses.
fn slug(offer: &Offer) -> String {
    offer.code.to_lowercase().replace('_', "-")
}

/// A service to choose.
struct OfferView {
    href: String,
    what: String,
    offer: String,
    description: String,
    /// Why it can't be applied for.
    obstacle: String,
    least: i32,
}

#[derive(Template)]
#[template(path = "mandates/choose.html")]
struct ChoosePage {
    chrome: Chrome,
    base: String,
    has_agreement: bool,
    offers: Vec<OfferView>,
}

/// `GET /agent/{agentnr}/uppdrag/ansok`
pub async fn choose(mut cx: Cx<Agent>) -> Result<Response, AppError> {
    may_apply(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let (catalogue, today) = (cx.app.catalogue().await?, cx.app.clock().today());
    let org = cx.actor.org();
    let has_agreement = queries::has_agreement(&mut cx.tx, org, today).await?;
    let mandates = queries::mandates(&mut cx.tx, org).await?;
    let open = queries::of_agent(&mut cx.tx, org).await?;
    let base = cx.actor.base();
    let offers = mediable(&catalogue, today)
        .map(|(service, offer)| {
            let same = |code: &str, role: &str| code == service.code && role == offer.role;
            let obstacle =
                if mandates.iter().any(|row| row.status != "ended" && same(&row.service_code, &row.role)) {
                    "Ni har redan agentuppdraget".to_owned()
                } else if let Some(line) =
                    open.iter().find(|line| line.state.is_open() && same(&line.service_code, &line.role))
                {
                    format!("Ansökan {} är inte avgjord", line.number)
                } else {
                    String::new()
                };
            OfferView {
                href: format!("{base}/uppdrag/ansok/{}", slug(offer)),
                what: named(&service.name, &offer.role),
                offer: offer.name.clone(),
                description: service.description.clone(),
                least: offer.min_end_customers,
                obstacle,
            }
        })
        .collect();
    let page =
        ChoosePage { chrome: cx.chrome("Ansök om agentuppdrag").focused(), base, has_agreement, offers };
    cx.show(page).await
}

/// Which offer.
#[derive(Debug, Deserialize)]
pub struct OfferPath {
    erbjudande: String,
}

/// An end customer's row.
struct CustomerRow {
    place: usize,
    name: String,
    number: String,
}

#[derive(Template)]
#[template(path = "mandates/form.html")]
struct FormPage {
    chrome: Chrome,
    heading: String,
    what: String,
    offer: String,
    back: String,
    action: String,
    /// What Inera asks, when it has.
    question: Option<String>,
    answer: String,
    revision: i32,
    form: ApplyForm,
    contracts: Vec<Choice>,
    customers: Vec<CustomerRow>,
    least: i32,
    attestants: Vec<Choice>,
    terms: Option<Terms>,
    accepted: bool,
    errors: Errors,
}

/// How many end customers' rows the form shows.
fn rows_shown(form: &ApplyForm) -> usize {
    let filled = form
        .kundnamn
        .iter()
        .zip(&form.kundnr)
        .filter(|(name, number)| !name.is_empty() || !number.is_empty());
    (filled.count() + 1).clamp(3, MOST_CUSTOMERS)
}

/// What a form is about.
struct Matter {
    service: Service,
    offer: Offer,
    attestants: Vec<Colleague>,
    /// When it is sent again: the application and Inera's question.
    asked: Option<(Application, String)>,
}

impl Matter {
    async fn new(cx: &mut Cx<Agent>, (service, offer): (&Service, &Offer)) -> Result<Self, AppError> {
        let attestants = attestants(&mut cx.tx, cx.actor.org()).await?;
        Ok(Self { service: service.clone(), offer: offer.clone(), attestants, asked: None })
    }

    fn against(&self, today: Date) -> Against<'_> {
        Against {
            service: &self.service,
            offer: &self.offer,
            attestants: &self.attestants,
            today,
            answers: self.asked.is_some(),
        }
    }
}

async fn page(cx: Cx<Agent>, matter: Matter, form: ApplyForm, errors: Errors) -> Result<Response, AppError> {
    let today = cx.app.clock().today();
    let prefix = errors.title_prefix();
    let (status, base) = (errors.status(), cx.actor.base());
    let (heading, back, action) = match &matter.asked {
        Some((application, _)) => {
            let back = here(&cx, application);
            (format!("Komplettera {}", application.number), back.clone(), format!("{back}/komplettering"))
        }
        None => (
            "Ansök om agentuppdrag".to_owned(),
            format!("{base}/uppdrag/ansok"),
            format!("{base}/uppdrag/ansok/{}", slug(&matter.offer)),
        ),
    };
    let contracts = if form::asks_contracts(&matter.service, &matter.offer) {
        let choice = |contract| {
            let code = form::contract_code(contract);
            Choice {
                selected: form.kontrakt.contains(&code),
                label: format!("{} ({code})", contract.name),
                value: code,
            }
        };
        matter.service.contracts.iter().map(choice).collect()
    } else {
        Vec::new()
    };
    let typed = |list: &[String], place: usize| list.get(place).cloned().unwrap_or_default();
    let mut attestants = vec![Choice::new("", "Vem som helst av våra attestanter", &form.attestant)];
    attestants.extend(
        matter.attestants.iter().map(|who| Choice::new(who.id.to_string(), &who.name, &form.attestant)),
    );
    let terms = matter.service.mediation_terms_on(today).cloned();
    let page = FormPage {
        chrome: cx.chrome(&format!("{prefix}{heading}")).focused(),
        heading,
        what: named(&matter.service.name, &matter.offer.role),
        offer: matter.offer.name.clone(),
        back,
        action,
        question: matter.asked.as_ref().map(|(_, question)| question.clone()),
        answer: form.svar.clone(),
        revision: form.revision,
        contracts,
        // One more than are filled in, so that there is always room.
        customers: (0..rows_shown(&form))
            .map(|place| CustomerRow {
                place,
                name: typed(&form.kundnamn, place),
                number: typed(&form.kundnr, place),
            })
            .collect(),
        least: matter.offer.min_end_customers,
        attestants,
        terms,
        accepted: !form.villkor.is_empty() && errors.of("villkor").is_none(),
        form,
        errors,
    };
    cx.show_as(status, page).await
}

async fn begun(cx: &mut Cx<Agent>, path: &OfferPath) -> Result<Matter, AppError> {
    may_apply(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let (catalogue, today) = (cx.app.catalogue().await?, cx.app.clock().today());
    let found = mediable(&catalogue, today).find(|(_, offer)| slug(offer) == path.erbjudande);
    Matter::new(cx, found.ok_or(AppError::NotFound)?).await
}

/// `GET /agent/{agentnr}/uppdrag/ansok/{erbjudande}`
pub async fn new(mut cx: Cx<Agent>, Path(path): Path<OfferPath>) -> Result<Response, AppError> {
    let matter = begun(&mut cx, &path).await?;
    page(cx, matter, ApplyForm::default(), Errors::none()).await
}

/// The field a rule's sentence stands at; most are about the page.
fn field_of(key: &str) -> &'static str {
    match key {
        "attestant" => "attestant",
        "terms" => "villkor",
        "own_customer" => "kundnr-0",
        _ => "sida",
    }
}

/// `POST /agent/{agentnr}/uppdrag/ansok/{erbjudande}`
pub async fn create(
    mut cx: Cx<Agent>,
    Path(path): Path<OfferPath>,
    Form(form): Form<ApplyForm>,
) -> Result<Response, AppError> {
    let matter = begun(&mut cx, &path).await?;
    let mut errors = Errors::none();
    let (content, terms, attestant) = form.read(&matter.against(cx.app.clock().today()), &mut errors);
    let Some(terms) = terms.filter(|_| errors.is_empty()) else {
        return page(cx, matter, form, errors).await;
    };
    let at = cx.app.clock().now();
    let what = (matter.offer.code.as_str(), &content);
    match actions::apply(&mut cx.tx, &cx.actor, what, (terms, attestant), at).await {
        Ok((number, audit)) => {
            let to = format!("{}/uppdrag/{number}", cx.actor.base());
            cx.commit(audit).await?;
            Ok(Flash::MandateAsked.on(&to))
        }
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, matter, form, Errors::one(field_of(&key), rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}

async fn asked(cx: &mut Cx<Agent>, path: &ApplicationPath) -> Result<Matter, AppError> {
    may_apply(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let application = load(cx, &path.ansokan).await?;
    if application.state != State::CompletionAsked {
        return Err(fault(Refused::Stale));
    }
    let events = queries::events(&mut cx.tx, application.id).await?;
    let question = events.last().map(|event| event.note.clone()).unwrap_or_default();
    let catalogue = cx.app.catalogue().await?;
    let found = catalogue.offer(&application.offer_code).ok_or(AppError::NotFound)?;
    let matter = Matter::new(cx, found).await?;
    Ok(Matter { asked: Some((application, question)), ..matter })
}

/// `GET /agent/{agentnr}/uppdrag/{ansokan}/komplettering`
pub async fn complete_new(
    mut cx: Cx<Agent>,
    Path(path): Path<ApplicationPath>,
) -> Result<Response, AppError> {
    let matter = asked(&mut cx, &path).await?;
    let form = match &matter.asked {
        Some((application, _)) => {
            ApplyForm::of(&application.content, application.attestant, application.revision)
        }
        None => ApplyForm::default(),
    };
    page(cx, matter, form, Errors::none()).await
}

/// `POST /agent/{agentnr}/uppdrag/{ansokan}/komplettering`
pub async fn complete_create(
    mut cx: Cx<Agent>,
    Path(path): Path<ApplicationPath>,
    Form(form): Form<ApplyForm>,
) -> Result<Response, AppError> {
    let matter = asked(&mut cx, &path).await?;
    let mut errors = Errors::none();
    let (content, terms, attestant) = form.read(&matter.against(cx.app.clock().today()), &mut errors);
    let Some(terms) = terms.filter(|_| errors.is_empty()) else {
        return page(cx, matter, form, errors).await;
    };
    let Some((application, _)) = &matter.asked else { return Err(fault(Refused::Stale)) };
    let at = cx.app.clock().now();
    let to = here(&cx, application);
    let which = (application, form.revision);
    match actions::complete(&mut cx.tx, &cx.actor, which, (&content, terms, attestant), at).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(Flash::MandateCompleted.on(&to))
        }
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, matter, form, Errors::one(field_of(&key), rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}
