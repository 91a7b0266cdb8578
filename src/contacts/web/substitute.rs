//! `{side}/kontakter/{id}/ersattare`: who decides in somebody's place while they are away.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use time::Date;
use uuid::Uuid;

use super::{
    MemberPath, brought, changed, confirmed, fault, identified_as, load_present,
    view::{self, days},
};
use crate::{
    calendar::{iso_date, parse_date},
    contacts::{
        actions::{self, Refused, may_list, permit_substitute, rule_text},
        queries::{self, Contact},
    },
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, context::For, form::Choice,
        session::with_cookie,
    },
    identity::{
        Role,
        confirmation::{EidProof, Subject},
        web::confirm::{
            IdentifiedAs, KeptQuery, Seen, Ways, confirm_with, fingerprint, identified, identify_first, kept,
        },
    },
    ids::MembershipId,
};

/// Most days somebody may stand in.
const LONGEST: i64 = 366;

/// Who and when. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct SubstituteForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    visat: String,
    #[serde(default)]
    ersattare: String,
    #[serde(default)]
    fran: String,
    #[serde(default)]
    till: String,
    #[serde(default, skip_serializing)]
    losenord: String,
    #[serde(default, skip_serializing)]
    legitimera: String,
}

#[derive(Template)]
#[template(path = "contacts/substitute.html")]
struct SubstitutePage {
    chrome: Chrome,
    may_list: bool,
    here: String,
    name: String,
    own: bool,
    revision: i32,
    shown: String,
    roles: String,
    colleagues: Vec<Choice>,
    from: String,
    to: String,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    contact: Contact,
    colleagues: Vec<Contact>,
    text: String,
}

impl Matter {
    fn seen(&self) -> Seen {
        Seen { revision: self.contact.revision, visat: fingerprint(&self.text) }
    }
}

async fn matter<S: For>(cx: &mut Cx<S>, path: &MemberPath) -> Result<Matter, AppError> {
    let absent = MembershipId(path.id);
    permit_substitute(&cx.actor, absent).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let contact = load_present(cx, path).await?;
    if !contact.has(Role::Attestant) && !contact.has(Role::AgentHandler) {
        return Err(AppError::Conflict(rule_text("nothing_to_decide").to_owned()));
    }
    let all = queries::contacts(&mut cx.tx, cx.actor.org(), None, cx.app.clock().today()).await?;
    let colleagues = all
        .into_iter()
        .filter(|other| other.ended_at.is_none() && !other.blocked && other.id != contact.id)
        .collect();
    let text = format!(
        "Ersättare för {} hos {}\nRoller: {}\n",
        contact.name,
        cx.actor.org_name(),
        view::roles(&contact)
    );
    Ok(Matter { contact, colleagues, text })
}

