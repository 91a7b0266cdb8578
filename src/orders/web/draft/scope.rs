//! Step 4: lines, start date, contact, invoice and attestant.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use time::Date;

use super::{Draft, DraftPath, Orderer, StepMark, closed, moved, open, step_marks};
use crate::{
    calendar::{iso_date, long_date, parse_date},
    catalogue::{Scope, Service},
    contacts::queries::{Colleague, attestants},
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path,
        form::{Choice, line, paragraph},
        see_other,
    },
    identity::{Email, HsaId},
    ids::MembershipId,
    orders::{
        actions,
        domain::{Content, Line, LineKind},
        store,
    },
    organisation::{unit_queries, units::Unit},
    text::has_personal_number,
};

/// Most lines of an order.
const MOST_LINES: usize = 200;
/// Empty rows offered after those that are filled in.
const SPARE_ROWS: usize = 2;

/// Everything of the step, as typed.
#[derive(Debug, Default, Deserialize)]
pub struct ScopeForm {
    #[serde(default)]
    kontrakt: Vec<String>,
    #[serde(default)]
    enhet_namn: Vec<String>,
    #[serde(default)]
    enhet_hsa: Vec<String>,
    #[serde(default)]
    enhet_antal: Vec<String>,
    #[serde(default)]
    enhet_datum: Vec<String>,
    #[serde(default)]
    kort: String,
    #[serde(default)]
    startdatum: String,
    #[serde(default)]
    kontakt_namn: String,
    #[serde(default)]
    kontakt_epost: String,
    #[serde(default)]
    kontakt_telefon: String,
    #[serde(default)]
    faktura_adress: String,
    #[serde(default)]
    faktura_referens: String,
    #[serde(default)]
    attestant: String,
    #[serde(default)]
    egen_referens: String,
    #[serde(default)]
    spara: String,
    #[serde(default)]
    fler: String,
    #[serde(default)]
    hamta: String,
}

/// A row for a vårdenhet.
struct UnitRow {
    index: usize,
    enhet_namn_id: String,
    enhet_hsa_id: String,
    enhet_antal_id: String,
    enhet_datum_id: String,
    name: String,
    hsa: String,
    quantity: String,
    date: String,
}

#[derive(Template)]
#[template(path = "orders/draft_scope.html")]
struct ScopePage {
    chrome: Chrome,
    steps: Vec<StepMark>,
    eyebrow: String,
    number: String,
    action: String,
    previous: String,
    scope: Scope,
    start_fee: bool,
    contracts: Vec<Choice>,
    units: Vec<UnitRow>,
    /// Units of the customer's register that are not in the rows.
    more_units: usize,
    attestants: Vec<Choice>,
    prices: Vec<String>,
    form: ScopeForm,
    errors: Errors,
}

/// Somebody can be rung there: at least seven digits, and nothing but what goes with digits.
fn is_phone(text: &str) -> bool {
    text.chars().filter(char::is_ascii_digit).count() >= 7
        && text.chars().all(|letter| letter.is_ascii_digit() || "+-() ".contains(letter))
}

fn price_rows(service: &Service, day: Date) -> Vec<String> {
    service
        .prices
        .iter()
        .filter(|row| {
            matches!(row.kind.as_str(), "list_price" | "connection_fee" | "setup_fee" | "subscription")
        })
        .filter(|row| crate::catalogue::domain::within(day, row.valid_from, row.valid_to))
        .map(|row| {
            let amount =
                row.amount_ore.map_or_else(|| "pris enligt prislista".to_owned(), crate::text::kronor);
            let per = match row.per.as_str() {
                "kontrakt" => " per tjänstekontrakt",
                "kort_ar" => " per kort och år",
                "ar" => " per år",
                "bestallning" => " per beställning",
                _ => "",
            };
            format!("{}: {amount}{per}", row.item)
        })
        .collect()
}

