//! `/inera/avtal`: what waits for signatures, sending a new agreement, recalling one.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{AgreementPath, fault, view::Tag};
use crate::{
    agreements::{
        actions::{self, MOST_SIGNATORIES, Named, Refused, Sending, rule_text},
        domain::{Kind, Signing},
        queries, store,
    },
    calendar::iso_date,
    calendar::local,
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff,
        form::{Choice, Motive, line},
    },
    identity::{Email, PersonalNumber, web::eid},
    ids::{self, AgreementId},
};

const PAGE: usize = 50;

/// Which list, and where it goes on.
#[derive(Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    vy: String,
    #[serde(default)]
    efter: String,
}

/// A round in the list.
struct Row {
    number: String,
    href: String,
    kind: &'static str,
    org: String,
    tag: Tag,
    signed: String,
    sent: String,
    until: String,
}

#[derive(Template)]
#[template(path = "agreements/staff_list.html")]
struct ListPage {
    chrome: Chrome,
    all: bool,
    can_send: bool,
    rows: Vec<Row>,
    next: String,
}

/// `GET /inera/avtal`
pub async fn index(mut cx: Cx<Staff>, Query(query): Query<ListQuery>) -> Result<Response, AppError> {
    let all = query.vy == "alla";
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let before = query.efter.parse().ok().map(crate::ids::SigningId);
    let mut found = queries::rounds(&mut cx.tx, !all, before, limit).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let view = if all { "alla" } else { "" };
    let page = ListPage {
        chrome: cx.chrome("Avtal"),
        all,
        can_send: cx.actor.permit_agreements().is_ok(),
        next: found
            .last()
            .filter(|_| more)
            .map(|last| format!("/inera/avtal?vy={view}&efter={}", last.id))
            .unwrap_or_default(),
        rows: found
            .into_iter()
            .map(|round| Row {
                href: format!("/inera/avtal/{}", round.number),
                number: round.number,
                kind: round.kind.label(),
                org: round.org_name,
                tag: round.state.tag().into(),
                signed: format!("{} av {}", round.signed, round.needed),
                sent: iso_date(local(round.sent_at).date),
                until: if round.state.is_open() {
                    iso_date(local(round.expires_at).date)
                } else {
                    String::new()
                },
            })
            .collect(),
    };
    cx.show(page).await
}

/// Whom a new agreement is for, when a link said it.
#[derive(Debug, Default, Deserialize)]
pub struct NewQuery {
    #[serde(default)]
    kund: String,
    #[serde(default)]
    fran: String,
}

/// A new agreement as typed. The lists run in parallel, one place for each signatory.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewForm {
    #[serde(default)]
    id: String,
    #[serde(default)]
    avtal: String,
    #[serde(default)]
    nummer: String,
    /// Whom the page said the number is.
    #[serde(default)]
    part: String,
    #[serde(default)]
    regel: String,
    #[serde(default)]
    namn: Vec<String>,
    #[serde(default)]
    personnummer: Vec<String>,
    #[serde(default)]
    epost: Vec<String>,
}

/// A signatory's place in the form.
struct Place {
    number: usize,
    optional: bool,
    ids: PlaceIds,
    name: String,
    personal_no: String,
    email: String,
}

/// The ids of its controls: errors are found by them.
struct PlaceIds {
    namn: String,
    personnummer: String,
    epost: String,
}

#[derive(Template)]
#[template(path = "agreements/new.html")]
struct NewPage {
    chrome: Chrome,
    id: String,
    can_identify: bool,
    kinds: Vec<Choice>,
    number: String,
    /// What goes back with the form; the same as `party` once it has been shown alone.
    part: String,
    party: String,
    confirm: bool,
    existing: Option<(String, String)>,
    rules: Vec<Choice>,
    places: Vec<Place>,
    errors: Errors,
}

/// What the form is shown with besides what was typed.
#[derive(Default)]
struct Beside {
    /// Whom the typed number is.
    party: String,
    /// It is another than the page said: look once more before anything is sent.
    confirm: bool,
    /// Words and address of the agreement that stands in the way.
    existing: Option<(String, String)>,
}

