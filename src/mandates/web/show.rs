//! `/agent/{agentnr}/uppdrag/{ansokan}` and `/inera/uppdrag/{ansokan}`: one application, and what can be done with it.

use askama::Template;
use axum::response::Response;

use super::{ApplicationPath, Tag, answer, event_words, facts, here, load, side_of, written};
use crate::{
    applications::domain::shown_nr,
    calendar::{long_time, machine_time},
    http::{Agent, AppError, Chrome, Cx, Path, Staff, context::For},
    identity::{Role, Side},
    mandates::{
        actions::{may_apply, may_attest, may_review, may_withdraw},
        domain::{State, named},
        queries::{self, Application, Event},
    },
};

/// A line of the log.
struct LogRow {
    datetime: String,
    when: String,
    what: String,
    by: String,
    note: String,
    approved: String,
    /// What was changed, with what it was before.
    changed: Vec<String>,
}

/// A way to go on.
struct Way {
    href: String,
    label: &'static str,
    kind: &'static str,
}

#[derive(Template)]
#[template(path = "mandates/show.html")]
struct ShowPage {
    chrome: Chrome,
    list: String,
    number: String,
    what: String,
    agent: String,
    agent_page: String,
    tag: Tag,
    /// "Just nu hos …"
    at: String,
    /// Inera's question, while it waits for an answer.
    question: Option<String>,
    /// Active, and nobody may handle its orders.
    unhandled: bool,
    runs: bool,
    base: String,
    ways: Vec<Way>,
    /// Who can, when the reader can't.
    others: &'static str,
    facts: Vec<(String, String)>,
    log: Vec<LogRow>,
}

fn log_row(event: Event, names: &Application, changed: Vec<String>) -> LogRow {
    let for_whom = if event.in_place_of.is_empty() {
        String::new()
    } else {
        format!(", i stället för {}", event.in_place_of)
    };
    let both = if event.self_attested { ". Samma person som ansökte" } else { "" };
    let known = &names.content.customers;
    let approved: Vec<String> = event
        .approved
        .iter()
        .map(|number| {
            let name = known
                .iter()
                .find(|customer| customer.org_nr == *number)
                .map(|customer| customer.name.as_str());
            format!("{} ({})", name.unwrap_or_default(), shown_nr(number, false))
        })
        .collect();
    let mut also = Vec::new();
    if !approved.is_empty() {
        also.push(format!("Godkända slutkunder: {}", approved.join(", ")));
    }
    if !event.waiver.is_empty() {
        also.push(format!("Färre slutkunder räcker: {}", event.waiver));
    }
    LogRow {
        datetime: machine_time(event.at),
        when: long_time(event.at),
        what: event_words(event.from, event.to).to_owned(),
        by: format!("{}{for_whom}{both}", event.actor),
        note: event.note,
        approved: also.join(". "),
        changed,
    }
}

/// All lines, each completion with what it changed.
fn log(events: Vec<Event>, application: &Application) -> Vec<LogRow> {
    let mut before: Option<Vec<(String, String)>> = None;
    let mut rows = Vec::new();
    for event in events {
        let mut changed = Vec::new();
        if let Some(content) = &event.content {
            let mut now = written(content, None, "");
            now.extend(answer(content));
            for (key, was) in before.iter().flatten() {
                if !now.iter().any(|(known, value)| known == key && value == was) {
                    changed.push(format!("{key}, förut: {was}"));
                }
            }
            before = Some(now);
        }
        rows.push(log_row(event, application, changed));
    }
    rows
}

/// Who has it, in words.
fn whose(application: &Application, side: Side) -> String {
    match (application.state, side) {
        (State::UnderReview, Side::Agent) => "Just nu hos Inera, som granskar ansökan.".to_owned(),
        (State::UnderReview, _) => {
            "Just nu hos Inera: agentansvarig eller tjänsteförvaltare granskar.".to_owned()
        }
        (State::CompletionAsked, Side::Agent) => "Just nu hos er: Inera väntar på svar.".to_owned(),
        (State::CompletionAsked, _) => {
            format!("Just nu hos {}, som ska svara på Ineras fråga.", application.agent_name)
        }
        (State::AwaitingAttest, _) => match &application.attestant_name {
            Some(name) => format!("Just nu hos {name}, attestant hos {}.", application.agent_name),
            None => format!("Just nu hos attestanterna hos {}.", application.agent_name),
        },
        (State::Granted, Side::Agent) => {
            "Just nu hos Inera, som kontaktar er om den tekniska anslutningen.".to_owned()
        }
        (State::Granted, _) => "Just nu hos Inera: aktivera när anslutningen är verifierad.".to_owned(),
        (State::Active, _) if application.is_handled => {
            format!("Kunder kan välja {} för tjänsten.", application.agent_name)
        }
        (State::Active, _) => {
            "Kunder kan välja agenten när en handläggare har behörighet i agentuppdraget.".to_owned()
        }
        _ => String::new(),
    }
}

