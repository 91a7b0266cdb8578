//! `/kund/{nr}/enheter`: the organisation's vårdenheter. They are offered when a service is ordered for them.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::{STALE, StaffPath, Whose, fault, named, own, status};
use crate::{
    calendar::long_date,
    http::{AppError, Chrome, Customer, Cx, Errors, Flash, Form, Path, Staff, context::For, form::Choice},
    ids,
    organisation::{
        actions::{self, Refused, permit_units, rule_field, rule_text},
        data_queries, unit_queries,
        units::{self, Unit, as_tree, is_within},
    },
};

/// A unit as a row.
struct Row {
    href: String,
    name: String,
    hsa_id: String,
    depth: usize,
    closed: String,
}

#[derive(Template)]
#[template(path = "organisation/units.html")]
struct UnitsPage {
    chrome: Chrome,
    base: String,
    crumb: Option<String>,
    may_change: bool,
    rows: Vec<Row>,
    closed: Vec<Row>,
}

/// `…/enheter`
async fn index<S: For>(mut cx: Cx<S>, whose: Whose) -> Result<Response, AppError> {
    let units = unit_queries::units(&mut cx.tx, whose.org).await?;
    let here = format!("{}/enheter", whose.base);
    let row = |depth: usize, unit: &Unit| Row {
        href: format!("{here}/{}", unit.id),
        name: unit.name.clone(),
        hsa_id: unit.hsa_id.clone(),
        depth,
        closed: unit.closed_on.map(|day| format!("Stängd {}", long_date(day))).unwrap_or_default(),
    };
    let (open, closed): (Vec<_>, Vec<_>) =
        as_tree(&units).into_iter().partition(|(_, unit)| unit.closed_on.is_none());
    let page = UnitsPage {
        chrome: cx.chrome("Vårdenheter"),
        crumb: whose.seen_from,
        may_change: permit_units(&cx.actor).is_ok(),
        rows: open.into_iter().map(|(depth, unit)| row(depth, unit)).collect(),
        closed: closed.into_iter().map(|(_, unit)| row(0, unit)).collect(),
        base: whose.base,
    };
    cx.show(page).await
}

/// Units as pasted, and under which they are.
#[derive(Debug, Default, Deserialize)]
pub struct AddForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    enheter: String,
    #[serde(default)]
    under: String,
}

#[derive(Template)]
#[template(path = "organisation/units_add.html")]
struct AddPage {
    chrome: Chrome,
    base: String,
    revision: i32,
    parents: Vec<Choice>,
    form: AddForm,
    errors: Errors,
}

struct Matter {
    whose: Whose,
    revision: i32,
    units: Vec<Unit>,
}

