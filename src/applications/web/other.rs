//! `/inera/ansokningar/{ansokan}/nagon-annan`: Kundservice invites somebody else in the place of one of a new customer's first
//! people, who can't be reached.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    fault,
    staff::{ApplicationPath, here, load, may_invite},
};
use crate::{
    applications::{
        actions::{self, Refused, rule_text},
        queries::{self, Found, Invited},
    },
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff, form::person_name,
        session::with_cookie,
    },
    identity::{
        Email,
        confirmation::{EidProof, Subject},
        web::confirm::{
            IdentifiedAs, KeptQuery, Seen, Ways, brought, confirm_with, confirmed, fingerprint, identified,
            identified_as, identify_first, kept,
        },
    },
    ids,
};

/// Who, in whose place. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct OtherForm {
    #[serde(default)]
    inbjudan: Uuid,
    #[serde(default)]
    namn: String,
    #[serde(default)]
    epost: String,
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    visat: String,
    #[serde(default, skip_serializing)]
    losenord: String,
    #[serde(default, skip_serializing)]
    legitimera: String,
}

/// Whose invitation.
#[derive(Debug, Default, Deserialize)]
pub struct OtherQuery {
    #[serde(default)]
    inbjudan: Uuid,
}

#[derive(Template)]
#[template(path = "applications/other.html")]
struct OtherPage {
    chrome: Chrome,
    back: String,
    here: String,
    number: String,
    org: String,
    name: String,
    email: String,
    form: OtherForm,
    revision: i32,
    shown: String,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    found: Found,
    invited: Invited,
    back: String,
    here: String,
}

impl Matter {
    fn text(&self) -> String {
        format!(
            "Bjud in någon annan till {} i stället för {}, {}\n",
            self.found.application.content.name, self.invited.name, self.invited.email
        )
    }

    fn seen(&self) -> Seen {
        Seen { revision: self.invited.round, visat: fingerprint(&self.text()) }
    }
}

fn here_of(found: &Found) -> String {
    format!("{}/nagon-annan", here(found))
}

async fn matter(cx: &mut Cx<Staff>, found: Found, wanted: Uuid) -> Result<Matter, AppError> {
    let people = queries::invited(&mut cx.tx, found.application.id).await?;
    let invited = people.into_iter().find(|row| row.id == wanted).ok_or(AppError::NotFound)?;
    if invited.accepted || found.has_administrator {
        return Err(AppError::Conflict(
            "Någon har redan tackat ja och är administratör. Administratören bjuder in fler.".to_owned(),
        ));
    }
    Ok(Matter { here: here_of(&found), back: here(&found), found, invited })
}

async fn page(
    mut cx: Cx<Staff>,
    (matter, form): (Matter, OtherForm),
    proof: Option<&EidProof>,
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = errors.status();
    let seen = matter.seen();
    let confirms = confirm_with(&mut cx).await?;
    let page = OtherPage {
        chrome: cx.chrome(&format!("{prefix}Bjud in någon annan")).focused(),
        number: matter.found.application.number.unwrap_or_default(),
        org: matter.found.application.content.name,
        name: matter.invited.name,
        email: matter.invited.email,
        form: OtherForm { inbjudan: matter.invited.id, ..form },
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

/// `GET /inera/ansokningar/{ansokan}/nagon-annan`
pub async fn new(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<ApplicationPath>,
    Query(query): Query<KeptQuery>,
    Query(whose): Query<OtherQuery>,
) -> Result<Response, AppError> {
    may_invite(&cx)?;
    let found = load(&mut cx, &path).await?;
    let form: OtherForm = kept(&mut cx, &here_of(&found), &query).await?;
    let wanted = if query.is_return() { form.inbjudan } else { whose.inbjudan };
    let matter = matter(&mut cx, found, wanted).await?;
    let mut errors = Errors::none();
    let made = identified(&mut cx, &headers, (&matter.here, &matter.seen())).await?;
    let proof = brought(made, query.is_return(), &mut errors);
    page(cx, (matter, form), proof.as_ref(), errors).await
}

/// `POST /inera/ansokningar/{ansokan}/nagon-annan`
pub async fn create(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<ApplicationPath>,
    Form(form): Form<OtherForm>,
) -> Result<Response, AppError> {
    may_invite(&cx)?;
    let found = load(&mut cx, &path).await?;
    let matter = matter(&mut cx, found, form.inbjudan).await?;
    let seen = matter.seen();
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return Err(fault(Refused::Stale));
    }
    let mut errors = Errors::none();
    let name = errors.take("namn", person_name(&form.namn)).unwrap_or_default();
    let email = errors.take("epost", Email::parse_lower(&form.epost).map_err(|bad| bad.0));
    let (Some(email), true) = (email, errors.is_empty()) else {
        return page(cx, (matter, form), None, errors).await;
    };
    if !form.legitimera.is_empty() {
        let what = format!("Bjud in {}", form.namn.trim());
        return identify_first(cx, &form, (&form.legitimera, &matter.here), what).await;
    }
    let id = ids::fresh();
    let text = format!("{}{name}, {}\n", matter.text(), email.as_str());
    let what = (Subject::invitation(id), text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let at = (matter.here.as_str(), &seen);
    let proof = match confirmed(&mut cx, &headers, at, typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, (matter, form), eid.as_ref(), errors).await,
    };
    let (app, now) = (cx.app.clone(), cx.app.clock().now());
    let which = (&matter.found, matter.invited.id);
    match actions::invite_other(&mut cx.tx, app.keys(), which, (id, &name, email.as_str()), (proof, now))
        .await
    {
        Ok(Some(audit)) => {
            cx.commit(audit).await?;
            Ok(with_cookie(Flash::Invited.on(&matter.back), app.cookie().clear_visit()))
        }
        Ok(None) => Err(fault(Refused::Stale)),
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, (matter, form), None, Errors::one("epost", rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}
