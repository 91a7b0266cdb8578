//! `/inera/agenter`, and `/inera/{kunder,agenter}/{nr}/kontakter/{id}/…`: what only Kundservice can do: bring somebody back,
//! and appoint an administrator (portal.md 2.6). A systemadministratör does the same for Inera's own people, at
//! `/inera/kontakter/{id}/…`.

use askama::Template;
use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use time::Date;
use uuid::Uuid;

use super::{brought, changed, confirmed, fault, identified_as, view};
use crate::{
    contacts::{
        actions::{self, Permit, Refused, permit, permit_staff, rule_text},
        domain::{Heir, Held},
        queries::{self, Contact},
    },
    db::{DbError, Tx},
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff, session::with_cookie},
    identity::{
        Role,
        confirmation::{EidProof, Subject},
        policy::may_read_invoicing,
        second,
        web::{
            confirm::{KeptQuery, Seen, fingerprint, identified, identify_first},
            eid,
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

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Restore,
    Appoint,
    ClearSteps,
}

impl Act {
    fn step(self) -> &'static str {
        match self {
            Self::Restore => "aterstall",
            Self::Appoint => "administrator",
            Self::ClearSteps => "tvasteg",
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
    of_inera: bool,
    customer: String,
    back: String,
    here: String,
    heading: String,
    text: String,
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
    administrators: Vec<String>,
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
    let nothing_to_do = match act {
        Act::Restore => contact.ended_at.is_none(),
        Act::Appoint => contact.ended_at.is_some() || contact.has(Role::Administrator),
        Act::ClearSteps => {
            contact.ended_at.is_some() || !second::members_with(&mut cx.tx, org).await?.contains(&contact.id)
        }
    };
    if nothing_to_do {
        return Err(AppError::Conflict("Kontakten har ändrats sedan du öppnade sidan.".to_owned()));
    }
    let (back, here) = path.places();
    let all = queries::contacts(&mut cx.tx, org, None, today).await?;
    let administrators = all
        .into_iter()
        .filter(|other| other.ended_at.is_none() && other.has(Role::Administrator))
        .map(|other| other.name)
        .collect();
    let what = match act {
        Act::Restore => "Återställ",
        Act::Appoint => "Gör till administratör",
        Act::ClearSteps => "Ta bort tvåstegsverifieringen",
    };
    Ok(Matter {
        here: format!("{here}/{}", act.step()),
        text: format!(
            "{what}: {} hos {customer}\nRoller: {}\n{}",
            contact.name,
            view::roles(&contact),
            if act == Act::ClearSteps { "Gäller kontot hos alla organisationer\n" } else { "" }
        ),
        org,
        customer,
        contact,
        administrators,
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
            if cx.actor.org() == matter.org {
                "Personen kan logga in för Inera igen, utan roller.".to_owned()
            } else {
                "Kontakten kan logga in för organisationen igen, utan roller. Administratören ger roller. Förvissa dig om att organisationen vill det.".to_owned()
            },
            "Återställ kontakten",
        ),
        Act::Appoint => (
            "Gör till administratör:",
            if matter.administrators.is_empty() {
                "Organisationen har ingen administratör. Förvissa dig om att en firmatecknare har godkänt personen innan du bekräftar.".to_owned()
            } else {
                format!(
                    "Organisationen har redan {} som administratör. Utse en till bara om ingen av dem går att nå och en firmatecknare har godkänt personen. Alla administratörer får mejl.",
                    crate::text::and_list(&matter.administrators)
                )
            },
            "Gör till administratör",
        ),
        Act::ClearSteps => (
            "Ta bort tvåstegsverifieringen för",
            "För den som har förlorat telefon, nyckel och reservkoder. Förvissa dig om att det verkligen är personen: ring upp på ett nummer som organisationen har lämnat, inte det du blir uppringd från. Det gäller personens konto hos alla organisationer. Personen loggas ut överallt och får mejl. Den vars roll kräver tvåstegsverifiering lägger till en ny vid nästa inloggning.".to_owned(),
            "Ta bort tvåstegsverifieringen",
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
        of_inera: cx.actor.org() == matter.org,
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
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&matter.here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
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
    let what = (Subject::member(matter.contact.id, matter.contact.revision), matter.text.as_str());
    let typed = (form.losenord.as_str(), form.legitimera.as_str());
    let at = (matter.here.as_str(), &seen);
    let proof = match confirmed(&mut cx, &headers, at, typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, act, matter, eid.as_ref(), errors).await,
    };
    let permit = path.permit(&cx)?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, matter.org);
    let done = match act {
        Act::ClearSteps => second::clear(&mut cx.tx, (matter.contact.id, matter.org), (proof, at))
            .await
            .map_err(Refused::from),
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
            };
            Ok(with_cookie(flash.on(&matter.back), cookie))
        }
        Err(Refused::Stale) => changed(cx, matter.back).await,
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, act, matter, None, Errors::one("losenord", rule_text(&key))).await
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

/// An agent in the staff's list.
struct AgentLine {
    name: String,
    number: i64,
}

#[derive(Template)]
#[template(path = "contacts/agents.html")]
struct AgentsPage {
    chrome: Chrome,
    rows: Vec<AgentLine>,
}

/// `GET /inera/agenter`
pub async fn agents(mut cx: Cx<Staff>) -> Result<Response, AppError> {
    let rows = queries::agents(&mut cx.tx).await?;
    let page = AgentsPage {
        chrome: cx.chrome("Agenter"),
        rows: rows.into_iter().map(|(number, name)| AgentLine { name, number }).collect(),
    };
    cx.show(page).await
}

/// Which agent.
#[derive(Debug, Deserialize)]
pub struct AgentPath {
    agentnr: i64,
}

/// Somebody of an organisation, as Kundservice sees them.
pub struct PersonView {
    /// Name.
    pub name: String,
    /// Roles.
    pub roles: String,
    /// Address.
    pub email: String,
    /// Where Kundservice helps.
    pub here: String,
    /// Removed?
    pub gone: bool,
    /// Is an administrator?
    pub administrator: bool,
    /// Has a second step after the password?
    pub second_step: bool,
}

impl PersonView {
    fn new(person: Contact, base: &str, with_steps: &[MembershipId]) -> Self {
        Self {
            roles: view::roles(&person),
            here: format!("{base}/kontakter/{}", person.id),
            gone: person.ended_at.is_some(),
            administrator: person.has(Role::Administrator),
            second_step: with_steps.contains(&person.id),
            name: person.name,
            email: person.email,
        }
    }
}

/// The people of the organisation whose page is `base`, as Kundservice sees them.
pub async fn people(tx: &mut Tx, org: OrgId, base: &str, today: Date) -> Result<Vec<PersonView>, DbError> {
    let with_steps = second::members_with(tx, org).await?;
    let people = queries::contacts(tx, org, None, today).await?;
    Ok(people.into_iter().map(|person| PersonView::new(person, base, &with_steps)).collect())
}

#[derive(Template)]
#[template(path = "contacts/agent.html")]
struct AgentPage {
    chrome: Chrome,
    name: String,
    number: i64,
    people: Vec<PersonView>,
    may_help: bool,
    sees_invoicing: bool,
}

/// `GET /inera/agenter/{agentnr}`
pub async fn agent(mut cx: Cx<Staff>, Path(path): Path<AgentPath>) -> Result<Response, AppError> {
    let today = cx.app.clock().today();
    let (org, name) =
        queries::by_number(&mut cx.tx, None, Some(path.agentnr)).await?.ok_or(AppError::NotFound)?;
    let base = format!("/inera/agenter/{}", path.agentnr);
    let people = people(&mut cx.tx, org, &base, today).await?;
    let page = AgentPage {
        chrome: cx.chrome(&name),
        name,
        number: path.agentnr,
        people,
        may_help: permit_staff(&cx.actor).is_ok(),
        sees_invoicing: may_read_invoicing(&cx.actor),
    };
    cx.show(page).await
}
