//! `{side}/uppgifter/andra`: contact data, kept by administrators and, for them, by Kundservice (portal.md 3.5).

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{STALE, StaffPath, Whose, fault, named, own, status};
use crate::{
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Staff,
        context::For,
        form::{line, paragraph},
    },
    identity::{Email, HsaId},
    organisation::{
        actions::{self, NewContact, Refused, permit_contact, rule_text},
        data_queries::{self, Data},
    },
};

/// The data as typed.
#[derive(Debug, Default, Deserialize)]
pub struct ContactForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    epost: String,
    #[serde(default)]
    telefon: String,
    #[serde(default)]
    besoksadress: String,
    #[serde(default)]
    postadress: String,
    #[serde(default)]
    hsa: String,
}

#[derive(Template)]
#[template(path = "organisation/contact.html")]
struct ContactPage {
    chrome: Chrome,
    here: String,
    back: String,
    name: String,
    own: bool,
    is_customer: bool,
    revision: i32,
    form: ContactForm,
    errors: Errors,
}

async fn load<S: For>(cx: &mut Cx<S>, whose: &Whose) -> Result<Data, AppError> {
    permit_contact(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    data_queries::data(&mut cx.tx, whose.org).await?.ok_or(AppError::NotFound)
}

async fn page<S: For>(
    cx: Cx<S>,
    whose: Whose,
    data: Data,
    (form, errors): (ContactForm, Errors),
) -> Result<Response, AppError> {
    let status = status(&errors, "epost");
    let prefix = if errors.is_empty() { "" } else { "Fel: " };
    let back = format!("{}/uppgifter", whose.base);
    let page = ContactPage {
        chrome: cx.chrome(&format!("{prefix}Ändra kontaktuppgifter")).focused(),
        here: format!("{back}/andra"),
        back,
        name: data.name,
        own: whose.seen_from.is_none(),
        is_customer: data.customer_no.is_some(),
        revision: data.revision,
        form,
        errors,
    };
    cx.show_as(status, page).await
}

async fn new<S: For>(mut cx: Cx<S>, whose: Whose) -> Result<Response, AppError> {
    let data = load(&mut cx, &whose).await?;
    let form = ContactForm {
        revision: data.revision,
        epost: data.email.clone(),
        telefon: data.phone.clone(),
        besoksadress: data.visiting_address.clone(),
        postadress: data.postal_address.clone(),
        hsa: data.hsa_id.clone(),
    };
    page(cx, whose, data, (form, Errors::none())).await
}

/// Reads a telephone number as people write it: 5 to 15 digits with the usual signs between them.
fn phone(text: &str) -> Result<String, String> {
    const WANTED: &str = "Skriv telefonnumret med siffror, till exempel 0771-25 10 10";
    let text = line(text, 40)?;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let fits = text.chars().all(|c| c.is_ascii_digit() || " +-()".contains(c));
    if text.is_empty() || (fits && (5..=15).contains(&digits)) { Ok(text) } else { Err(WANTED.to_owned()) }
}

/// What differs from what is known.
fn parse(data: &Data, form: &ContactForm, errors: &mut Errors) -> NewContact {
    let differs = |new: Option<String>, old: &str| new.filter(|new| new != old);
    let email = errors.take("epost", Email::parse_lower(&form.epost)).map(|email| email.as_str().to_owned());
    let hsa = if form.hsa.trim().is_empty() {
        Some(String::new())
    } else {
        errors.take("hsa", HsaId::parse(&form.hsa)).map(|id| id.as_str().to_owned())
    };
    NewContact {
        email: differs(email, &data.email),
        phone: differs(errors.take("telefon", phone(&form.telefon)), &data.phone),
        visiting_address: differs(
            errors.take("besoksadress", paragraph(&form.besoksadress, 400)),
            &data.visiting_address,
        ),
        postal_address: differs(
            errors.take("postadress", paragraph(&form.postadress, 400)),
            &data.postal_address,
        ),
        hsa_id: differs(hsa, &data.hsa_id),
    }
}

async fn create<S: For>(mut cx: Cx<S>, whose: Whose, form: ContactForm) -> Result<Response, AppError> {
    let data = load(&mut cx, &whose).await?;
    let back = format!("{}/uppgifter", whose.base);
    if form.revision != data.revision {
        return page(cx, whose, data, (form, Errors::one("epost", STALE))).await;
    }
    let mut errors = Errors::none();
    let new = parse(&data, &form, &mut errors);
    if errors.is_empty() && new == NewContact::default() {
        errors.add("epost", "Inget är ändrat. Ändra något, eller gå tillbaka");
    }
    if !errors.is_empty() {
        return page(cx, whose, data, (form, errors)).await;
    }
    let permit = permit_contact(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let app = cx.app.clone();
    let at = app.clock().now();
    let flash = if new.email.is_some() { Flash::AddressAsked } else { Flash::ContactDataChanged };
    let who = (&cx.actor, permit, whose.org);
    match actions::change_contact(&mut cx.tx, app.keys(), who, (form.revision, at), new).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(flash.on(&back))
        }
        Err(Refused::Stale) => {
            let cx = cx.reopen().await?;
            page(cx, whose, data, (form, Errors::one("epost", STALE))).await
        }
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, whose, data, (form, Errors::one("epost", rule_text(&key)))).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// `GET {side}/uppgifter/andra`
pub async fn edit<S: For>(cx: Cx<S>) -> Result<Response, AppError> {
    let whose = own(&cx);
    new(cx, whose).await
}

/// `POST {side}/uppgifter/andra`
pub async fn update<S: For>(cx: Cx<S>, Form(form): Form<ContactForm>) -> Result<Response, AppError> {
    let whose = own(&cx);
    create(cx, whose, form).await
}

/// `GET /inera/{kunder,agenter}/{nr}/uppgifter/andra`
pub async fn edit_named(mut cx: Cx<Staff>, Path(path): Path<StaffPath>) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    new(cx, whose).await
}

/// `POST /inera/{kunder,agenter}/{nr}/uppgifter/andra`
pub async fn update_named(
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<ContactForm>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    create(cx, whose, form).await
}
