//! `/inera/{kunder,agenter}/{nr}/kontakter/{id}/…`: what only Kundservice can do: bring somebody back, appoint an administrator
//! (portal.md 2.6), clear second steps, block an account and open it again (2.1 rows 6 and 8). A systemadministratör does the
//! same for Inera's own people, at `/inera/kontakter/{id}/…`.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    brought, changed, confirmed, fault, identified_as,
    staff_act::{About, Act, words},
    view,
};
use crate::{
    contacts::{
        actions::{self, Permit, Refused, permit, permit_staff, rule_text},
        domain::{Heir, Held},
        queries::{self, Contact},
    },
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff, session::with_cookie},
    identity::{
        Role,
        blocking::{self, Blocked, Change},
        confirmation::{EidProof, Subject},
        second,
        web::confirm::{
            IdentifiedAs, KeptQuery, Seen, Ways, confirm_with, fingerprint, identified, identify_first, kept,
        },
    },
    ids::{MembershipId, OrgId},
};

/// Whose, of which customer or agent; of neither it is Inera's own.
#[derive(Debug, Deserialize)]
pub struct StaffPath {
    #[serde(default)]
    kundnr: Option<i64>,
    #[serde(default)]
    agentnr: Option<i64>,
    id: Uuid,
}

impl StaffPath {
    fn is_of_inera(&self) -> bool {
        self.kundnr.is_none() && self.agentnr.is_none()
    }

    /// Kundservice for others, a systemadministratör for Inera's own.
    fn permit(&self, cx: &Cx<Staff>) -> Result<Permit, AppError> {
        let permit = if self.is_of_inera() { permit(&cx.actor) } else { permit_staff(&cx.actor) };
        permit.map_err(|denied| AppError::Forbidden(denied.0))
    }

    /// The customer's number, or the agent's.
    pub(super) fn numbers(&self) -> (Option<i64>, Option<i64>) {
        (self.kundnr, self.agentnr)
    }

    /// Whose place it is about.
    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    /// The organisation and its name.
    pub(super) async fn organisation(&self, cx: &mut Cx<Staff>) -> Result<(OrgId, String), AppError> {
        if self.is_of_inera() {
            return Ok((cx.actor.org(), cx.actor.org_name().to_owned()));
        }
        queries::by_number(&mut cx.tx, self.kundnr, self.agentnr).await?.ok_or(AppError::NotFound)
    }

    /// Where the organisation's own pages start.
    pub(super) fn own_pages(&self) -> String {
        match (self.kundnr, self.agentnr) {
            (Some(no), _) => format!("/kund/{no}"),
            (None, Some(no)) => format!("/agent/{no}"),
            (None, None) => "/inera".to_owned(),
        }
    }

    /// The page of the person or of the organisation, and where acts on the person have their pages.
    pub(super) fn places(&self) -> (String, String) {
        let id = self.id;
        match (self.kundnr, self.agentnr) {
            (Some(no), _) => (format!("/inera/kunder/{no}"), format!("/inera/kunder/{no}/kontakter/{id}")),
            (None, Some(no)) => {
                (format!("/inera/agenter/{no}"), format!("/inera/agenter/{no}/kontakter/{id}"))
            }
            (None, None) => (format!("/inera/kontakter/{id}"), format!("/inera/kontakter/{id}")),
        }
    }
}

