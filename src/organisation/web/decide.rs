//! `…/uppgifter/{fyra-ogon,identitet,kategori}`: changes that decide what may be ordered and by whom. Each rests on a fresh
//! confirmation of identity, kept with what was shown.

use std::fmt::Write as _;

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::Date;

use super::{STALE, StaffPath, Whose, fault, first_day, named, own, status, words};
use crate::{
    calendar::{iso_date, long_date},
    catalogue::Catalogue,
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff,
        context::For,
        form::{Choice, impersonal, line},
        session::with_cookie,
    },
    identity::{
        OrgNr, PersonalNumber,
        confirmation::{EidProof, Subject},
        policy::Denied,
        web::confirm::{
            IdentifiedAs, KeptQuery, Seen, Ways, brought, confirm_with, confirmed, fingerprint, identified,
            identified_as, identify_first, kept,
        },
    },
    organisation::{
        actions::{self, Decided, Permit, Refused, permit_four_eyes, permit_identity, rule_field, rule_text},
        data_queries::{self, Data},
    },
};

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    FourEyes,
    Identity,
    Standing,
}

impl Act {
    fn step(self) -> &'static str {
        match self {
            Self::FourEyes => "fyra-ogon",
            Self::Identity => "identitet",
            Self::Standing => "kategori",
        }
    }

    fn heading(self, matter: &Matter) -> &'static str {
        match self {
            Self::FourEyes if matter.data.four_eyes => "Stäng av fyra ögon",
            Self::FourEyes => "Slå på fyra ögon",
            Self::Identity => "Ändra namn eller organisationsnummer",
            Self::Standing => "Ändra kundkategori och villkor",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::FourEyes => "four_eyes",
            Self::Identity => "identity",
            Self::Standing => "standing",
        }
    }

    /// The field a rule of the database is told at.
    fn field(self) -> &'static str {
        match self {
            Self::FourEyes => "losenord",
            Self::Identity => "orgnr",
            Self::Standing => "fran",
        }
    }
}

/// The decision as typed. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct DecideForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    visat: String,
    #[serde(default)]
    namn: String,
    #[serde(default)]
    orgnr: String,
    #[serde(default)]
    kategori: String,
    #[serde(default)]
    villkor: Vec<String>,
    #[serde(default)]
    fran: String,
    #[serde(default, skip_serializing)]
    losenord: String,
    #[serde(default, skip_serializing)]
    legitimera: String,
}

#[derive(Template)]
#[template(path = "organisation/decide.html")]
struct DecidePage {
    chrome: Chrome,
    act: Act,
    here: String,
    back: String,
    name: String,
    heading: &'static str,
    button: &'static str,
    sole_trader: bool,
    org_nr: String,
    form: DecideForm,
    categories: Vec<Choice>,
    facts: Vec<Choice>,
    planned: Vec<String>,
    text: &'static str,
    revision: i32,
    shown: String,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    whose: Whose,
    data: Data,
    categories: Vec<(String, String)>,
    /// What comes or ends, and gives way to a change.
    planned: Vec<String>,
    /// What the page shows before anything is typed.
    text: String,
}

impl Matter {
    fn seen(&self) -> Seen {
        Seen { revision: self.data.revision, visat: fingerprint(&self.text) }
    }

    fn back(&self) -> String {
        format!("{}/uppgifter", self.whose.base)
    }

    fn here(&self, act: Act) -> String {
        format!("{}/{}", self.back(), act.step())
    }

    fn category_on(&self, day: Date) -> String {
        let held = self.data.categories.iter().find(|period| period.holds(day));
        held.map(|period| period.code.clone()).unwrap_or_default()
    }

    fn facts_on(&self, day: Date) -> Vec<String> {
        let held = self.data.facts.iter().filter(|period| period.holds(day) && period.code != "sole_trader");
        held.map(|period| period.code.clone()).collect()
    }
}

/// What is said of what is not ticked.
const ENDS: &str = "Det som inte är ikryssat upphör dagen före den dag du anger. Det som var planerat från den dagen eller senare ersätts.";

/// What four eyes are, on the page that switches them.
fn four_eyes_text(on: bool) -> &'static str {
    if on {
        "Fyra ögon stängs av: samma person får beställa och attestera. Det passar den som är ensam i organisationen."
    } else {
        "Fyra ögon slås på: en annan person än den som har beställt måste attestera. Det gäller också beställningar som redan väntar."
    }
}

/// "Offentligt finansierad till och med 31 december 2026": what comes or ends.
fn planned(data: &Data, catalogue: &Catalogue, today: Date) -> Vec<String> {
    let of_category = data.categories.iter().map(|period| (catalogue.category(&period.code), period));
    let of_fact = data.facts.iter().map(|period| (words::fact(&period.code), period));
    of_category
        .chain(of_fact)
        .filter(|(_, period)| period.from > today || period.to.is_some_and(|to| to >= today))
        .map(|(name, period)| {
            let from = (period.from > today).then(|| format!(" från {}", long_date(period.from)));
            let to = period.to.map(|to| format!(" till och med {}", long_date(to)));
            format!("{name}{}{}", from.unwrap_or_default(), to.unwrap_or_default())
        })
        .collect()
}

