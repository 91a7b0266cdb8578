//! Step 2, how and through whom; step 3, what is met and what is missing.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{Draft, DraftPath, Orderer, StepMark, closed, moved, open, step_marks};
use crate::{
    catalogue::{
        Channel, Reason, Verdict, assess_offer,
        eligibility::{lasting_stop, stops},
    },
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, see_other},
    identity::HsaId,
    orders::{
        actions::{self, route_of},
        queries::{self, AgentChoice},
        store,
    },
};

/// Offer, agent and the vårdgivare's HSA-id.
#[derive(Debug, Default, Deserialize)]
pub struct ConnectionForm {
    #[serde(default)]
    erbjudande: String,
    #[serde(default)]
    agent: String,
    #[serde(default)]
    hsa: String,
    #[serde(default)]
    spara: String,
}

/// A way to choose, with the reason when it can't be chosen.
struct Pick {
    value: String,
    label: String,
    text: String,
    chosen: bool,
    disabled: bool,
}

#[derive(Template)]
#[template(path = "orders/draft_connection.html")]
struct ConnectionPage {
    chrome: Chrome,
    steps: Vec<StepMark>,
    eyebrow: String,
    number: String,
    action: String,
    cancel: String,
    offers: Vec<Pick>,
    via_agent: bool,
    agents: Vec<Pick>,
    hsa: String,
    errors: Errors,
}

/// Why nothing else can be chosen: the agent has already read the order (migration 0006, `sent_connection`).
const FIXED: &str = "Kan inte bytas i en skickad beställning. Ta tillbaka den och kopiera den i stället.";

fn obstacle_text(obstacle: &str) -> &'static str {
    match obstacle {
        "ceased" => "Går inte att välja: agenten har upphört.",
        "no_agreement" => "Går inte att välja: agenten saknar gällande Agentavtal.",
        "not_verified" => "Går inte att välja: verifieringen av agentens system pågår.",
        "paused" => "Går inte att välja: agenten tar inte emot nya beställningar just nu.",
        "no_handler" | "no_attestant" => {
            "Går inte att välja: agenten kan inte ta emot beställningar ännu. Den har inte utsett handläggare eller attestant."
        }
        _ => "Går inte att välja just nu.",
    }
}

async fn agents<S: Orderer>(cx: &mut Cx<S>, draft: &Draft) -> Result<Vec<(String, AgentChoice)>, AppError> {
    let today = cx.app.clock().today();
    let mut roles: Vec<String> = Vec::new();
    for offer in &draft.service()?.offers {
        if offer.channel == Channel::ViaAgent && offer.orderable && !roles.contains(&offer.role) {
            roles.push(offer.role.clone());
        }
    }
    let mut agents = Vec::new();
    for role in roles {
        for agent in queries::agents_for(&mut cx.tx, &draft.order.service_code, &role, today).await? {
            agents.push((role.clone(), agent));
        }
    }
    Ok(agents)
}