/// The confirmation. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct StaffForm {
    #[serde(default)]
    anledning: String,
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
    of_inera: bool,
    customer: String,
    back: String,
    here: String,
    heading: String,
    text: String,
    button: &'static str,
    asks_why: bool,
    reason: String,
    name: String,
    email: String,
    roles: String,
    revision: i32,
    shown: String,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    org: OrgId,
    customer: String,
    contact: Contact,
    administrators: Vec<String>,
    alone: bool,
    only_attestant: bool,
    blocked: Option<Blocked>,
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
    let _permit = path.permit(cx)?;
    let today = cx.app.clock().today();
    let (org, customer) = path.organisation(cx).await?;
    let found = queries::contacts(&mut cx.tx, org, Some(MembershipId(path.id)), today).await?;
    let contact = found.into_iter().next().ok_or(AppError::NotFound)?;
    if act.asks_why() && contact.person == cx.actor.person() {
        return Err(AppError::Forbidden("Du kan inte spärra ditt eget konto."));
    }
    let nothing_to_do = match act {
        Act::Restore => contact.ended_at.is_none(),
        Act::Appoint => contact.ended_at.is_some() || contact.has(Role::Administrator),
        Act::ClearSteps => {
            contact.ended_at.is_some() || !second::members_with(&mut cx.tx, org).await?.contains(&contact.id)
        }
        Act::Account(Change::Block) => contact.ended_at.is_some() || contact.blocked,
        Act::Account(Change::Open) => !contact.blocked,
    };
    if nothing_to_do {
        return Err(AppError::Conflict("Kontakten har ändrats sedan du öppnade sidan.".to_owned()));
    }
    let (back, here) = path.places();
    let all = queries::contacts(&mut cx.tx, org, None, today).await?;
    let only = |role: Role| {
        contact.has(role) && !all.iter().any(|other| other.id != contact.id && other.acts_as(role))
    };
    let (alone, only_attestant) = (only(Role::Administrator), only(Role::Attestant));
    let administrators =
        all.into_iter().filter(|other| other.acts_as(Role::Administrator)).map(|other| other.name).collect();
    let what = match act {
        Act::Restore => "Återställ",
        Act::Appoint => "Gör till administratör",
        Act::ClearSteps => "Ta bort tvåstegsverifieringen",
        Act::Account(Change::Block) => "Spärra kontot",
        Act::Account(Change::Open) => "Öppna kontot",
    };
    let blocked = match act {
        Act::Account(Change::Open) => blocking::of(&mut cx.tx, contact.id).await?,
        _ => None,
    };
    Ok(Matter {
        here: format!("{here}/{}", act.step()),
        text: format!(
            "{what}: {} hos {customer}\nRoller: {}\n{}",
            contact.name,
            view::roles(&contact),
            if matches!(act, Act::ClearSteps | Act::Account(_)) {
                "Gäller kontot hos alla organisationer\n"
            } else {
                ""
            }
        ),
        blocked,
        org,
        customer,
        contact,
        administrators,
        alone,
        only_attestant,
        back,
    })
}

