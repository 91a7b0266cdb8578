//! `/bli-kontakt`: somebody without a place asks for one. `/bli-kontakt/{lank}`: the reader of the address sends it on.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use super::fault;
use crate::{
    app::App,
    contacts::{
        actions::permit,
        joining::{self, Asked, NewAsk},
    },
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Link, Path,
        context::For,
        error::waiting,
        extract::Source,
        form::{impersonal, line, paragraph, person_name},
    },
    identity::{Email, OrgNr, sign_in, token::Token},
};

/// Times one address is asked with in a day, and times one source asks in a quarter of an hour.
const OF_ADDRESS: (i32, i32) = (3, 24 * 3_600);
const FROM_SOURCE: (i32, i32) = (10, 900);
/// Tries of links from one source in a quarter of an hour.
const TRIES: (i32, i32) = (60, 900);

/// Who asks, and of whom.
#[derive(Debug, Default, Deserialize)]
pub struct AskForm {
    #[serde(default)]
    orgnr: String,
    #[serde(default)]
    namn: String,
    #[serde(default)]
    epost: String,
    #[serde(default)]
    titel: String,
    #[serde(default)]
    varfor: String,
}

#[derive(Template)]
#[template(path = "contacts/join.html")]
struct AskPage {
    chrome: Chrome,
    form: AskForm,
    errors: Errors,
    sent: bool,
}

fn page(app: &App, form: AskForm, is_sent: bool, errors: Errors) -> Result<Response, AppError> {
    let (status, title) = match (errors.is_empty(), is_sent) {
        (false, _) => (StatusCode::UNPROCESSABLE_ENTITY, "Fel: Be om att bli kontakt"),
        (true, true) => (StatusCode::OK, "Titta i din mejl"),
        (true, false) => (StatusCode::OK, "Be om att bli kontakt"),
    };
    let page = AskPage { chrome: Chrome::public(app, title), form, errors, sent: is_sent };
    Ok((status, Html(page.render()?)).into_response())
}

/// `GET /bli-kontakt`
pub async fn new(State(app): State<App>) -> Result<Response, AppError> {
    page(&app, AskForm::default(), false, Errors::none())
}

struct Typed {
    org_nr: String,
    name: String,
    email: String,
    title: String,
    reason: String,
}

fn parse(form: &AskForm, errors: &mut Errors) -> Typed {
    let org_nr = errors.take("orgnr", OrgNr::parse(&form.orgnr).map_err(|bad| bad.0));
    let name = errors.take("namn", person_name(&form.namn)).unwrap_or_default();
    let email = errors.take("epost", Email::parse_lower(&form.epost).map_err(|bad| bad.0));
    let title = errors.take("titel", impersonal(line(&form.titel, 120))).unwrap_or_default();
    let reason = errors.take("varfor", impersonal(paragraph(&form.varfor, 500))).unwrap_or_default();
    if reason.is_empty() && errors.of("varfor").is_none() {
        errors.add("varfor", "Skriv varför du behöver bli kontakt");
    }
    Typed {
        org_nr: org_nr.map(|nr| nr.digits().to_owned()).unwrap_or_default(),
        name,
        email: email.map(|email| email.as_str().to_owned()).unwrap_or_default(),
        title,
        reason,
    }
}

/// `POST /bli-kontakt`: the answer is the same whether or not there is such an organisation.
pub async fn create(
    State(app): State<App>,
    Source(from): Source,
    Form(form): Form<AskForm>,
) -> Result<Response, AppError> {
    let mut errors = Errors::none();
    let typed = parse(&form, &mut errors);
    if !errors.is_empty() {
        return page(&app, form, false, errors);
    }
    for (what, (most, span)) in
        [(format!("join from:{from}"), FROM_SOURCE), (format!("join of:{}", typed.email), OF_ADDRESS)]
    {
        let wait = sign_in::limit(app.db(), &what, most, span).await?;
        if wait > 0 {
            let why = format!("För många försök. Vänta {} och försök igen", waiting(wait));
            return page(&app, form, false, Errors::one("epost", why));
        }
    }
    let Typed { org_nr, name, email, title, reason } = &typed;
    let new = NewAsk { org_nr, name, email, title, reason };
    joining::ask(app.db(), app.keys(), &new, app.clock().now()).await?;
    page(&app, form, true, Errors::none())
}

