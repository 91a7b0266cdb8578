//! `{side}/aviseringar`.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::queries;
use crate::{
    audit::Audit,
    calendar::{long_time, machine_time},
    http::{AppError, Chrome, Cx, Flash, Form, Query, context::For},
    identity::Side,
};

/// Where the list goes on.
#[derive(Debug, Default, Deserialize)]
pub struct NoticesQuery {
    #[serde(default)]
    efter: String,
}

/// A notice as shown.
struct NoticeView {
    title: String,
    href: String,
    when: String,
    datetime: String,
    unread: bool,
}

#[derive(Template)]
#[template(path = "notices/index.html")]
struct NoticesPage {
    chrome: Chrome,
    action: String,
    newest: String,
    any_unread: bool,
    rows: Vec<NoticeView>,
    next: String,
}

/// `GET {side}/aviseringar`
pub async fn index<S: For>(mut cx: Cx<S>, Query(query): Query<NoticesQuery>) -> Result<Response, AppError> {
    let mut rows = queries::page(&mut cx.tx, &cx.actor, query.efter.parse().ok()).await?;
    let more = rows.len() > 50;
    rows.truncate(50);
    let base = cx.actor.base();
    let path = format!("{base}/aviseringar");
    let page = NoticesPage {
        chrome: cx.chrome("Aviseringar"),
        newest: rows.first().map(|row| row.id.to_string()).unwrap_or_default(),
        any_unread: cx.actor.unread() > 0,
        next: rows.last().filter(|_| more).map(|row| format!("{path}?efter={}", row.id)).unwrap_or_default(),
        rows: rows
            .into_iter()
            .map(|row| NoticeView {
                href: if row.is_agreement {
                    format!("{base}/avtal/{}", row.number)
                } else if row.is_mandate {
                    format!("{base}/uppdrag/{}", row.number)
                } else if row.is_contact {
                    match row.code.as_str() {
                        "N-35" => format!("{base}/kontakter"),
                        "N-36" => format!("{base}/behorighet"),
                        _ => format!("{base}/kontakter/{}", row.number),
                    }
                } else if row.is_organisation {
                    let page = if row.code == "N-120" { "faktura" } else { "uppgifter" };
                    match cx.actor.side() {
                        Some(Side::Inera) => format!("{base}/{}/{page}", row.number),
                        _ => format!("{base}/{page}"),
                    }
                } else {
                    format!("{base}/bestallningar/{}", row.number)
                },
                title: row.title,
                when: long_time(row.created_at),
                datetime: machine_time(row.created_at),
                unread: row.unread,
            })
            .collect(),
        action: path,
    };
    cx.show(page).await
}

/// The newest notice that was on the page: what has come since stays unread.
#[derive(Debug, Default, Deserialize)]
pub struct ReadForm {
    #[serde(default)]
    till_och_med: String,
}

/// `POST {side}/aviseringar`
pub async fn mark_read<S: For>(mut cx: Cx<S>, Form(form): Form<ReadForm>) -> Result<Response, AppError> {
    let newest: Uuid = form
        .till_och_med
        .parse()
        .map_err(|_| AppError::BadRequest("Formuläret saknar vilka aviseringar som lästs."))?;
    let at = cx.app.clock().now();
    let count = queries::mark_read(&mut cx.tx, &cx.actor, newest, at).await?;
    let path = format!("{}/aviseringar", cx.actor.base());
    let side = cx.actor.side().unwrap_or(Side::Customer);
    cx.commit(Audit::own(side, "notices.read", String::new(), format!("{count} notices"))).await?;
    Ok(Flash::NoticesRead.on(&path))
}
