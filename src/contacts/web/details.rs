//! `{side}/kontakter/{id}/uppgifter`: a contact's own data, which Kundservice changes at
//! `/inera/{kunder,agenter}/{nr}/kontakter/{id}/uppgifter`. `/kontaktadress/{lank}`: whoever reads the new address says that it
//! is right.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;

use super::{MemberPath, fault, present, staff::StaffPath};
use crate::{
    app::App,
    contacts::{
        actions::{Refused, may_list, rule_text},
        details::{self, Claim, Details, MayEdit, may_edit, may_help},
        queries::{self, Contact},
    },
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Link, Path, Staff,
        context::For,
        extract::Source,
        form::{STALE_FIELD, impersonal, line, person_name, phone, take_changed, typed_over},
    },
    identity::{
        Email,
        policy::Denied,
        web::address::{self, OLD_LINK, Said},
    },
    ids::OrgId,
};

/// The data as typed.
#[derive(Debug, Default, Deserialize)]
pub struct DetailsForm {
    #[serde(default)]
    namn: String,
    #[serde(default)]
    titel: String,
    #[serde(default)]
    telefon: String,
    #[serde(default)]
    epost: String,
    /// Why, when Kundservice does it.
    #[serde(default)]
    anledning: String,
    /// The data as it was when the page was opened: what differs from it has been typed.
    #[serde(default)]
    forut: Vec<String>,
}

/// What is said when the contact was changed in the same moment.
const STALE: &str = "Någon annan har ändrat kontakten just nu. Läs igenom och spara igen";

/// The fields in the order of the form.
const FIELDS: [&str; 4] = ["namn", "titel", "telefon", "epost"];

fn known(contact: &Contact) -> [&str; 4] {
    [&contact.name, &contact.title, &contact.phone, &contact.email]
}

impl DetailsForm {
    fn of(contact: &Contact) -> Self {
        Self {
            namn: contact.name.clone(),
            titel: contact.title.clone(),
            telefon: contact.phone.clone(),
            epost: contact.email.clone(),
            anledning: String::new(),
            forut: known(contact).map(str::to_owned).to_vec(),
        }
    }
}

/// Whose data: of the acting organisation, or of one that Kundservice helps.
pub enum Whose {
    /// Among the acting person's own.
    Own(MemberPath),
    /// A customer's or an agent's.
    Named(StaffPath),
}

struct Matter {
    org: OrgId,
    contact: Contact,
    may: MayEdit,
    /// Where one came from, and the form itself.
    back: String,
    here: String,
    /// The organisation that Kundservice helps, and its page.
    helped: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "contacts/details.html")]
struct DetailsPage {
    chrome: Chrome,
    here: String,
    back: String,
    name: String,
    own: bool,
    may_list: bool,
    /// May the reader change the name?
    names: bool,
    /// The organisation that Kundservice helps, and its page.
    helped: Option<(String, String)>,
    /// An address that waits to be confirmed.
    pending: String,
    /// As it is now, for the next time the form comes back.
    before: Vec<String>,
    form: DetailsForm,
    errors: Errors,
}

async fn matter<S: For>(cx: &mut Cx<S>, whose: &Whose) -> Result<Matter, AppError> {
    let denied = |denied: Denied| AppError::Forbidden(denied.0);
    match whose {
        Whose::Own(path) => {
            let contact = present(cx, cx.actor.org(), path.id).await?;
            let may = may_edit(&cx.actor, contact.id).map_err(denied)?;
            let back = format!("{}/kontakter/{}", cx.actor.base(), contact.id);
            let here = format!("{back}/uppgifter");
            Ok(Matter { org: cx.actor.org(), contact, may, back, here, helped: None })
        }
        Whose::Named(path) => {
            let may = may_help(&cx.actor).map_err(denied)?;
            let (customer, agent) = path.numbers();
            let found = queries::by_number(&mut cx.tx, customer, agent).await?;
            let (org, name) = found.ok_or(AppError::NotFound)?;
            let contact = present(cx, org, path.id()).await?;
            if queries::is_colleague(&mut cx.tx, contact.person).await? {
                return Err(AppError::Forbidden(
                    "Personen arbetar hos Inera. En systemadministratör hjälper Ineras egna.",
                ));
            }
            let (back, acts) = path.places();
            let here = format!("{acts}/uppgifter");
            Ok(Matter { org, contact, may, helped: Some((name, back.clone())), back, here })
        }
    }
}

