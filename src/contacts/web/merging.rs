//! `/inera/{kunder,agenter}/{nr}/kontakter/{id}/sla-ihop`: Kundservice asks for two accounts to become one.
//! `/sammanslagning/{lank}`: whoever has the one that goes says yes.

use askama::Template;
use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};

use super::{brought, changed, confirmed, fault, identified_as, staff::StaffPath};
use crate::{
    calendar::long_time,
    contacts::{
        actions::{Refused, permit_staff, rule_text},
        merging::{self, Candidate, Merged, Question},
        queries::{self, Contact},
    },
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Link, Path, Person, Query, Staff, session::with_cookie,
    },
    identity::{
        Email,
        confirmation::{EidProof, Subject},
        token::Token,
        web::{
            confirm::{
                IdentifiedAs, KeptQuery, Seen, Ways, confirm_with, fingerprint, identified, identify_first,
                kept,
            },
            login::forgets,
            password::{has_password, with_password},
        },
    },
    ids::{MembershipId, OrgId},
    text::and_list,
};

/// Which account, and why. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct MergeForm {
    #[serde(default)]
    epost: String,
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
#[template(path = "contacts/merge.html")]
struct MergePage {
    chrome: Chrome,
    customer: String,
    back: String,
    here: String,
    name: String,
    email: String,
    form: MergeForm,
    /// The other account, when it has been found: name, sign-in address and places.
    other: Option<(String, String, String)>,
    revision: i32,
    shown: String,
    /// A question that waits for an answer.
    waits: String,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    org: OrgId,
    customer: String,
    contact: Contact,
    back: String,
    here: String,
}

/// What the page says when the other account has been found.
fn text_of(matter: &Matter, other: &Candidate, reason: &str) -> String {
    format!(
        "Slå ihop konton: {} hos {} behålls\nKontot som försvinner: {}, {}\nPlatser som flyttas: {}\nAnledning: {reason}\n",
        matter.contact.name,
        matter.customer,
        other.name,
        other.email,
        other.orgs.join(", ")
    )
}

