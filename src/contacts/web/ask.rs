//! `{side}/behorighet`: asking for a role, and an administrator's no.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    fault,
    view::{RoleChoice, role_choice},
};
use crate::{
    calendar::{local, long_date},
    contacts::{
        actions::{self, permit},
        domain::{labels, offered, the_roles},
        joining, queries,
    },
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, context::For, form::Motive},
    identity::Role,
};

/// Which, and why.
#[derive(Debug, Default, Deserialize)]
pub struct AskForm {
    #[serde(default)]
    roll: Vec<String>,
    #[serde(default)]
    motivering: String,
}

#[derive(Template)]
#[template(path = "contacts/ask.html")]
struct AskPage {
    chrome: Chrome,
    base: String,
    administrators: Vec<String>,
    roles: Vec<RoleChoice>,
    reason: String,
    /// An open request, or what became of the last: heading and text.
    before: Option<(&'static str, String)>,
    open: bool,
    errors: Errors,
}

async fn page<S: For>(mut cx: Cx<S>, form: AskForm, errors: Errors) -> Result<Response, AppError> {
    let org = cx.actor.org();
    let today = cx.app.clock().today();
    let kinds = queries::kinds(&mut cx.tx, org).await?;
    let contacts = queries::contacts(&mut cx.tx, org, None, today).await?;
    let last = queries::requests(&mut cx.tx, org, Some(cx.actor.membership())).await?.into_iter().next();
    let open = last.as_ref().is_some_and(|request| request.outcome.is_none());
    let before = last.and_then(|request| {
        let roles = labels(&request.roles);
        let what = format!("{}, {}", roles, long_date(local(request.made_at).date));
        match request.outcome.as_deref() {
            None => Some(("Din begäran väntar på svar", format!("{what}. Administratörerna har fått mejl."))),
            Some("declined") => Some((
                "Din begäran har fått nej",
                format!("{what}. {} svarade: ”{}”", request.closed_by_name, request.answer),
            )),
            Some(_) => None,
        }
    });
    let prefix = errors.title_prefix();
    let status = errors.status();
    let page = AskPage {
        chrome: cx.chrome(&format!("{prefix}Be om behörighet")),
        base: cx.actor.base(),
        administrators: contacts
            .iter()
            .filter(|contact| contact.acts_as(Role::Administrator))
            .map(|contact| format!("{}, {}", contact.name, contact.email))
            .collect(),
        roles: offered(kinds)
            .into_iter()
            .filter(|role| *role != Role::Signatory && !cx.actor.has(*role))
            .map(|role| role_choice(role, &form.roll))
            .collect(),
        reason: form.motivering,
        before,
        open,
        errors,
    };
    cx.show_as(status, page).await
}

/// The roles that are ticked when the page is opened.
#[derive(Debug, Default, Deserialize)]
pub struct WhichQuery {
    #[serde(default)]
    roll: Vec<String>,
}

/// `GET {side}/behorighet`
pub async fn new<S: For>(cx: Cx<S>, Query(query): Query<WhichQuery>) -> Result<Response, AppError> {
    let form = AskForm { roll: query.roll, ..AskForm::default() };
    page(cx, form, Errors::none()).await
}

/// `POST {side}/behorighet`
pub async fn create<S: For>(mut cx: Cx<S>, Form(form): Form<AskForm>) -> Result<Response, AppError> {
    let kinds = queries::kinds(&mut cx.tx, cx.actor.org()).await?;
    let mut roles: Vec<Role> = offered(kinds);
    roles.retain(|role| {
        *role != Role::Signatory && !cx.actor.has(*role) && form.roll.iter().any(|code| code == role.code())
    });
    let mut errors = Errors::none();
    if roles.is_empty() {
        errors.add("roll", "Välj minst en roll");
    }
    let reason = errors.take("motivering", Motive::parse(&form.motivering)).map(Motive::into_text);
    if reason.as_ref().is_some_and(|text| text.chars().count() > 1_000) {
        errors.add("motivering", "Skriv högst 1 000 tecken");
    }
    let Some(reason) = reason.filter(|_| errors.is_empty()) else { return page(cx, form, errors).await };
    let at = cx.app.clock().now();
    let here = format!("{}/behorighet", cx.actor.base());
    let Some(audit) = actions::ask(&mut cx.tx, &cx.actor, &roles, &reason, at).await.map_err(fault)? else {
        return page(cx, form, Errors::one("roll", "Du har redan en begäran som väntar på svar")).await;
    };
    cx.commit(audit).await?;
    Ok(Flash::RoleAsked.on(&here))
}

/// A request.
#[derive(Debug, Deserialize)]
pub struct RequestPath {
    begaran: Uuid,
}

/// Why not.
#[derive(Debug, Default, Deserialize)]
pub struct DeclineForm {
    #[serde(default)]
    motivering: String,
}

#[derive(Template)]
#[template(path = "contacts/decline.html")]
struct DeclinePage {
    chrome: Chrome,
    base: String,
    request: String,
    name: String,
    roles: String,
    why: String,
    reason: String,
    errors: Errors,
}

async fn decline_page<S: For>(
    mut cx: Cx<S>,
    path: RequestPath,
    form: DeclineForm,
    errors: Errors,
) -> Result<Response, AppError> {
    let open = queries::requests(&mut cx.tx, cx.actor.org(), None).await?;
    let request = open.into_iter().find(|request| request.id == path.begaran).ok_or(AppError::NotFound)?;
    let roles = the_roles(&request.roles);
    let prefix = errors.title_prefix();
    let status = errors.status();
    let page = DeclinePage {
        chrome: cx.chrome(&format!("{prefix}Säg nej till begäran")).focused(),
        base: cx.actor.base(),
        request: path.begaran.to_string(),
        name: request.name,
        roles,
        why: request.reason,
        reason: form.motivering,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET {side}/kontakter/begaran/{begaran}`
pub async fn decline_new<S: For>(cx: Cx<S>, Path(path): Path<RequestPath>) -> Result<Response, AppError> {
    permit(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    decline_page(cx, path, DeclineForm::default(), Errors::none()).await
}

/// `POST {side}/kontakter/begaran/{begaran}`
pub async fn decline<S: For>(
    mut cx: Cx<S>,
    Path(path): Path<RequestPath>,
    Form(form): Form<DeclineForm>,
) -> Result<Response, AppError> {
    let permit = permit(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let (member, _) = queries::request(&mut cx.tx, path.begaran).await?.ok_or(AppError::NotFound)?;
    let mut errors = Errors::none();
    let answer = errors.take("motivering", Motive::parse(&form.motivering)).map(Motive::into_text);
    if answer.as_ref().is_some_and(|text| text.chars().count() > 1_000) {
        errors.add("motivering", "Skriv högst 1 000 tecken");
    }
    let Some(answer) = answer.filter(|_| errors.is_empty()) else {
        return decline_page(cx, path, form, errors).await;
    };
    let at = cx.app.clock().now();
    let what = (permit, path.begaran, member);
    let audit = actions::decline(&mut cx.tx, &cx.actor, what, &answer, at).await.map_err(fault)?;
    let audit = audit.ok_or(AppError::NotFound)?;
    let list = format!("{}/kontakter", cx.actor.base());
    cx.commit(audit).await?;
    Ok(Flash::RequestDeclined.on(&list))
}

/// Who asks the acting administrator for a role, in a sentence; `None` when nobody does, or it is not theirs to answer.
pub(crate) async fn waiting<S: For>(cx: &mut Cx<S>) -> Result<Option<String>, AppError> {
    if permit(&cx.actor).is_err() {
        return Ok(None);
    }
    let open = queries::requests(&mut cx.tx, cx.actor.org(), None).await?;
    let names: Vec<String> = open.into_iter().map(|request| request.name).collect();
    let joining = joining::waiting(&mut cx.tx, cx.actor.org()).await?;
    let joining: Vec<String> = joining.into_iter().map(|row| row.name).collect();
    Ok(actions::asking(&cx.actor, &names, &joining))
}
