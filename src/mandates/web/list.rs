//! `/agent/{agentnr}/uppdrag` and `/inera/uppdrag`: agentuppdrag and applications for them.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{Row, Tag, may_read, rows};
use crate::{
    calendar::iso_date,
    http::{Agent, AppError, Chrome, Cx, Query, Staff},
    identity::{Role, Side},
    mandates::{actions::may_apply, domain::named, queries},
};

/// A mandate as its agent sees it.
struct MandateView {
    what: String,
    system: String,
    tag: Tag,
    since: String,
    handlers: String,
    /// Customers' orders come and nobody can review them.
    unhandled: bool,
}

#[derive(Template)]
#[template(path = "mandates/list.html")]
struct ListPage {
    chrome: Chrome,
    base: String,
    may_apply: bool,
    runs: bool,
    mandates: Vec<MandateView>,
    rows: Vec<Row>,
}

fn tag(status: &str) -> Tag {
    match status {
        "granted" => ("info", "Beviljat, ansluts"),
        "active" => ("ok", "Aktivt"),
        "paused" => ("warn", "Pausat"),
        _ => ("neutral", "Upphört"),
    }
    .into()
}

/// `GET /agent/{agentnr}/uppdrag`
pub async fn own(mut cx: Cx<Agent>) -> Result<Response, AppError> {
    may_read(&cx)?;
    let catalogue = cx.app.catalogue().await?;
    let mandates = queries::mandates(&mut cx.tx, cx.actor.org()).await?;
    let lines = queries::of_agent(&mut cx.tx, cx.actor.org()).await?;
    let base = cx.actor.base();
    let page = ListPage {
        chrome: cx.chrome("Agentuppdrag"),
        may_apply: may_apply(&cx.actor).is_ok(),
        runs: cx.actor.has(Role::Administrator),
        mandates: mandates
            .into_iter()
            .map(|row| MandateView {
                what: named(catalogue.name(&row.service_code), &row.role),
                tag: tag(&row.status),
                since: iso_date(row.since),
                unhandled: row.status == "active" && row.handlers.is_empty(),
                handlers: row.handlers.join(", "),
                system: row.system,
            })
            .collect(),
        rows: rows(lines, &catalogue, (&base, Side::Agent)),
        base,
    };
    cx.show(page).await
}

/// Which list.
#[derive(Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    vy: String,
}

#[derive(Template)]
#[template(path = "mandates/staff_list.html")]
struct StaffPage {
    chrome: Chrome,
    all: bool,
    rows: Vec<Row>,
}

/// `GET /inera/uppdrag`
pub async fn index(mut cx: Cx<Staff>, Query(query): Query<ListQuery>) -> Result<Response, AppError> {
    may_read(&cx)?;
    let all = query.vy == "alla";
    let catalogue = cx.app.catalogue().await?;
    let lines = queries::all(&mut cx.tx, all).await?;
    let page = StaffPage {
        chrome: cx.chrome("Agentuppdrag"),
        all,
        rows: rows(lines, &catalogue, ("/inera", Side::Inera)),
    };
    cx.show(page).await
}
