//! `/inera/{kunder,agenter}/{nr}/uppgifter/upphor`: an organisation ends, is merged into another or split, on a fresh
//! confirmation. Nothing is removed: it has a last day, and says who goes on.

use std::fmt::Write as _;

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::Date;

use super::{STALE, StaffPath, Whose, fault, named, status, words};
use crate::{
    calendar::{days_between, iso_date, long_date, parse_date},
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff, form::Choice, session::with_cookie,
    },
    identity::{
        confirmation::{EidProof, Subject},
        web::confirm::{
            IdentifiedAs, KeptQuery, Seen, Ways, brought, confirm_with, confirmed, fingerprint, identified,
            identified_as, identify_first, kept,
        },
    },
    organisation::{
        actions::{self, Decided, Refused, permit_identity, rule_field, rule_text},
        data_queries::{self, Data},
        unit_queries::{self, Ends, LeftOpen},
    },
};

/// The ways an organisation ends, in the order of the form.
const WAYS: [(&str, &str); 4] = [
    ("ceased", "Upphör utan att någon tar över"),
    ("merged", "Går upp i en annan organisation (fusion)"),
    ("split", "Delas på flera organisationer"),
    ("", "Upphör inte: ta bort det som är planerat"),
];

/// The decision as typed. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct EndForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    visat: String,
    #[serde(default)]
    satt: String,
    #[serde(default)]
    sista: String,
    #[serde(default)]
    efterfoljare: String,
    /// Those who take over by name, as the page has shown them.
    #[serde(default)]
    tar_over: String,
    #[serde(default, skip_serializing)]
    losenord: String,
    #[serde(default, skip_serializing)]
    legitimera: String,
}

#[derive(Template)]
#[template(path = "organisation/ends.html")]
struct EndPage {
    chrome: Chrome,
    here: String,
    back: String,
    name: String,
    now: String,
    left: LeftOpen,
    ways: Vec<Choice>,
    form: EndForm,
    revision: i32,
    shown: String,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    whose: Whose,
    data: Data,
    ends: Ends,
    left: LeftOpen,
    text: String,
}

impl Matter {
    fn seen(&self) -> Seen {
        Seen { revision: self.data.revision, visat: fingerprint(&self.text) }
    }

    fn back(&self) -> String {
        format!("{}/uppgifter", self.whose.base)
    }

    fn here(&self) -> String {
        format!("{}/upphor", self.back())
    }
}

/// "Upphör, sista dag 31 december 2026. Lindängen tar över": what is decided already.
pub(crate) fn said(ends: &Ends) -> String {
    let Some(day) = ends.on else { return String::new() };
    let names: Vec<String> = ends.successors.iter().map(|heir| heir.name.clone()).collect();
    let takes_over = if names.is_empty() {
        String::new()
    } else {
        format!(" {} tar över.", crate::text::and_list(&names))
    };
    format!("{} {}.{takes_over}", words::ends(&ends.how), long_date(day))
}

async fn matter(cx: &mut Cx<Staff>, whose: Whose) -> Result<Matter, AppError> {
    permit_identity(&cx.actor).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let today = cx.app.clock().today();
    let data = data_queries::data(&mut cx.tx, whose.org).await?.ok_or(AppError::NotFound)?;
    let ends = unit_queries::ends(&mut cx.tx, whose.org).await?;
    let left = unit_queries::left_open(&mut cx.tx, whose.org, today).await?;
    let text = format!(
        "Organisationen upphör: {}, {}\n{}\nBeställningar på väg: {} och {} till\nAvtal: {}\nTjänster i bruk: {}\nAnslutna kunder: {}\n",
        data.name,
        data.org_nr,
        said(&ends),
        left.orders.join(", "),
        left.more_orders,
        left.agreements.join(", "),
        left.subscriptions,
        left.connected
    );
    Ok(Matter { whose, data, ends, left, text })
}