fn permit<S: For>(cx: &Cx<S>, act: Act) -> Result<Permit, Denied> {
    match act {
        Act::FourEyes => permit_four_eyes(&cx.actor),
        Act::Identity | Act::Standing => permit_identity(&cx.actor),
    }
}

async fn matter<S: For>(cx: &mut Cx<S>, act: Act, whose: Whose) -> Result<Matter, AppError> {
    permit(cx, act).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let today = cx.app.clock().today();
    let data = data_queries::data(&mut cx.tx, whose.org).await?.ok_or(AppError::NotFound)?;
    if act == Act::Standing && data.customer_no.is_none() {
        return Err(AppError::NotFound);
    }
    let categories =
        if act == Act::Standing { data_queries::categories(&mut cx.tx, today).await? } else { Vec::new() };
    let planned = planned(&data, &*cx.app.catalogue().await?, today);
    let text = match act {
        Act::FourEyes => format!("Fyra ögon för {}\n{}\n", data.name, four_eyes_text(data.four_eyes)),
        Act::Identity => format!("Ändra namn eller organisationsnummer\n{}, {}\n", data.name, data.org_nr),
        Act::Standing => format!(
            "Ändra kundkategori och villkor för {}\n{ENDS}\n{}\n",
            data.name,
            planned.iter().map(|line| format!("Planerat: {line}")).collect::<Vec<_>>().join("\n")
        ),
    };
    Ok(Matter { whose, data, categories, planned, text })
}

async fn page<S: For>(
    mut cx: Cx<S>,
    act: Act,
    matter: Matter,
    (form, proof): (DecideForm, Option<&EidProof>),
    errors: Errors,
) -> Result<Response, AppError> {
    let heading = act.heading(&matter);
    let button = if act == Act::FourEyes { heading } else { "Spara" };
    let prefix = errors.title_prefix();
    let status = status(&errors, act.field());
    let seen = matter.seen();
    let mut categories: Vec<Choice> = matter
        .categories
        .iter()
        .map(|(code, name)| Choice::new(code.clone(), name.clone(), &form.kategori))
        .collect();
    if !categories.iter().any(|choice| choice.selected) {
        categories.insert(0, Choice::new("", "Välj kundkategori", ""));
    }
    let facts = words::FACTS.iter().map(|(code, name)| Choice {
        value: (*code).to_owned(),
        label: (*name).to_owned(),
        selected: form.villkor.iter().any(|chosen| chosen == code),
    });
    let confirms = confirm_with(&mut cx).await?;
    let page = DecidePage {
        chrome: cx.chrome(&format!("{prefix}{heading}")).focused(),
        act,
        here: matter.here(act),
        back: matter.back(),
        heading,
        button,
        sole_trader: matter.data.sole_trader,
        org_nr: matter.data.org_nr,
        name: matter.data.name,
        categories,
        facts: facts.collect(),
        planned: matter.planned,
        text: match act {
            Act::FourEyes => four_eyes_text(matter.data.four_eyes),
            Act::Standing => ENDS,
            Act::Identity => "",
        },
        form,
        revision: seen.revision,
        shown: seen.visat,
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

async fn new<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    act: Act,
    (whose, query): (Whose, KeptQuery),
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, act, whose).await?;
    let here = matter.here(act);
    let today = cx.app.clock().today();
    let form = if query.is_return() {
        kept(&mut cx, &here, &query).await?
    } else {
        DecideForm {
            namn: matter.data.name.clone(),
            kategori: matter.category_on(today),
            villkor: matter.facts_on(today),
            fran: iso_date(today),
            ..DecideForm::default()
        }
    };
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
    page(cx, act, matter, (form, proof.as_ref()), errors).await
}

/// Ten digits of the number as typed: a sole trader's is a personal number.
fn number(typed: &str, sole_trader: bool) -> Result<String, &'static str> {
    if !sole_trader {
        return OrgNr::parse(typed).map(|nr| nr.digits().to_owned()).map_err(|bad| bad.0);
    }
    let number = PersonalNumber::parse(typed).map_err(|bad| bad.0)?;
    Ok(number.digits().get(2..).unwrap_or_default().to_owned())
}

