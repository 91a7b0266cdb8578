//! `{side}/kontakter/{id}`: one contact: what they may do and since when, who stands in, what has happened.

use askama::Template;
use axum::response::Response;

use super::{
    MemberPath, load,
    view::{self, LogRow},
};
use crate::{
    calendar::{local, long_date},
    contacts::{
        actions::{may_list, permit, permit_substitute},
        domain::means,
        queries,
    },
    http::{AppError, Chrome, Cx, Path, context::For},
    identity::Role,
};

/// A role somebody has.
struct RoleRow {
    label: &'static str,
    means: &'static str,
    since: String,
    until: String,
}

/// Somebody who stands in.
struct Substitute {
    text: String,
    end: String,
}

#[derive(Template)]
#[template(path = "contacts/member.html")]
struct MemberPage {
    chrome: Chrome,
    base: String,
    here: String,
    may_list: bool,
    name: String,
    title: String,
    email: String,
    phone: String,
    since: String,
    gone: bool,
    own: bool,
    roles: Vec<RoleRow>,
    mandates: Vec<String>,
    substitutes: Vec<Substitute>,
    stands_in_for: Vec<String>,
    decides: bool,
    handles: bool,
    may_change: bool,
    may_substitute: bool,
    log: Vec<LogRow>,
}

/// `GET {side}/kontakter/{id}`
pub async fn show<S: For>(mut cx: Cx<S>, Path(path): Path<MemberPath>) -> Result<Response, AppError> {
    let contact = load(&mut cx, &path).await?;
    let own = contact.id == cx.actor.membership();
    if !own && !may_list(&cx.actor) {
        return Err(AppError::Forbidden(
            "Bara administratörer, handläggare och kontaktpersoner ser andra kontakter.",
        ));
    }
    let today = cx.app.clock().today();
    let catalogue = cx.app.catalogue().await?;
    let mandates = queries::mandates(&mut cx.tx, cx.actor.org()).await?;
    let substitutions = queries::substitutions(&mut cx.tx, cx.actor.org(), today).await?;
    let history = queries::history(&mut cx.tx, contact.id).await?;
    let name_of = |id| view::mandate_name(&catalogue, &mandates, id);
    let base = cx.actor.base();
    let here = format!("{base}/kontakter/{}", contact.id);
    let gone = contact.ended_at.is_some();
    let page = MemberPage {
        chrome: cx.chrome(&contact.name),
        may_list: may_list(&cx.actor),
        since: long_date(local(contact.created_at).date),
        gone,
        own,
        roles: contact
            .grants
            .iter()
            .map(|grant| RoleRow {
                label: grant.held.role.label(),
                means: means(grant.held.role),
                since: grant.since.map(long_date).unwrap_or_default(),
                until: grant.held.until.map(long_date).unwrap_or_default(),
            })
            .collect(),
        mandates: contact.mandates.iter().map(|id| name_of(*id)).collect(),
        substitutes: substitutions
            .iter()
            .filter(|row| row.absent == contact.id)
            .map(|row| Substitute {
                text: view::stands_in(row),
                end: format!("{here}/ersattare/{}/avsluta", row.id),
            })
            .collect(),
        stands_in_for: substitutions
            .iter()
            .filter(|row| row.substitute == contact.id)
            .map(|row| format!("{}, {}", row.absent_name, view::days(row.from, row.to)))
            .collect(),
        handles: contact.has(Role::AgentHandler),
        decides: contact.has(Role::Attestant) || contact.has(Role::AgentHandler),
        may_change: !gone && permit(&cx.actor).is_ok(),
        may_substitute: !gone && permit_substitute(&cx.actor, contact.id).is_ok(),
        log: history.iter().map(|row| view::log_row(row, name_of)).collect(),
        name: contact.name,
        title: contact.title,
        email: contact.email,
        phone: contact.phone,
        base,
        here,
    };
    cx.show(page).await
}
