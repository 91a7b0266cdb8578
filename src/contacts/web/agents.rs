//! `/inera/agenter`: the agents, and one of them with its people.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use time::Date;

use super::view;
use crate::{
    contacts::{
        actions::permit_staff,
        queries::{self, Contact},
    },
    db::{DbError, Tx},
    http::{AppError, Chrome, Cx, Path, Staff},
    identity::{Role, policy::may_read_invoicing, second},
    ids::{MembershipId, OrgId},
};

/// An agent in the staff's list.
struct AgentLine {
    name: String,
    number: i64,
}

#[derive(Template)]
#[template(path = "contacts/agents.html")]
struct AgentsPage {
    chrome: Chrome,
    rows: Vec<AgentLine>,
}

/// `GET /inera/agenter`
pub async fn index(mut cx: Cx<Staff>) -> Result<Response, AppError> {
    let rows = queries::agents(&mut cx.tx).await?;
    let page = AgentsPage {
        chrome: cx.chrome("Agenter"),
        rows: rows.into_iter().map(|(number, name)| AgentLine { name, number }).collect(),
    };
    cx.show(page).await
}

/// Which agent.
#[derive(Debug, Deserialize)]
pub struct AgentPath {
    agentnr: i64,
}

/// Somebody of an organisation, as Kundservice sees them.
pub struct PersonView {
    /// Name.
    pub name: String,
    /// Roles.
    pub roles: String,
    /// Address.
    pub email: String,
    /// Where Kundservice helps.
    pub here: String,
    /// Removed?
    pub gone: bool,
    /// Is the account blocked?
    pub blocked: bool,
    /// Is an administrator?
    pub administrator: bool,
    /// Has a second step after the password?
    pub second_step: bool,
}

impl PersonView {
    fn new(person: Contact, base: &str, with_steps: &[MembershipId]) -> Self {
        Self {
            roles: view::roles(&person),
            here: format!("{base}/kontakter/{}", person.id),
            gone: person.ended_at.is_some(),
            blocked: person.blocked,
            administrator: person.has(Role::Administrator),
            second_step: with_steps.contains(&person.id),
            name: person.name,
            email: person.email,
        }
    }
}

/// The people of the organisation whose page is `base`, as Kundservice sees them.
pub async fn people(tx: &mut Tx, org: OrgId, base: &str, today: Date) -> Result<Vec<PersonView>, DbError> {
    let with_steps = second::members_with(tx, org).await?;
    let people = queries::contacts(tx, org, None, today).await?;
    Ok(people.into_iter().map(|person| PersonView::new(person, base, &with_steps)).collect())
}

#[derive(Template)]
#[template(path = "contacts/agent.html")]
struct AgentPage {
    chrome: Chrome,
    name: String,
    number: i64,
    people: Vec<PersonView>,
    may_help: bool,
    sees_invoicing: bool,
}

/// `GET /inera/agenter/{agentnr}`
pub async fn show(mut cx: Cx<Staff>, Path(path): Path<AgentPath>) -> Result<Response, AppError> {
    let today = cx.app.clock().today();
    let (org, name) =
        queries::by_number(&mut cx.tx, None, Some(path.agentnr)).await?.ok_or(AppError::NotFound)?;
    let base = format!("/inera/agenter/{}", path.agentnr);
    let people = people(&mut cx.tx, org, &base, today).await?;
    let page = AgentPage {
        chrome: cx.chrome(&name),
        name,
        number: path.agentnr,
        people,
        may_help: permit_staff(&cx.actor).is_ok(),
        sees_invoicing: may_read_invoicing(&cx.actor),
    };
    cx.show(page).await
}