async fn matter<S: For>(cx: &mut Cx<S>, whose: Whose) -> Result<Matter, AppError> {
    permit_units(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let data = data_queries::data(&mut cx.tx, whose.org).await?.ok_or(AppError::NotFound)?;
    let units = unit_queries::units(&mut cx.tx, whose.org).await?;
    Ok(Matter { whose, revision: data.revision, units })
}

impl Matter {
    /// Open units that another can be put under, and the one it is under; not itself, nor those under it.
    fn parents(&self, of: Option<&Unit>, chosen: &str) -> Vec<Choice> {
        let mut choices = vec![Choice::new("", "Direkt under organisationen", chosen)];
        let may = as_tree(&self.units).into_iter().filter(|(_, unit)| {
            let is_free = unit.closed_on.is_none() || of.is_some_and(|own| own.parent == Some(unit.id));
            is_free && of.is_none_or(|own| !is_within(&self.units, unit.id, own.id))
        });
        choices.extend(may.map(|(depth, unit)| {
            let name = format!("{}{}", "– ".repeat(depth), unit.name);
            Choice::new(unit.id.to_string(), name, chosen)
        }));
        choices
    }

    /// The unit chosen; `None` is the organisation itself.
    fn parent(&self, of: Option<&Unit>, typed: &str, errors: &mut Errors) -> Option<Uuid> {
        if typed.is_empty() {
            return None;
        }
        let found = self.units.iter().find(|unit| {
            let is_same = of.is_some_and(|own| own.parent == Some(unit.id));
            unit.id.to_string() == typed && (unit.closed_on.is_none() || is_same)
        });
        if found.is_none() {
            errors.add("under", "Välj en av enheterna i listan");
        }
        found.map(|unit| unit.id)
    }
}

async fn add_page<S: For>(
    cx: Cx<S>,
    matter: Matter,
    form: AddForm,
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = status(&errors, "enheter");
    let page = AddPage {
        chrome: cx.chrome(&format!("{prefix}Lägg till vårdenheter")).focused(),
        revision: matter.revision,
        parents: matter.parents(None, &form.under),
        base: matter.whose.base,
        form,
        errors,
    };
    cx.show_as(status, page).await
}

async fn add_new<S: For>(mut cx: Cx<S>, whose: Whose) -> Result<Response, AppError> {
    let matter = matter(&mut cx, whose).await?;
    add_page(cx, matter, AddForm::default(), Errors::none()).await
}

async fn add<S: For>(mut cx: Cx<S>, whose: Whose, form: AddForm) -> Result<Response, AppError> {
    let matter = matter(&mut cx, whose).await?;
    let mut errors = Errors::none();
    let parent = matter.parent(None, &form.under, &mut errors);
    let typed = if form.enheter.chars().count() > 60_000 {
        Err(vec!["Listan är för lång. Lägg till den i flera delar".to_owned()])
    } else {
        units::parse_list(&form.enheter, &matter.units)
    };
    let list = match typed {
        Ok(list) => list,
        Err(faults) => {
            let more = faults.len().saturating_sub(10);
            for fault in faults.into_iter().take(10) {
                errors.add("enheter", fault);
            }
            if more > 0 {
                errors.add("enheter", format!("och {more} rader till"));
            }
            Vec::new()
        }
    };
    if !errors.is_empty() {
        return add_page(cx, matter, form, errors).await;
    }
    let fresh: Vec<Unit> = list
        .into_iter()
        .map(|(name, hsa_id)| Unit { id: ids::fresh(), name, hsa_id, parent, closed_on: None })
        .collect();
    match save(cx, &matter, form.revision, &fresh, "enheter").await? {
        Ok(response) => Ok(response),
        Err((mut cx, errors)) => {
            let matter = self::matter(&mut cx, matter.whose).await?;
            add_page(cx, matter, form, errors).await
        }
    }
}

/// Stores units and leads back to the list, or says why not, and at which field, with a fresh transaction.
async fn save<S: For>(
    mut cx: Cx<S>,
    matter: &Matter,
    revision: i32,
    units: &[Unit],
    otherwise: &'static str,
) -> Result<Result<Response, (Cx<S>, Errors)>, AppError> {
    let permit = permit_units(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, matter.whose.org);
    match actions::change_units(&mut cx.tx, who, (revision, at), units).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(Ok(Flash::UnitsChanged.on(&format!("{}/enheter", matter.whose.base))))
        }
        Err(Refused::Stale) => Ok(Err((cx.reopen().await?, Errors::one(otherwise, STALE)))),
        Err(Refused::Rule(key)) => {
            // Of many at once the list is what is wrong.
            let field =
                if units.len() == 1 && otherwise == "namn" { rule_field(&key, otherwise) } else { otherwise };
            Ok(Err((cx.reopen().await?, Errors::one(field, rule_text(&key)))))
        }
        Err(why) => Err(fault(why)),
    }
}

/// One unit as typed.
#[derive(Debug, Default, Deserialize)]
pub struct UnitForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    namn: String,
    #[serde(default)]
    hsa: String,
    #[serde(default)]
    under: String,
    #[serde(default)]
    stangd: String,
}

#[derive(Template)]
#[template(path = "organisation/unit.html")]
struct UnitPage {
    chrome: Chrome,
    base: String,
    here: String,
    name: String,
    revision: i32,
    parents: Vec<Choice>,
    form: UnitForm,
    errors: Errors,
}

/// Which unit.
#[derive(Debug, Deserialize)]
pub struct UnitPath {
    #[serde(default)]
    kundnr: Option<i64>,
    enhet: Uuid,
}

impl UnitPath {
    fn of_staff(&self) -> StaffPath {
        StaffPath { kundnr: self.kundnr, agentnr: None }
    }
}

async fn unit_page<S: For>(
    cx: Cx<S>,
    matter: Matter,
    unit: &Unit,
    (form, errors): (UnitForm, Errors),
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = status(&errors, "namn");
    let page = UnitPage {
        chrome: cx.chrome(&format!("{prefix}{}", unit.name)).focused(),
        here: format!("{}/enheter/{}", matter.whose.base, unit.id),
        name: unit.name.clone(),
        revision: matter.revision,
        parents: matter.parents(Some(unit), &form.under),
        base: matter.whose.base,
        form,
        errors,
    };
    cx.show_as(status, page).await
}

