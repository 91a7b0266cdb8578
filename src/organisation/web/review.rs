//! `{side}/kontakter/genomgang`: the yearly review of who may do what, signed off on a fresh
//! confirmation that keeps the list as it was read.

use std::fmt::Write as _;

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};

use super::{STALE, fault, status};
use crate::{
    calendar::{local, long_date},
    contacts::queries::{self, Contact},
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Query, context::For, session::with_cookie},
    identity::{
        confirmation::{EidProof, Subject},
        web::confirm::{
            IdentifiedAs, KeptQuery, Seen, Ways, brought, confirm_with, confirmed, fingerprint, identified,
            identified_as, identify_first,
        },
    },
    organisation::{
        actions::{self, Decided, Refused, permit_review},
        data_queries,
    },
};

/// The sign-off. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct ReviewForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    visat: String,
    #[serde(default, skip_serializing)]
    losenord: String,
    #[serde(default, skip_serializing)]
    legitimera: String,
}

/// Somebody who may do something.
struct Row {
    name: String,
    email: String,
    title: String,
    roles: String,
    blocked: bool,
    unused: bool,
    /// Where the roles are changed.
    href: String,
}

#[derive(Template)]
#[template(path = "organisation/review.html")]
struct ReviewPage {
    chrome: Chrome,
    here: String,
    back: String,
    rows: Vec<Row>,
    last: String,
    revision: i32,
    shown: String,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    here: String,
    back: String,
    revision: i32,
    last: String,
    rows: Vec<Row>,
    text: String,
}

impl Matter {
    fn seen(&self) -> Seen {
        Seen { revision: self.revision, visat: fingerprint(&self.text) }
    }
}

/// "Administratör sedan 1 mars 2024, Attestant sedan 2 maj 2025 till och med 31 januari 2027".
fn roles(contact: &Contact) -> String {
    let role = |grant: &queries::Grant| {
        let since = grant.since.map(|day| format!(" sedan {}", long_date(day))).unwrap_or_default();
        let until =
            grant.held.until.map(|day| format!(" till och med {}", long_date(day))).unwrap_or_default();
        format!("{}{since}{until}", grant.held.role.label())
    };
    contact.grants.iter().map(role).collect::<Vec<_>>().join(", ")
}

async fn matter<S: For>(cx: &mut Cx<S>) -> Result<Matter, AppError> {
    permit_review(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let org = cx.actor.org();
    let now = cx.app.clock().now();
    let (revision, last) = data_queries::last_review(&mut cx.tx, org).await?;
    let frail = data_queries::frail(&mut cx.tx, org, now).await?;
    let people = queries::contacts(&mut cx.tx, org, None, cx.app.clock().today()).await?;
    let base = cx.actor.base();
    let mut text = format!("Genomgång av behörigheter hos {}\n", cx.actor.org_name());
    let mut rows = Vec::new();
    for contact in people.into_iter().filter(|contact| contact.ended_at.is_none()) {
        let held = roles(&contact);
        let _ = writeln!(
            text,
            "{}, {}: {}",
            contact.name,
            contact.email,
            if held.is_empty() { "ingen roll" } else { &held }
        );
        rows.push(Row {
            blocked: contact.blocked,
            unused: frail.iter().any(|row| row.kind == "unused" && row.member == contact.id),
            href: format!("{base}/kontakter/{}", contact.id),
            name: contact.name,
            email: contact.email,
            title: contact.title,
            roles: held,
        });
    }
    Ok(Matter {
        here: format!("{base}/kontakter/genomgang"),
        back: format!("{base}/kontakter"),
        revision,
        last: last
            .map(|(at, by)| format!("Senast genomgångna {} av {by}.", long_date(local(at).date)))
            .unwrap_or_default(),
        rows,
        text,
    })
}

async fn page<S: For>(
    mut cx: Cx<S>,
    matter: Matter,
    proof: Option<&EidProof>,
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let seen = matter.seen();
    let status = status(&errors, "losenord");
    let confirms = confirm_with(&mut cx).await?;
    let page = ReviewPage {
        chrome: cx.chrome(&format!("{prefix}Gå igenom behörigheterna")).focused(),
        here: matter.here,
        back: matter.back,
        rows: matter.rows,
        last: matter.last,
        revision: seen.revision,
        shown: seen.visat,
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET {side}/kontakter/genomgang`
pub async fn new<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx).await?;
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&matter.here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
    page(cx, matter, proof.as_ref(), errors).await
}

/// `POST {side}/kontakter/genomgang`
pub async fn create<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    Form(form): Form<ReviewForm>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx).await?;
    let seen = matter.seen();
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return page(cx, matter, None, Errors::one("losenord", STALE)).await;
    }
    if !form.legitimera.is_empty() {
        let here = matter.here;
        let what = "Gå igenom behörigheterna".to_owned();
        return identify_first(cx, &form, (&form.legitimera, &here), what).await;
    }
    let mut errors = Errors::none();
    let org = cx.actor.org();
    let what = (Subject::organisation(org, seen.revision, "access_reviewed"), matter.text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let proof = match confirmed(&mut cx, &headers, (&matter.here, &seen), typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, matter, eid.as_ref(), errors).await,
    };
    let permit = permit_review(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, org);
    let decided = Decided { kind: "access_reviewed", wanted: serde_json::Map::new(), proof };
    match actions::decide(&mut cx.tx, who, (seen.revision, at), decided).await {
        Ok(audit) => {
            let cookie = cx.app.cookie().clear_visit();
            cx.commit(audit).await?;
            Ok(with_cookie(Flash::AccessReviewed.on(&matter.back), cookie))
        }
        Err(Refused::Stale) => {
            let cx = cx.reopen().await?;
            page(cx, matter, None, Errors::one("losenord", STALE)).await
        }
        Err(why) => Err(fault(why)),
    }
}