async fn page<S: For>(
    mut cx: Cx<S>,
    matter: Matter,
    form: SubstituteForm,
    proof: Option<&EidProof>,
    errors: Errors,
) -> Result<Response, AppError> {
    let base = cx.actor.base();
    let prefix = errors.title_prefix();
    let status = errors.status();
    let seen = matter.seen();
    let mut colleagues = vec![Choice::new("", "Välj ersättare", &form.ersattare)];
    colleagues.extend(matter.colleagues.iter().map(|other| {
        let label = if other.title.is_empty() {
            other.name.clone()
        } else {
            format!("{}, {}", other.name, other.title)
        };
        Choice::new(other.id.to_string(), label, &form.ersattare)
    }));
    let decides: Vec<String> = [Role::Attestant, Role::AgentHandler]
        .into_iter()
        .filter(|role| matter.contact.has(*role))
        .map(|role| role.label().to_lowercase())
        .collect();
    let confirms = confirm_with(&mut cx).await?;
    let page = SubstitutePage {
        chrome: cx.chrome(&format!("{prefix}Ersättare för {}", matter.contact.name)).focused(),
        here: format!("{base}/kontakter/{}", matter.contact.id),
        may_list: may_list(&cx.actor),
        own: matter.contact.id == cx.actor.membership(),
        revision: seen.revision,
        shown: seen.visat,
        roles: crate::text::and_list(&decides),
        name: matter.contact.name,
        colleagues,
        from: if form.fran.is_empty() { iso_date(cx.app.clock().today()) } else { form.fran },
        to: form.till,
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET {side}/kontakter/{id}/ersattare`
pub async fn new<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    Path(path): Path<MemberPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let here = format!("{}/kontakter/{}/ersattare", cx.actor.base(), path.id);
    let form: SubstituteForm = kept(&mut cx, &here, &query).await?;
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
    page(cx, matter, form, proof.as_ref(), errors).await
}

/// Who and which days, read from the form.
fn parse(
    matter: &Matter,
    form: &SubstituteForm,
    today: Date,
    errors: &mut Errors,
) -> Option<(MembershipId, String, (Date, Date))> {
    let wanted = form.ersattare.parse::<Uuid>().ok().map(MembershipId);
    let who = matter.colleagues.iter().find(|other| Some(other.id) == wanted);
    if who.is_none() {
        errors.add("ersattare", "Välj vem som ska vara ersättare");
    }
    let from = parse_date(form.fran.trim());
    match from {
        None => errors.add("fran", "Skriv första dagen som ÅÅÅÅ-MM-DD, en dag som finns"),
        Some(day) if day < today => errors.add("fran", "Första dagen har passerat. Välj i dag eller senare"),
        Some(_) => {}
    }
    let to = parse_date(form.till.trim());
    match (from, to) {
        (_, None) => errors.add("till", "Skriv sista dagen som ÅÅÅÅ-MM-DD, en dag som finns"),
        (Some(from), Some(to)) if to < from => errors.add("till", "Sista dagen är före den första"),
        (Some(from), Some(to)) if crate::calendar::days_between(from, to) > LONGEST => {
            errors.add("till", "En ersättning kan vara högst ett år. Välj en tidigare dag");
        }
        _ => {}
    }
    if !errors.is_empty() {
        return None;
    }
    Some((who?.id, who?.name.clone(), (from?, to?)))
}

/// `POST {side}/kontakter/{id}/ersattare`
pub async fn create<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    Path(path): Path<MemberPath>,
    Form(form): Form<SubstituteForm>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let back = format!("{}/kontakter/{}", cx.actor.base(), path.id);
    let here = format!("{back}/ersattare");
    let seen = matter.seen();
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return changed(cx, here).await;
    }
    let mut errors = Errors::none();
    let wanted = parse(&matter, &form, cx.app.clock().today(), &mut errors);
    if errors.is_empty() && !form.legitimera.is_empty() {
        let what = format!("Ersättare för {}", matter.contact.name);
        return identify_first(cx, &form, (&form.legitimera, &here), what).await;
    }
    let said = wanted.as_ref().map(|(_, name, (from, to))| format!("{name}, {}", days(*from, *to)));
    let text = format!("{}Ersättare: {}\n", matter.text, said.unwrap_or_default());
    let what = (Subject::member(matter.contact.id, matter.contact.revision), text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let done = confirmed(&mut cx, &headers, (&here, &seen), typed, what, &mut errors).await?;
    let ((who, _, days), proof) = match (wanted, done) {
        (Some(wanted), Ok(proof)) => (wanted, proof),
        (_, done) => return page(cx, matter, form, done.err().flatten().as_ref(), errors).await,
    };
    let permit =
        permit_substitute(&cx.actor, matter.contact.id).map_err(|denied| AppError::Forbidden(denied.0))?;
    let at = cx.app.clock().now();
    let acting = (&cx.actor, permit, cx.actor.org());
    match actions::substitute(&mut cx.tx, acting, &matter.contact, (who, days), (proof, at)).await {
        Ok(audit) => {
            let cookie = cx.app.cookie().clear_visit();
            cx.commit(audit).await?;
            Ok(with_cookie(Flash::SubstituteNamed.on(&back), cookie))
        }
        Err(Refused::Stale) => changed(cx, here).await,
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, matter, form, None, Errors::one("ersattare", rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// One substitution of somebody.
#[derive(Debug, Deserialize)]
pub struct SubstitutionPath {
    id: Uuid,
    ersattning: Uuid,
}

/// `POST {side}/kontakter/{id}/ersattare/{ersattning}/avsluta`
pub async fn end<S: For>(mut cx: Cx<S>, Path(path): Path<SubstitutionPath>) -> Result<Response, AppError> {
    let absent = MembershipId(path.id);
    let permit = permit_substitute(&cx.actor, absent).map_err(|denied| AppError::Forbidden(denied.0))?;
    let contact = load_present(&mut cx, &MemberPath { id: path.id }).await?;
    let back = format!("{}/kontakter/{}", cx.actor.base(), path.id);
    let today = cx.app.clock().today();
    let all = queries::substitutions(&mut cx.tx, cx.actor.org(), today).await?;
    let Some(row) = all.iter().find(|row| row.id == path.ersattning && row.absent == absent) else {
        return Err(AppError::NotFound);
    };
    let at = cx.app.clock().now();
    let acting = (&cx.actor, permit, cx.actor.org());
    let audit = actions::end_substitution(&mut cx.tx, acting, &contact, row, at).await.map_err(fault)?;
    cx.commit(audit).await?;
    Ok(Flash::SubstituteEnded.on(&back))
}

/// Whom the acting person stands in for today, in a sentence; `None` when it is nobody.
pub(crate) async fn stands_in<S: For>(cx: &mut Cx<S>) -> Result<Option<String>, AppError> {
    if cx.actor.desks().len() < 2 {
        return Ok(None);
    }
    let today = cx.app.clock().today();
    let all = queries::substitutions(&mut cx.tx, cx.actor.org(), today).await?;
    let names: Vec<String> = all
        .into_iter()
        .filter(|row| row.substitute == cx.actor.membership() && row.from <= today)
        .map(|row| row.absent_name)
        .collect();
    Ok((!names.is_empty()).then(|| format!("Du är ersättare för {}", crate::text::and_list(&names))))
}
