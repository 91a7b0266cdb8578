//! `/bli-kund`: somebody begins an application. `/bli-kund/{lank}`: the form, checking it, sending it, and following it.

use askama::Template;
use axum::{
    extract::State as Axum,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::{Part, fault, follow::follow, masked, parts, rule};
use crate::{
    agreements::actions::MOST_SIGNATORIES,
    app::App,
    applications::{
        actions::{self, Refused, rule_text},
        domain::{Application, State},
        form::{Before, Read, Typed, read},
        queries::Event,
    },
    http::{
        AppError, Chrome, Errors, Form, Link,
        error::waiting,
        extract::Source,
        form::{Choice, impersonal, paragraph, person_name},
        see_other,
    },
    identity::{Email, sign_in, token::Token},
    organisation::data_queries,
};

/// Times one address is begun with in a day, one source begins, and one source uses links in a quarter of an hour.
const OF_ADDRESS: (i32, i32) = (3, 24 * 3_600);
const FROM_SOURCE: (i32, i32) = (10, 900);
const TRIES: (i32, i32) = (120, 900);
/// Times one application is sent in a day.
const OF_LINK: (i32, i32) = (10, 24 * 3_600);
/// What whoever sends it certifies.
const CERTIFIES: &str =
    "Jag intygar att uppgifterna stämmer och att personerna känner till att de är angivna.";

/// Who applies.
#[derive(Debug, Default, Deserialize)]
pub struct StartForm {
    #[serde(default)]
    namn: String,
    #[serde(default)]
    epost: String,
}

#[derive(Template)]
#[template(path = "applications/start.html")]
struct StartPage {
    chrome: Chrome,
    form: StartForm,
    errors: Errors,
    sent: bool,
}

fn start_page(app: &App, form: StartForm, sent: bool, errors: Errors) -> Result<Response, AppError> {
    let (status, title) = match (errors.is_empty(), sent) {
        (false, _) => (StatusCode::UNPROCESSABLE_ENTITY, "Fel: Bli kund hos Inera"),
        (true, true) => (StatusCode::OK, "Titta i din mejl"),
        (true, false) => (StatusCode::OK, "Bli kund hos Inera"),
    };
    let page = StartPage { chrome: Chrome::public(app, title), form, errors, sent };
    Ok((status, Html(page.render()?)).into_response())
}

/// `GET /bli-kund`
pub async fn new(Axum(app): Axum<App>) -> Result<Response, AppError> {
    start_page(&app, StartForm::default(), false, Errors::none())
}

/// `POST /bli-kund`: sends the link to the form. The same answer whoever has the address.
pub async fn create(
    Axum(app): Axum<App>,
    Source(from): Source,
    Form(form): Form<StartForm>,
) -> Result<Response, AppError> {
    let mut errors = Errors::none();
    let name = errors.take("namn", person_name(&form.namn)).unwrap_or_default();
    let email = errors.take("epost", Email::parse_lower(&form.epost).map_err(|bad| bad.0));
    let (Some(email), true) = (email, errors.is_empty()) else {
        return start_page(&app, form, false, errors);
    };
    for (what, (most, span)) in
        [(format!("apply from:{from}"), FROM_SOURCE), (format!("apply of:{}", email.as_str()), OF_ADDRESS)]
    {
        let wait = sign_in::limit(app.db(), &what, most, span).await?;
        if wait > 0 {
            let why = format!("För många försök. Vänta {} och försök igen", waiting(wait));
            return start_page(&app, form, false, Errors::one("epost", why));
        }
    }
    actions::start(app.db(), app.keys(), (&name, email.as_str()), app.clock().now()).await?;
    start_page(&app, form, true, Errors::none())
}

/// What a link has led to.
pub(super) struct Opened {
    pub(super) link: Token,
    pub(super) application: Application,
    pub(super) events: Vec<Event>,
    numbers: Vec<String>,
    categories: Vec<(String, String)>,
    pub(super) here: String,
}

impl Opened {
    fn before(&self) -> Before<'_> {
        Before {
            org_nr: &self.application.org_nr,
            sole_trader: self.application.sole_trader,
            is_draft: self.application.state == State::Draft,
            signatories: &self.application.content.signatories,
            numbers: &self.numbers,
            answer: &self.application.content.answer,
            categories: &self.categories,
        }
    }

    fn category(&self) -> &str {
        let wanted = &self.application.content.category;
        self.categories.iter().find(|(code, _)| code == wanted).map_or("", |(_, name)| name)
    }

    pub(super) fn parts(&self) -> Vec<Part> {
        let whose = (self.application.org_nr.as_str(), self.application.sole_trader);
        parts(whose, &self.application.content, (&self.numbers, self.category()))
    }

    /// What keeps it from being sent.
    fn lacking(&self) -> Errors {
        let mut errors = Errors::none();
        read(&Typed::of(&self.application), self.before(), &mut errors);
        errors
    }
}

