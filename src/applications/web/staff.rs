//! `/inera/ansokningar`: applications that wait, and one of them.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::{LogRow, Part, Tag, fault, log, parts};
use crate::{
    applications::{
        actions,
        domain::State,
        queries::{self, Found},
    },
    calendar::{iso_date, local, long_date},
    contacts::invitations::last_day,
    http::{AppError, Chrome, Cx, Flash, Form, Path, Query, Staff},
    identity::Role,
    organisation::data_queries,
    text::and_list,
};

/// Who decides, who helps and who audits read them; the database has the same (`reads_applications()`).
fn may_read(cx: &Cx<Staff>) -> Result<(), AppError> {
    if cx.actor.roles().has_any(&[Role::AgreementsOfficer, Role::Support, Role::Auditor]) {
        Ok(())
    } else {
        Err(AppError::Forbidden("Bara avtalshandläggare, Kundservice och granskare läser kundansökningar."))
    }
}

/// Said where what an application held is forgotten.
const ERASED: &str = "Uppgifterna är borttagna";

fn name_or_erased(name: &str) -> String {
    if name.is_empty() { ERASED.to_owned() } else { name.to_owned() }
}

/// Which list.
#[derive(Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    vy: String,
}

struct Row {
    href: String,
    number: String,
    name: String,
    org_nr: String,
    tag: Tag,
    since: String,
    taken_by: String,
}

#[derive(Template)]
#[template(path = "applications/list.html")]
struct ListPage {
    chrome: Chrome,
    all: bool,
    rows: Vec<Row>,
}

/// `GET /inera/ansokningar`
pub async fn index(mut cx: Cx<Staff>, Query(query): Query<ListQuery>) -> Result<Response, AppError> {
    may_read(&cx)?;
    let all = query.vy == "alla";
    let rows = queries::list(&mut cx.tx, all).await?;
    let page = ListPage {
        chrome: cx.chrome("Kundansökningar"),
        all,
        rows: rows
            .into_iter()
            .map(|row| Row {
                href: format!("/inera/ansokningar/{}", row.number),
                number: row.number,
                name: name_or_erased(&row.name),
                org_nr: row.org_nr,
                tag: row.state.tag().into(),
                since: iso_date(local(row.state_since).date),
                taken_by: row.taken_by,
            })
            .collect(),
    };
    cx.show(page).await
}

/// Which application.
#[derive(Debug, Deserialize)]
pub struct ApplicationPath {
    ansokan: String,
}

/// The application an address names.
pub(super) async fn load(cx: &mut Cx<Staff>, path: &ApplicationPath) -> Result<Found, AppError> {
    may_read(cx)?;
    queries::by_number(&mut cx.tx, &path.ansokan).await?.ok_or(AppError::NotFound)
}

/// Where it has its page.
pub(super) fn here(found: &Found) -> String {
    format!("/inera/ansokningar/{}", found.application.number.as_deref().unwrap_or_default())
}

/// What was written, for the officers.
pub(super) async fn written(cx: &mut Cx<Staff>, found: &Found) -> Result<Vec<Part>, AppError> {
    let application = &found.application;
    let app = cx.app.clone();
    let numbers =
        actions::numbers(app.keys(), application).map_err(|error| AppError::Internal(error.to_string()))?;
    let categories = data_queries::categories(&mut cx.tx, app.clock().today()).await?;
    let wanted = &application.content.category;
    let category = categories.iter().find(|(code, _)| code == wanted).map_or("", |(_, name)| name);
    let whose = (application.org_nr.as_str(), application.sole_trader);
    Ok(parts(whose, &application.content, (&numbers, category)))
}

/// One of the first people.
struct Person {
    id: String,
    name: String,
    email: String,
    when: String,
    open: bool,
}

#[derive(Template)]
#[template(path = "applications/show.html")]
struct ShowPage {
    chrome: Chrome,
    here: String,
    number: String,
    name: String,
    tag: Tag,
    applicant: String,
    /// Where the newest round of signing stands.
    signing: Option<Tag>,
    /// What the organisation is in the register already.
    known: Option<String>,
    taken_by: String,
    agreement: Option<String>,
    customer_no: Option<i64>,
    may_take: bool,
    may_decide: bool,
    may_reject: bool,
    may_invite: bool,
    is_waiting: bool,
    revision: i32,
    people: Vec<Person>,
    parts: Vec<Part>,
    log: Vec<LogRow>,
}

