//! `/inera/mejl`, mails that did not arrive; `/demo/mejl`, what the demo would have sent.

use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{digest, mail_store, queries};
use crate::{
    app::App,
    audit::Audit,
    calendar::{iso_time, long_time},
    http::{AppError, Chrome, Cx, Flash, Path, Staff},
    identity::{Role, Side},
};

/// A dead mail as shown.
struct DeadView {
    id: Uuid,
    code: String,
    number: String,
    href: String,
    org: String,
    attempts: i32,
    when: String,
    error: String,
}

#[derive(Template)]
#[template(path = "outbox/dead.html")]
struct DeadPage {
    chrome: Chrome,
    rows: Vec<DeadView>,
}

fn check(cx: &Cx<Staff>) -> Result<(), AppError> {
    if cx.actor.roles().has_any(&[Role::Support, Role::Sysadmin]) {
        return Ok(());
    }
    Err(AppError::Forbidden("Bara Kundservice och systemadministratörer ser mejl som inte gått fram."))
}

/// `GET /inera/mejl`
pub async fn index(mut cx: Cx<Staff>) -> Result<Response, AppError> {
    check(&cx)?;
    let rows = queries::dead_mails(&mut cx.tx).await?;
    let page = DeadPage {
        chrome: cx.chrome("Mejl som inte gått fram"),
        rows: rows
            .into_iter()
            .map(|row| DeadView {
                id: row.id,
                href: match (row.number.is_empty() || row.code == digest::CODE, row.is_agreement) {
                    (true, _) => String::new(),
                    (false, true) => format!("/inera/avtal/{}", row.number),
                    (false, false) => format!("/inera/bestallningar/{}", row.number),
                },
                code: row.code,
                number: row.number,
                org: row.org_name,
                attempts: row.attempts,
                when: iso_time(row.dead_at),
                error: row.last_error,
            })
            .collect(),
    };
    cx.show(page).await
}

/// A mail's id.
#[derive(Debug, Deserialize)]
pub struct MailPath {
    id: Uuid,
}

/// `POST /inera/mejl/{id}/skicka-igen`
pub async fn revive(mut cx: Cx<Staff>, Path(path): Path<MailPath>) -> Result<Response, AppError> {
    check(&cx)?;
    let now = cx.app.clock().now();
    if !mail_store::revive(&mut cx.tx, path.id, now).await? {
        return Err(AppError::NotFound);
    }
    cx.commit(Audit::own(Side::Inera, "mail.revive", format!("mail:{}", path.id), String::new())).await?;
    Ok(Flash::Requeued.on("/inera/mejl"))
}

/// A mail in the demo's viewer.
struct DemoView {
    id: Uuid,
    when: String,
    to: String,
    subject: String,
    text: String,
}

#[derive(Template)]
#[template(path = "outbox/demo.html")]
struct DemoPage {
    chrome: Chrome,
    rows: Vec<DemoView>,
}

/// `GET /demo/mejl`
pub async fn demo(State(app): State<App>) -> Result<Response, AppError> {
    let mut tx = app.db().public().await?;
    let rows = queries::demo_mails(&mut tx).await?;
    tx.end().await?;
    let page = DemoPage {
        chrome: Chrome::public(&app, "Mejl i demon"),
        rows: rows
            .into_iter()
            .map(|row| DemoView {
                id: row.id,
                when: long_time(row.at),
                to: row.recipient,
                subject: row.subject,
                text: row.text_body,
            })
            .collect(),
    };
    Ok(Html(page.render()?).into_response())
}
