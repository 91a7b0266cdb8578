//! `/inera/{kunder,agenter}/{nr}/kontakter/{id}/se-som`: Kundservice sees the pages as one of the organisation's contacts does.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{fault, staff::StaffPath};
use crate::{
    contacts::{
        actions::{Refused, permit_staff},
        insight,
        queries::{self, Contact},
    },
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Staff, form::line, see_other},
    ids::{MembershipId, OrgId},
};

/// Why.
#[derive(Debug, Default, Deserialize)]
pub struct InsightForm {
    #[serde(default)]
    anledning: String,
}

#[derive(Template)]
#[template(path = "contacts/insight.html")]
struct InsightPage {
    chrome: Chrome,
    customer: String,
    back: String,
    here: String,
    name: String,
    roles: String,
    reason: String,
    minutes: u32,
    errors: Errors,
}

struct Matter {
    org: OrgId,
    customer: String,
    contact: Contact,
    back: String,
    here: String,
}

async fn matter(cx: &mut Cx<Staff>, path: &StaffPath) -> Result<Matter, AppError> {
    permit_staff(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let today = cx.app.clock().today();
    let (org, customer) = path.organisation(cx).await?;
    let found = queries::contacts(&mut cx.tx, org, Some(MembershipId(path.id())), today).await?;
    let contact = found.into_iter().find(|contact| contact.ended_at.is_none()).ok_or(AppError::NotFound)?;
    let (back, here) = path.places();
    Ok(Matter { org, customer, contact, back, here: format!("{here}/se-som") })
}

async fn page(cx: Cx<Staff>, matter: Matter, reason: String, errors: Errors) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = errors.status();
    let page = InsightPage {
        chrome: cx.chrome(&format!("{prefix}Se som {}", matter.contact.name)).focused(),
        customer: matter.customer,
        back: matter.back,
        here: matter.here,
        roles: super::view::roles(&matter.contact),
        name: matter.contact.name,
        reason,
        minutes: insight::MINUTES,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET /inera/{kunder,agenter}/{nr}/kontakter/{id}/se-som`
pub async fn new(mut cx: Cx<Staff>, Path(path): Path<StaffPath>) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    page(cx, matter, String::new(), Errors::none()).await
}

/// `POST /inera/{kunder,agenter}/{nr}/kontakter/{id}/se-som`
pub async fn create(
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<InsightForm>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let mut errors = Errors::none();
    let reason = errors.take("anledning", line(&form.anledning, 300)).unwrap_or_default();
    if errors.is_empty() && reason.chars().count() < 3 {
        errors.add("anledning", "Skriv varför, till exempel ”Hjälp med beställning, samtal i dag”");
    } else if crate::text::has_personal_number(&reason) {
        errors.add("anledning", "Skriv inget personnummer. Kunden kan läsa anledningen");
    }
    if !errors.is_empty() {
        return page(cx, matter, form.anledning, errors).await;
    }
    match insight::begin(&mut cx.tx, &cx.actor, (&matter.contact, matter.org), &reason).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(see_other(&path.own_pages()))
        }
        Err(Refused::Rule(key)) if key == "own_organisation" || key == "too_many_insights" => {
            let cx = cx.reopen().await?;
            let why = if key == "own_organisation" {
                "Du är själv kontakt hos organisationen. Byt organisation i stället"
            } else {
                "Du har sett kunders sidor 100 gånger det senaste dygnet. Vänta till i morgon"
            };
            page(cx, matter, form.anledning, Errors::one("anledning", why)).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// `POST /inera/insyn/avsluta`
pub async fn end(mut cx: Cx<Staff>) -> Result<Response, AppError> {
    let Some((audit, page)) = insight::end(&mut cx.tx, &cx.actor).await? else {
        cx.tx.end().await?;
        return Ok(Flash::InsightEnded.on("/inera/kunder"));
    };
    cx.commit(audit).await?;
    Ok(Flash::InsightEnded.on(&page))
}
