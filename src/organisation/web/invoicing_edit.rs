//! `{side}/faktura/andra`: new invoice details for one or several services, in one change (portal.md 3.14).

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use time::Date;
use uuid::Uuid;

use super::{
    STALE, StaffPath, Whose, fault, first_day,
    invoicing::{NOTHING_CHOSEN, announced, services},
    named, own, status,
};
use crate::{
    calendar::iso_date,
    catalogue::Catalogue,
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff,
        context::For,
        form::{Choice as Listed, impersonal, line},
        see_other,
    },
    ids,
    organisation::{
        actions::{self, Change, Choice, Refused, may_read_siths, permit_invoicing, rule_field, rule_text},
        domain::{COUNTRIES, Way, parse_postcode},
        invoicing::{Address, History, SITHS},
        queries::{self, Billed},
    },
    text::and_list,
};

const KEEP: &str = "oforandrad";
const STANDARD: &str = "standard";
const NEW: &str = "ny";
/// Which services the form is about.
#[derive(Debug, Default, Deserialize)]
pub struct WhichQuery {
    #[serde(default)]
    tjanst: Vec<String>,
}

/// The details as typed.
#[derive(Debug, Default, Deserialize)]
pub struct DetailForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    tjanst: Vec<String>,
    #[serde(default)]
    adress: String,
    #[serde(default)]
    benamning: String,
    #[serde(default)]
    mottagare: String,
    #[serde(default)]
    rad1: String,
    #[serde(default)]
    rad2: String,
    #[serde(default)]
    postnr: String,
    #[serde(default)]
    ort: String,
    #[serde(default)]
    land: String,
    #[serde(default)]
    satt: String,
    #[serde(default)]
    elektronisk: String,
    #[serde(default)]
    referensval: String,
    #[serde(default)]
    referens: String,
    #[serde(default)]
    fran: String,
}

/// An address to choose.
struct Known {
    value: String,
    label: String,
    text: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "organisation/invoicing_edit.html")]
struct EditPage {
    chrome: Chrome,
    here: String,
    back: String,
    heading: String,
    names: Vec<String>,
    codes: Vec<String>,
    several: bool,
    /// May the details follow the standard's?
    may_follow: bool,
    /// Is there anything to leave as it is?
    may_keep: bool,
    now_address: String,
    now_reference: String,
    revision: i32,
    known: Vec<Known>,
    references: Vec<String>,
    countries: Vec<Listed>,
    ways: Vec<Listed>,
    form: DetailForm,
    /// "Standard: Från 1 januari 2027: Ekonomi, referens 4711": what goes on to come.
    coming: Vec<String>,
    errors: Errors,
}

/// What the page is about.
struct Matter {
    whose: Whose,
    billed: Billed,
    history: History,
    /// `None` = the standard.
    chosen: Vec<Option<String>>,
}

impl Matter {
    fn has_standard(&self) -> bool {
        self.chosen.iter().any(Option::is_none)
    }

    /// Is there anything to leave as it is? Only a standard may have nothing.
    fn may_keep(&self, today: Date) -> bool {
        !self.has_standard()
            || self.history.on(None, today).is_some()
            || !self.history.coming(None, today).is_empty()
    }

    /// What one service has now: address and reference in words; empty for several.
    fn now(&self, today: Date) -> (String, String) {
        let [service] = self.chosen.as_slice() else { return (String::new(), String::new()) };
        let now = self.history.effective(service.as_deref(), today);
        let of = |standard: bool| if standard && service.is_some() { "Som standard: " } else { "" };
        let address = now.address.as_ref().map(|address| {
            format!(
                "{}{}, {}. {}",
                of(now.standard_address),
                address.label,
                address.one_line(),
                address.sent()
            )
        });
        let reference = Some(now.reference).filter(|text| !text.is_empty());
        (
            address.unwrap_or_default(),
            reference.map(|text| format!("{}{text}", of(now.standard_reference))).unwrap_or_default(),
        )
    }