pub(super) async fn open(app: &App, link: Token) -> Result<Opened, AppError> {
    let found = actions::opened(app.db(), &link, app.clock().now()).await?;
    let (application, events) = found.ok_or(AppError::BadLink)?;
    let numbers =
        actions::numbers(app.keys(), &application).map_err(|error| AppError::Internal(error.to_string()))?;
    let mut tx = app.db().public().await?;
    let categories = data_queries::categories(&mut tx, app.clock().today()).await?;
    tx.end().await?;
    Ok(Opened {
        application,
        events,
        numbers,
        categories,
        here: format!("/bli-kund/{}", link.expose()),
        link,
    })
}

pub(super) async fn limit(app: &App, from: &str) -> Result<(), AppError> {
    let wait = sign_in::limit(app.db(), &format!("apply link:{from}"), TRIES.0, TRIES.1).await?;
    if wait > 0 { Err(AppError::TooMany(wait)) } else { Ok(()) }
}

/// A signatory's place in the form.
struct Place {
    number: usize,
    fields: [String; 3],
    name: String,
    email: String,
    /// The personal number as typed just now, and what is known of it.
    typed: String,
    known: String,
}

#[derive(Template)]
#[template(path = "applications/form.html")]
struct FormPage {
    chrome: Chrome,
    here: String,
    form: Typed,
    is_draft: bool,
    /// Number, revision and organisation number of one that has been sent.
    number: String,
    revision: i32,
    org_nr: String,
    /// A question of Inera's that waits for an answer.
    question: String,
    /// The sole trader's number, masked, when it is given.
    known_nr: String,
    categories: Vec<Choice>,
    rules: Vec<Choice>,
    places: Vec<Place>,
    /// Is there more than one signatory, or something to mend there?
    more: bool,
    is_saved: bool,
    errors: Errors,
}

/// The newest question.
fn question(events: &[Event]) -> String {
    let asked = events.iter().rev().find(|event| event.to == State::CompletionAsked);
    asked.map(|event| event.note.clone()).unwrap_or_default()
}

