//! `{side}/faktura`: where invoices go and with which reference, for everything and for each service.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use time::Date;

use super::{StaffPath, Whose, fault, named, own};
use crate::{
    calendar::{local, long_date},
    catalogue::Catalogue,
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff, context::For},
    identity::policy::may_read_invoicing,
    organisation::{
        actions::{self, may_read_siths, permit_invoicing},
        invoicing::{Effective, History, SITHS, Version},
        queries::{self, Billed, Checked},
    },
};

/// What the reader looks for.
#[derive(Debug, Default, Deserialize)]
pub struct FilterQuery {
    #[serde(default)]
    sok: String,
    /// What went wrong on the way here.
    #[serde(default)]
    fel: String,
}

/// Sent on from the form when no row was ticked.
pub(super) const NOTHING_CHOSEN: &str = "fel=inget-valt";

/// The details as they hold, or as they will.
struct Held {
    label: String,
    place: String,
    sent: String,
    reference: String,
    standard_address: bool,
    standard_reference: bool,
}

/// A service with its details.
struct Row {
    code: String,
    name: String,
    now: Held,
    coming: Vec<String>,
}

/// A version that holds no more.
struct Past {
    what: String,
    from: String,
    address: String,
    reference: String,
    by: String,
}

/// SITHS, which is kept apart.
struct Siths {
    row: Row,
    own: bool,
    checked: String,
}

#[derive(Template)]
#[template(path = "organisation/invoicing.html")]
struct InvoicingPage {
    chrome: Chrome,
    here: String,
    back: Option<(String, String)>,
    may_change: bool,
    may_check: bool,
    revision: i32,
    has_standard: bool,
    standard: Option<Row>,
    checked: String,
    rows: Vec<Row>,
    hidden: usize,
    search: String,
    siths: Option<Siths>,
    past: Vec<Past>,
    errors: Errors,
}

fn held(effective: Effective) -> Held {
    let (label, place, sent) = match effective.address {
        Some(address) => (address.label.clone(), address.one_line(), address.sent()),
        None => (String::new(), String::new(), String::new()),
    };
    Held {
        label,
        place,
        sent,
        reference: effective.reference,
        standard_address: effective.standard_address,
        standard_reference: effective.standard_reference,
    }
}

/// "Från 1 januari 2027: Ekonomi, referens 4711".
pub(super) fn announced(version: &Version) -> String {
    let address = version.address.as_ref().map_or("standardadressen", |address| address.label.as_str());
    let reference = if version.reference.is_empty() {
        "standardreferensen".to_owned()
    } else {
        format!("referens {}", version.reference)
    };
    format!("Från {}: {address}, {reference}", long_date(version.from))
}

fn row(
    (catalogue, history): (&Catalogue, &History),
    service: Option<&str>,
    (name, today): (&str, Date),
) -> Row {
    Row {
        code: service.unwrap_or("standard").to_owned(),
        name: if name.is_empty() {
            catalogue.name(service.unwrap_or_default()).to_owned()
        } else {
            name.to_owned()
        },
        now: held(history.effective(service, today)),
        coming: history.coming(service, today).into_iter().map(announced).collect(),
    }
}

impl Row {
    fn has(&self, text: &str) -> bool {
        let held = [&self.name, &self.now.label, &self.now.place, &self.now.sent, &self.now.reference];
        held.iter().any(|part| part.to_lowercase().contains(text))
    }
}

/// "Senast kontrollerade 22 november 2026 av Samira Haddad."
fn checked(last: Option<&Checked>) -> String {
    last.map(|check| format!("Senast kontrollerade {} av {}.", long_date(local(check.at).date), check.by))
        .unwrap_or_default()
}

/// Services with a row of their own: those that are paid for and those that have details, SITHS apart.
pub(super) fn services(billed: &Billed, history: &History) -> Vec<String> {
    let mut codes = billed.services.clone();
    codes.extend(history.0.iter().filter_map(|version| version.service.clone()));
    codes.retain(|code| code != SITHS);
    codes.sort();
    codes.dedup();
    codes
}

