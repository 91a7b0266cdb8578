//! Pages about agentuppdrag: the agent's and Inera's.

pub mod apply;
pub mod decide;
pub mod list;
pub mod show;

use serde::Deserialize;

use super::{
    actions::{Refused, rule_text},
    domain::{Content, State, named},
    queries::{self, Application, Line},
};
use crate::{
    applications::domain::shown_nr,
    calendar::{iso_date, local},
    catalogue::Catalogue,
    http::{AppError, Cx, context::For},
    identity::Side,
};

/// Kind of tag and its words.
pub struct Tag {
    /// Kind.
    pub kind: &'static str,
    /// Words.
    pub text: &'static str,
}

impl From<(&'static str, &'static str)> for Tag {
    fn from((kind, text): (&'static str, &'static str)) -> Self {
        Self { kind, text }
    }
}

/// Which application.
#[derive(Debug, Deserialize)]
pub struct ApplicationPath {
    pub(super) ansokan: String,
}

/// Which application, and which of its decisions.
#[derive(Debug, Deserialize)]
pub struct StepPath {
    pub(super) ansokan: String,
    pub(super) steg: String,
}

/// A line of a list.
pub struct Row {
    /// Its page.
    pub href: String,
    /// Number.
    pub number: String,
    /// The agent.
    pub agent: String,
    /// "1177 journal, producent".
    pub what: String,
    /// State.
    pub tag: Tag,
    /// Since, ISO.
    pub since: String,
    /// Who applied.
    pub applied_by: String,
}

/// Lines of a list as the side reads them.
pub fn rows(lines: Vec<Line>, catalogue: &Catalogue, (base, side): (&str, Side)) -> Vec<Row> {
    let row = |line: Line| Row {
        href: format!("{base}/uppdrag/{}", line.number),
        what: named(catalogue.name(&line.service_code), &line.role),
        tag: line.state.tag(side).into(),
        since: iso_date(local(line.since).date),
        number: line.number,
        agent: line.agent,
        applied_by: line.applied_by,
    };
    lines.into_iter().map(row).collect()
}

/// Any role reads; whoever is there without one does not.
pub(super) fn may_read<S: For>(cx: &Cx<S>) -> Result<(), AppError> {
    if cx.actor.roles().iter().next().is_some() {
        Ok(())
    } else {
        Err(AppError::Forbidden(
            "Bara den som har en roll ser agentuppdragen. Be er administratör om en roll.",
        ))
    }
}

/// The application an address names.
pub(super) async fn load<S: For>(cx: &mut Cx<S>, number: &str) -> Result<Application, AppError> {
    may_read(cx)?;
    queries::by_number(&mut cx.tx, number).await?.ok_or(AppError::NotFound)
}

/// Where an application has its page on the side.
pub(super) fn here<S: For>(cx: &Cx<S>, application: &Application) -> String {
    format!("{}/uppdrag/{}", cx.actor.base(), application.number)
}

/// The side of a page.
pub(super) fn side_of<S: For>() -> Side {
    S::SIDE.unwrap_or(Side::Agent)
}

/// What can't be answered on the page.
pub(super) fn fault(why: Refused) -> AppError {
    match why {
        Refused::Denied(denied) => AppError::Forbidden(denied.0),
        Refused::Stale => AppError::Conflict(
            "Ansökan väntar inte på det här längre. Se vad som har hänt med den.".to_owned(),
        ),
        Refused::Rule(key) => AppError::Conflict(rule_text(&key).to_owned()),
        Refused::Db(error) => error.into(),
    }
}

/// What was written, for reading and for what is confirmed.
pub(super) fn facts(application: &Application, service: &str) -> Vec<(String, String)> {
    let fact = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let content = &application.content;
    let mut all = vec![fact("Agent", &application.agent_name), fact("Tjänst", service)];
    all.extend(written(content, application.approved.as_deref(), &application.waiver));
    let anybody = "Vem som helst av agentens attestanter";
    all.push(fact("Attestant", application.attestant_name.as_deref().unwrap_or(anybody)));
    all.push(fact("Villkor som godkänts", &application.terms_title));
    all.extend(answer(content));
    all
}

/// The agent's answer to Inera's last question.
pub(super) fn answer(content: &Content) -> Option<(String, String)> {
    (!content.answer.is_empty()).then(|| ("Svar på Ineras fråga".to_owned(), content.answer.clone()))
}

/// What was sent at some time, and what Inera has said of its end customers.
pub(super) fn written(content: &Content, approved: Option<&[String]>, waiver: &str) -> Vec<(String, String)> {
    let fact = |key: &str, value: String| (key.to_owned(), value);
    let customers: Vec<String> = content
        .customers
        .iter()
        .map(|customer| {
            let verdict = match approved {
                Some(approved) if approved.contains(&customer.org_nr) => ", godkänd av Inera",
                Some(_) => ", inte godkänd av Inera",
                None => "",
            };
            format!("{} ({}){verdict}", customer.name, shown_nr(&customer.org_nr, false))
        })
        .collect();
    let tech: Vec<&str> = [&content.tech_name, &content.tech_email, &content.tech_phone]
        .into_iter()
        .map(String::as_str)
        .filter(|text| !text.is_empty())
        .collect();
    let all = vec![
        fact("System", format!("{} {}", content.system, content.version)),
        fact("Källsystem och producenter", content.sources.replace('\n', ", ")),
        fact("Tjänstekontrakt", content.contracts.join(", ")),
        fact("Planerad start", content.start.clone()),
        fact("Slutkunder", customers.join("; ")),
        fact("Färre slutkunder räcker", waiver.replace('\n', " ")),
        fact("Kontakt för teknik", tech.join(", ")),
        fact("Support dygnet runt", content.support.clone()),
    ];
    all.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect()
}

/// What an event is called in the log.
pub(super) fn event_words(from: Option<State>, to: State) -> &'static str {
    match (from, to) {
        (None, _) => "Skickad",
        (_, State::UnderReview) => "Kompletterad",
        (_, State::CompletionAsked) => "Inera begärde komplettering",
        (_, State::AwaitingAttest) => "Granskad och tillstyrkt av Inera",
        (_, State::Granted) => "Attesterad, agentuppdraget är beviljat",
        (_, State::Active) => "Aktiverad, kunder kan välja agenten",
        (_, State::Rejected) => "Avslagen av Inera",
        (_, State::AttestRefused) => "Avslagen av attestanten",
        (_, State::Withdrawn) => "Återkallad",
    }
}
