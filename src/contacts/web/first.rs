//! `/inera/{kunder,agenter}/{nr}/kontakter/bjud-in`: Kundservice invites the first administrator of an organisation that nobody
//! runs (portal.md 2.6, "Flow for organisation without administrator"); `…/inbjudningar/{inbjudan}/…`: again, and taken back.

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{brought, confirmed, fault, identified_as, invite::invitee, said};
use crate::{
    contacts::{
        actions::{Permit, Refused, permit_staff, rule_text},
        domain::{Held, Wanted},
        invitations::{self, First, InvitationRow, Invitee, last_day},
        queries,
    },
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff, session::with_cookie},
    identity::{
        Role, Side,
        confirmation::{EidProof, Subject},
        web::confirm::{
            IdentifiedAs, KeptQuery, Seen, Ways, confirm_with, fingerprint, identified, identify_first, kept,
        },
    },
    ids::{self, OrgId},
};

/// Which customer or agent.
#[derive(Debug, Deserialize)]
pub struct OrgPath {
    #[serde(default)]
    kundnr: Option<i64>,
    #[serde(default)]
    agentnr: Option<i64>,
    #[serde(default)]
    inbjudan: Uuid,
}

/// Who, and how Kundservice knows. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct FirstForm {
    #[serde(default)]
    namn: String,
    #[serde(default)]
    epost: String,
    #[serde(default)]
    titel: String,
    #[serde(default)]
    behorighet: String,
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
#[template(path = "contacts/first.html")]
struct FirstPage {
    chrome: Chrome,
    org: String,
    back: String,
    here: String,
    form: FirstForm,
    shown: String,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    org: OrgId,
    name: String,
    side: Side,
    back: String,
    here: String,
}

impl Matter {
    fn seen(&self) -> Seen {
        Seen { revision: 0, visat: fingerprint(&self.name) }
    }
}

fn may(cx: &Cx<Staff>) -> Result<Permit, AppError> {
    permit_staff(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))
}

async fn organisation(cx: &mut Cx<Staff>, path: &OrgPath) -> Result<Matter, AppError> {
    let _permit = may(cx)?;
    let found = queries::by_number(&mut cx.tx, path.kundnr, path.agentnr).await?;
    let (org, name) = found.ok_or(AppError::NotFound)?;
    let (side, back) = match (path.kundnr, path.agentnr) {
        (Some(no), _) => (Side::Customer, format!("/inera/kunder/{no}")),
        (None, no) => (Side::Agent, format!("/inera/agenter/{}", no.unwrap_or_default())),
    };
    Ok(Matter { org, name, side, here: format!("{back}/kontakter/bjud-in"), back })
}

/// The same, while nobody runs it.
async fn matter(cx: &mut Cx<Staff>, path: &OrgPath) -> Result<Matter, AppError> {
    let matter = organisation(cx, path).await?;
    if !queries::is_unled(&mut cx.tx, matter.org).await? {
        return Err(AppError::Conflict(
            "Organisationen har en administratör, eller har upphört. Ingen bjuds in av Kundservice."
                .to_owned(),
        ));
    }
    Ok(matter)
}

