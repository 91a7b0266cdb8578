//! `{side}/kontakter/{id}/ta-bort`: removing somebody, with what they have under way handed over.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};

use super::{MemberPath, brought, changed, confirmed, fault, identified_as, load_present, view};
use crate::{
    contacts::{
        actions::{self, Refused, may_list, permit_remove, rule_text},
        domain::Heir,
        queries::{self, Contact, LeftBehind},
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
};

/// Who takes over. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct RemoveForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    visat: String,
    #[serde(default)]
    overtar: String,
    #[serde(default, skip_serializing)]
    losenord: String,
    #[serde(default, skip_serializing)]
    legitimera: String,
}

#[derive(Template)]
#[template(path = "contacts/remove.html")]
struct RemovePage {
    chrome: Chrome,
    base: String,
    here: String,
    title: String,
    name: String,
    own: bool,
    may_list: bool,
    last_administrator: bool,
    last_attestant: bool,
    revision: i32,
    shown: String,
    roles: String,
    left: LeftBehind,
    alone_in: Vec<String>,
    heirs: Vec<Choice>,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    last_administrator: bool,
    last_attestant: bool,
    contact: Contact,
    left: LeftBehind,
    others: Vec<Contact>,
    text: String,
}

impl Matter {
    fn seen(&self) -> Seen {
        Seen { revision: self.contact.revision, visat: fingerprint(&self.text) }
    }
}

async fn matter<S: For>(cx: &mut Cx<S>, path: &MemberPath) -> Result<Matter, AppError> {
    let contact = load_present(cx, path).await?;
    permit_remove(&cx.actor, contact.id).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let org = cx.actor.org();
    let left = queries::left_behind(&mut cx.tx, org, &contact).await?;
    let all = queries::contacts(&mut cx.tx, org, None, cx.app.clock().today()).await?;
    let lasting =
        |who: &Contact| who.ended_at.is_none() && !who.blocked && who.has_lasting(Role::Administrator);
    let last_administrator =
        lasting(&contact) && !all.iter().any(|other| other.id != contact.id && lasting(other));
    let attests = |who: &Contact| who.ended_at.is_none() && !who.blocked && who.has_lasting(Role::Attestant);
    let last_attestant =
        attests(&contact) && !all.iter().any(|other| other.id != contact.id && attests(other));
    let others = all.into_iter().filter(|other| other.may_inherit_from(&contact)).collect();
    let text = format!(
        "Ta bort {} hos {}\nRoller: {}\nVäntar på personens attest: {}\n",
        contact.name,
        cx.actor.org_name(),
        view::roles(&contact),
        left.by_name().join(", ")
    );
    Ok(Matter { last_administrator, last_attestant, contact, left, others, text })
}

fn title<S: For>(cx: &Cx<S>, matter: &Matter) -> String {
    if matter.contact.id == cx.actor.membership() {
        format!("Lämna {}", cx.actor.org_name())
    } else {
        format!("Ta bort {}", matter.contact.name)
    }
}

async fn page<S: For>(
    mut cx: Cx<S>,
    matter: Matter,
    form: RemoveForm,
    proof: Option<&EidProof>,
    errors: Errors,
) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let mandates = queries::mandates(&mut cx.tx, cx.actor.org()).await?;
    let base = cx.actor.base();
    let prefix = errors.title_prefix();
    let status = errors.status();
    let seen = matter.seen();
    let own = matter.contact.id == cx.actor.membership();
    let title = title(&cx, &matter);
    let confirms = confirm_with(&mut cx).await?;
    let page = RemovePage {
        chrome: cx.chrome(&format!("{prefix}{title}")).focused(),
        may_list: may_list(&cx.actor),
        title,
        here: format!("{base}/kontakter/{}", matter.contact.id),
        base,
        own,
        last_administrator: matter.last_administrator && errors.is_empty(),
        last_attestant: matter.last_attestant,
        revision: seen.revision,
        shown: seen.visat,
        roles: view::roles(&matter.contact),
        alone_in: matter
            .left
            .alone_in
            .iter()
            .map(|id| view::mandate_name(&catalogue, &mandates, *id))
            .collect(),
        name: matter.contact.name,
        left: matter.left,
        heirs: view::heirs(&matter.others, &form.overtar),
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET {side}/kontakter/{id}/ta-bort`
pub async fn new<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    Path(path): Path<MemberPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let here = format!("{}/kontakter/{}/ta-bort", cx.actor.base(), path.id);
    let form: RemoveForm = kept(&mut cx, &here, &query).await?;
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
    page(cx, matter, form, proof.as_ref(), errors).await
}

/// `POST {side}/kontakter/{id}/ta-bort`
pub async fn create<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    Path(path): Path<MemberPath>,
    Form(form): Form<RemoveForm>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let list = format!("{}/kontakter", cx.actor.base());
    let here = format!("{list}/{}/ta-bort", path.id);
    let seen = matter.seen();
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return changed(cx, here).await;
    }
    if !form.legitimera.is_empty() {
        let what = title(&cx, &matter);
        return identify_first(cx, &form, (&form.legitimera, &here), what).await;
    }
    let mut errors = Errors::none();
    let heir = matter.others.iter().find(|other| other.id.to_string() == form.overtar);
    let heir = heir.map_or("någon av de andra attestanterna", |other| other.name.as_str());
    let text = format!("{}Attest tas över av: {heir}\n", matter.text);
    let what = (Subject::member(matter.contact.id, matter.contact.revision), text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let proof = match confirmed(&mut cx, &headers, (&here, &seen), typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, matter, form, eid.as_ref(), errors).await,
    };
    let heir = Heir::parse(&form.overtar);
    let permit =
        permit_remove(&cx.actor, matter.contact.id).map_err(|denied| AppError::Forbidden(denied.0))?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, cx.actor.org());
    match actions::remove(&mut cx.tx, who, &matter.contact, heir, (proof, at)).await {
        Ok(audit) => {
            let own = matter.contact.id == cx.actor.membership();
            let cookie = cx.app.cookie().clear_visit();
            cx.commit(audit).await?;
            // Whoever removes themselves has no place here any more.
            let response =
                if own { Flash::Left.on("/valj-organisation") } else { Flash::ContactRemoved.on(&list) };
            Ok(with_cookie(response, cookie))
        }
        Err(Refused::Stale) => changed(cx, here).await,
        Err(Refused::Rule(key)) => {
            let field = if key.starts_with("heir") { "overtar" } else { "losenord" };
            let cx = cx.reopen().await?;
            page(cx, matter, form, None, Errors::one(field, rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}