async fn page(
    mut cx: Cx<Staff>,
    act: Act,
    (matter, form): (Matter, StaffForm),
    proof: Option<&EidProof>,
    errors: Errors,
) -> Result<Response, AppError> {
    let of_inera = cx.actor.org() == matter.org;
    let about = About {
        name: &matter.contact.name,
        of_inera,
        alone: matter.alone,
        only_attestant: matter.only_attestant,
        administrators: &matter.administrators,
        blocked: matter.blocked.as_ref(),
    };
    let (verb, text, button) = words(act, &about);
    let heading = format!("{verb} {}", matter.contact.name);
    let prefix = errors.title_prefix();
    let status = errors.status();
    let seen = matter.seen();
    let confirms = confirm_with(&mut cx).await?;
    let page = StaffPage {
        chrome: cx.chrome(&format!("{prefix}{heading}")).focused(),
        heading,
        text,
        button,
        asks_why: act.asks_why(),
        reason: form.anledning,
        of_inera,
        customer: matter.customer,
        roles: view::roles(&matter.contact),
        name: matter.contact.name,
        email: matter.contact.email,
        revision: seen.revision,
        shown: seen.visat,
        back: matter.back,
        here: matter.here,
        identified: identified_as(proof),
        confirms,
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
    let mut errors = Errors::none();
    let form: StaffForm = kept(&mut cx, &matter.here, &query).await?;
    let found = identified(&mut cx, &headers, (&matter.here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
    page(cx, act, (matter, form), proof.as_ref(), errors).await
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
    let mut errors = Errors::none();
    let mut text = matter.text.clone();
    let mut reason = String::new();
    if act.asks_why() {
        let missing = if act == Act::Account(Change::Block) {
            "Skriv varför kontot spärras"
        } else {
            "Skriv varför kontot öppnas"
        };
        reason = super::reason(&form.anledning, missing, &mut errors);
        if !errors.is_empty() {
            return page(cx, act, (matter, form), None, errors).await;
        }
        text = format!("{text}Anledning: {reason}\n");
    }
    if !form.legitimera.is_empty() {
        let what = matter.text.lines().next().unwrap_or_default().to_owned();
        return identify_first(cx, &form, (&form.legitimera, &matter.here), what).await;
    }
    let what = (Subject::member(matter.contact.id, matter.contact.revision), text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let at = (matter.here.as_str(), &seen);
    let proof = match confirmed(&mut cx, &headers, at, typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, act, (matter, form), eid.as_ref(), errors).await,
    };
    let permit = path.permit(&cx)?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, matter.org);
    let done = match act {
        Act::ClearSteps => second::clear(&mut cx.tx, (matter.contact.id, matter.org), (proof, at))
            .await
            .map_err(Refused::from),
        Act::Account(change) => {
            let member = (matter.contact.id, matter.org);
            blocking::change(&mut cx.tx, member, (change, &reason), (proof, at)).await.map_err(Refused::from)
        }
        Act::Restore => actions::restore(&mut cx.tx, who, &matter.contact, (proof, at)).await,
        Act::Appoint => {
            let mut wanted = matter.contact.standing();
            wanted.held.push(Held { role: Role::Administrator, until: None });
            let what = (&wanted, Heir::Anybody);
            actions::change_roles(&mut cx.tx, who, &matter.contact, what, (proof, at)).await
        }
    };
    match done {
        Ok(audit) => {
            let cookie = cx.app.cookie().clear_visit();
            cx.commit(audit).await?;
            let flash = match act {
                Act::Restore => Flash::ContactRestored,
                Act::Appoint => Flash::RolesChanged,
                Act::ClearSteps => Flash::StepsCleared,
                Act::Account(Change::Block) => Flash::AccountBlocked,
                Act::Account(Change::Open) => Flash::AccountOpened,
            };
            Ok(with_cookie(flash.on(&matter.back), cookie))
        }
        Err(Refused::Stale) => changed(cx, matter.back).await,
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, act, (matter, form), None, Errors::one("losenord", rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// `GET /inera/{kunder,agenter}/{nr}/kontakter/{id}/aterstall`
pub async fn restore_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, Act::Restore, (path, query)).await
}

/// `POST /inera/{kunder,agenter}/{nr}/kontakter/{id}/aterstall`
pub async fn restore_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<StaffForm>,
) -> Result<Response, AppError> {
    create(headers, cx, Act::Restore, (path, form)).await
}

/// `GET /inera/{kunder,agenter}/{nr}/kontakter/{id}/administrator`
pub async fn appoint_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, Act::Appoint, (path, query)).await
}

/// `POST /inera/{kunder,agenter}/{nr}/kontakter/{id}/administrator`
pub async fn appoint_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<StaffForm>,
) -> Result<Response, AppError> {
    create(headers, cx, Act::Appoint, (path, form)).await
}

/// `GET /inera/{kunder,agenter}/{nr}/kontakter/{id}/tvasteg`
pub async fn clear_steps_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, Act::ClearSteps, (path, query)).await
}

/// `POST /inera/{kunder,agenter}/{nr}/kontakter/{id}/tvasteg`
pub async fn clear_steps_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<StaffForm>,
) -> Result<Response, AppError> {
    create(headers, cx, Act::ClearSteps, (path, form)).await
}

/// `GET /inera/{kunder,agenter}/{nr}/kontakter/{id}/sparra`
pub async fn block_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, Act::Account(Change::Block), (path, query)).await
}

/// `POST /inera/{kunder,agenter}/{nr}/kontakter/{id}/sparra`
pub async fn block_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<StaffForm>,
) -> Result<Response, AppError> {
    create(headers, cx, Act::Account(Change::Block), (path, form)).await
}

/// `GET /inera/{kunder,agenter}/{nr}/kontakter/{id}/oppna`
pub async fn open_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, Act::Account(Change::Open), (path, query)).await
}

/// `POST /inera/{kunder,agenter}/{nr}/kontakter/{id}/oppna`
pub async fn open_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<StaffForm>,
) -> Result<Response, AppError> {
    create(headers, cx, Act::Account(Change::Open), (path, form)).await
}