async fn page<S: Orderer>(
    mut cx: Cx<S>,
    draft: Draft,
    form: ScopeForm,
    errors: Errors,
) -> Result<Response, AppError> {
    let attestants = attestants(&mut cx.tx, draft.order.customer).await?;
    let (service, offer) = draft.offer()?;
    let anybody = match attestants.as_slice() {
        [only] => format!("{} (i dag bara {})", S::ANYBODY, only.name),
        _ => S::ANYBODY.to_owned(),
    };
    let mut choices = vec![Choice::new("", anybody, &form.attestant)];
    choices.extend(attestants.iter().filter(|_| attestants.len() > 1).map(|person| {
        let label = if person.title.is_empty() {
            person.name.clone()
        } else {
            format!("{}, {}", person.name, person.title)
        };
        Choice::new(person.id.to_string(), label, &form.attestant)
    }));
    let rows = form.enhet_namn.len().max(form.enhet_hsa.len());
    let get = |list: &[String], index: usize| list.get(index).cloned().unwrap_or_default();
    let units = (0..(rows + SPARE_ROWS).min(MOST_LINES))
        .map(|index| UnitRow {
            index: index + 1,
            enhet_namn_id: format!("enhet_namn-{}", index + 1),
            enhet_hsa_id: format!("enhet_hsa-{}", index + 1),
            enhet_antal_id: format!("enhet_antal-{}", index + 1),
            enhet_datum_id: format!("enhet_datum-{}", index + 1),
            name: get(&form.enhet_namn, index),
            hsa: get(&form.enhet_hsa, index),
            quantity: get(&form.enhet_antal, index),
            date: get(&form.enhet_datum, index),
        })
        .collect();
    let contracts = service
        .contracts
        .iter()
        .map(|contract| Choice {
            value: contract.contract.clone(),
            label: contract.name.clone(),
            selected: form.kontrakt.contains(&contract.contract),
        })
        .collect();
    let more_units = if offer.scope == Scope::CareUnits {
        let known = unit_queries::units(&mut cx.tx, draft.order.customer).await?;
        let room = MOST_LINES
            - form.enhet_hsa.iter().filter(|typed| !typed.trim().is_empty()).count().min(MOST_LINES);
        not_in(&form, &known).len().min(room)
    } else {
        0
    };
    let prefix = errors.title_prefix();
    let status = errors.status();
    let page = ScopePage {
        chrome: cx.chrome(&format!("{prefix}Omfattning – beställ {}", service.name)).focused(),
        steps: step_marks(4),
        eyebrow: draft.eyebrow(),
        number: draft.order.number.clone(),
        action: draft.href("omfattning"),
        previous: draft.href("forutsattningar"),
        scope: offer.scope,
        start_fee: offer.start_fee,
        contracts,
        units,
        more_units,
        attestants: choices,
        prices: price_rows(service, cx.app.clock().today()),
        form,
        errors,
    };
    cx.show_as(status, page).await
}

/// Open units of the register that are not in the rows.
fn not_in<'a>(form: &ScopeForm, known: &'a [Unit]) -> Vec<&'a Unit> {
    let has =
        |unit: &Unit| form.enhet_hsa.iter().any(|typed| typed.trim().eq_ignore_ascii_case(&unit.hsa_id));
    known.iter().filter(|unit| unit.closed_on.is_none() && !has(unit)).collect()
}

/// The form with the rest of the register after the rows that are filled in, as many as an order holds.
fn with_register(mut form: ScopeForm, known: &[Unit]) -> ScopeForm {
    let fresh: Vec<(String, String)> =
        not_in(&form, known).into_iter().map(|unit| (unit.name.clone(), unit.hsa_id.clone())).collect();
    let get = |list: &[String], at: usize| list.get(at).cloned().unwrap_or_default();
    let rows = form.enhet_namn.len().max(form.enhet_hsa.len());
    let mut all: Vec<[String; 4]> = (0..rows)
        .map(|at| {
            let lists = [&form.enhet_namn, &form.enhet_hsa, &form.enhet_antal, &form.enhet_datum];
            lists.map(|list| get(list, at))
        })
        .filter(|[name, hsa, _, day]| ![name, hsa, day].iter().all(|text| text.trim().is_empty()))
        .collect();
    all.extend(fresh.into_iter().map(|(name, hsa)| [name, hsa, "1".to_owned(), String::new()]));
    all.truncate(MOST_LINES);
    let column = |at: usize| all.iter().filter_map(|row| row.get(at).cloned()).collect();
    (form.enhet_namn, form.enhet_hsa) = (column(0), column(1));
    (form.enhet_antal, form.enhet_datum) = (column(2), column(3));
    form
}

