//! `{side}/kontakter/bjud-in`: inviting somebody, sending again, taking back.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{brought, confirmed, fault, identified_as, view};
use crate::{
    catalogue::Catalogue,
    contacts::{
        actions::{Refused, permit, rule_text},
        domain::{Held, Wanted, offered},
        invitations::{self, InvitationRow, Invitee},
        joining,
        queries::{self, MandateRow},
    },
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Query,
        context::For,
        form::{Choice, impersonal, line, person_name},
        session::with_cookie,
    },
    identity::{
        Email, Role, Side,
        confirmation::{EidProof, Subject},
        web::confirm::{
            IdentifiedAs, KeptQuery, Seen, Ways, confirm_with, fingerprint, identified, identify_first, kept,
        },
    },
    ids,
};

/// Who, and as what. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct InviteForm {
    #[serde(default)]
    namn: String,
    #[serde(default)]
    epost: String,
    #[serde(default)]
    titel: String,
    #[serde(default)]
    roll: Vec<String>,
    #[serde(default)]
    uppdrag: Vec<String>,
    /// What the page was made for: compared when an identification comes back.
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
#[template(path = "contacts/invite.html")]
struct InvitePage {
    chrome: Chrome,
    base: String,
    form: InviteForm,
    shown: String,
    roles: Vec<view::RoleChoice>,
    mandates: Vec<Choice>,
    shared: bool,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    offered: Vec<Role>,
    mandates: Vec<MandateRow>,
    catalogue: std::sync::Arc<Catalogue>,
    org: String,
}

impl Matter {
    fn seen(&self) -> Seen {
        Seen { revision: 0, visat: fingerprint(&self.org) }
    }
}