fn find(matter: &Matter, id: Uuid) -> Result<Unit, AppError> {
    matter.units.iter().find(|unit| unit.id == id).cloned().ok_or(AppError::NotFound)
}

async fn edit<S: For>(mut cx: Cx<S>, whose: Whose, id: Uuid) -> Result<Response, AppError> {
    let matter = matter(&mut cx, whose).await?;
    let unit = find(&matter, id)?;
    let form = UnitForm {
        revision: matter.revision,
        namn: unit.name.clone(),
        hsa: unit.hsa_id.clone(),
        under: unit.parent.map(|id| id.to_string()).unwrap_or_default(),
        stangd: if unit.closed_on.is_some() { "ja".to_owned() } else { String::new() },
    };
    unit_page(cx, matter, &unit, (form, Errors::none())).await
}

async fn update<S: For>(
    mut cx: Cx<S>,
    whose: Whose,
    (id, form): (Uuid, UnitForm),
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, whose).await?;
    let unit = find(&matter, id)?;
    let mut errors = Errors::none();
    let name = errors.take("namn", units::name(&form.namn)).unwrap_or_default();
    let hsa_id = errors.take("hsa", units::hsa_id(&form.hsa)).unwrap_or_default();
    let parent = matter.parent(Some(&unit), &form.under, &mut errors);
    let closed_on = (!form.stangd.is_empty()).then(|| unit.closed_on.unwrap_or(cx.app.clock().today()));
    let new = Unit { id: unit.id, name, hsa_id, parent, closed_on };
    if errors.is_empty() && new == unit {
        errors.add("namn", "Inget är ändrat. Ändra något, eller gå tillbaka");
    }
    if !errors.is_empty() {
        return unit_page(cx, matter, &unit, (form, errors)).await;
    }
    match save(cx, &matter, form.revision, &[new], "namn").await? {
        Ok(response) => Ok(response),
        Err((mut cx, errors)) => {
            let matter = self::matter(&mut cx, matter.whose).await?;
            unit_page(cx, matter, &unit, (form, errors)).await
        }
    }
}

/// `GET /kund/{kundnr}/enheter`
pub async fn show(cx: Cx<Customer>) -> Result<Response, AppError> {
    let whose = own(&cx);
    index(cx, whose).await
}

/// `GET /inera/kunder/{kundnr}/enheter`
pub async fn show_named(mut cx: Cx<Staff>, Path(path): Path<StaffPath>) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    index(cx, whose).await
}

/// `GET /kund/{kundnr}/enheter/nya`
pub async fn new_own(cx: Cx<Customer>) -> Result<Response, AppError> {
    let whose = own(&cx);
    add_new(cx, whose).await
}

/// `POST /kund/{kundnr}/enheter/nya`
pub async fn create_own(cx: Cx<Customer>, Form(form): Form<AddForm>) -> Result<Response, AppError> {
    let whose = own(&cx);
    add(cx, whose, form).await
}

/// `GET /inera/kunder/{kundnr}/enheter/nya`
pub async fn new_named(mut cx: Cx<Staff>, Path(path): Path<StaffPath>) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    add_new(cx, whose).await
}

/// `POST /inera/kunder/{kundnr}/enheter/nya`
pub async fn create_named(
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<AddForm>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    add(cx, whose, form).await
}

/// `GET /kund/{kundnr}/enheter/{enhet}`
pub async fn edit_own(cx: Cx<Customer>, Path(path): Path<UnitPath>) -> Result<Response, AppError> {
    let whose = own(&cx);
    edit(cx, whose, path.enhet).await
}

/// `POST /kund/{kundnr}/enheter/{enhet}`
pub async fn update_own(
    cx: Cx<Customer>,
    Path(path): Path<UnitPath>,
    Form(form): Form<UnitForm>,
) -> Result<Response, AppError> {
    let whose = own(&cx);
    update(cx, whose, (path.enhet, form)).await
}

/// `GET /inera/kunder/{kundnr}/enheter/{enhet}`
pub async fn edit_named(mut cx: Cx<Staff>, Path(path): Path<UnitPath>) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path.of_staff()).await?;
    edit(cx, whose, path.enhet).await
}

/// `POST /inera/kunder/{kundnr}/enheter/{enhet}`
pub async fn update_named(
    mut cx: Cx<Staff>,
    Path(path): Path<UnitPath>,
    Form(form): Form<UnitForm>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path.of_staff()).await?;
    update(cx, whose, (path.enhet, form)).await
}