fn filled(draft: &Draft) -> ScopeForm {
    let content = &draft.order.content;
    let of = |kind: LineKind| content.lines.iter().filter(move |line| line.kind == kind);
    let date = |day: Option<Date>| day.map(iso_date).unwrap_or_default();
    ScopeForm {
        kontrakt: of(LineKind::Contract).map(|line| line.contract.clone()).collect(),
        enhet_namn: of(LineKind::CareUnit).map(|line| line.name.clone()).collect(),
        enhet_hsa: of(LineKind::CareUnit).map(|line| line.hsa_id.clone()).collect(),
        enhet_antal: of(LineKind::CareUnit).map(|line| line.quantity.to_string()).collect(),
        enhet_datum: of(LineKind::CareUnit).map(|line| date(line.wanted_on)).collect(),
        kort: of(LineKind::Cards).next().map(|line| line.quantity.to_string()).unwrap_or_default(),
        startdatum: date(content.wanted_on),
        kontakt_namn: content.contact_name.clone(),
        kontakt_epost: content.contact_email.clone(),
        kontakt_telefon: content.contact_phone.clone(),
        faktura_adress: content.invoice_address.clone(),
        faktura_referens: content.invoice_reference.clone(),
        attestant: draft.order.customer_attestant.map(|id| id.to_string()).unwrap_or_default(),
        egen_referens: content.own_reference.clone(),
        spara: String::new(),
        fler: String::new(),
        hamta: String::new(),
    }
}

/// `GET …/bestall/{nummer}/omfattning`
pub async fn edit<S: Orderer>(mut cx: Cx<S>, Path(path): Path<DraftPath>) -> Result<Response, AppError> {
    match open(&mut cx, &path).await? {
        Ok(draft) => {
            let form = filled(&draft);
            page(cx, draft, form, Errors::none()).await
        }
        Err(order) => moved(cx, &order).await,
    }
}

/// `POST …/bestall/{nummer}/omfattning`
pub async fn update<S: Orderer>(
    mut cx: Cx<S>,
    Path(path): Path<DraftPath>,
    Form(form): Form<ScopeForm>,
) -> Result<Response, AppError> {
    store::hold(&mut cx.tx, &path.nummer).await?;
    let draft = match open(&mut cx, &path).await? {
        Ok(draft) => draft,
        Err(order) => return closed(cx, &order).await,
    };
    if !form.fler.is_empty() {
        let mut form = form;
        form.enhet_namn.extend(std::iter::repeat_n(String::new(), 5));
        return page(cx, draft, form, Errors::none()).await;
    }
    if !form.hamta.is_empty() {
        let known = unit_queries::units(&mut cx.tx, draft.order.customer).await?;
        let form = with_register(form, &known);
        return page(cx, draft, form, Errors::none()).await;
    }
    let attestants = attestants(&mut cx.tx, draft.order.customer).await?;
    let today = cx.app.clock().today();
    let parsed = parse(&form, &draft, &attestants, today)?;
    let (content, attestant) = match parsed {
        Ok(parsed) => parsed,
        Err(errors) => return page(cx, draft, form, errors).await,
    };
    let terms = draft.service()?.terms_on(today).map(|terms| terms.id);
    if !store::update_scope(&mut cx.tx, draft.order.id, &content, attestant, terms).await? {
        return closed(cx, &draft.order).await;
    }
    store::replace_lines(&mut cx.tx, draft.order.id, draft.order.customer, &content.lines).await?;
    let audit = actions::edited(&cx.actor, &draft.order, "scope");
    let back = format!("{}/bestallningar/{}", cx.actor.base(), draft.order.number);
    cx.commit(audit).await?;
    if form.spara.is_empty() { Ok(see_other(&draft.href("granska"))) } else { Ok(Flash::Saved.on(&back)) }
}