async fn matter<S: For>(cx: &mut Cx<S>) -> Result<Matter, AppError> {
    permit(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let kinds = queries::kinds(&mut cx.tx, cx.actor.org()).await?;
    let mandates =
        if kinds.agent { queries::mandates(&mut cx.tx, cx.actor.org()).await? } else { Vec::new() };
    Ok(Matter {
        offered: offered(kinds),
        mandates,
        catalogue: cx.app.catalogue().await?,
        org: cx.actor.org_name().to_owned(),
    })
}

/// Does it look like an address that several people read (portal.md 3.0, `epost`)?
fn is_shared(email: &str) -> bool {
    let local = email.split('@').next().unwrap_or_default().to_lowercase();
    ["info", "kontakt", "kansli", "reception", "order", "ekonomi", "support", "mail", "post", "registrator"]
        .contains(&local.as_str())
}

async fn page<S: For>(
    mut cx: Cx<S>,
    matter: &Matter,
    form: InviteForm,
    proof: Option<&EidProof>,
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = errors.status();
    let confirms = confirm_with(&mut cx).await?;
    let page = InvitePage {
        chrome: cx.chrome(&format!("{prefix}Bjud in en kontakt")).focused(),
        base: cx.actor.base(),
        shown: matter.seen().visat,
        roles: matter.offered.iter().map(|role| view::role_choice(*role, &form.roll)).collect(),
        mandates: view::mandate_choices(&matter.catalogue, &matter.mandates, &form.uppdrag),
        shared: is_shared(&form.epost),
        form,
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

/// Who asked to become a contact.
#[derive(Debug, Default, Deserialize)]
pub struct AskedQuery {
    #[serde(default)]
    begaran: Uuid,
}

/// `GET {side}/kontakter/bjud-in`
pub async fn new<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    Query(query): Query<KeptQuery>,
    Query(asked): Query<AskedQuery>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx).await?;
    let here = format!("{}/kontakter/bjud-in", cx.actor.base());
    let mut form: InviteForm = kept(&mut cx, &here, &query).await?;
    if let Some(row) =
        joining::waiting(&mut cx.tx, cx.actor.org()).await?.into_iter().find(|row| row.id == asked.begaran)
    {
        form = InviteForm { namn: row.name, epost: row.email, titel: row.title, ..form };
    }
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
    page(cx, &matter, form, proof.as_ref(), errors).await
}

/// Name, address and title of somebody to invite, read from a form.
pub(super) fn invitee([name, email, title]: [&str; 3], errors: &mut Errors) -> (String, String, String) {
    let name = errors.take("namn", person_name(name)).unwrap_or_default();
    let email = errors
        .take("epost", Email::parse_lower(email).map_err(|bad| bad.0))
        .map(|email| email.as_str().to_owned())
        .unwrap_or_default();
    let title = errors.take("titel", impersonal(line(title, 120))).unwrap_or_default();
    (name, email, title)
}

fn wanted(matter: &Matter, form: &InviteForm, errors: &mut Errors) -> Wanted {
    let held: Vec<Held> = matter
        .offered
        .iter()
        .filter(|role| form.roll.iter().any(|code| code == role.code()))
        .map(|role| Held { role: *role, until: None })
        .collect();
    let mandates: Vec<_> = matter
        .mandates
        .iter()
        .map(|mandate| mandate.id)
        .filter(|id| form.uppdrag.contains(&id.to_string()))
        .collect();
    if !mandates.is_empty() && !held.iter().any(|held| held.role == Role::AgentHandler) {
        errors.add("uppdrag", "Behörighet i agentuppdrag kräver rollen Handläggare agent");
    }
    Wanted { held, mandates }
}

/// `POST {side}/kontakter/bjud-in`
pub async fn create<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    Form(form): Form<InviteForm>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx).await?;
    let list = format!("{}/kontakter", cx.actor.base());
    let here = format!("{list}/bjud-in");
    let mut errors = Errors::none();
    let (name, email, title) = invitee([&form.namn, &form.epost, &form.titel], &mut errors);
    let wanted = wanted(&matter, &form, &mut errors);
    // A colleague without a role can do nothing, not even ask for one.
    if wanted.held.is_empty() && cx.actor.side() == Some(Side::Inera) {
        errors.add("roll-support", "Välj minst en roll");
    }
    if errors.is_empty() && !form.legitimera.is_empty() {
        let what = format!("Bjud in {}", form.namn.trim());
        return identify_first(cx, &form, (&form.legitimera, &here), what).await;
    }
    let id = ids::fresh();
    let roles: Vec<String> = wanted.held.iter().map(Held::words).collect();
    let mandates: Vec<String> = wanted
        .mandates
        .iter()
        .map(|id| view::mandate_name(&matter.catalogue, &matter.mandates, *id))
        .collect();
    let text = format!(
        "Inbjudan till {} för {name}, {email}\nTitel: {title}\nRoller: {}\nAgentuppdrag: {}\n",
        matter.org,
        roles.join(", "),
        mandates.join(", ")
    );
    let what = (Subject::invitation(id), text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let proof = match confirmed(&mut cx, &headers, (&here, &matter.seen()), typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, &matter, form, eid.as_ref(), errors).await,
    };
    let permit = permit(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let who = Invitee { id, name: &name, email: &email, title: &title, first: None };
    let app = cx.app.clone();
    let acting = (&cx.actor, permit, cx.actor.org());
    let at = app.clock().now();
    match invitations::invite(&mut cx.tx, app.keys(), acting, (&who, &wanted), (proof, at)).await {
        Ok(audit) => {
            if matches!(cx.actor.side(), Some(Side::Customer | Side::Agent)) {
                joining::invited(&mut cx.tx, &cx.actor, &email, at).await.map_err(fault)?;
            }
            cx.commit(audit).await?;
            Ok(with_cookie(Flash::Invited.on(&list), app.cookie().clear_visit()))
        }
        Err(Refused::Rule(key)) => {
            let field = if key.starts_with("email_")
                || matches!(key.as_str(), "invited_already" | "too_many_address")
            {
                "epost"
            } else if key == "sysadmin_alone" {
                "roll-sysadmin"
            } else {
                "namn"
            };
            let cx = cx.reopen().await?;
            let text = match (key.as_str(), cx.actor.side()) {
                ("email_removed", Some(Side::Inera)) => {
                    "Personen är borttagen. Öppna kontakten under Borttagna kontakter och återställ den."
                }
                _ => rule_text(&key),
            };
            page(cx, &matter, form, None, Errors::one(field, text)).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// An invitation.
#[derive(Debug, Deserialize)]
pub struct InvitationPath {
    inbjudan: Uuid,
}

async fn find<S: For>(cx: &mut Cx<S>, path: &InvitationPath) -> Result<InvitationRow, AppError> {
    let all = invitations::open(&mut cx.tx, cx.actor.org()).await?;
    all.into_iter().find(|row| row.id == path.inbjudan).ok_or(AppError::NotFound)
}

/// `POST {side}/kontakter/inbjudningar/{inbjudan}/skicka-igen`
pub async fn resend<S: For>(mut cx: Cx<S>, Path(path): Path<InvitationPath>) -> Result<Response, AppError> {
    let permit = permit(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let row = find(&mut cx, &path).await?;
    let list = format!("{}/kontakter", cx.actor.base());
    let (app, at) = (cx.app.clone(), cx.app.clock().now());
    let acting = (&cx.actor, permit, cx.actor.org());
    let audit = match invitations::resend(&mut cx.tx, app.keys(), acting, &row, at).await {
        Ok(audit) => audit,
        Err(Refused::Rule(key)) if key == "too_soon" => return Ok(Flash::InvitedTooSoon.on(&list)),
        Err(why) => return Err(fault(why)),
    };
    cx.commit(audit).await?;
    Ok(Flash::InvitedAgain.on(&list))
}

/// `POST {side}/kontakter/inbjudningar/{inbjudan}/aterkalla`
pub async fn revoke<S: For>(mut cx: Cx<S>, Path(path): Path<InvitationPath>) -> Result<Response, AppError> {
    let permit = permit(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let row = find(&mut cx, &path).await?;
    let list = format!("{}/kontakter", cx.actor.base());
    let at = cx.app.clock().now();
    let audit = invitations::revoke(&mut cx.tx, (permit, cx.actor.org()), &row, at).await.map_err(fault)?;
    cx.commit(audit).await?;
    Ok(Flash::InvitationRevoked.on(&list))
}
