//! `{side}/avtal`: the organisation's agreements, and one of them as every side reads it.

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;

use super::{
    AgreementPath,
    view::{self, Clause, Fact, LogView, SignatoryView, Tag},
};
use crate::{
    agreements::{
        Kind,
        domain::SigningState,
        queries::{self, AgreementRow},
    },
    app::App,
    calendar::long_date,
    http::{AppError, Chrome, Cx, Path, context::For},
    identity::{PersonalNumber, Side},
    ids::SignatoryId,
};

/// An agreement in the list.
struct Row {
    name: String,
    href: String,
    number: String,
    tag: Tag,
    period: String,
}

#[derive(Template)]
#[template(path = "agreements/own.html")]
struct OwnPage {
    chrome: Chrome,
    is_agent: bool,
    rows: Vec<Row>,
}

/// Which of the organisation's agreements belong to this hat.
fn belongs<S: For>(kind: Kind) -> bool {
    match S::SIDE {
        Some(Side::Customer) => kind != Kind::Agent,
        Some(Side::Agent) => kind == Kind::Agent,
        _ => true,
    }
}

/// Everybody with a role reads the agreements (portal.md 1.4, contract.read).
fn may_read<S: For>(cx: &Cx<S>) -> Result<(), AppError> {
    if cx.actor.roles().iter().next().is_some() {
        return Ok(());
    }
    Err(AppError::Forbidden("Bara den som har en roll i organisationen kan läsa avtalen."))
}

/// `GET {side}/avtal`
pub async fn index<S: For>(mut cx: Cx<S>) -> Result<Response, AppError> {
    may_read(&cx)?;
    let catalogue = cx.app.catalogue().await?;
    let found = queries::of_organisation(&mut cx.tx, cx.actor.org()).await?;
    let base = cx.actor.base();
    let page = OwnPage {
        chrome: cx.chrome("Avtal"),
        is_agent: S::SIDE == Some(Side::Agent),
        rows: found
            .into_iter()
            .filter(|row| belongs::<S>(row.kind))
            .map(|row| Row {
                name: view::name(row.kind, row.service_code.as_deref(), &catalogue),
                href: format!("{base}/avtal/{}", row.number),
                tag: view::tag(row.status, row.signing_state),
                period: match (row.valid_from, row.valid_to) {
                    (Some(from), Some(to)) => format!("{} till {}", long_date(from), long_date(to)),
                    (Some(from), None) => format!("Från {}", long_date(from)),
                    _ => String::new(),
                },
                number: row.number,
            })
            .collect(),
    };
    cx.show(page).await
}

#[derive(Template)]
#[template(path = "agreements/show.html")]
struct ShowPage {
    chrome: Chrome,
    list_href: String,
    customer_href: String,
    heading: String,
    tag: Tag,
    facts: Vec<Fact>,
    signatories: Vec<SignatoryView>,
    log: Vec<LogView>,
    clauses: Vec<Clause>,
    recall_href: String,
    again_href: String,
    older: bool,
}

/// `GET {side}/avtal/{nummer}`
pub async fn show<S: For>(mut cx: Cx<S>, Path(path): Path<AgreementPath>) -> Result<Response, AppError> {
    may_read(&cx)?;
    let row = queries::agreement(&mut cx.tx, &path.nummer)
        .await?
        .filter(|row| belongs::<S>(row.kind))
        .ok_or(AppError::NotFound)?;
    let catalogue = cx.app.catalogue().await?;
    let signatories = named(&mut cx, &row).await?;
    let log = log(&mut cx, &row).await?;
    let base = cx.actor.base();
    let is_officer = cx.actor.permit_agreements().is_ok();
    let open = row.signing_state.is_some_and(SigningState::is_open);
    let over = matches!(
        row.signing_state,
        Some(SigningState::Rejected | SigningState::Recalled | SigningState::Expired)
    );
    let name = view::name(row.kind, row.service_code.as_deref(), &catalogue);
    let is_staff = S::SIDE == Some(Side::Inera);
    let page = ShowPage {
        chrome: cx.chrome(&format!("{name} {}", row.number)),
        list_href: format!("{base}/avtal"),
        customer_href: match row.customer_no {
            Some(number) if is_staff => format!("/inera/kunder/{number}"),
            _ => String::new(),
        },
        heading: if is_staff { format!("{name} för {}", row.org_name) } else { name },
        tag: view::tag(row.status, row.signing_state),
        facts: view::facts(&row, signatories.len()),
        recall_href: if is_officer && open {
            format!("{base}/avtal/{}/aterkalla", row.number)
        } else {
            String::new()
        },
        again_href: if is_officer && over && !row.replaced {
            format!("{base}/avtal/nytt?fran={}", row.number)
        } else {
            String::new()
        },
        older: row.signing.is_none(),
        clauses: if row.body.is_empty() { Vec::new() } else { view::clauses(&row.body) },
        signatories,
        log,
    };
    cx.show(page).await
}

async fn named<S: For>(cx: &mut Cx<S>, row: &AgreementRow) -> Result<Vec<SignatoryView>, AppError> {
    let Some(signing) = row.signing else { return Ok(Vec::new()) };
    let open = row.signing_state.is_some_and(SigningState::is_open);
    let found = queries::signatories(&mut cx.tx, signing).await?;
    // Whose number it is, is for the officers: others of Inera's staff have no need of it.
    let mut numbers = if cx.actor.permit_agreements().is_ok() {
        let sealed = queries::sealed_numbers(&mut cx.tx, signing).await?;
        sealed.into_iter().map(|(id, sealed)| (id, masked(&cx.app, id, &sealed))).collect()
    } else {
        HashMap::new()
    };
    Ok(found
        .into_iter()
        .map(|signatory| {
            let number = numbers.remove(&signatory.id);
            SignatoryView::new(signatory, open, number)
        })
        .collect())
}

/// A signatory's personal number, masked: `19560412-XXXX`. What can't be opened is said to be so, not hidden.
fn masked(app: &App, signatory: SignatoryId, sealed: &[u8]) -> String {
    let opened = app.keys().open(&format!("signatory:{signatory}"), sealed);
    if let Ok(Ok(number)) = opened.map(|digits| PersonalNumber::parse(&digits)) {
        return number.masked();
    }
    tracing::error!(%signatory, "a sealed personal number can't be opened: was the secret changed?");
    "personnumret kan inte öppnas".to_owned()
}

async fn log<S: For>(cx: &mut Cx<S>, row: &AgreementRow) -> Result<Vec<LogView>, AppError> {
    let (Some(signing), Some(sent_at)) = (row.signing, row.sent_at) else { return Ok(Vec::new()) };
    let events = queries::events(&mut cx.tx, signing).await?;
    let mut log: Vec<LogView> = events.into_iter().map(LogView::new).collect();
    log.push(LogView::sent(row.sent_by.as_deref().unwrap_or_default(), sent_at));
    Ok(log)
}