#[derive(Template)]
#[template(path = "contacts/join_link.html")]
struct LinkPage {
    chrome: Chrome,
    title: &'static str,
    here: String,
    org: String,
    name: String,
    email: String,
    asks: bool,
    text: &'static str,
    /// Is signing in what is left?
    sign_in: bool,
    /// Is the form to be filled in anew?
    again: bool,
    /// May the organisation be none of Inera's customers?
    unknown: bool,
}

fn link_page(app: &App, link: &str, asked: Asked, is_sent: bool) -> Result<Response, AppError> {
    let (title, text) = match asked.state.as_str() {
        _ if is_sent => (
            "Din begäran är skickad",
            "Administratörerna har fått mejl. Säger de ja får du en inbjudan på den här adressen.",
        ),
        "open" => ("Skicka din begäran", ""),
        "sent" => (
            "Din begäran är redan skickad",
            "Administratörerna har fått mejl. Säger de ja får du en inbjudan på den här adressen.",
        ),
        "invited" => (
            "Du är redan inbjuden",
            "Inbjudan finns i din mejl. Hittar du den inte ber du organisationens administratör skicka den igen.",
        ),
        "closed" => (
            "Din begäran är besvarad",
            "Har du fått en inbjudan finns den i din mejl. Annars pratar du med organisationens administratör.",
        ),
        "expired" => ("Länken har gått ut", "Den gäller i tre dygn. Fyll i formuläret igen."),
        "member" => ("Du är redan kontakt", "Logga in som vanligt. Saknar du en roll kan du be om den där."),
        "nobody" => (
            "Ingen kan svara på din begäran",
            "Organisationen har ingen administratör. Kontakta Kundservice på 0771-25 10 10.",
        ),
        "full" => (
            "Det går inte att skicka just nu",
            "Många väntar redan på svar från organisationen. Prata med organisationens administratör.",
        ),
        _ => (
            "Organisationen finns inte i Kundportalen",
            "Kontrollera organisationsnumret och fyll i formuläret igen. Är organisationen inte kund hos Inera ännu kan ni ansöka om det.",
        ),
    };
    let asks = asked.state == "open" && !is_sent;
    let status = if asks || is_sent { StatusCode::OK } else { StatusCode::GONE };
    let page = LinkPage {
        chrome: Chrome::public(app, title).for_guest(),
        title,
        here: format!("/bli-kontakt/{link}"),
        org: asked.org.unwrap_or_default(),
        name: asked.name,
        email: asked.email,
        asks,
        text,
        sign_in: asked.state == "member",
        unknown: asked.state == "unknown",
        again: !is_sent && ["expired", "unknown"].contains(&asked.state.as_str()),
    };
    Ok((status, Html(page.render()?)).into_response())
}

async fn open(app: &App, link: &Token) -> Result<Asked, AppError> {
    joining::asked(app.db(), link, app.clock().now()).await?.ok_or(AppError::BadLink)
}

/// `GET /bli-kontakt/{lank}`
pub async fn show_link(State(app): State<App>, Link(link): Link) -> Result<Response, AppError> {
    let asked = open(&app, &link).await?;
    link_page(&app, link.expose(), asked, false)
}

/// `POST /bli-kontakt/{lank}`
pub async fn confirm_link(
    State(app): State<App>,
    Source(from): Source,
    Link(link): Link,
) -> Result<Response, AppError> {
    let wait = sign_in::limit(app.db(), &format!("join link:{from}"), TRIES.0, TRIES.1).await?;
    if wait > 0 {
        return Err(AppError::TooMany(wait));
    }
    let asked = open(&app, &link).await?;
    if joining::confirm(app.db(), &link, app.clock().now()).await? {
        return link_page(&app, link.expose(), asked, true);
    }
    let asked = open(&app, &link).await?;
    link_page(&app, link.expose(), asked, false)
}

/// Somebody who asks.
#[derive(Debug, Deserialize)]
pub struct RequestPath {
    begaran: Uuid,
}

/// `POST {side}/kontakter/vill-bli/{begaran}/nej`
pub async fn decline<S: For>(mut cx: Cx<S>, Path(path): Path<RequestPath>) -> Result<Response, AppError> {
    let permit = permit(&cx.actor).map_err(|denied| AppError::Forbidden(denied.0))?;
    let at = cx.app.clock().now();
    let who = (&cx.actor, permit, cx.actor.org());
    let audit = joining::decline(&mut cx.tx, who, path.begaran, at).await.map_err(fault)?;
    let audit = audit.ok_or(AppError::NotFound)?;
    let list = format!("{}/kontakter", cx.actor.base());
    cx.commit(audit).await?;
    Ok(Flash::JoinDeclined.on(&list))
}
