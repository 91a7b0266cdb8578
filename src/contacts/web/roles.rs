//! `{side}/kontakter/{id}/roller`: which roles and mandates somebody has, in one matrix, confirmed by the administrator.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{MemberPath, brought, changed, confirmed, fault, identified_as, load_present, view};
use crate::{
    calendar::{iso_date, parse_date},
    catalogue::Catalogue,
    contacts::{
        actions::{self, Refused, permit, permit_for, rule_text},
        domain::{Difference, Heir, Held, Wanted, means, offered, standing},
        queries::{self, Contact, MandateRow},
    },
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, context::For, form::Choice,
        session::with_cookie,
    },
    identity::{
        Role,
        confirmation::{EidProof, Subject},
        web::confirm::{
            Identified, IdentifiedAs, KeptQuery, Seen, Ways, confirm_with, fingerprint, identified,
            identify_first, kept,
        },
    },
    ids::MandateId,
};

/// What is to hold. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct RolesForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    visat: String,
    #[serde(default)]
    roll: Vec<String>,
    /// The last day of each role that is offered, in their order.
    #[serde(default)]
    till: Vec<String>,
    #[serde(default)]
    uppdrag: Vec<String>,
    #[serde(default)]
    overtar: String,
    #[serde(default)]
    begaran: String,
    #[serde(default, skip_serializing)]
    losenord: String,
    #[serde(default, skip_serializing)]
    legitimera: String,
}

/// A request that is being answered.
#[derive(Debug, Default, Deserialize)]
pub struct RolesQuery {
    #[serde(default)]
    begaran: String,
    #[serde(flatten)]
    kept: KeptQuery,
}

/// A role to tick.
struct RoleChoice {
    code: &'static str,
    label: &'static str,
    means: &'static str,
    chosen: bool,
    asked: bool,
    until: String,
    field: String,
}

#[derive(Template)]
#[template(path = "contacts/roles.html")]
struct RolesPage {
    chrome: Chrome,
    here: String,
    name: String,
    own: bool,
    revision: i32,
    shown: String,
    request: String,
    roles: Vec<RoleChoice>,
    mandates: Vec<Choice>,
    waiting: Vec<String>,
    heirs: Vec<Choice>,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

/// Everything the page is made from.
struct Matter {
    contact: Contact,
    offered: Vec<Role>,
    mandates: Vec<MandateRow>,
    waiting: Vec<String>,
    others: Vec<Contact>,
    catalogue: std::sync::Arc<Catalogue>,
    org: String,
}

impl Matter {
    fn name_of(&self, id: MandateId) -> String {
        view::mandate_name(&self.catalogue, &self.mandates, id)
    }

    fn standing(&self) -> String {
        standing(&self.contact.name, &self.org, &self.contact.standing(), |id| self.name_of(id))
    }