async fn form_page(
    cx: Cx<Staff>,
    form: NewForm,
    errors: Errors,
    beside: Beside,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = errors.status();
    let at = |list: &[String], place: usize| list.get(place).cloned().unwrap_or_default();
    let page = NewPage {
        // The same id for a form that comes back: only what is sent is used up.
        id: form.id.parse::<uuid::Uuid>().unwrap_or_else(|_| ids::fresh()).to_string(),
        can_identify: !eid::offered(&cx.app).is_empty(),
        chrome: cx.chrome(&format!("{prefix}Skicka avtal för signering")).focused(),
        kinds: vec![
            Choice::new("customer_2", "Kundavtal 2", &form.avtal),
            Choice::new("agent", "Agentavtal", &form.avtal),
        ],
        rules: vec![
            Choice::new("", "Välj", &form.regel),
            Choice::new("1", "En firmatecknare räcker", &form.regel),
            Choice::new("2", "Två i förening", &form.regel),
            Choice::new("3", "Tre i förening", &form.regel),
            Choice::new("4", "Fyra i förening", &form.regel),
        ],
        places: (0..MOST_SIGNATORIES)
            .map(|place| Place {
                number: place + 1,
                optional: place > 0,
                ids: PlaceIds {
                    namn: format!("namn-{}", place + 1),
                    personnummer: format!("personnummer-{}", place + 1),
                    epost: format!("epost-{}", place + 1),
                },
                name: at(&form.namn, place),
                personal_no: at(&form.personnummer, place),
                email: at(&form.epost, place),
            })
            .collect(),
        number: form.nummer,
        part: form.part,
        party: beside.party,
        confirm: beside.confirm,
        existing: beside.existing,
        errors,
    };
    cx.show_as(status, page).await
}

/// Before anything is read or asked for; the action asks for the permit itself again.
fn officers_only(cx: &Cx<Staff>) -> Result<(), AppError> {
    cx.actor.permit_agreements().map(drop).map_err(|denied| AppError::Forbidden(denied.0))
}

/// `GET /inera/avtal/nytt`
pub async fn new(mut cx: Cx<Staff>, Query(query): Query<NewQuery>) -> Result<Response, AppError> {
    officers_only(&cx)?;
    let mut form = NewForm { avtal: "customer_2".to_owned(), nummer: query.kund, ..NewForm::default() };
    // Sent again: the same people, whose numbers must be typed anew.
    if let Some(row) = queries::agreement(&mut cx.tx, &query.fran).await?
        && let Some(signing) = row.signing
    {
        row.kind.code().clone_into(&mut form.avtal);
        form.nummer = row.party_no.map(|number| number.to_string()).unwrap_or_default();
        form.regel = row.needed.to_string();
        for signatory in queries::signatories(&mut cx.tx, signing).await? {
            form.namn.push(signatory.name);
            form.epost.push(signatory.email);
            form.personnummer.push(String::new());
        }
    }
    let mut beside = Beside::default();
    if let (Ok(number), Some(kind)) = (form.nummer.parse(), kind_of(&form.avtal))
        && let Some(party) = store::party(&mut cx.tx, kind, number).await?
    {
        form.part = said(kind, number, &party);
        beside.party.clone_from(&form.part);
        beside.existing = in_the_way(&mut cx, kind, &party).await?.map(|(_, existing)| existing);
    }
    form_page(cx, form, Errors::none(), beside).await
}

/// The kinds that are sent from here.
fn kind_of(code: &str) -> Option<Kind> {
    [Kind::Customer2, Kind::Agent].into_iter().find(|kind| kind.code() == code)
}

/// "Kundavtal 2 för Solbackens Vård AB, 559999-9066, nummer 11305": all that must be seen before something is sent.
fn said(kind: Kind, number: i64, party: &store::Party) -> String {
    format!("{} för {}, {}, nummer {number}", kind.label(), party.name, party.org_nr)
}

