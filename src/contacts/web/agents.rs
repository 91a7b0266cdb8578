//! `/inera/agenter`: the agents, and one of them with its people.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{first::InvitedView, view};
use crate::{
    contacts::{
        actions::permit_staff,
        invitations,
        queries::{self, Contact},
    },
    db::DbError,
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

/// The people of an organisation, as Kundservice sees them.
pub struct People {
    /// Those who are there, and those who were.
    pub rows: Vec<PersonView>,
    /// May the reader help them?
    pub may_help: bool,
    /// Does nobody run it?
    pub unled: bool,
    /// Where a first administrator is invited.
    pub invite: String,
    /// Those whom Kundservice has invited.
    pub invited: Vec<InvitedView>,
}

/// The people of the organisation whose page is `base`.
pub async fn people(cx: &mut Cx<Staff>, org: OrgId, base: &str) -> Result<People, DbError> {
    let now = cx.app.clock().now();
    let with_steps = second::members_with(&mut cx.tx, org).await?;
    let people = queries::contacts(&mut cx.tx, org, None, cx.app.clock().today()).await?;
    let unled = queries::is_unled(&mut cx.tx, org).await?;
    let invited = if unled { invitations::open_of_staff(&mut cx.tx, org).await? } else { Vec::new() };
    Ok(People {
        rows: people.into_iter().map(|person| PersonView::new(person, base, &with_steps)).collect(),
        may_help: permit_staff(&cx.actor).is_ok(),
        unled,
        invite: format!("{base}/kontakter/bjud-in"),
        invited: invited.into_iter().map(|row| InvitedView::new(row, base, now)).collect(),
    })
}

#[derive(Template)]
#[template(path = "contacts/agent.html")]
struct AgentPage {
    chrome: Chrome,
    name: String,
    number: i64,
    people: People,
    sees_invoicing: bool,
}

/// `GET /inera/agenter/{agentnr}`
pub async fn show(mut cx: Cx<Staff>, Path(path): Path<AgentPath>) -> Result<Response, AppError> {
    let (org, name) =
        queries::by_number(&mut cx.tx, None, Some(path.agentnr)).await?.ok_or(AppError::NotFound)?;
    let base = format!("/inera/agenter/{}", path.agentnr);
    let people = people(&mut cx, org, &base).await?;
    let page = AgentPage {
        chrome: cx.chrome(&name),
        name,
        number: path.agentnr,
        people,
        sees_invoicing: may_read_invoicing(&cx.actor),
    };
    cx.show(page).await
}