    fn back(&self) -> String {
        format!("{}/faktura", self.whose.base)
    }
}

/// The organisation and the services asked for; what is not the organisation's counts as not asked for.
async fn matter<S: For>(cx: &mut Cx<S>, whose: Whose, asked: &[String]) -> Result<Matter, AppError> {
    permit_invoicing(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let today = cx.app.clock().today();
    let billed = queries::billed(&mut cx.tx, whose.org, today).await?.ok_or(AppError::NotFound)?;
    let history = queries::history(&mut cx.tx, whose.org, today).await?;
    let known = services(&billed, &history);
    let siths = billed.is_customer && may_read_siths(&cx.actor);
    let mut chosen: Vec<Option<String>> = Vec::new();
    for code in asked {
        let service = (code != STANDARD).then(|| code.clone());
        let is_known = service.as_ref().is_none_or(|code| known.contains(code) || (siths && code == SITHS));
        if is_known && !chosen.contains(&service) {
            chosen.push(service);
        }
    }
    Ok(Matter { whose, billed, history, chosen })
}

fn names(catalogue: &Catalogue, chosen: &[Option<String>]) -> Vec<String> {
    chosen
        .iter()
        .map(|service| match service {
            None => "Standard".to_owned(),
            Some(code) => catalogue.name(code).to_owned(),
        })
        .collect()
}

async fn page<S: For>(
    cx: Cx<S>,
    matter: Matter,
    form: DetailForm,
    errors: Errors,
) -> Result<Response, AppError> {
    let catalogue = cx.app.catalogue().await?;
    let today = cx.app.clock().today();
    let names = names(&catalogue, &matter.chosen);
    let several = names.len() > 1;
    let heading = match names.len() {
        1 if matter.has_standard() => "Standarduppgifter för fakturor".to_owned(),
        count if count > 3 => format!("Fakturauppgifter för {count} rader"),
        _ => format!("Fakturauppgifter för {}", and_list(&names)),
    };
    let (now_address, now_reference) = matter.now(today);
    let held = matter.chosen.first().and_then(|service| {
        matter.history.on(service.as_deref(), today)?.address.as_ref().map(|address| address.id)
    });
    let coming = matter.chosen.iter().zip(&names).flat_map(|(service, name)| {
        let versions = matter.history.coming(service.as_deref(), today);
        versions.into_iter().map(move |version| format!("{name}: {}", announced(version)))
    });
    let prefix = errors.title_prefix();
    let status = status(&errors, "adress");
    let page = EditPage {
        chrome: cx.chrome(&format!("{prefix}{heading}")).focused(),
        coming: coming.collect(),
        here: format!("{}/faktura/andra", matter.whose.base),
        back: matter.back(),
        heading,
        codes: matter.chosen.iter().map(|code| code.clone().unwrap_or_else(|| STANDARD.to_owned())).collect(),
        names,
        several,
        may_follow: !matter.has_standard(),
        may_keep: matter.may_keep(today),
        now_address,
        now_reference,
        revision: matter.billed.revision,
        known: matter
            .history
            .addresses()
            .into_iter()
            // What one service has is the first choice already.
            .filter(|address| several || Some(address.id) != held)
            .map(|address| Known {
                chosen: form.adress == address.id.to_string(),
                value: address.id.to_string(),
                label: address.label.clone(),
                text: format!("{}. {}", address.one_line(), address.sent()),
            })
            .collect(),
        references: matter.history.references().into_iter().take(50).map(str::to_owned).collect(),
        countries: COUNTRIES.iter().map(|(code, name)| Listed::new(*code, *name, &form.land)).collect(),
        ways: Way::ALL.iter().map(|way| Listed::new(way.code(), way.label(), &form.satt)).collect(),
        form,
        errors,
    };
    cx.show_as(status, page).await
}

/// The form as it is opened: everything stays as it is until something else is chosen. A standard that has nothing begins with
/// what it needs.
fn opened(matter: &Matter, today: Date) -> DetailForm {
    let first = if matter.may_keep(today) { KEEP } else { NEW };
    DetailForm {
        mottagare: matter.billed.name.clone(),
        land: "SE".to_owned(),
        satt: Way::Peppol.code().to_owned(),
        fran: iso_date(today),
        adress: first.to_owned(),
        referensval: first.to_owned(),
        ..DetailForm::default()
    }
}

async fn new<S: For>(mut cx: Cx<S>, whose: Whose, query: WhichQuery) -> Result<Response, AppError> {
    let matter = matter(&mut cx, whose, &query.tjanst).await?;
    if matter.chosen.is_empty() {
        let back = matter.back();
        cx.tx.end().await?;
        return Ok(see_other(&format!("{back}?{NOTHING_CHOSEN}")));
    }
    let form = opened(&matter, cx.app.clock().today());
    page(cx, matter, form, Errors::none()).await
}

/// A new address as typed.
fn typed_address(form: &DetailForm, errors: &mut Errors) -> Option<Address> {
    let mut need = |field: &str, text: &str, longest: usize, lack: &str| {
        let text = errors.take(field, impersonal(line(text, longest))).unwrap_or_default();
        if text.is_empty() && errors.of(field).is_none() {
            errors.add(field, lack);
        }
        text
    };
    let label = need("benamning", &form.benamning, 60, "Skriv vad ni kallar adressen, till exempel Ekonomi");
    let recipient = need("mottagare", &form.mottagare, 120, "Skriv vem fakturan ställs till");
    let line1 = need("rad1", &form.rad1, 80, "Skriv gata eller box");
    let line2 = errors.take("rad2", impersonal(line(&form.rad2, 80))).unwrap_or_default();
    let country = COUNTRIES.iter().map(|(code, _)| *code).find(|code| *code == form.land);
    if country.is_none() {
        errors.add("land", "Välj land");
    }
    let postcode = errors.take("postnr", parse_postcode(&form.postnr, country.unwrap_or("SE")));
    let city = errors.take("ort", impersonal(line(&form.ort, 60))).unwrap_or_default();
    if city.is_empty() && errors.of("ort").is_none() {
        errors.add("ort", "Skriv ort");
    }
    let way = Way::from_code(&form.satt);
    if way.is_none() {
        errors.add("satt", "Välj hur fakturan ska skickas");
    }
    let electronic = way.and_then(|way| {
        let read = way.parse_electronic(&form.elektronisk).map_err(|bad| bad.0.to_owned());
        // A sole trader's Peppol-id is masked where it is shown; an e-mail address is not.
        errors.take("elektronisk", if way == Way::Email { impersonal(read) } else { read })
    });
    if !errors.is_empty() {
        return None;
    }
    Some(Address {
        id: ids::fresh(),
        label,
        recipient,
        line1,
        line2,
        postcode: postcode?,
        city,
        country: country?.to_owned(),
        way: way?,
        electronic: electronic?,
    })
}

/// The change as typed, and the address that is new.
fn parse(
    matter: &Matter,
    form: &DetailForm,
    today: Date,
    errors: &mut Errors,
) -> Option<(Change, Option<Address>)> {
    let alone = "Standard kan inte följa sig själv. Välj en adress och en referens";
    let mut fresh = None;
    let address = match form.adress.as_str() {
        KEEP => Some(Choice::Keep),
        STANDARD if matter.has_standard() => {
            errors.add("adress", alone);
            None
        }
        STANDARD => Some(Choice::Standard),
        NEW => {
            fresh = typed_address(form, errors);
            fresh.clone().map(Choice::Take)
        }
        id => {
            let id = id.parse::<Uuid>().ok();
            let known = matter.history.addresses().into_iter().find(|address| Some(address.id) == id);
            if known.is_none() {
                errors.add("adress", "Välj fakturaadress");
            }
            known.cloned().map(Choice::Take)
        }
    };
    let reference = match form.referensval.as_str() {
        KEEP => Some(Choice::Keep),
        STANDARD if matter.has_standard() => {
            errors.add("referensval", alone);
            None
        }
        STANDARD => Some(Choice::Standard),
        NEW => {
            let text = errors.take("referens", impersonal(line(&form.referens, 50))).unwrap_or_default();
            if text.is_empty() && errors.of("referens").is_none() {
                errors.add("referens", "Skriv den referens ni vill ha på fakturan");
            }
            Some(Choice::Take(text))
        }
        _ => {
            errors.add("referensval", "Välj referens");
            None
        }
    };
    let from = first_day(&form.fran, today, errors);
    if !errors.is_empty() {
        return None;
    }
    let change =
        Change { services: matter.chosen.clone(), address: address?, reference: reference?, from: from? };
    Some((change, fresh))
}

/// A standard needs both, also when one of them was to be left as it is.
fn whole(matter: &Matter, change: &Change, errors: &mut Errors) {
    if !matter.has_standard() {
        return;
    }
    let before = matter.history.effective(None, change.from);
    if change.address == Choice::Keep && before.address.is_none() {
        errors.add("adress", "Ni har ingen standardadress än. Välj eller skriv en");
    }
    if change.reference == Choice::Keep && before.reference.is_empty() {
        errors.add("referensval", "Ni har ingen standardreferens än. Skriv en");
    }
}

async fn create<S: For>(mut cx: Cx<S>, whose: Whose, form: DetailForm) -> Result<Response, AppError> {
    let matter = matter(&mut cx, whose, &form.tjanst).await?;
    let back = matter.back();
    if matter.chosen.is_empty() {
        cx.tx.end().await?;
        return Ok(see_other(&format!("{back}?{NOTHING_CHOSEN}")));
    }
    if form.revision != matter.billed.revision {
        return page(cx, matter, form, Errors::one("adress", STALE)).await;
    }
    let mut errors = Errors::none();
    let today = cx.app.clock().today();
    let Some((change, fresh)) = parse(&matter, &form, today, &mut errors) else {
        return page(cx, matter, form, errors).await;
    };
    whole(&matter, &change, &mut errors);
    let rows = change.rows(&matter.history);
    if errors.is_empty() && rows.is_empty() {
        errors.add("adress", "Inget är ändrat. Välj en annan adress eller referens, eller gå tillbaka");
    }
    if !errors.is_empty() {
        return page(cx, matter, form, errors).await;
    }
    let permit = permit_invoicing(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, matter.whose.org);
    let what = (&change, rows, fresh.as_ref());
    match actions::change_invoicing(&mut cx.tx, who, (form.revision, at), what).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(Flash::InvoicingChanged.on(&back))
        }
        Err(Refused::Stale) => {
            let mut cx = cx.reopen().await?;
            let matter = self::matter(&mut cx, matter.whose, &form.tjanst).await?;
            page(cx, matter, form, Errors::one("adress", STALE)).await
        }
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, matter, form, Errors::one(rule_field(&key, "fran"), rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// `GET {side}/faktura/andra`
pub async fn edit<S: For>(cx: Cx<S>, Query(query): Query<WhichQuery>) -> Result<Response, AppError> {
    let whose = own(&cx);
    new(cx, whose, query).await
}

/// `POST {side}/faktura/andra`
pub async fn update<S: For>(cx: Cx<S>, Form(form): Form<DetailForm>) -> Result<Response, AppError> {
    let whose = own(&cx);
    create(cx, whose, form).await
}

/// `GET /inera/{kunder,agenter}/{nr}/faktura/andra`
pub async fn edit_named(
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<WhichQuery>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    new(cx, whose, query).await
}

/// `POST /inera/{kunder,agenter}/{nr}/faktura/andra`
pub async fn update_named(
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<DetailForm>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    create(cx, whose, form).await
}