/// `GET /inera/ansokningar/{ansokan}`
pub async fn show(mut cx: Cx<Staff>, Path(path): Path<ApplicationPath>) -> Result<Response, AppError> {
    let found = load(&mut cx, &path).await?;
    let parts = written(&mut cx, &found).await?;
    let events = queries::events(&mut cx.tx, found.application.id).await?;
    let people = queries::invited(&mut cx.tx, found.application.id).await?;
    let known = queries::known_as(&mut cx.tx, found.application.id).await?;
    let name = name_or_erased(&found.application.content.name);
    let officer = cx.actor.permit_agreements().is_ok();
    let state = found.application.state;
    let now = cx.app.clock().now();
    let page = ShowPage {
        chrome: cx.chrome(&format!(
            "{name}, kundansökan {}",
            found.application.number.as_deref().unwrap_or_default()
        )),
        here: here(&found),
        number: found.application.number.clone().unwrap_or_default(),
        name,
        tag: state.tag().into(),
        applicant: if found.erased { String::new() } else { super::who(&found.application.applicant) },
        signing: found.application.signing.map(|signing| signing.tag().into()),
        may_take: officer && state == State::Submitted,
        may_decide: officer && state == State::UnderReview,
        may_reject: officer && matches!(state, State::CompletionAsked | State::Approved),
        known: known.map(|known| known_words(&known)),
        may_invite: !found.has_administrator && may_invite(&cx).is_ok(),
        is_waiting: matches!(state, State::Submitted | State::UnderReview) && !officer,
        revision: found.application.revision,
        people: people
            .into_iter()
            .map(|row| Person {
                id: row.id.to_string(),
                when: if row.accepted {
                    "Har tackat ja".to_owned()
                } else if row.expires_at <= now {
                    format!("Inbjudan gick ut {}", long_date(last_day(row.expires_at)))
                } else {
                    format!(
                        "Inbjuden {}, kan svara till och med {}",
                        long_date(local(row.sent_at).date),
                        long_date(last_day(row.expires_at))
                    )
                },
                open: !row.accepted,
                name: row.name,
                email: row.email,
            })
            .collect(),
        parts,
        log: log(events),
        taken_by: found.taken_by,
        agreement: found.agreement,
        customer_no: found.customer_no,
    };
    cx.show(page).await
}

/// What the page was made from.
#[derive(Debug, Default, Deserialize)]
pub struct SeenForm {
    #[serde(default)]
    revision: i32,
}

/// `POST /inera/ansokningar/{ansokan}/ta`
pub async fn take(
    mut cx: Cx<Staff>,
    Path(path): Path<ApplicationPath>,
    Form(form): Form<SeenForm>,
) -> Result<Response, AppError> {
    let _permit = cx.actor.permit_agreements().map_err(|denied| AppError::Forbidden(denied.0))?;
    let found = load(&mut cx, &path).await?;
    if found.application.state != State::Submitted || found.application.revision != form.revision {
        return Err(fault(actions::Refused::Stale));
    }
    let at = cx.app.clock().now();
    let audit = actions::take(&mut cx.tx, &cx.actor, &found, at).await.map_err(fault)?;
    cx.commit(audit).await?;
    Ok(Flash::ApplicationTaken.on(&here(&found)))
}

/// What must be seen before an organisation that is in the register is made a customer.
pub(super) fn known_words(known: &queries::Known) -> String {
    let numbers =
        [known.customer_no.map(|no| format!("kund {no}")), known.agent_no.map(|no| format!("agent {no}"))];
    let numbers: Vec<String> = numbers.into_iter().flatten().collect();
    let runs = if known.administrators.is_empty() {
        "Ingen är administratör".to_owned()
    } else {
        format!(
            "Administratörer: {}. De bjuder själva in andra, så ingen ny administratör bjuds in",
            known.administrators
        )
    };
    let keeps =
        if known.has_category { ". Kategori och villkor ändras på organisationens egen sida" } else { "" };
    format!("{}, {}. {runs}{keeps}.", known.name, and_list(&numbers))
}

pub(super) fn may_invite(cx: &Cx<Staff>) -> Result<(), AppError> {
    if cx.actor.roles().has_any(&[Role::Support, Role::AgreementsOfficer]) {
        Ok(())
    } else {
        Err(AppError::Forbidden(
            "Bara Kundservice och avtalshandläggare bjuder in en ny kunds första personer.",
        ))
    }
}

/// Whom to invite again.
#[derive(Debug, Default, Deserialize)]
pub struct AgainForm {
    #[serde(default)]
    inbjudan: String,
}

/// `POST /inera/ansokningar/{ansokan}/bjud-in-igen`
pub async fn invite_again(
    mut cx: Cx<Staff>,
    Path(path): Path<ApplicationPath>,
    Form(form): Form<AgainForm>,
) -> Result<Response, AppError> {
    may_invite(&cx)?;
    let found = load(&mut cx, &path).await?;
    let wanted: Uuid = form.inbjudan.parse().map_err(|_| AppError::NotFound)?;
    let people = queries::invited(&mut cx.tx, found.application.id).await?;
    let row = people.into_iter().find(|row| row.id == wanted).ok_or(AppError::NotFound)?;
    let (app, at) = (cx.app.clone(), cx.app.clock().now());
    let which = (&found, row.id, row.round);
    match actions::invite_again(&mut cx.tx, app.keys(), which, at).await {
        Ok(Some(audit)) => {
            cx.commit(audit).await?;
            Ok(Flash::InvitedAgain.on(&here(&found)))
        }
        Ok(None) => Err(fault(actions::Refused::Stale)),
        Err(actions::Refused::Rule(key)) if key == "too_soon" => Ok(Flash::InvitedTooSoon.on(&here(&found))),
        Err(why) => Err(fault(why)),
    }
}
