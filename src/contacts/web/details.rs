//! `{side}/kontakter/{id}/uppgifter`: a contact's own data. `/kontaktadress/{lank}`: whoever reads the new address says that it
//! is right.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;

use super::{MemberPath, fault, load_present};
use crate::{
    app::App,
    contacts::{
        actions::{Refused, may_list, rule_text},
        details::{self, Claim, Details, MayEdit, may_edit},
        queries::Contact,
    },
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Link, Path,
        context::For,
        extract::Source,
        form::{STALE_FIELD, impersonal, line, person_name, phone, take_changed, typed_over},
    },
    identity::{
        Email,
        web::address::{self, OLD_LINK, Said},
    },
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
            forut: known(contact).map(str::to_owned).to_vec(),
        }
    }
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
    /// An address that waits to be confirmed.
    pending: String,
    /// As it is now, for the next time the form comes back.
    before: Vec<String>,
    form: DetailsForm,
    errors: Errors,
}

async fn matter<S: For>(cx: &mut Cx<S>, path: &MemberPath) -> Result<(Contact, MayEdit), AppError> {
    let contact = load_present(cx, path).await?;
    let may = may_edit(&cx.actor, contact.id).map_err(|denied| AppError::Forbidden(denied.0))?;
    Ok((contact, may))
}

async fn page<S: For>(
    mut cx: Cx<S>,
    (contact, may): (Contact, MayEdit),
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
    let back = format!("{}/kontakter/{}", cx.actor.base(), contact.id);
    let pending = details::pending(&mut cx.tx, contact.id, cx.app.clock().now()).await?;
    let page = DetailsPage {
        chrome: cx.chrome(&format!("{prefix}Ändra kontaktuppgifter")).focused(),
        here: format!("{back}/uppgifter"),
        back,
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

/// `GET {side}/kontakter/{id}/uppgifter`
pub async fn edit<S: For>(mut cx: Cx<S>, Path(path): Path<MemberPath>) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let form = DetailsForm::of(&matter.0);
    page(cx, matter, (form, Errors::none())).await
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

/// `POST {side}/kontakter/{id}/uppgifter`
pub async fn update<S: For>(
    mut cx: Cx<S>,
    Path(path): Path<MemberPath>,
    Form(form): Form<DetailsForm>,
) -> Result<Response, AppError> {
    let (contact, may) = matter(&mut cx, &path).await?;
    let mut errors = Errors::none();
    let new = parse(&contact, &may, &form, &mut errors);
    if errors.is_empty() && new == Details::default() {
        errors.add("epost", "Inget är ändrat. Ändra något, eller gå tillbaka");
    }
    if !errors.is_empty() {
        return page(cx, (contact, may), (form, errors)).await;
    }
    let app = cx.app.clone();
    let back = format!("{}/kontakter/{}", cx.actor.base(), contact.id);
    let flash = if new.email.is_some() { Flash::AddressAsked } else { Flash::ContactDataChanged };
    let who = (&cx.actor, may, cx.actor.org());
    let fault_field = |key: &str| match key {
        "own_name" | "name_known" => "namn",
        _ => "epost",
    };
    match details::change(&mut cx.tx, app.keys(), who, (&contact, app.clock().now()), new).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(flash.on(&back))
        }
        Err(Refused::Stale) => {
            let mut cx = cx.reopen().await?;
            let matter = matter(&mut cx, &path).await?;
            page(cx, matter, (form, Errors::one("epost", STALE))).await
        }
        Err(Refused::Rule(key)) => {
            let mut cx = cx.reopen().await?;
            let matter = matter(&mut cx, &path).await?;
            page(cx, matter, (form, Errors::one(fault_field(&key), rule_text(&key)))).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// `POST {side}/kontakter/{id}/uppgifter/dra-tillbaka`
pub async fn withdraw<S: For>(mut cx: Cx<S>, Path(path): Path<MemberPath>) -> Result<Response, AppError> {
    let (contact, may) = matter(&mut cx, &path).await?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, may, cx.actor.org());
    let audit = details::withdraw_email(&mut cx.tx, who, (&contact, at)).await.map_err(fault)?;
    let back = format!("{}/kontakter/{}", cx.actor.base(), contact.id);
    cx.commit(audit).await?;
    Ok(Flash::AddressWithdrawn.on(&back))
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