    fn seen(&self) -> Seen {
        Seen { revision: self.contact.revision, visat: fingerprint(&self.standing()) }
    }
}

async fn matter<S: For>(cx: &mut Cx<S>, path: &MemberPath) -> Result<Matter, AppError> {
    permit(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let contact = load_present(cx, path).await?;
    permit_for(&cx.actor, contact.id).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let today = cx.app.clock().today();
    let org = cx.actor.org();
    let kinds = queries::kinds(&mut cx.tx, org).await?;
    let mandates = if kinds.agent { queries::mandates(&mut cx.tx, org).await? } else { Vec::new() };
    let left = queries::left_behind(&mut cx.tx, org, &contact).await?;
    let all = queries::contacts(&mut cx.tx, org, None, today).await?;
    let others = all.into_iter().filter(|other| other.may_inherit_from(&contact)).collect();
    Ok(Matter {
        offered: offered(kinds),
        mandates,
        waiting: left.by_name(),
        others,
        contact,
        catalogue: cx.app.catalogue().await?,
        org: cx.actor.org_name().to_owned(),
    })
}

/// The form as things are, with what is asked for ticked.
fn as_it_is(matter: &Matter, asked: &[Role]) -> RolesForm {
    let now = matter.contact.standing();
    let has = |role: Role| now.held.iter().find(|held| held.role == role);
    RolesForm {
        roll: matter
            .offered
            .iter()
            .filter(|role| has(**role).is_some() || asked.contains(role))
            .map(|role| role.code().to_owned())
            .collect(),
        till: matter
            .offered
            .iter()
            .map(|role| has(*role).and_then(|held| held.until).map(iso_date).unwrap_or_default())
            .collect(),
        uppdrag: now.mandates.iter().map(ToString::to_string).collect(),
        ..RolesForm::default()
    }
}

async fn page<S: For>(
    mut cx: Cx<S>,
    matter: &Matter,
    form: RolesForm,
    (asked, proof): (&[Role], Option<&EidProof>),
    errors: Errors,
) -> Result<Response, AppError> {
    let base = cx.actor.base();
    let prefix = errors.title_prefix();
    let status = errors.status();
    let seen = matter.seen();
    let confirms = confirm_with(&mut cx).await?;
    let page = RolesPage {
        chrome: cx.chrome(&format!("{prefix}Roller för {}", matter.contact.name)).focused(),
        here: format!("{base}/kontakter/{}", matter.contact.id),
        name: matter.contact.name.clone(),
        own: matter.contact.id == cx.actor.membership(),
        revision: seen.revision,
        shown: seen.visat,
        roles: matter
            .offered
            .iter()
            .enumerate()
            .map(|(at, role)| RoleChoice {
                code: role.code(),
                label: role.label(),
                means: means(*role),
                chosen: form.roll.iter().any(|code| code == role.code()),
                asked: asked.contains(role),
                until: form.till.get(at).cloned().unwrap_or_default(),
                field: format!("till-{}", role.code()),
            })
            .collect(),
        mandates: view::mandate_choices(&matter.catalogue, &matter.mandates, &form.uppdrag),
        waiting: if matter.contact.has(Role::Attestant) { matter.waiting.clone() } else { Vec::new() },
        heirs: view::heirs(&matter.others, &form.overtar),
        request: form.begaran,
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

/// What was asked for, when the request is this contact's and open.
async fn asked<S: For>(
    cx: &mut Cx<S>,
    id: &str,
    contact: &Contact,
) -> Result<Option<(Uuid, Vec<Role>)>, AppError> {
    let Ok(id) = id.parse::<Uuid>() else { return Ok(None) };
    let found = queries::request(&mut cx.tx, id).await?.filter(|(member, _)| *member == contact.id);
    Ok(found.map(|(_, codes)| (id, codes.iter().filter_map(|code| Role::from_code(code)).collect())))
}

/// `GET {side}/kontakter/{id}/roller`
pub async fn edit<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    Path(path): Path<MemberPath>,
    Query(query): Query<RolesQuery>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let here = format!("{}/kontakter/{}/roller", cx.actor.base(), path.id);
    let mut form: RolesForm = kept(&mut cx, &here, &query.kept).await?;
    if form.begaran.is_empty() {
        form.begaran = query.begaran;
    }
    let asked = asked(&mut cx, &form.begaran, &matter.contact).await?;
    let roles = asked.as_ref().map(|(_, roles)| roles.clone()).unwrap_or_default();
    let request = asked.map(|(id, _)| id.to_string()).unwrap_or_default();
    let mut errors = Errors::none();
    let seen = matter.seen();
    let identified = identified(&mut cx, &headers, (&here, &seen)).await?;
    // A form that was kept carries the page's mark; without it the page shows things as they are.
    if form.visat != seen.visat || matches!(identified, Identified::Outdated) {
        form = as_it_is(&matter, &roles);
    }
    form.begaran = request;
    let proof = brought(identified, query.kept.is_return(), &mut errors);
    page(cx, &matter, form, (&roles, proof.as_ref()), errors).await
}

/// What is wanted, read from the form.
fn parse(matter: &Matter, form: &RolesForm, today: time::Date, errors: &mut Errors) -> (Wanted, Heir) {
    let mut wanted = Wanted::default();
    for (at, role) in matter.offered.iter().enumerate() {
        if !form.roll.iter().any(|code| code == role.code()) {
            continue;
        }
        let typed = form.till.get(at).map(|text| text.trim()).unwrap_or_default();
        let until = parse_date(typed);
        let field = format!("till-{}", role.code());
        if !typed.is_empty() && until.is_none() {
            errors.add(&field, "Skriv en dag som finns, som ÅÅÅÅ-MM-DD, eller lämna tomt");
        } else if until.is_some_and(|day| day < today) {
            errors.add(&field, "Datumet har passerat. Välj ett senare datum, eller kryssa ur rollen");
        }
        wanted.held.push(Held { role: *role, until });
    }
    // Roles the page does not offer stay as they are.
    let kept = matter.contact.grants.iter().map(|grant| grant.held);
    wanted.held.extend(kept.filter(|held| !matter.offered.contains(&held.role)));
    wanted.mandates = matter
        .mandates
        .iter()
        .map(|mandate| mandate.id)
        .filter(|id| form.uppdrag.contains(&id.to_string()))
        .collect();
    let is_handler = wanted.held.iter().any(|held| held.role == Role::AgentHandler);
    if !wanted.mandates.is_empty() && !is_handler {
        errors.add("uppdrag", "Behörighet i agentuppdrag kräver rollen Handläggare agent");
    }
    (wanted, Heir::parse(&form.overtar))
}

/// Who takes over what waits, as evidence.
fn takes_over(matter: &Matter, heir: Heir) -> String {
    match heir.id().and_then(|id| matter.others.iter().find(|other| other.id == id)) {
        Some(other) => format!("Attest tas över av: {}\n", other.name),
        None => String::new(),
    }
}

/// `POST {side}/kontakter/{id}/roller`
pub async fn update<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    Path(path): Path<MemberPath>,
    Form(mut form): Form<RolesForm>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let base = cx.actor.base();
    let back = format!("{base}/kontakter/{}", path.id);
    let here = format!("{back}/roller");
    let seen = matter.seen();
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return changed(cx, here).await;
    }
    form.till.truncate(matter.offered.len());
    let mut errors = Errors::none();
    let (wanted, heir) = parse(&matter, &form, cx.app.clock().today(), &mut errors);
    let change = Difference::between(&matter.contact.standing(), &wanted);
    if errors.is_empty() && change.is_none() {
        errors.add("roll-administrator", "Du har inte ändrat något");
    }
    let request = asked(&mut cx, &form.begaran, &matter.contact).await?;
    if errors.is_empty() && !form.legitimera.is_empty() {
        let what = format!("Ändra roller för {}", matter.contact.name);
        return identify_first(cx, &form, (&form.legitimera, &here), what).await;
    }
    let roles = request.as_ref().map(|(_, roles)| roles.clone()).unwrap_or_default();
    let lines = change.lines(|id| matter.name_of(id)).join("\n");
    let text = format!("{}Beslut:\n{lines}\n{}", matter.standing(), takes_over(&matter, heir));
    let what = (Subject::member(matter.contact.id, matter.contact.revision), text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let proof = match confirmed(&mut cx, &headers, (&here, &seen), typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, &matter, form, (&roles, eid.as_ref()), errors).await,
    };
    let permit = permit_for(&cx.actor, matter.contact.id).map_err(|denied| AppError::Forbidden(denied.0))?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, cx.actor.org());
    let what = (&wanted, heir);
    match actions::change_roles(&mut cx.tx, who, &matter.contact, what, (proof, at)).await {
        Ok(audit) => {
            let cookie = cx.app.cookie().clear_visit();
            cx.commit(audit).await?;
            Ok(with_cookie(Flash::RolesChanged.on(&back), cookie))
        }
        Err(Refused::Stale) => changed(cx, here).await,
        Err(Refused::Rule(key)) => {
            let field = match key.as_str() {
                "last_administrator" => "roll-administrator",
                "last_sysadmin" | "sysadmin_alone" => "roll-sysadmin",
                "last_contact" => "roll-contract_contact",
                "last_attestant" => "roll-attestant",
                "heir" | "heir_ordered" => "overtar",
                _ => "losenord",
            };
            let cx = cx.reopen().await?;
            page(cx, &matter, form, (&roles, None), Errors::one(field, rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}