/// What is sent and to whom.
async fn parse_party(
    cx: &mut Cx<Staff>,
    form: &NewForm,
    errors: &mut Errors,
) -> Result<Option<(Kind, i64, store::Party)>, AppError> {
    let Some(kind) = kind_of(&form.avtal) else {
        errors.add("avtal", "Välj vilket avtal som ska skickas");
        if form.nummer.trim().parse::<i64>().is_err() {
            errors.add("nummer", "Skriv ett kundnummer eller ett agentnummer med siffror");
        }
        return Ok(None);
    };
    let (what, other, other_what, other_label) = match kind {
        Kind::Agent => ("agentnummer", Kind::Customer2, "kundnumret", "Kundavtal 2"),
        _ => ("kundnummer", Kind::Agent, "agentnumret", "Agentavtal"),
    };
    let number: Option<i64> = form.nummer.trim().parse().ok();
    let Some(number) = number else {
        errors.add("nummer", format!("Skriv ett {what} med siffror"));
        return Ok(None);
    };
    let Some(party) = store::party(&mut cx.tx, kind, number).await? else {
        let message = match store::party(&mut cx.tx, other, number).await? {
            Some(party) => format!(
                "{number} är {other_what} för {}. Välj {other_label}, eller skriv ett {what}",
                party.name
            ),
            None => format!("Skriv ett {what} som finns i registret"),
        };
        errors.add("nummer", message);
        return Ok(None);
    };
    Ok(Some((kind, number, party)))
}

/// The agreement of that kind that the organisation has already: why it stands in the way, its words and address.
async fn in_the_way(
    cx: &mut Cx<Staff>,
    kind: Kind,
    party: &store::Party,
) -> Result<Option<(&'static str, (String, String))>, AppError> {
    let held = queries::of_organisation(&mut cx.tx, party.id).await?;
    let today = cx.app.clock().today();
    let found =
        held.into_iter().filter(|row| row.kind == kind).find_map(|row| Some((row.in_the_way(today)?, row)));
    Ok(found.map(|(key, row)| {
        let words = format!("{} för {}, {}", kind.label(), party.name, row.number);
        (key, (words, format!("/inera/avtal/{}", row.number)))
    }))
}

/// Those named, read from the places that were filled in.
fn parse_named(form: &NewForm, errors: &mut Errors) -> Vec<Named> {
    let mut named = Vec::new();
    for place in 0..MOST_SIGNATORIES {
        let at = |list: &'_ [String]| list.get(place).map(|text| text.trim().to_owned()).unwrap_or_default();
        let (name, number, email) = (at(&form.namn), at(&form.personnummer), at(&form.epost));
        if place > 0 && name.is_empty() && number.is_empty() && email.is_empty() {
            continue;
        }
        let id = |field: &str| format!("{field}-{}", place + 1);
        let name = line(&name, 120).and_then(|name| {
            if name.chars().count() < 2 { Err("Skriv firmatecknarens namn".to_owned()) } else { Ok(name) }
        });
        let name = errors.take(&id("namn"), name);
        let number = errors.take(&id("personnummer"), PersonalNumber::parse(&number));
        let email = errors.take(&id("epost"), Email::parse(&email));
        if let (Some(name), Some(number), Some(email)) = (name, number, email) {
            if named.iter().any(|other: &Named| other.number == number) {
                errors.add(&id("personnummer"), rule_text("same_person"));
            }
            named.push(Named { name, email, number });
        }
    }
    named
}