async fn page(
    mut cx: Cx<Staff>,
    matter: Matter,
    (form, proof): (EndForm, Option<&EidProof>),
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = status(&errors, "sista");
    let seen = matter.seen();
    let confirms = confirm_with(&mut cx).await?;
    let page = EndPage {
        chrome: cx.chrome(&format!("{prefix}Organisationen upphör")).focused(),
        here: matter.here(),
        back: matter.back(),
        now: said(&matter.ends),
        ways: WAYS
            .iter()
            .filter(|(code, _)| !code.is_empty() || matter.ends.on.is_some())
            .map(|(code, label)| {
                Choice::new(if code.is_empty() { "inte" } else { *code }, *label, &form.satt)
            })
            .collect(),
        name: matter.data.name,
        left: matter.left,
        form,
        revision: seen.revision,
        shown: seen.visat,
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET …/uppgifter/upphor`
pub async fn new(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    let matter = matter(&mut cx, whose).await?;
    let here = matter.here();
    let form = if query.is_return() {
        kept(&mut cx, &here, &query).await?
    } else {
        let numbers: Vec<String> =
            matter.ends.successors.iter().filter_map(|heir| heir.number).map(|no| no.to_string()).collect();
        EndForm {
            satt: matter.ends.how.clone(),
            sista: matter.ends.on.map(iso_date).unwrap_or_default(),
            efterfoljare: numbers.join(", "),
            ..EndForm::default()
        }
    };
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
    page(cx, matter, (form, proof.as_ref()), errors).await
}

fn last_day(typed: &str, today: Date, errors: &mut Errors) -> Option<Date> {
    match parse_date(typed.trim()) {
        None => errors.add("sista", "Skriv den sista dagen som ÅÅÅÅ-MM-DD, en dag som finns"),
        Some(day) if days_between(today, day) > 731 || days_between(day, today) > 366 => {
            errors.add("sista", rule_text("ceased_day"));
        }
        Some(day) => return Some(day),
    }
    None
}

/// Those who go on, by their numbers: id and name.
async fn successors(
    cx: &mut Cx<Staff>,
    typed: &str,
    errors: &mut Errors,
) -> Result<Vec<(String, String)>, AppError> {
    let words: Vec<&str> =
        typed.split([',', ' ', ';', '\n']).map(str::trim).filter(|word| !word.is_empty()).take(21).collect();
    let numbers: Vec<i64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let found = unit_queries::by_numbers(&mut cx.tx, &numbers).await?;
    let mut heirs = Vec::new();
    for word in words {
        let with_it: Vec<_> = found.iter().filter(|(number, ..)| number.to_string() == word).collect();
        match with_it.as_slice() {
            [] => errors.add("efterfoljare", format!("Ingen kund eller agent har numret {word}")),
            [(_, id, name)] => {
                let heir = (id.to_string(), format!("{name}, {word}"));
                if heirs.contains(&heir) {
                    errors.add("efterfoljare", format!("{word} står två gånger"));
                }
                heirs.push(heir);
            }
            _ => errors.add(
                "efterfoljare",
                format!("{word} är både ett kundnummer och ett agentnummer. Kontakta driften"),
            ),
        }
    }
    Ok(heirs)
}

/// What is wanted, and in which words it is confirmed.
async fn parse(
    cx: &mut Cx<Staff>,
    matter: &Matter,
    form: &mut EndForm,
    errors: &mut Errors,
) -> Result<(Map<String, Value>, String), AppError> {
    let today = cx.app.clock().today();
    let mut wanted = Map::new();
    if form.satt == "inte" && matter.ends.on.is_some() {
        wanted.insert("on".to_owned(), Value::Null);
        return Ok((wanted, "Organisationen upphör inte\n".to_owned()));
    }
    let way = WAYS.iter().find(|(code, _)| !code.is_empty() && *code == form.satt);
    let Some((how, label)) = way else {
        errors.add("satt", "Välj hur organisationen upphör");
        return Ok((wanted, String::new()));
    };
    let day = last_day(&form.sista, today, errors);
    let heirs = successors(cx, &form.efterfoljare, errors).await?;
    match (*how, heirs.len()) {
        _ if errors.of("efterfoljare").is_some() => {}
        ("merged", 1) | ("ceased", 0) => {}
        ("merged", _) => errors.add("efterfoljare", "Skriv kundnumret för den ena organisation som tar över"),
        ("ceased", _) => {
            errors.add("efterfoljare", "Lämna tomt när ingen tar över, eller välj ett annat sätt");
        }
        (_, 0) => errors.add("efterfoljare", "Skriv kundnumren för dem som tar över"),
        _ => {}
    }
    let Some(day) = day else { return Ok((wanted, String::new())) };
    let mut said = format!("{label}\nSista dag: {}\n", iso_date(day));
    for (_, name) in &heirs {
        let _ = writeln!(said, "Tar över: {name}");
    }
    // A number alone says nothing: the names are shown before they are confirmed.
    let names: Vec<&str> = heirs.iter().map(|(_, name)| name.as_str()).collect();
    let names = names.join("; ");
    if errors.is_empty() && names != form.tar_over {
        errors.add(
            "efterfoljare",
            format!("Kontrollera vem som tar över: {names}. Bekräfta och spara igen om det stämmer"),
        );
        form.tar_over = names;
    }
    wanted.insert("on".to_owned(), iso_date(day).into());
    wanted.insert("how".to_owned(), (*how).into());
    let ids: Vec<Value> = heirs.into_iter().map(|(id, _)| id.into()).collect();
    wanted.insert("successors".to_owned(), ids.into());
    Ok((wanted, said))
}

/// `POST …/uppgifter/upphor`
pub async fn create(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    Path(path): Path<StaffPath>,
    Form(mut form): Form<EndForm>,
) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    let matter = matter(&mut cx, whose).await?;
    let (back, here, seen) = (matter.back(), matter.here(), matter.seen());
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return page(cx, matter, (form, None), Errors::one("sista", STALE)).await;
    }
    let mut errors = Errors::none();
    let (wanted, said) = parse(&mut cx, &matter, &mut form, &mut errors).await?;
    if errors.is_empty() && !form.legitimera.is_empty() {
        let what = format!("Organisationen upphör, {}", matter.data.name);
        return identify_first(cx, &form, (&form.legitimera, &here), what).await;
    }
    let text = format!("{}{said}", matter.text);
    let what = (Subject::organisation(matter.whose.org, seen.revision, "ceased"), text.as_str());
    let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
    let proof = match confirmed(&mut cx, &headers, (&here, &seen), typed, what, &mut errors).await? {
        Ok(proof) => proof,
        Err(eid) => return page(cx, matter, (form, eid.as_ref()), errors).await,
    };
    let permit = permit_identity(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, matter.whose.org);
    let decided = Decided { kind: "ceased", wanted, proof };
    match actions::decide(&mut cx.tx, who, (seen.revision, at), decided).await {
        Ok(audit) => {
            let cookie = cx.app.cookie().clear_visit();
            cx.commit(audit).await?;
            Ok(with_cookie(Flash::DataChanged.on(&back), cookie))
        }
        Err(Refused::Stale) => {
            let mut cx = cx.reopen().await?;
            let matter = self::matter(&mut cx, matter.whose).await?;
            page(cx, matter, (form, None), Errors::one("sista", STALE)).await
        }
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            page(cx, matter, (form, None), Errors::one(rule_field(&key, "sista"), rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}