type Parsed = Result<(Content, Option<MembershipId>), Errors>;

fn parse(form: &ScopeForm, draft: &Draft, attestants: &[Colleague], today: Date) -> Result<Parsed, AppError> {
    let (service, offer) = draft.offer()?;
    let mut errors = Errors::of_draft(!form.spara.is_empty());
    let lines = match offer.scope {
        Scope::None => Vec::new(),
        Scope::Contracts => contract_lines(form, service, &mut errors),
        Scope::CareUnits => unit_lines(form, today, &mut errors),
        Scope::Cards => card_lines(form, &mut errors),
    };
    let wanted_on = date("startdatum", &form.startdatum, today, &mut errors);
    let mut text = |field: &str, typed: &str, longest: usize, missing: &str| {
        let text = errors.take(field, line(typed, longest)).unwrap_or_default();
        if text.is_empty() && !missing.is_empty() && errors.of(field).is_none() {
            errors.lack(field, missing);
        }
        text
    };
    let contact_name =
        text("kontakt_namn", &form.kontakt_namn, 120, "Skriv namnet på en kontaktperson för införandet");
    let contact_phone = text(
        "kontakt_telefon",
        &form.kontakt_telefon,
        40,
        "Skriv ett telefonnummer, till exempel 070-555 01 42",
    );
    if !contact_phone.is_empty() && !is_phone(&contact_phone) {
        errors.add("kontakt_telefon", "Skriv ett telefonnummer med siffror, till exempel 070-555 01 42");
    }
    let contact_email = if form.kontakt_epost.trim().is_empty() {
        errors.lack("kontakt_epost", "Skriv kontaktpersonens e-postadress");
        String::new()
    } else {
        let email = errors.take("kontakt_epost", Email::parse(&form.kontakt_epost));
        email.map(|email| email.as_str().to_owned()).unwrap_or_default()
    };
    let invoice_address =
        errors.take("faktura_adress", paragraph(&form.faktura_adress, 400)).unwrap_or_default();
    if invoice_address.is_empty() && errors.of("faktura_adress").is_none() {
        errors.lack("faktura_adress", "Skriv dit fakturan ska skickas");
    }
    let reference = errors.take("faktura_referens", line(&form.faktura_referens, 50)).unwrap_or_default();
    if reference.is_empty() && errors.of("faktura_referens").is_none() {
        errors.lack("faktura_referens", "Skriv er fakturareferens");
    }
    let attestant = form.attestant.parse().ok().map(MembershipId);
    if !form.attestant.is_empty() && !attestants.iter().any(|person| Some(person.id) == attestant) {
        errors.add("attestant", "Välj en av era attestanter");
    }
    let own_reference =
        errors.take("egen_referens", paragraph(&form.egen_referens, 1_000)).unwrap_or_default();
    if has_personal_number(&own_reference) {
        errors.add("egen_referens", "Texten innehåller något som ser ut som ett personnummer. Ta bort det");
    }
    if !errors.is_empty() {
        return Ok(Err(errors));
    }
    let content = Content {
        wanted_on,
        contact_name,
        contact_email,
        contact_phone,
        invoice_address,
        invoice_reference: reference,
        own_reference,
        lines,
        ..draft.order.content.clone()
    };
    Ok(Ok((content, attestant)))
}

/// An optional date, today at the earliest.
fn date(field: &str, typed: &str, today: Date, errors: &mut Errors) -> Option<Date> {
    if typed.trim().is_empty() {
        return None;
    }
    let Some(day) = parse_date(typed.trim()) else {
        errors.add(field, "Skriv datumet med år, månad och dag, till exempel 2027-03-01");
        return None;
    };
    if day < today {
        errors.add(field, format!("Datumet måste vara {} eller senare", long_date(today)));
        return None;
    }
    if day.year() > today.year() + 5 {
        errors.add(field, "Datumet får vara högst fem år bort");
        return None;
    }
    Some(day)
}