async fn page<S: Orderer>(
    mut cx: Cx<S>,
    draft: Draft,
    form: ConnectionForm,
    errors: Errors,
) -> Result<Response, AppError> {
    let agents = agents(&mut cx, &draft).await?;
    let service = draft.service()?;
    let sent = draft.order.submitted_at.is_some();
    let offers = service
        .offers
        .iter()
        .map(|offer| {
            let reasons = assess_offer(&draft.catalogue, service, offer, &draft.customer.facts);
            let stop = lasting_stop(&reasons);
            Pick {
                value: offer.code.clone(),
                label: offer.name.clone(),
                text: if sent && offer.code != draft.order.offer_code {
                    FIXED.to_owned()
                } else {
                    stop.map_or_else(
                        || offer.channel.label().to_owned(),
                        |reason| format!("{}. {}", reason.title, reason.text),
                    )
                },
                chosen: form.erbjudande == offer.code,
                disabled: stop.is_some() || (sent && offer.code != draft.order.offer_code),
            }
        })
        .collect();
    let mut shown: Vec<Pick> = Vec::new();
    for (_, agent) in agents {
        if shown.iter().any(|other| other.value == agent.number.to_string()) {
            continue;
        }
        shown.push(Pick {
            value: agent.number.to_string(),
            label: agent.name,
            text: match agent.obstacle.as_deref() {
                _ if sent && draft.order.agent != Some(agent.id) => FIXED.to_owned(),
                Some(obstacle) => obstacle_text(obstacle).to_owned(),
                None => format!("System: {}.", agent.system),
            },
            chosen: form.agent == agent.number.to_string() && agent.obstacle.is_none(),
            disabled: agent.obstacle.is_some() || (sent && draft.order.agent != Some(agent.id)),
        });
    }
    let prefix = errors.title_prefix();
    let status = errors.status();
    let page = ConnectionPage {
        chrome: cx.chrome(&format!("{prefix}Anslutning – beställ {}", service.name)).focused(),
        steps: step_marks(2),
        eyebrow: draft.eyebrow(),
        number: draft.order.number.clone(),
        action: draft.href("anslutning"),
        cancel: format!("{}/bestallningar/{}", cx.actor.base(), draft.order.number),
        via_agent: service.offers.iter().any(|offer| offer.channel == Channel::ViaAgent),
        offers,
        agents: shown,
        hsa: form.hsa,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET …/bestall/{nummer}/anslutning`
pub async fn edit<S: Orderer>(mut cx: Cx<S>, Path(path): Path<DraftPath>) -> Result<Response, AppError> {
    let draft = match open(&mut cx, &path).await? {
        Ok(draft) => draft,
        Err(order) => return moved(cx, &order).await,
    };
    let chosen_agent = match draft.order.agent {
        Some(agent) => agents(&mut cx, &draft)
            .await?
            .into_iter()
            .find(|(_, choice)| choice.id == agent)
            .map(|(_, choice)| choice.number),
        None => None,
    };
    let form = ConnectionForm {
        erbjudande: draft.order.offer_code.clone(),
        agent: chosen_agent.map(|number| number.to_string()).unwrap_or_default(),
        hsa: draft.order.content.hsa_id.clone(),
        spara: String::new(),
    };
    page(cx, draft, form, Errors::none()).await
}

/// `POST …/bestall/{nummer}/anslutning`
pub async fn update<S: Orderer>(
    mut cx: Cx<S>,
    Path(path): Path<DraftPath>,
    Form(form): Form<ConnectionForm>,
) -> Result<Response, AppError> {
    store::hold(&mut cx.tx, &path.nummer).await?;
    let draft = match open(&mut cx, &path).await? {
        Ok(draft) => draft,
        Err(order) => return closed(cx, &order).await,
    };
    let saved = !form.spara.is_empty();
    let mut errors = Errors::of_draft(saved);
    let service = draft.service()?;
    let sent = draft.order.submitted_at.is_some();
    let wanted = if sent { &draft.order.offer_code } else { &form.erbjudande };
    let offer = service.offers.iter().find(|offer| offer.code == *wanted);
    let first_offer =
        service.offers.first().map(|offer| format!("erbjudande-{}", offer.code)).unwrap_or_default();
    let mut agent = None;
    // NPÖ konsument (TGP) is ordered directly even by those who connect through an agent (portal.md 2.7, scenario 23).
    let mut switched = false;
    match offer {
        None => errors.add(&first_offer, "Välj hur ni vill använda tjänsten"),
        // A sent order keeps its parties, whatever was posted.
        Some(_) if sent => agent = draft.order.agent.zip(draft.order.mandate),
        Some(offer) => {
            let reasons = assess_offer(&draft.catalogue, service, offer, &draft.customer.facts);
            if let Some(stop) = lasting_stop(&reasons) {
                errors.add(&format!("erbjudande-{}", offer.code), format!("{}. {}", stop.title, stop.text));
            } else if offer.channel == Channel::ViaAgent {
                let known = agents(&mut cx, &draft).await?;
                let first = known
                    .first()
                    .map_or_else(|| "agent".to_owned(), |(_, choice)| format!("agent-{}", choice.number));
                let found = known
                    .into_iter()
                    .find(|(role, choice)| *role == offer.role && choice.number.to_string() == form.agent);
                match found {
                    Some((_, choice)) if choice.obstacle.is_none() => {
                        agent = Some((choice.id, choice.mandate));
                    }
                    Some((_, choice)) => {
                        errors.add(&first, obstacle_text(choice.obstacle.as_deref().unwrap_or("")));
                    }
                    None => errors.lack(&first, "Välj vilken agent ni ansluter via"),
                }
            } else {
                switched = !form.agent.is_empty();
            }
        }
    }
    let needs_hsa = !saved && offer.is_none_or(|offer| offer.channel == Channel::ViaAgent);
    let hsa = if form.hsa.trim().is_empty() && !needs_hsa {
        Some(String::new())
    } else {
        errors.take("hsa", HsaId::parse(&form.hsa)).map(|hsa| hsa.as_str().to_owned())
    };
    let (Some(offer), Some(hsa), true) = (offer, hsa, errors.is_empty()) else {
        return page(cx, draft, form, errors).await;
    };
    if !store::update_connection(
        &mut cx.tx,
        draft.order.id,
        &offer.code,
        route_of(offer.channel),
        agent,
        &hsa,
    )
    .await?
    {
        return closed(cx, &draft.order).await;
    }
    let audit = actions::edited(&cx.actor, &draft.order, "connection");
    let back = format!("{}/bestallningar/{}", cx.actor.base(), draft.order.number);
    cx.commit(audit).await?;
    if saved {
        return Ok(Flash::Saved.on(&back));
    }
    let note = if switched { "?byte=direkt" } else { "" };
    Ok(see_other(&format!("{}{note}", draft.href("forutsattningar"))))
}

/// Was the choice of an agent set aside?
#[derive(Debug, Default, Deserialize)]
pub struct ConditionsQuery {
    #[serde(default)]
    byte: String,
}

/// A condition as the list shows it.
pub struct ReasonView {
    /// `ok`, `todo`, `stop`.
    pub kind: &'static str,
    /// The icon's meaning, said.
    pub said: &'static str,
    /// Icon.
    pub icon: &'static str,
    /// Title.
    pub title: String,
    /// Text.
    pub text: String,
    /// Link text.
    pub link: &'static str,
    /// Address; empty = none.
    pub href: String,
}

/// Conditions as views, worst first.
pub fn reason_views(mut reasons: Vec<Reason>) -> Vec<ReasonView> {
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
    reasons
        .into_iter()
        .map(|reason| {
            let (kind, said, icon) = match reason.verdict {
                Verdict::Ok => ("ok", "Uppfyllt", "check"),
                Verdict::Todo => ("todo", "Behöver göras", "warn"),
                Verdict::Stop => ("stop", "Hindrar beställningen", "cross"),
            };
            let (link, href) = reason.way_out.unwrap_or(("", String::new()));
            ReasonView { kind, said, icon, title: reason.title, text: reason.text, link, href }
        })
        .collect()
}

#[derive(Template)]
#[template(path = "orders/draft_conditions.html")]
struct ConditionsPage {
    chrome: Chrome,
    steps: Vec<StepMark>,
    eyebrow: String,
    number: String,
    lead: &'static str,
    switched: bool,
    reasons: Vec<ReasonView>,
    met: String,
    next: String,
    previous: String,
    cancel: String,
}

/// `GET …/bestall/{nummer}/forutsattningar`
pub async fn conditions<S: Orderer>(
    mut cx: Cx<S>,
    Path(path): Path<DraftPath>,
    Query(query): Query<ConditionsQuery>,
) -> Result<Response, AppError> {
    let draft = match open(&mut cx, &path).await? {
        Ok(draft) => draft,
        Err(order) => return moved(cx, &order).await,
    };
    let (service, offer) = draft.offer()?;
    let reasons = assess_offer(&draft.catalogue, service, offer, &draft.customer.facts);
    let blocked = stops(&reasons);
    let todo = reasons.iter().any(|reason| reason.verdict == Verdict::Todo);
    let met = reasons.iter().filter(|reason| reason.verdict == Verdict::Ok).count();
    let page = ConditionsPage {
        chrome: cx.chrome(&format!("Förutsättningar – beställ {}", service.name)).focused(),
        steps: step_marks(3),
        eyebrow: draft.eyebrow(),
        number: draft.order.number.clone(),
        lead: match (blocked, todo) {
            (true, _) => {
                "Något hindrar beställningen. Utkastet är sparat, så ni kan ordna det och fortsätta sedan."
            }
            (false, true) => {
                "Ni kan beställa redan nu. Något behöver vara på plats innan tjänsten kan tas i drift."
            }
            (false, false) => "Allt som krävs är på plats.",
        },
        switched: query.byte == "direkt",
        met: format!("{met} av {} uppfyllda", reasons.len()),
        reasons: reason_views(reasons),
        next: draft.href("omfattning"),
        previous: draft.href("anslutning"),
        cancel: format!("{}/bestallningar/{}", cx.actor.base(), draft.order.number),
    };
    cx.show(page).await
}