/// `POST /inera/avtal/nytt`
pub async fn create(mut cx: Cx<Staff>, Form(form): Form<NewForm>) -> Result<Response, AppError> {
    officers_only(&cx)?;
    // An earlier click of the same form has sent it.
    let id: Option<AgreementId> = form.id.parse().ok().map(AgreementId);
    if let Some(id) = id
        && let Some(number) = store::number_of(&mut cx.tx, id).await?
    {
        cx.tx.end().await?;
        return Ok(Flash::AgreementSent.on(&format!("/inera/avtal/{number}")));
    }
    let mut errors = Errors::none();
    let found = parse_party(&mut cx, &form, &mut errors).await?;
    let mut beside = Beside::default();
    // A number typed wrong is another organisation: nothing is sent to one whose name was not on the page.
    if let Some((kind, number, party)) = &found {
        beside.party = said(*kind, *number, party);
        beside.confirm = form.part != beside.party;
        if beside.confirm
            && let Some((key, existing)) = in_the_way(&mut cx, *kind, party).await?
        {
            errors.add("nummer", rule_text(key).trim_end_matches('.'));
            beside.existing = Some(existing);
        }
    }
    let needed = form.regel.parse::<i32>().ok().filter(|needed| (1..=4).contains(needed));
    if needed.is_none() {
        errors.add("regel", "Välj hur firman tecknas");
    }
    let named = parse_named(&form, &mut errors);
    if let Some(needed) = needed
        && errors.is_empty()
        && usize::try_from(needed).is_ok_and(|needed| named.len() < needed)
    {
        errors.add("regel", rule_text("too_few_signatories"));
    }
    let (Some((kind, party_no, party)), Some(needed), true) = (found, needed, errors.is_empty()) else {
        return form_page(cx, form, errors, beside).await;
    };
    if eid::offered(&cx.app).is_empty() {
        let message =
            "Ingen kan signera ännu: e-legitimation är inte kopplad till portalen. Avtalet är inte skickat";
        return form_page(cx, form, Errors::one("avtal", message), beside).await;
    }
    if beside.confirm {
        let form = NewForm { part: beside.party.clone(), ..form };
        return form_page(cx, form, errors, beside).await;
    }
    let id = id.ok_or(AppError::BadRequest("Formuläret saknar id."))?;
    let sending = Sending { id, kind, party, party_no, needed, named };
    let (app, at) = (cx.app.clone(), cx.app.clock().now());
    match actions::send(&mut cx.tx, (&cx.actor, app.keys()), &sending, at).await {
        Ok((number, audit)) => {
            cx.commit(audit).await?;
            Ok(Flash::AgreementSent.on(&format!("/inera/avtal/{number}")))
        }
        Err(Refused::AlreadySent(number)) => {
            cx.tx.end().await?;
            Ok(Flash::AgreementSent.on(&format!("/inera/avtal/{number}")))
        }
        Err(Refused::Rule(key)) => {
            let field = match key.as_str() {
                "same_person" => "personnummer-1",
                _ => "nummer",
            };
            let mut cx = cx.reopen().await?;
            let existing = in_the_way(&mut cx, kind, &sending.party).await?.map(|(_, existing)| existing);
            let errors = Errors::one(field, rule_text(&key).trim_end_matches('.'));
            form_page(cx, form, errors, Beside { existing, ..beside }).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// Why.
#[derive(Debug, Default, Deserialize)]
pub struct RecallForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    motivering: String,
}

#[derive(Template)]
#[template(path = "agreements/recall.html")]
struct RecallPage {
    chrome: Chrome,
    revision: i32,
    number: String,
    title: String,
    here: String,
    motive: String,
    errors: Errors,
}

async fn recall_page(
    cx: Cx<Staff>,
    signing: Signing,
    motive: String,
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = errors.status();
    let page = RecallPage {
        chrome: cx.chrome(&format!("{prefix}Återkalla {}", signing.number)).focused(),
        here: format!("/inera/avtal/{}", signing.number),
        revision: signing.revision,
        title: signing.title(),
        number: signing.number,
        motive,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET /inera/avtal/{nummer}/aterkalla`
pub async fn recall_new(mut cx: Cx<Staff>, Path(path): Path<AgreementPath>) -> Result<Response, AppError> {
    officers_only(&cx)?;
    let signing = store::find(&mut cx.tx, &path.nummer).await?.ok_or(AppError::NotFound)?;
    if signing.open().is_none() {
        return Err(fault(Refused::WrongState));
    }
    recall_page(cx, signing, String::new(), Errors::none()).await
}

/// `POST /inera/avtal/{nummer}/aterkalla`
pub async fn recall_create(
    mut cx: Cx<Staff>,
    Path(path): Path<AgreementPath>,
    Form(form): Form<RecallForm>,
) -> Result<Response, AppError> {
    officers_only(&cx)?;
    let signing = store::find(&mut cx.tx, &path.nummer).await?.ok_or(AppError::NotFound)?;
    // Somebody may have signed since the page was opened.
    if form.revision != signing.revision {
        return Err(fault(Refused::WrongState));
    }
    let motive = match Motive::parse(&form.motivering) {
        Ok(motive) => motive,
        Err(message) => {
            return recall_page(cx, signing, form.motivering, Errors::one("motivering", message)).await;
        }
    };
    let at = cx.app.clock().now();
    let audit = actions::recall(&mut cx.tx, &cx.actor, &signing, motive, at).await.map_err(fault)?;
    cx.commit(audit).await?;
    Ok(Flash::AgreementRecalled.on(&format!("/inera/avtal/{}", signing.number)))
}
