//! `{side}/uppgifter/andra`: contact data, kept by administrators and, for them, by Kundservice (portal.md 3.5).

use askama::Template;
use axum::{http::StatusCode, response::Response};
use serde::Deserialize;

use super::{STALE, StaffPath, Whose, fault, named, own, status};
use crate::{
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Staff,
        context::For,
        form::{STALE_FIELD, impersonal, paragraph, phone, take_changed, typed_over},
    },
    identity::{Email, HsaId},
    organisation::{
        actions::{self, NewContact, Refused, permit_contact, rule_field, rule_text},
        data_queries::{self, Data},
    },
};

/// The data as typed.
#[derive(Debug, Default, Deserialize)]
pub struct ContactForm {
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
    /// The data as it was when the page was opened: what differs from it has been typed.
    #[serde(default)]
    forut: Vec<String>,
}

impl ContactForm {
    fn of(data: &Data) -> Self {
        Self {
            epost: data.email.clone(),
            telefon: data.phone.clone(),
            besoksadress: data.visiting_address.clone(),
            postadress: data.postal_address.clone(),
            hsa: data.hsa_id.clone(),
            forut: known(data).map(str::to_owned).to_vec(),
        }
    }
}

/// The fields in the order of the form.
const FIELDS: [&str; 5] = ["epost", "telefon", "besoksadress", "postadress", "hsa"];

fn known(data: &Data) -> [&str; 5] {
    [&data.email, &data.phone, &data.visiting_address, &data.postal_address, &data.hsa_id]
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
    /// As it is now, for the next time the form comes back.
    before: Vec<String>,
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
    let is_stale = errors.iter().any(|error| error.message.starts_with(STALE_FIELD));
    let status = if is_stale { StatusCode::CONFLICT } else { status(&errors, "epost") };
    let prefix = errors.title_prefix();
    let back = format!("{}/uppgifter", whose.base);
    let page = ContactPage {
        chrome: cx.chrome(&format!("{prefix}Ändra kontaktuppgifter")).focused(),
        here: format!("{back}/andra"),
        back,
        name: data.name.clone(),
        own: whose.seen_from.is_none(),
        is_customer: data.customer_no.is_some(),
        before: known(&data).map(str::to_owned).to_vec(),
        form,
        errors,
    };
    cx.show_as(status, page).await
}

async fn new<S: For>(mut cx: Cx<S>, whose: Whose) -> Result<Response, AppError> {
    let data = load(&mut cx, &whose).await?;
    let form = ContactForm::of(&data);
    page(cx, whose, data, (form, Errors::none())).await
}

/// What has been typed.
fn parse(data: &Data, form: &ContactForm, errors: &mut Errors) -> NewContact {
    let typed = [&*form.epost, &form.telefon, &form.besoksadress, &form.postadress, &form.hsa];
    let [email, phone_, visiting, postal, hsa] =
        typed_over(FIELDS, typed, (&form.forut, known(data)), errors);
    let address = |text: &str| impersonal(paragraph(text, 400));
    NewContact {
        email: take_changed(email, errors, "epost", || {
            Email::parse_lower(&form.epost)
                .map(|email| email.as_str().to_owned())
                .map_err(|bad| bad.0.to_owned())
        }),
        phone: take_changed(phone_, errors, "telefon", || phone(&form.telefon)),
        visiting_address: take_changed(visiting, errors, "besoksadress", || address(&form.besoksadress)),
        postal_address: take_changed(postal, errors, "postadress", || address(&form.postadress)),
        hsa_id: take_changed(hsa, errors, "hsa", || {
            if form.hsa.trim().is_empty() {
                return Ok(String::new());
            }
            let id = HsaId::parse(&form.hsa).map_err(|bad| bad.0.to_owned())?;
            // The number in it is an organisation's, never a person's.
            impersonal(Ok(id.as_str().get(2..12).unwrap_or_default().to_owned()))?;
            Ok(id.as_str().to_owned())
        }),
    }
}

async fn create<S: For>(mut cx: Cx<S>, whose: Whose, form: ContactForm) -> Result<Response, AppError> {
    let data = load(&mut cx, &whose).await?;
    let back = format!("{}/uppgifter", whose.base);
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
    match actions::change_contact(&mut cx.tx, app.keys(), who, (data.revision, at), new).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(flash.on(&back))
        }
        Err(Refused::Stale) => {
            let mut cx = cx.reopen().await?;
            let data = load(&mut cx, &whose).await?;
            page(cx, whose, data, (form, Errors::one("epost", STALE))).await
        }
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            let error = Errors::one(rule_field(&key, "epost"), rule_text(&key));
            page(cx, whose, data, (form, error)).await
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

async fn withdraw<S: For>(mut cx: Cx<S>, whose: Whose) -> Result<Response, AppError> {
    let permit = permit_contact(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let data = load(&mut cx, &whose).await?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, whose.org);
    let audit = actions::withdraw_email(&mut cx.tx, who, (data.revision, at)).await.map_err(fault)?;
    cx.commit(audit).await?;
    Ok(Flash::AddressWithdrawn.on(&format!("{}/uppgifter", whose.base)))
}

/// `POST {side}/uppgifter/ny-adress/dra-tillbaka`
pub async fn withdraw_own<S: For>(cx: Cx<S>) -> Result<Response, AppError> {
    let whose = own(&cx);
    withdraw(cx, whose).await
}

/// `POST /inera/{kunder,agenter}/{nr}/uppgifter/ny-adress/dra-tillbaka`
pub async fn withdraw_named(mut cx: Cx<Staff>, Path(path): Path<StaffPath>) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    withdraw(cx, whose).await
}
