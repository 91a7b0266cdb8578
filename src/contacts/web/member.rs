//! `{side}/kontakter/{id}`: one contact: what they may do and since when, who stands in, what has happened.

use askama::Template;
use axum::response::Response;

use super::{
    MemberPath, load,
    view::{self, LogRow},
};
use crate::{
    calendar::{local, long_date, long_time},
    contacts::{
        actions::{list_denied, may_list, permit_for, permit_remove, permit_substitute},
        details::{self, may_edit},
        domain::means,
        insight, queries,
    },
    http::{AppError, Chrome, Cx, Path, context::For},
    identity::{Role, Side, second},
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
    blocked: bool,
    /// Is the account behind it closed?
    closed: bool,
    own: bool,
    roles: Vec<RoleRow>,
    mandates: Vec<String>,
    substitutes: Vec<Substitute>,
    stands_in_for: Vec<String>,
    decides: bool,
    handles: bool,
    may_change: bool,
    may_edit: bool,
    may_remove: bool,
    /// An address that waits to be confirmed, and until when it can be.
    pending: Option<(String, String)>,
    may_restore: bool,
    /// May the reader block or open the account (Inera's own people)?
    may_block: bool,
    may_substitute: bool,
    /// Has steps that the reader may clear (Inera's own people).
    second_step: bool,
    /// Who at Inera has seen the pages as this contact does: for the contact.
    insights: Vec<LogRow>,
    log: Vec<LogRow>,
}

/// `GET {side}/kontakter/{id}`
pub async fn show<S: For>(mut cx: Cx<S>, Path(path): Path<MemberPath>) -> Result<Response, AppError> {
    let contact = load(&mut cx, &path).await?;
    let own = contact.id == cx.actor.membership();
    if !own && !may_list(&cx.actor) {
        return Err(AppError::Forbidden(list_denied(cx.actor.side()).0));
    }
    let today = cx.app.clock().today();
    let catalogue = cx.app.catalogue().await?;
    let mandates = queries::mandates(&mut cx.tx, cx.actor.org()).await?;
    let substitutions = queries::substitutions(&mut cx.tx, cx.actor.org(), today).await?;
    let history = queries::history(&mut cx.tx, contact.id).await?;
    let insights = if own && cx.actor.side() != Some(Side::Inera) {
        insight::of(&mut cx.tx, cx.actor.org(), Some(contact.id)).await?
    } else {
        Vec::new()
    };
    let name_of = |id| view::mandate_name(&catalogue, &mandates, id);
    let base = cx.actor.base();
    let here = format!("{base}/kontakter/{}", contact.id);
    let gone = contact.ended_at.is_some();
    let may_change = permit_for(&cx.actor, contact.id).is_ok();
    let runs_inera = may_change && cx.actor.side() == Some(Side::Inera);
    let second_step =
        runs_inera && second::members_with(&mut cx.tx, cx.actor.org()).await?.contains(&contact.id);
    let may_edit = !gone && may_edit(&cx.actor, contact.id).is_ok();
    let pending =
        if may_edit { details::pending(&mut cx.tx, contact.id, cx.app.clock().now()).await? } else { None };
    let page = MemberPage {
        chrome: cx.chrome(&contact.name),
        may_list: may_list(&cx.actor),
        since: long_date(local(contact.created_at).date),
        gone,
        blocked: contact.blocked,
        closed: contact.email.is_empty(),
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
        may_change: !gone && may_change,
        may_edit,
        may_remove: !gone && permit_remove(&cx.actor, contact.id).is_ok(),
        pending: pending.map(|(email, until)| (email, long_time(until))),
        may_block: runs_inera && !own,
        may_restore: gone && !contact.blocked && !contact.email.is_empty() && runs_inera,
        second_step,
        may_substitute: !gone && permit_substitute(&cx.actor, contact.id).is_ok(),
        insights: insights.iter().map(view::insight_row).collect(),
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
