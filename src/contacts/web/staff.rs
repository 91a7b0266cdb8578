//! `/inera/kunder/{kundnr}/kontakter/{id}/…`: what only Kundservice can do: bring somebody back, and appoint an
//! administrator where there is none (portal.md 2.6).

use askama::Template;
use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{brought, changed, fault, identified_as, take_proof, view};
use crate::{
    contacts::{
        actions::{self, Refused, permit_staff, rule_text},
        domain::{Heir, Held},
        queries::{self, Contact},
    },
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff, session::with_cookie},
    identity::{
        Role,
        confirmation::{EidProof, Subject},
        web::{
            confirm::{KeptQuery, Seen, confirm, fingerprint, identified, identify_first, kept},
            eid,
        },
    },
    ids::{MembershipId, OrgId},
};

/// Whose, of which customer.
#[derive(Debug, Deserialize)]
pub struct StaffPath {
    kundnr: i64,
    id: Uuid,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Restore,
    Appoint,
}

impl Act {
    fn step(self) -> &'static str {
        match self {
            Self::Restore => "aterstall",
            Self::Appoint => "administrator",
        }
    }
}

/// The confirmation. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct StaffForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    visat: String,
    #[serde(default, skip_serializing)]
    losenord: String,
    #[serde(default, skip_serializing)]
    legitimera: String,
}

#[derive(Template)]
#[template(path = "contacts/staff.html")]
struct StaffPage {
    chrome: Chrome,
    customer: String,
    back: String,
    here: String,
    heading: String,
    text: &'static str,
    button: &'static str,
    name: String,
    email: String,
    roles: String,
    revision: i32,
    shown: String,
    identified: Option<String>,
    providers: Vec<(String, String)>,
    errors: Errors,
}

struct Matter {
    org: OrgId,
    customer: String,
    contact: Contact,
    back: String,
    here: String,
    text: String,
}

impl Matter {
    fn seen(&self) -> Seen {
        Seen { revision: self.contact.revision, visat: fingerprint(&self.text) }
    }
}

async fn matter(cx: &mut Cx<Staff>, act: Act, path: &StaffPath) -> Result<Matter, AppError> {
    permit_staff(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let today = cx.app.clock().today();
    let (org, customer) = queries::customer(&mut cx.tx, path.kundnr).await?.ok_or(AppError::NotFound)?;
    let found = queries::contacts(&mut cx.tx, org, Some(MembershipId(path.id)), today).await?;
    let contact = found.into_iter().next().ok_or(AppError::NotFound)?;
    if contact.ended_at.is_some() != (act == Act::Restore) {
        return Err(AppError::Conflict("Kontakten har ändrats sedan du öppnade sidan.".to_owned()));
    }
    let back = format!("/inera/kunder/{}", path.kundnr);
    let what = if act == Act::Restore { "Återställ" } else { "Gör till administratör" };
    Ok(Matter {
        here: format!("{back}/kontakter/{}/{}", contact.id, act.step()),
        text: format!("{what}: {} hos {customer}\nRoller: {}\n", contact.name, view::roles(&contact)),
        org,
        customer,
        contact,
        back,
    })
}

async fn page(
    cx: Cx<Staff>,
    act: Act,
    matter: Matter,
    proof: Option<&EidProof>,
    errors: Errors,
) -> Result<Response, AppError> {
    let (verb, text, button) = match act {
        Act::Restore => (
            "Återställ",
            "Kontakten kan logga in för organisationen igen, utan roller. Administratören ger roller. Förvissa dig om att organisationen vill det.",
            "Återställ kontakten",
        ),
        Act::Appoint => (
            "Gör till administratör:",
            "Organisationen har ingen administratör. Förvissa dig om att en firmatecknare har godkänt personen innan du bekräftar.",
            "Gör till administratör",
        ),
    };
    let heading = format!("{verb} {}", matter.contact.name);
    let prefix = if errors.is_empty() { "" } else { "Fel: " };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let seen = matter.seen();
    let page = StaffPage {
        chrome: cx.chrome(&format!("{prefix}{heading}")).focused(),
        heading,
        text,
        button,
        customer: matter.customer,
        roles: view::roles(&matter.contact),
        name: matter.contact.name,
        email: matter.contact.email,
        revision: seen.revision,
        shown: seen.visat,
        back: matter.back,
        here: matter.here,
        identified: identified_as(proof),
        providers: eid::offered(&cx.app),
        errors,
    };
    cx.show_as(status, page).await
}

async fn new(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    act: Act,
    (path, query): (StaffPath, KeptQuery),
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, act, &path).await?;
    let _: StaffForm = kept(&mut cx, &matter.here, &query).await?;
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&matter.here, &matter.seen())).await?;
    let proof = brought(found, &mut errors);
    page(cx, act, matter, proof.as_ref(), errors).await
}

async fn create(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    act: Act,
    (path, form): (StaffPath, StaffForm),
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, act, &path).await?;
    let seen = matter.seen();
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return changed(cx, matter.back).await;
    }
    if !form.legitimera.is_empty() {
        return identify_first(cx, &form, &form.legitimera, &matter.here).await;
    }
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&matter.here, &seen)).await?;
    let eid = take_proof(found, (&form.losenord, &form.legitimera), &mut errors);
    let proof = if errors.is_empty() {
        let what = (Subject::member(matter.contact.id, matter.contact.revision), matter.text.as_str());
        confirm(&mut cx, what, (&form.losenord, eid.as_ref()), &mut errors).await?
    } else {
        None
    };
    let Some(proof) = proof else {
        let eid = eid.filter(|_| errors.of("losenord").is_none());
        return page(cx, act, matter, eid.as_ref(), errors).await;
    };
    let permit = permit_staff(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, matter.org);
    let done = match act {
        Act::Restore => actions::restore(&mut cx.tx, who, &matter.contact, (proof, at)).await,
        Act::Appoint => {
            let mut wanted = matter.contact.standing();
            wanted.held.push(Held { role: Role::Administrator, until: None });
            let what = (&wanted, Heir::Anybody, None);
            actions::change_roles(&mut cx.tx, who, &matter.contact, what, (proof, at)).await
        }
    };
    match done {
        Ok(audit) => {
            let cookie = cx.app.cookie().clear_visit();
            cx.commit(audit).await?;
            let flash = if act == Act::Restore { Flash::ContactRestored } else { Flash::RolesChanged };
            Ok(with_cookie(flash.on(&matter.back), cookie))
        }
        Err(Refused::Stale) => changed(cx, matter.back).await,
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            let why = if key == "not_this_person" {
                "Organisationen har redan en administratör"
            } else {
                rule_text(&key)
            };
            page(cx, act, matter, None, Errors::one("losenord", why)).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// `GET /inera/kunder/{kundnr}/kontakter/{id}/aterstall`
pub async fn restore_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, Act::Restore, (path, query)).await
}

/// `POST /inera/kunder/{kundnr}/kontakter/{id}/aterstall`
pub async fn restore_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<StaffForm>,
) -> Result<Response, AppError> {
    create(headers, cx, Act::Restore, (path, form)).await
}

/// `GET /inera/kunder/{kundnr}/kontakter/{id}/administrator`
pub async fn appoint_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, Act::Appoint, (path, query)).await
}

/// `POST /inera/kunder/{kundnr}/kontakter/{id}/administrator`
pub async fn appoint_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<StaffForm>,
) -> Result<Response, AppError> {
    create(headers, cx, Act::Appoint, (path, form)).await
}