async fn page<S: For>(
    mut cx: Cx<S>,
    Matter { contact, may, back, here, helped, .. }: Matter,
    (form, errors): (DetailsForm, Errors),
) -> Result<Response, AppError> {
    let is_stale =
        errors.iter().any(|error| error.message.starts_with(STALE_FIELD) || error.message == STALE);
    let status = match (errors.is_empty(), is_stale) {
        (true, _) => StatusCode::OK,
        (false, true) => StatusCode::CONFLICT,
        (false, false) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let prefix = errors.title_prefix();
    let pending = details::pending(&mut cx.tx, contact.id, cx.app.clock().now()).await?;
    let page = DetailsPage {
        chrome: cx.chrome(&format!("{prefix}Ändra kontaktuppgifter")).focused(),
        here,
        back,
        helped,
        own: contact.id == cx.actor.membership(),
        may_list: may_list(&cx.actor),
        names: may.name,
        pending: pending.map(|(email, _)| email).unwrap_or_default(),
        before: known(&contact).map(str::to_owned).to_vec(),
        name: contact.name,
        form,
        errors,
    };
    cx.show_as(status, page).await
}

async fn open<S: For>(mut cx: Cx<S>, whose: Whose) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &whose).await?;
    let form = DetailsForm::of(&matter.contact);
    page(cx, matter, (form, Errors::none())).await
}

/// `GET {side}/kontakter/{id}/uppgifter`
pub async fn edit<S: For>(cx: Cx<S>, Path(path): Path<MemberPath>) -> Result<Response, AppError> {
    open(cx, Whose::Own(path)).await
}

/// `GET /inera/{kunder,agenter}/{nr}/kontakter/{id}/uppgifter`
pub async fn edit_named(cx: Cx<Staff>, Path(path): Path<StaffPath>) -> Result<Response, AppError> {
    open(cx, Whose::Named(path)).await
}

fn parse(contact: &Contact, may: &MayEdit, form: &DetailsForm, errors: &mut Errors) -> Details {
    let typed = [&*form.namn, &form.titel, &form.telefon, &form.epost];
    let [name, title, phone_, email] = typed_over(FIELDS, typed, (&form.forut, known(contact)), errors);
    Details {
        name: take_changed(name && may.name, errors, "namn", || person_name(&form.namn)),
        title: take_changed(title, errors, "titel", || impersonal(line(&form.titel, 120))),
        phone: take_changed(phone_, errors, "telefon", || phone(&form.telefon)),
        email: take_changed(email, errors, "epost", || {
            Email::parse_lower(&form.epost)
                .map(|email| email.as_str().to_owned())
                .map_err(|bad| bad.0.to_owned())
        })
        // Only written otherwise.
        .filter(|email| *email != contact.email.to_lowercase()),
    }
}

async fn save<S: For>(mut cx: Cx<S>, whose: Whose, form: DetailsForm) -> Result<Response, AppError> {
    let found = matter(&mut cx, &whose).await?;
    let mut errors = Errors::none();
    let new = parse(&found.contact, &found.may, &form, &mut errors);
    if errors.is_empty() && new == Details::default() {
        errors.add("epost", "Inget är ändrat. Ändra något, eller gå tillbaka");
    }
    let why = found
        .helped
        .is_some()
        .then(|| super::reason(&form.anledning, "Skriv hur du vet att uppgiften stämmer", &mut errors));
    if !errors.is_empty() {
        return page(cx, found, (form, errors)).await;
    }
    let app = cx.app.clone();
    let Matter { org, contact, may, back, .. } = found;
    let flash = if new.email.is_some() { Flash::AddressAsked } else { Flash::ContactDataChanged };
    let fault_field = |key: &str| match key {
        "own_name" | "name_known" => "namn",
        _ => "epost",
    };
    let (who, what) = ((&cx.actor, may, org), (&contact, app.clock().now()));
    let error = match details::change(&mut cx.tx, app.keys(), who, what, (new, why.as_deref())).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            return Ok(flash.on(&back));
        }
        Err(Refused::Stale) => Errors::one("epost", STALE),
        Err(Refused::Rule(key)) => Errors::one(fault_field(&key), rule_text(&key)),
        Err(why) => return Err(fault(why)),
    };
    let mut cx = cx.reopen().await?;
    let found = matter(&mut cx, &whose).await?;
    page(cx, found, (form, error)).await
}