async fn page<S: For>(mut cx: Cx<S>, whose: Whose, query: FilterQuery) -> Result<Response, AppError> {
    if cx.actor.insight().is_some() {
        return Err(AppError::Forbidden("Sidan Faktura visas inte under insyn."));
    }
    if !may_read_invoicing(&cx.actor) {
        return Err(AppError::Forbidden(
            "Bara administratörer, beställare och kontaktpersoner, och Ineras ekonomi, ser fakturauppgifterna.",
        ));
    }
    let today = cx.app.clock().today();
    let catalogue = cx.app.catalogue().await?;
    let billed = queries::billed(&mut cx.tx, whose.org, today).await?.ok_or(AppError::NotFound)?;
    let history = queries::history(&mut cx.tx, whose.org, today).await?;
    let with_siths = may_read_siths(&cx.actor);
    let of = (&*catalogue, &history);
    let standard = history.on(None, today).or_else(|| history.coming(None, today).into_iter().next());
    let standard = standard.map(|_| row(of, None, ("Standard", today)));
    let search = query.sok.trim().to_lowercase();
    let mut rows: Vec<Row> =
        services(&billed, &history).iter().map(|code| row(of, Some(code), ("", today))).collect();
    rows.sort_by_key(|row| row.name.to_lowercase());
    let all = rows.len();
    rows.retain(|row| search.is_empty() || row.has(&search));
    let has_siths = billed.is_customer
        && (billed.services.iter().any(|code| code == SITHS) || history.on(Some(SITHS), today).is_some());
    let siths = (with_siths && has_siths).then(|| {
        let row = row(of, Some(SITHS), ("", today));
        Siths {
            own: !row.now.standard_address || !row.now.standard_reference,
            row,
            checked: checked(billed.siths_checked.as_ref()),
        }
    });
    let past = history.earlier(today, with_siths).into_iter().take(200).map(|version| Past {
        what: version.service.as_deref().map_or("Standard", |code| catalogue.name(code)).to_owned(),
        from: long_date(version.from),
        address: version.address.as_ref().map_or_else(
            || "Som standard".to_owned(),
            |address| format!("{}: {}. {}", address.label, address.one_line(), address.sent()),
        ),
        reference: if version.reference.is_empty() {
            "Som standard".to_owned()
        } else {
            version.reference.clone()
        },
        by: version.by.clone(),
    });
    let permit = permit_invoicing(&cx.actor).is_ok();
    let errors = if query.fel == "inget-valt" && permit && (standard.is_some() || !rows.is_empty()) {
        Errors::one("rad-1", "Kryssa i minst en rad, och välj sedan Ändra för valda")
    } else {
        Errors::none()
    };
    let status = errors.status();
    let title = if errors.is_empty() { "Fakturauppgifter" } else { "Fel: Fakturauppgifter" };
    let page = InvoicingPage {
        chrome: cx.chrome(title),
        here: format!("{}/faktura", whose.base),
        may_change: permit,
        may_check: permit && whose.seen_from.is_none(),
        back: whose.seen_from.map(|name| (whose.base, name)),
        revision: billed.revision,
        checked: checked(billed.checked.as_ref()),
        has_standard: standard.is_some(),
        standard,
        hidden: all - rows.len(),
        rows,
        search: query.sok,
        siths,
        past: past.collect(),
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET {side}/faktura`
pub async fn show<S: For>(cx: Cx<S>, Query(query): Query<FilterQuery>) -> Result<Response, AppError> {
    let whose = own(&cx);
    page(cx, whose, query).await
}

/// `GET /inera/{kunder,agenter}/{nr}/faktura`
pub async fn show_named(
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<FilterQuery>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    page(cx, whose, query).await
}

/// What was read.
#[derive(Debug, Default, Deserialize)]
pub struct CheckForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    siths: bool,
}

/// `POST {side}/faktura/kontrollerade`
pub async fn check<S: For>(mut cx: Cx<S>, Form(form): Form<CheckForm>) -> Result<Response, AppError> {
    let permit = permit_invoicing(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let here = format!("{}/faktura", cx.actor.base());
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, cx.actor.org());
    let done = actions::check_invoicing(&mut cx.tx, who, (form.revision, at), form.siths).await;
    cx.commit(done.map_err(fault)?).await?;
    Ok(Flash::InvoicingChecked.on(&here))
}