fn ways<S: For>(cx: &Cx<S>, application: &Application) -> (Vec<Way>, &'static str) {
    let base = here(cx, application);
    let way = |step: &str, label, kind| Way { href: format!("{base}/{step}"), label, kind };
    let (mut ways, mut others) = (Vec::new(), "");
    match (side_of::<S>(), application.state) {
        (Side::Inera, State::UnderReview | State::CompletionAsked | State::Granted) => {
            match may_review(&cx.actor) {
                Ok(()) => match application.state {
                    State::Granted => {
                        ways.push(way("aktivera", "Aktivera", ""));
                        ways.push(way("avsla", "Avslå", " kp-button--danger"));
                    }
                    state => {
                        if state == State::UnderReview {
                            ways.push(way("tillstyrk", "Tillstyrk", ""));
                            ways.push(way("fraga", "Begär komplettering", " kp-button--secondary"));
                        }
                        ways.push(way("avsla", "Avslå", " kp-button--danger"));
                    }
                },
                Err(denied) => others = denied.0,
            }
        }
        (Side::Agent, State::CompletionAsked) => match may_apply(&cx.actor) {
            Ok(()) => ways.push(way("komplettering", "Svara och komplettera", "")),
            Err(denied) => others = denied.0,
        },
        (Side::Agent, State::AwaitingAttest) => match may_attest(&cx.actor, application) {
            Ok(()) => {
                ways.push(way("attestera", "Attestera", ""));
                ways.push(way("avvisa", "Avslå", " kp-button--danger"));
            }
            Err(denied) => others = denied.0,
        },
        _ => {}
    }
    if side_of::<S>() == Side::Agent
        && application.state.may_withdraw()
        && may_withdraw(&cx.actor, application).is_ok()
    {
        ways.push(way("aterkalla", "Återkalla ansökan", " kp-button--quiet"));
    }
    (ways, others)
}

async fn show<S: For>(mut cx: Cx<S>, path: ApplicationPath) -> Result<Response, AppError> {
    let application = load(&mut cx, &path.ansokan).await?;
    let events = queries::events(&mut cx.tx, application.id).await?;
    let catalogue = cx.app.catalogue().await?;
    let side = side_of::<S>();
    let what = named(catalogue.name(&application.service_code), &application.role);
    let (ways, others) = ways(&cx, &application);
    let page = ShowPage {
        chrome: cx.chrome(&format!("{what}, agentuppdrag {}", application.number)),
        list: format!("{}/uppdrag", cx.actor.base()),
        facts: facts(&application, &what),
        what,
        agent: application.agent_name.clone(),
        agent_page: if side == Side::Inera {
            format!("/inera/agenter/{}", application.agent_no)
        } else {
            String::new()
        },
        tag: application.state.tag(side).into(),
        at: whose(&application, side),
        ways,
        others,
        question: (application.state == State::CompletionAsked)
            .then(|| events.last().map(|event| event.note.clone()))
            .flatten(),
        unhandled: application.state == State::Active && !application.is_handled && side == Side::Agent,
        runs: cx.actor.has(Role::Administrator),
        base: cx.actor.base(),
        log: log(events, &application),
        number: application.number,
    };
    cx.show(page).await
}

/// `GET /agent/{agentnr}/uppdrag/{ansokan}`
pub async fn own(cx: Cx<Agent>, Path(path): Path<ApplicationPath>) -> Result<Response, AppError> {
    show(cx, path).await
}

/// `GET /inera/uppdrag/{ansokan}`
pub async fn staff(cx: Cx<Staff>, Path(path): Path<ApplicationPath>) -> Result<Response, AppError> {
    show(cx, path).await
}