/// What is wanted, and in which words it is confirmed.
fn parse(
    act: Act,
    matter: &Matter,
    form: &DecideForm,
    (today, errors): (Date, &mut Errors),
) -> (Map<String, Value>, String) {
    let mut wanted = Map::new();
    let mut said = String::new();
    match act {
        Act::FourEyes => {
            wanted.insert("four_eyes".to_owned(), (!matter.data.four_eyes).into());
        }
        Act::Identity => {
            let name = errors.take("namn", impersonal(line(&form.namn, 200))).unwrap_or_default();
            if name.chars().count() < 2 && errors.of("namn").is_none() {
                errors.add("namn", "Skriv organisationens namn");
            }
            let _ = writeln!(said, "Namn: {name}");
            if name != matter.data.name {
                wanted.insert("name".to_owned(), name.into());
            }
            if !form.orgnr.trim().is_empty()
                && let Some(digits) = errors.take("orgnr", number(&form.orgnr, matter.data.sole_trader))
            {
                let _ = writeln!(said, "Organisationsnummer: {}", words::org_nr(&digits));
                wanted.insert("org_nr".to_owned(), digits.into());
            }
            if wanted.is_empty() && errors.is_empty() {
                errors.add("namn", "Inget är ändrat. Ändra något, eller gå tillbaka");
            }
        }
        Act::Standing => {
            let category = matter.categories.iter().find(|(code, _)| *code == form.kategori);
            if category.is_none() {
                errors.add("kategori", "Välj kundkategori");
            }
            let facts: Vec<&(&str, &str)> = words::FACTS
                .iter()
                .filter(|(code, _)| form.villkor.iter().any(|chosen| chosen == code))
                .collect();
            let from = first_day(&form.fran, today, errors);
            let (Some((code, name)), Some(from)) = (category, from) else { return (wanted, said) };
            let names: Vec<&str> = facts.iter().map(|(_, name)| *name).collect();
            said = format!("Från {}\nKundkategori: {name}\nVillkor: {}\n", iso_date(from), names.join(", "));
            let codes: Vec<Value> = facts.iter().map(|(code, _)| (*code).into()).collect();
            let same = matter.category_on(from) == *code && {
                let mut before = matter.facts_on(from);
                let mut after: Vec<String> = facts.iter().map(|(code, _)| (*code).to_owned()).collect();
                before.sort();
                after.sort();
                before == after
            };
            if same && matter.planned.is_empty() {
                errors.add("kategori", "Inget är ändrat. Ändra något, eller gå tillbaka");
            }
            wanted.insert("from".to_owned(), iso_date(from).into());
            wanted.insert("category".to_owned(), code.clone().into());
            wanted.insert("facts".to_owned(), codes.into());
        }
    }
    (wanted, said)
}

async fn create<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    act: Act,
    (whose, form): (Whose, DecideForm),
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, act, whose).await?;
    let (back, here, seen) = (matter.back(), matter.here(act), matter.seen());
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return page(cx, act, matter, (form, None), Errors::one(act.field(), STALE)).await;
    }
    let mut errors = Errors::none();
    let today = cx.app.clock().today();
    let (wanted, said) = parse(act, &matter, &form, (today, &mut errors));
    if errors.is_empty() && !form.legitimera.is_empty() {
        let what = format!("{}, {}", act.heading(&matter), matter.data.name);
        return identify_first(cx, &form, (&form.legitimera, &here), what).await;
    }
    let text = format!("{}{said}", matter.text);
    let what = (Subject::organisation(matter.whose.org, seen.revision, act.kind()), text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let proof = match confirmed(&mut cx, &headers, (&here, &seen), typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, act, matter, (form, eid.as_ref()), errors).await,
    };
    let permit = permit(&cx, act).map_err(|denied| AppError::Forbidden(denied.0))?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, matter.whose.org);
    let decided = Decided { kind: act.kind(), wanted, proof };
    match actions::decide(&mut cx.tx, who, (seen.revision, at), decided).await {
        Ok(audit) => {
            let cookie = cx.app.cookie().clear_visit();
            cx.commit(audit).await?;
            Ok(with_cookie(Flash::DataChanged.on(&back), cookie))
        }
        Err(Refused::Stale) => {
            let mut cx = cx.reopen().await?;
            let matter = self::matter(&mut cx, act, matter.whose).await?;
            page(cx, act, matter, (form, None), Errors::one(act.field(), STALE)).await
        }
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, act, matter, (form, None), Errors::one(rule_field(&key, act.field()), rule_text(&key)))
                .await
        }
        Err(why) => Err(fault(why)),
    }
}

/// `GET {side}/uppgifter/fyra-ogon`
pub async fn four_eyes_new<S: For>(
    headers: HeaderMap,
    cx: Cx<S>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    let whose = own(&cx);
    new(headers, cx, Act::FourEyes, (whose, query)).await
}

/// `POST {side}/uppgifter/fyra-ogon`
pub async fn four_eyes_create<S: For>(
    headers: HeaderMap,
    cx: Cx<S>,
    Form(form): Form<DecideForm>,
) -> Result<Response, AppError> {
    let whose = own(&cx);
    create(headers, cx, Act::FourEyes, (whose, form)).await
}

/// `GET /inera/{kunder,agenter}/{nr}/uppgifter/identitet`
pub async fn identity_new(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    new(headers, cx, Act::Identity, (whose, query)).await
}

/// `POST /inera/{kunder,agenter}/{nr}/uppgifter/identitet`
pub async fn identity_create(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<DecideForm>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    create(headers, cx, Act::Identity, (whose, form)).await
}

/// `GET /inera/kunder/{kundnr}/uppgifter/kategori`
pub async fn standing_new(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    new(headers, cx, Act::Standing, (whose, query)).await
}

/// `POST /inera/kunder/{kundnr}/uppgifter/kategori`
pub async fn standing_create(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(form): Form<DecideForm>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    create(headers, cx, Act::Standing, (whose, form)).await
}