pub(super) fn form_page(
    app: &App,
    opened: &Opened,
    (form, is_saved): (Typed, bool),
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = errors.status();
    let at = |list: &[String], place: usize| list.get(place).cloned().unwrap_or_default();
    let application = &opened.application;
    let mut categories = vec![Choice::new("", "Välj", &form.kategori)];
    categories.extend(opened.categories.iter().map(|(code, name)| Choice::new(code, name, &form.kategori)));
    let mut rules = vec![Choice::new("", "Välj", &form.regel)];
    rules.extend((1..=4).map(|needed| Choice::new(needed.to_string(), rule(needed), &form.regel)));
    let places: Vec<Place> = (0..MOST_SIGNATORIES)
        .map(|place| Place {
            number: place + 1,
            fields: ["namn", "personnummer", "epost"].map(|field| format!("firm-{field}-{}", place + 1)),
            name: at(&form.firm_namn, place),
            email: at(&form.firm_epost, place),
            typed: at(&form.firm_personnummer, place),
            known: masked(&at(&opened.numbers, place)),
        })
        .collect();
    let is_used = |place: &Place| {
        let given = [&place.name, &place.email, &place.typed, &place.known];
        given.into_iter().any(|text| !text.is_empty())
            || place.fields.iter().any(|field| errors.of(field).is_some())
    };
    let page = FormPage {
        chrome: Chrome::public(app, &format!("{prefix}Ansök om att bli kund")).for_guest(),
        here: opened.here.clone(),
        is_draft: application.state == State::Draft,
        number: application.number.clone().unwrap_or_default(),
        revision: application.revision,
        org_nr: application.shown_nr(),
        question: if application.state == State::CompletionAsked {
            question(&opened.events)
        } else {
            String::new()
        },
        known_nr: if application.sole_trader { application.shown_nr() } else { String::new() },
        categories,
        rules,
        more: form.regel.parse::<i32>().is_ok_and(|needed| needed > 1) || places.iter().skip(1).any(is_used),
        places,
        form,
        is_saved,
        errors,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// `?sparat`
#[derive(Debug, Default, Deserialize)]
pub struct SavedQuery {
    sparat: Option<String>,
}

/// `GET /bli-kund/{lank}`: the form while it can be changed, then where the application is.
pub async fn show(
    Axum(app): Axum<App>,
    Link(link): Link,
    crate::http::Query(query): crate::http::Query<SavedQuery>,
) -> Result<Response, AppError> {
    let opened = open(&app, link).await?;
    if opened.application.state.is_editable() {
        let form = Typed::of(&opened.application);
        return form_page(&app, &opened, (form, query.sparat.is_some()), Errors::none());
    }
    follow(&app, opened, Errors::none())
}

/// `POST /bli-kund/{lank}`: saves the form, and goes on to checking it when all is there.
pub async fn update(
    Axum(app): Axum<App>,
    Source(from): Source,
    Link(link): Link,
    Form(form): Form<Typed>,
) -> Result<Response, AppError> {
    limit(&app, &from.to_string()).await?;
    let opened = open(&app, link).await?;
    if !opened.application.state.is_editable() {
        return follow(&app, opened, Errors::none());
    }
    let is_put_away = !form.spara.is_empty();
    let mut errors = Errors::of_draft(is_put_away);
    let found: Read = read(&form, opened.before(), &mut errors);
    // Put away, what can be read is saved all the same.
    if !errors.is_empty() && !is_put_away {
        return form_page(&app, &opened, (form, false), errors);
    }
    let found = found.or_before(&opened.application, &opened.numbers, &errors);
    let keys = (app.db(), app.keys());
    let what = (&opened.application, &found);
    if !actions::save(keys, (&opened.link, form.sparad), what, app.clock().now()).await.map_err(fault)? {
        let why = "Någon har sparat ansökan i en annan flik eller webbläsare. Kopiera det du vill behålla och ladda om sidan";
        return form_page(&app, &opened, (form, false), Errors::one("namn", why));
    }
    if !errors.is_empty() {
        let again = open(&app, opened.link).await?;
        let form = Typed { sparad: again.application.saves, ..form };
        return form_page(&app, &again, (form, true), errors);
    }
    Ok(see_other(&if is_put_away {
        format!("{}?sparat=ja", opened.here)
    } else {
        format!("{}/granska", opened.here)
    }))
}

#[derive(Template)]
#[template(path = "applications/review.html")]
struct ReviewPage {
    chrome: Chrome,
    here: String,
    is_draft: bool,
    question: String,
    answer: String,
    revision: i32,
    saves: i32,
    parts: Vec<Part>,
    errors: Errors,
}

/// What is sent along.
#[derive(Debug, Default, Deserialize)]
pub struct SendForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    sparad: i32,
    #[serde(default)]
    intygar: String,
    #[serde(default)]
    svar: String,
}

fn review_page(app: &App, opened: Opened, answer: String, errors: Errors) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = errors.status();
    let page = ReviewPage {
        chrome: Chrome::public(app, &format!("{prefix}Granska och skicka ansökan")).for_guest(),
        is_draft: opened.application.state == State::Draft,
        question: question(&opened.events),
        answer,
        revision: opened.application.revision,
        saves: opened.application.saves,
        parts: opened.parts(),
        here: opened.here,
        errors,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// `GET /bli-kund/{lank}/granska`
pub async fn review(Axum(app): Axum<App>, Link(link): Link) -> Result<Response, AppError> {
    let opened = open(&app, link).await?;
    if !opened.application.state.is_editable() {
        return Ok(see_other(&opened.here));
    }
    let lacking = opened.lacking();
    if !lacking.is_empty() {
        let form = Typed::of(&opened.application);
        return form_page(&app, &opened, (form, false), lacking);
    }
    review_page(&app, opened, String::new(), Errors::none())
}

/// `POST /bli-kund/{lank}/skicka`
pub async fn send(
    Axum(app): Axum<App>,
    Source(from): Source,
    Link(link): Link,
    Form(form): Form<SendForm>,
) -> Result<Response, AppError> {
    limit(&app, &from.to_string()).await?;
    let opened = open(&app, link).await?;
    // A second click: it is sent.
    if !opened.application.state.is_editable() {
        return Ok(see_other(&opened.here));
    }
    let lacking = opened.lacking();
    if !lacking.is_empty() {
        let typed = Typed::of(&opened.application);
        return form_page(&app, &opened, (typed, false), lacking);
    }
    let mut errors = Errors::none();
    if (form.revision, form.sparad) != (opened.application.revision, opened.application.saves) {
        errors.add("intygar", "Ansökan har ändrats sedan du öppnade sidan. Läs den igen");
    } else if form.intygar.is_empty() {
        errors.add(
            "intygar",
            "Kryssa i att uppgifterna stämmer och att personerna känner till att de är angivna",
        );
    }
    let answer = errors.take("svar", impersonal(paragraph(&form.svar, 2_000))).unwrap_or_default();
    if !errors.is_empty() {
        return review_page(&app, opened, form.svar, errors);
    }
    let to = if opened.application.state == State::Draft { State::Submitted } else { State::UnderReview };
    // Answers tell who is a customer: few are given.
    let tries = format!("apply send:{}", opened.application.id);
    let wait = sign_in::limit(app.db(), &tries, OF_LINK.0, OF_LINK.1).await?;
    if wait > 0 {
        return Err(AppError::TooMany(wait));
    }
    let whose = (&opened.link, &opened.application);
    match actions::act(app.db(), whose, (to, &answer, CERTIFIES), app.clock().now()).await {
        Ok(()) => Ok(see_other(&opened.here)),
        Err(Refused::Rule(key)) => review_page(
            &app,
            opened,
            form.svar,
            Errors::one("intygar", rule_text(&key).trim_end_matches('.')),
        ),
        Err(why) => Err(fault(why)),
    }
}