async fn matter(cx: &mut Cx<Staff>, path: &StaffPath) -> Result<Matter, AppError> {
    permit_staff(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let today = cx.app.clock().today();
    let (org, customer) = path.organisation(cx).await?;
    let found = queries::contacts(&mut cx.tx, org, Some(MembershipId(path.id())), today).await?;
    let contact = found.into_iter().next().ok_or(AppError::NotFound)?;
    if contact.ended_at.is_some() {
        return Err(AppError::Conflict("Kontakten är borttagen.".to_owned()));
    }
    let (back, here) = path.places();
    Ok(Matter { org, customer, contact, back, here: format!("{here}/sla-ihop") })
}

/// The other account by its address.
async fn other(
    cx: &mut Cx<Staff>,
    matter: &Matter,
    form: &MergeForm,
    errors: &mut Errors,
) -> Result<Option<(Candidate, String)>, AppError> {
    let missing = "Skriv varför, och hur du vet att det är samma person";
    let reason = super::reason(&form.anledning, missing, errors);
    let email = errors.take("epost", Email::parse_lower(&form.epost).map_err(|bad| bad.0));
    let Some(email) = email else { return Ok(None) };
    let found = merging::candidates(&mut cx.tx, email.as_str(), matter.contact.person).await?;
    match found.as_slice() {
        [one] if errors.is_empty() => return Ok(Some((one.clone(), reason))),
        [_] => {}
        [] => errors.add("epost", "Inget annat konto som du kan slå ihop har adressen. Fråga personen vilken adress det andra kontot loggar in med"),
        _ => errors.add("epost", "Flera konton har adressen. Skriv den som kontot loggar in med"),
    }
    Ok(None)
}

async fn page(
    mut cx: Cx<Staff>,
    matter: Matter,
    (form, other): (MergeForm, Option<(Candidate, String)>),
    proof: Option<&EidProof>,
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = errors.status();
    let shown = other
        .as_ref()
        .map(|(other, reason)| fingerprint(&text_of(&matter, other, reason)))
        .unwrap_or_default();
    let now = cx.app.clock().now();
    let waits = merging::waits(&mut cx.tx, matter.contact.person, now).await?;
    let confirms = confirm_with(&mut cx).await?;
    let page = MergePage {
        waits: waits
            .map(|row| {
                format!(
                    "{}, {}, har fått frågan av {} och kan svara till {}.",
                    row.name,
                    row.email,
                    row.by,
                    long_time(row.until)
                )
            })
            .unwrap_or_default(),
        chrome: cx.chrome(&format!("{prefix}Slå ihop konton")).focused(),
        other: other.map(|(other, _)| {
            let orgs = if other.orgs.is_empty() { "Inga".to_owned() } else { and_list(&other.orgs) };
            let email = if other.email.is_empty() { "Bara e-legitimation".to_owned() } else { other.email };
            (other.name, email, orgs)
        }),
        customer: matter.customer,
        back: matter.back,
        here: matter.here,
        revision: matter.contact.revision,
        name: matter.contact.name,
        email: matter.contact.email,
        form,
        shown,
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET /inera/{kunder,agenter}/{nr}/kontakter/{id}/sla-ihop`
pub async fn new(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let form: MergeForm = kept(&mut cx, &matter.here, &query).await?;
    let mut errors = Errors::none();
    let found = if query.is_return() { other(&mut cx, &matter, &form, &mut errors).await? } else { None };
    let mut proof = None;
    if let Some((found, reason)) = &found {
        let seen =
            Seen { revision: matter.contact.revision, visat: fingerprint(&text_of(&matter, found, reason)) };
        let made = identified(&mut cx, &headers, (&matter.here, &seen)).await?;
        proof = brought(made, true, &mut errors);
    }
    page(cx, matter, (form, found), proof.as_ref(), errors).await
}

/// `POST /inera/{kunder,agenter}/{nr}/kontakter/{id}/sla-ihop`: first finds the other account, then, confirmed, asks it.
pub async fn create(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<MergeForm>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let mut errors = Errors::none();
    let Some((found, reason)) = other(&mut cx, &matter, &form, &mut errors).await? else {
        return page(cx, matter, (form, None), None, errors).await;
    };
    let text = text_of(&matter, &found, &reason);
    let seen = Seen { revision: matter.contact.revision, visat: fingerprint(&text) };
    if form.visat.is_empty() {
        return page(cx, matter, (form, Some((found, reason))), None, errors).await;
    }
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return changed(cx, matter.here).await;
    }
    if !form.legitimera.is_empty() {
        let what = format!("Slå ihop konton för {}", matter.contact.name);
        return identify_first(cx, &form, (&form.legitimera, &matter.here), what).await;
    }
    let what = (Subject::member(matter.contact.id, matter.contact.revision), text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let at = (matter.here.as_str(), &seen);
    let proof = match confirmed(&mut cx, &headers, at, typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, matter, (form, Some((found, reason))), eid.as_ref(), errors).await,
    };
    let app = cx.app.clone();
    let whose = (&matter.contact, matter.org);
    match merging::ask(&mut cx.tx, app.keys(), whose, (&found, &reason), (proof, app.clock().now())).await {
        Ok(audit) => {
            let cookie = app.cookie().clear_visit();
            cx.commit(audit).await?;
            Ok(with_cookie(Flash::MergeAsked.on(&matter.back), cookie))
        }
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, matter, (form, None), None, Errors::one("epost", rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// The account's password, which never comes back.
#[derive(Debug, Default, Deserialize)]
pub struct YesForm {
    #[serde(default)]
    svar: String,
    #[serde(default)]
    losenord: String,
}

#[derive(Template)]
#[template(path = "contacts/merge_link.html")]
struct LinkPage {
    chrome: Chrome,
    here: String,
    question: Option<Question>,
    password: bool,
    errors: Errors,
}

async fn link_page(
    mut cx: Cx<Person>,
    (link, question): (&str, Option<Question>),
    errors: Errors,
) -> Result<Response, AppError> {
    let password = has_password(&mut cx).await?;
    let prefix = errors.title_prefix();
    let (status, title) = match &question {
        Some(_) if !errors.is_empty() => (StatusCode::UNPROCESSABLE_ENTITY, "Slå ihop dina konton"),
        Some(_) => (StatusCode::OK, "Slå ihop dina konton"),
        None => (StatusCode::GONE, "Länken går inte att använda"),
    };
    let chrome = cx.chrome(&format!("{prefix}{title}"));
    let here = format!("/sammanslagning/{link}");
    cx.show_as(status, LinkPage { chrome, here, question, password, errors }).await
}

async fn asked(cx: &mut Cx<Person>, link: &Token) -> Result<Option<Question>, AppError> {
    let at = cx.app.clock().now();
    Ok(merging::question(&mut cx.tx, (link, &cx.token), at).await?)
}

/// `GET /sammanslagning/{lank}`
pub async fn show_link(mut cx: Cx<Person>, Link(link): Link) -> Result<Response, AppError> {
    let question = asked(&mut cx, &link).await?;
    link_page(cx, (link.expose(), question), Errors::none()).await
}

/// `POST /sammanslagning/{lank}`
pub async fn confirm_link(
    mut cx: Cx<Person>,
    Link(link): Link,
    Form(form): Form<YesForm>,
) -> Result<Response, AppError> {
    let question = asked(&mut cx, &link).await?;
    if !question.as_ref().is_some_and(|question| question.own) {
        return link_page(cx, (link.expose(), question), Errors::none()).await;
    }
    if form.svar == "nej" {
        let (app, session) = (cx.app.clone(), cx.token.clone());
        cx.tx.end().await?;
        merging::decline(app.db(), (&link, &session), app.clock().now()).await?;
        return Ok(Flash::MergeDeclined.on("/konto"));
    }
    let mut errors = Errors::none();
    // Without one, the database asks for a session that has just begun.
    if has_password(&mut cx).await? {
        with_password(&mut cx, (&form.losenord, "Skriv lösenordet till kontot som försvinner"), &mut errors)
            .await?;
    }
    if !errors.is_empty() {
        return link_page(cx, (link.expose(), question), errors).await;
    }
    let (app, session) = (cx.app.clone(), cx.token.clone());
    cx.tx.end().await?;
    let why = match merging::apply(app.db(), (&link, &session), app.clock().now()).await? {
        Merged::Done => {
            let response = with_cookie(Flash::Merged.on("/logga-in"), app.cookie().clear());
            return Ok(forgets(with_cookie(response, app.cookie().clear_visit())));
        }
        Merged::Old | Merged::Other => "Länken går inte att använda längre.",
        Merged::Both => {
            "Båda kontona har en plats i samma organisation. Lämna den ena först, och be Kundservice om en ny länk."
        }
        Merged::Recent => "En inloggningsadress är nyss bytt. Kontona kan slås ihop en vecka efter bytet.",
        Merged::SignInAnew => "Logga in igen. Öppna sedan länken inom tio minuter.",
    };
    Err(AppError::Conflict(why.to_owned()))
}