async fn page(
    mut cx: Cx<Staff>,
    (matter, form): (Matter, FirstForm),
    proof: Option<&EidProof>,
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = errors.status();
    let confirms = confirm_with(&mut cx).await?;
    let page = FirstPage {
        chrome: cx.chrome(&format!("{prefix}Bjud in en administratör")).focused(),
        shown: matter.seen().visat,
        org: matter.name,
        back: matter.back,
        here: matter.here,
        form,
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET /inera/{kunder,agenter}/{nr}/kontakter/bjud-in`
pub async fn new(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<OrgPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let form: FirstForm = kept(&mut cx, &matter.here, &query).await?;
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&matter.here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
    page(cx, (matter, form), proof.as_ref(), errors).await
}

/// `POST /inera/{kunder,agenter}/{nr}/kontakter/bjud-in`
pub async fn create(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<OrgPath>,
    Form(form): Form<FirstForm>,
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let mut errors = Errors::none();
    let (name, email, title) = invitee([&form.namn, &form.epost, &form.titel], &mut errors);
    let missing = "Skriv hur du har kontrollerat att en firmatecknare vill ha personen som administratör";
    let authority = said("behorighet", &form.behorighet, missing, &mut errors);
    if errors.is_empty() && !form.legitimera.is_empty() {
        let what = format!("Bjud in {} som administratör för {}", form.namn.trim(), matter.name);
        return identify_first(cx, &form, (&form.legitimera, &matter.here), what).await;
    }
    let id = ids::fresh();
    let text = format!(
        "Inbjudan till {} för {name}, {email}\nTitel: {title}\nRoller: {}\nKontrollerat: {authority}\n",
        matter.name,
        Role::Administrator.label()
    );
    let what = (Subject::invitation(id), text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let at = (matter.here.as_str(), &matter.seen());
    let proof = match confirmed(&mut cx, &headers, at, typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, (matter, form), eid.as_ref(), errors).await,
    };
    let first = Some(First { side: matter.side, authority: &authority });
    let who = Invitee { id, name: &name, email: &email, title: &title, first };
    let wanted = Wanted { held: vec![Held { role: Role::Administrator, until: None }], mandates: Vec::new() };
    let (app, now) = (cx.app.clone(), cx.app.clock().now());
    let acting = (&cx.actor, may(&cx)?, matter.org);
    match invitations::invite(&mut cx.tx, app.keys(), acting, (&who, &wanted), (proof, now)).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(with_cookie(Flash::Invited.on(&matter.back), app.cookie().clear_visit()))
        }
        Err(Refused::Rule(key)) => {
            let text = match key.as_str() {
                "email_known" => {
                    "Adressen tillhör redan en kontakt. Gör kontakten till administratör i stället"
                }
                "email_removed" => {
                    "Personen är borttagen. Återställ kontakten, och gör den till administratör"
                }
                key => rule_text(key),
            };
            let field = if key.starts_with("email_") || key == "too_many_address" { "epost" } else { "namn" };
            let cx = cx.reopen().await?;
            page(cx, (matter, form), None, Errors::one(field, text)).await
        }
        Err(why) => Err(fault(why)),
    }
}

async fn find(cx: &mut Cx<Staff>, path: &OrgPath) -> Result<(Matter, InvitationRow), AppError> {
    let matter = organisation(cx, path).await?;
    let all = invitations::open_of_staff(&mut cx.tx, matter.org).await?;
    let row =
        all.into_iter().map(|(row, _)| row).find(|row| row.id == path.inbjudan).ok_or(AppError::NotFound)?;
    Ok((matter, row))
}

/// `POST /inera/{kunder,agenter}/{nr}/inbjudningar/{inbjudan}/skicka-igen`
pub async fn resend(mut cx: Cx<Staff>, Path(path): Path<OrgPath>) -> Result<Response, AppError> {
    let (matter, row) = find(&mut cx, &path).await?;
    let (app, at) = (cx.app.clone(), cx.app.clock().now());
    let acting = (&cx.actor, may(&cx)?, matter.org);
    match invitations::resend(&mut cx.tx, app.keys(), acting, &row, at).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(Flash::InvitedAgain.on(&matter.back))
        }
        Err(Refused::Rule(key)) if key == "too_soon" => Ok(Flash::InvitedTooSoon.on(&matter.back)),
        Err(why) => Err(fault(why)),
    }
}

/// `POST /inera/{kunder,agenter}/{nr}/inbjudningar/{inbjudan}/aterkalla`
pub async fn revoke(mut cx: Cx<Staff>, Path(path): Path<OrgPath>) -> Result<Response, AppError> {
    let (matter, row) = find(&mut cx, &path).await?;
    let at = cx.app.clock().now();
    let acting = (may(&cx)?, matter.org);
    let audit = invitations::revoke(&mut cx.tx, acting, &row, at).await.map_err(fault)?;
    cx.commit(audit).await?;
    Ok(Flash::InvitationRevoked.on(&matter.back))
}

/// Somebody Kundservice has invited, on the organisation's page.
pub struct InvitedView {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// "Skickad 3 november 2026, gäller till och med 17 november 2026".
    pub when: String,
    /// How Kundservice knows that the organisation wants the person.
    pub authority: String,
    /// Where it is sent again and taken back.
    pub here: String,
}

impl InvitedView {
    /// The invitation as the page `base` shows it.
    pub(super) fn new(
        (row, authority): (InvitationRow, String),
        base: &str,
        now: time::OffsetDateTime,
    ) -> Self {
        use crate::calendar::{local, long_date};
        let sent = long_date(local(row.sent_at).date);
        let when = if row.expires_at <= now {
            format!("Skickad {sent}, har gått ut")
        } else {
            format!("Skickad {sent}, gäller till och med {}", long_date(last_day(row.expires_at)))
        };
        Self {
            name: row.name,
            email: row.email,
            when,
            authority,
            here: format!("{base}/inbjudningar/{}", row.id),
        }
    }
}