fn contract_lines(form: &ScopeForm, service: &Service, errors: &mut Errors) -> Vec<Line> {
    let lines: Vec<Line> = service
        .contracts
        .iter()
        .filter(|contract| form.kontrakt.contains(&contract.contract))
        .map(|contract| Line {
            kind: LineKind::Contract,
            name: contract.name.clone(),
            hsa_id: String::new(),
            contract: contract.contract.clone(),
            quantity: 1,
            wanted_on: None,
        })
        .collect();
    if lines.is_empty() && !service.contracts.is_empty() {
        let first = service.contracts.first().map_or("", |contract| contract.contract.as_str());
        errors.lack(&format!("kontrakt-{first}"), "Välj minst ett tjänstekontrakt");
    }
    lines
}

fn unit_lines(form: &ScopeForm, today: Date, errors: &mut Errors) -> Vec<Line> {
    let get = |list: &[String], index: usize| {
        list.get(index).map(|text| text.trim().to_owned()).unwrap_or_default()
    };
    let rows = form.enhet_namn.len().max(form.enhet_hsa.len()).min(MOST_LINES);
    let mut lines: Vec<Line> = Vec::new();
    for index in 0..rows {
        let (name, hsa, typed) =
            (get(&form.enhet_namn, index), get(&form.enhet_hsa, index), get(&form.enhet_antal, index));
        let wanted = get(&form.enhet_datum, index);
        if name.is_empty() && hsa.is_empty() && wanted.is_empty() {
            continue;
        }
        let row = index + 1;
        let name = errors.take(&format!("enhet_namn-{row}"), line(&name, 200)).unwrap_or_default();
        if name.is_empty() {
            errors.add(&format!("enhet_namn-{row}"), format!("Skriv vårdenhetens namn på rad {row}"));
        }
        let hsa = errors.take(
            &format!("enhet_hsa-{row}"),
            HsaId::parse(&hsa).map_err(|error| format!("Rad {row}: {error}")),
        );
        let quantity =
            quantity(&format!("enhet_antal-{row}"), if typed.is_empty() { "1" } else { &typed }, errors);
        let wanted_on = date(&format!("enhet_datum-{row}"), &wanted, today, errors);
        let hsa = hsa.map(|hsa| hsa.as_str().to_owned()).unwrap_or_default();
        if !hsa.is_empty() && lines.iter().any(|line| line.hsa_id.eq_ignore_ascii_case(&hsa)) {
            errors.add(&format!("enhet_hsa-{row}"), format!("Rad {row}: vårdenheten finns redan i listan"));
        }
        lines.push(Line {
            kind: LineKind::CareUnit,
            name,
            hsa_id: hsa,
            contract: String::new(),
            quantity,
            wanted_on,
        });
    }
    if lines.is_empty() {
        errors.lack("enhet_namn-1", "Skriv minst en vårdenhet");
    }
    lines
}

fn card_lines(form: &ScopeForm, errors: &mut Errors) -> Vec<Line> {
    if form.kort.trim().is_empty() {
        errors.lack("kort", "Skriv hur många kort ni beställer");
        return Vec::new();
    }
    let quantity = quantity("kort", form.kort.trim(), errors);
    let line = Line {
        kind: LineKind::Cards,
        name: "SITHS-kort".to_owned(),
        hsa_id: String::new(),
        contract: String::new(),
        quantity,
        wanted_on: None,
    };
    vec![line]
}

fn quantity(field: &str, typed: &str, errors: &mut Errors) -> i32 {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    match digits.parse::<i32>() {
        Ok(number) if (1..=100_000).contains(&number) => number,
        _ => {
            errors.add(field, "Skriv ett antal mellan 1 och 100 000");
            1
        }
    }
}