/// `POST {side}/kontakter/{id}/uppgifter`
pub async fn update<S: For>(
    cx: Cx<S>,
    Path(path): Path<MemberPath>,
    Form(form): Form<DetailsForm>,
) -> Result<Response, AppError> {
    save(cx, Whose::Own(path), form).await
}

/// `POST /inera/{kunder,agenter}/{nr}/kontakter/{id}/uppgifter`
pub async fn update_named(
    cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<DetailsForm>,
) -> Result<Response, AppError> {
    save(cx, Whose::Named(path), form).await
}

async fn take_back<S: For>(mut cx: Cx<S>, whose: Whose) -> Result<Response, AppError> {
    let Matter { org, contact, may, back, .. } = matter(&mut cx, &whose).await?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, may, org);
    let audit = details::withdraw_email(&mut cx.tx, who, (&contact, at)).await.map_err(fault)?;
    cx.commit(audit).await?;
    Ok(Flash::AddressWithdrawn.on(&back))
}

/// `POST {side}/kontakter/{id}/uppgifter/dra-tillbaka`
pub async fn withdraw<S: For>(cx: Cx<S>, Path(path): Path<MemberPath>) -> Result<Response, AppError> {
    take_back(cx, Whose::Own(path)).await
}

/// `POST /inera/{kunder,agenter}/{nr}/kontakter/{id}/uppgifter/dra-tillbaka`
pub async fn withdraw_named(cx: Cx<Staff>, Path(path): Path<StaffPath>) -> Result<Response, AppError> {
    take_back(cx, Whose::Named(path)).await
}

fn link_page(app: &App, link: &str, claim: Option<Claim>, is_done: bool) -> Result<Response, AppError> {
    let said = match claim {
        Some(Claim { org, taken: true, .. }) => {
            Said::Taken(format!("En annan kontakt hos {org} har redan adressen."))
        }
        Some(Claim { org, name, email, .. }) if is_done => {
            Said::Done(format!("Mejl till {name} hos {org} går nu till {email}."))
        }
        Some(Claim { org, name, email, .. }) => Said::Asks(
            format!("{org} vill nå {name} på {email} i Kundportalen."),
            "Är du någon annan gör du ingenting. Då ändras inget.".to_owned(),
        ),
        None => Said::Gone(
            OLD_LINK,
            "Är adressen inte ändrad anger du den igen: logga in och välj Mina roller och ersättare.",
        ),
    };
    address::page(app, format!("/kontaktadress/{link}"), said)
}

/// `GET /kontaktadress/{lank}`
pub async fn show_link(State(app): State<App>, Link(link): Link) -> Result<Response, AppError> {
    let claim = details::claimed(app.db(), &link, app.clock().now()).await?;
    link_page(&app, link.expose(), claim, false)
}

/// `POST /kontaktadress/{lank}`
pub async fn confirm_link(
    State(app): State<App>,
    Source(from): Source,
    Link(link): Link,
) -> Result<Response, AppError> {
    address::limit(&app, &from).await?;
    let at = app.clock().now();
    let claim = details::claimed(app.db(), &link, at).await?;
    let is_taken = claim.as_ref().is_some_and(|claim| claim.taken);
    let done = !is_taken && claim.is_some() && details::confirm_email(app.db(), &link, at).await?;
    link_page(&app, link.expose(), claim.filter(|_| done || is_taken), done)
}
