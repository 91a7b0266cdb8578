//! `{side}/rattigheter`: what the reader may do and why: by which role, since when; and what not, and who can change it.

use askama::Template;
use axum::response::Response;

use crate::{
    calendar::long_date,
    contacts::{
        queries::{self, Contact, SubstitutionRow},
        rights::{Right, rights},
    },
    http::{AppError, Chrome, Cx, context::For},
    identity::{Actor, Role, Side},
    text::and_list,
};

/// Something to do, with why or why not.
struct Row {
    what: &'static str,
    allowed: bool,
    why: String,
    also: &'static str,
    /// Where to ask for a role that opens it.
    ask: String,
}

#[derive(Template)]
#[template(path = "contacts/rights.html")]
struct RightsPage {
    chrome: Chrome,
    rows: Vec<Row>,
    /// Who can give a role.
    administrators: Vec<String>,
    of_inera: bool,
}

/// "Attestant sedan 1 mars 2024", "Attestant som ersättare för Mats Öberg till och med 3 december 2026".
fn held_by(role: Role, own: Option<&Contact>, stands_in: &[&SubstitutionRow]) -> String {
    let grant = own.and_then(|contact| contact.grants.iter().find(|grant| grant.held.role == role));
    if let Some(grant) = grant {
        let since = grant.since.map(|day| format!(" sedan {}", long_date(day))).unwrap_or_default();
        let until = grant.held.until.map(|day| format!(", till och med {}", long_date(day)));
        return format!("{}{since}{}", role.label(), until.unwrap_or_default());
    }
    let absent: Vec<String> = stands_in
        .iter()
        .map(|row| format!("{} till och med {}", row.absent_name, long_date(row.to)))
        .collect();
    format!("{} som ersättare för {}", role.label(), and_list(&absent))
}

/// Is it a role of those who work on this side?
fn is_of(role: Role, side: Option<Side>) -> bool {
    match role {
        Role::Orderer => side == Some(Side::Customer),
        Role::AgentHandler | Role::MandateOrderer => side == Some(Side::Agent),
        _ => true,
    }
}

fn row(right: &Right, actor: &Actor, (own, stands_in): (Option<&Contact>, &[&SubstitutionRow])) -> Row {
    let mine: Vec<String> = right
        .roles
        .iter()
        .filter(|role| actor.has(**role))
        .map(|role| held_by(*role, own, stands_in))
        .collect();
    let possible: Vec<Role> = right.roles.iter().copied().filter(|role| is_of(*role, actor.side())).collect();
    let labels: Vec<String> = possible.iter().map(|role| role.label().to_owned()).collect();
    let (allowed, why) = match (right.roles.is_empty(), mine.is_empty(), labels.as_slice()) {
        (true, ..) => (true, "Alla i organisationen får det".to_owned()),
        (false, false, _) => (true, and_list(&mine)),
        (false, true, [one]) => (false, format!("Kräver rollen {one}")),
        (false, true, several) => (false, format!("Kräver någon av rollerna {}", and_list(several))),
    };
    // An administrator gives roles, and does not ask for them.
    let asks = !allowed && actor.side() != Some(Side::Inera) && !actor.has(Role::Administrator);
    let ask = match possible.as_slice() {
        _ if !asks => String::new(),
        [one] => format!("{}/behorighet?roll={}", actor.base(), one.code()),
        // Which of them is for the one who asks to say.
        _ => format!("{}/behorighet", actor.base()),
    };
    Row { what: right.what, allowed, why, also: right.also, ask }
}

/// `GET {side}/rattigheter`
pub async fn show<S: For>(mut cx: Cx<S>) -> Result<Response, AppError> {
    let today = cx.app.clock().today();
    let people = queries::contacts(&mut cx.tx, cx.actor.org(), None, today).await?;
    let all = queries::substitutions(&mut cx.tx, cx.actor.org(), today).await?;
    let stands_in: Vec<&SubstitutionRow> =
        all.iter().filter(|row| row.substitute == cx.actor.membership() && row.from <= today).collect();
    let own = people.iter().find(|contact| contact.id == cx.actor.membership());
    let side = cx.actor.side().unwrap_or(Side::System);
    let gives = if side == Side::Inera { Role::Sysadmin } else { Role::Administrator };
    let page = RightsPage {
        chrome: cx.chrome("Vad du får göra"),
        rows: rights(side).into_iter().map(|right| row(right, &cx.actor, (own, &stands_in))).collect(),
        administrators: people
            .iter()
            .filter(|contact| contact.acts_as(gives))
            .map(|contact| format!("{}, {}", contact.name, contact.email))
            .collect(),
        of_inera: side == Side::Inera,
    };
    cx.show(page).await
}
