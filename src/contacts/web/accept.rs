//! `/inbjudan/{lank}`: somebody invited says yes, with the account they have, an e-legitimation, a new passkey or a new password.
//!
//! Opening the link changes nothing: programs that look at mail open links too.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    app::App,
    calendar::long_date,
    contacts::{
        actions::rule_text,
        invitations::{self, Joined, NewError, Opened, WayIn, last_day},
    },
    db::Mode,
    http::{
        AppError, Chrome, Errors, Flash, Form, Link, extract::Source, layers::encode, session::with_cookie,
    },
    identity::{
        Actor, Role,
        passkey::Question,
        password,
        second::Beginning,
        sign_in,
        token::Token,
        web::{
            eid,
            login::device,
            second::{CODES, codes_page},
        },
    },
    text::unhex,
};

/// Tries from one address in a quarter of an hour.
const TRIES: i32 = 60;

/// The yes, and how one will sign in. Passwords never come back.
#[derive(Debug, Default, Deserialize)]
pub struct AcceptForm {
    #[serde(default)]
    sasom: String,
    #[serde(default)]
    nytt: String,
    #[serde(default)]
    igen: String,
    #[serde(default)]
    fraga: String,
    #[serde(default)]
    svar: String,
    #[serde(default)]
    csrf: String,
}

#[derive(Template)]
#[template(path = "contacts/accept.html")]
struct AcceptPage {
    chrome: Chrome,
    here: String,
    org: String,
    by: String,
    roles: Vec<&'static str>,
    until: String,
    email: String,
    /// Is the one signed in known by another address?
    other_address: bool,
    /// Who is signed in here.
    signed_in: Option<String>,
    /// Who has been identified and has no account.
    found: Option<(String, String)>,
    has_account: bool,
    name: String,
    login: String,
    providers: Vec<(String, String)>,
    /// What a browser is asked for a new passkey.
    question: Option<Question>,
    errors: Errors,
}

#[derive(Template)]
#[template(path = "contacts/closed.html")]
struct ClosedPage {
    chrome: Chrome,
    title: &'static str,
    what: &'static str,
}

/// Who is signed in in this browser: name and address.
async fn signed_in(app: &App, headers: &HeaderMap) -> Result<Option<(Token, String, String)>, AppError> {
    let Some(token) = app.cookie().read(headers) else { return Ok(None) };
    let Some((entered, tx)) = app.db().enter(&token.hash(), None, 0, Mode::Read).await? else {
        return Ok(None);
    };
    tx.end().await?;
    let Some(actor) = Actor::new(entered, None) else { return Ok(None) };
    let shown = if actor.email().is_empty() {
        actor.name().to_owned()
    } else {
        format!("{}, {}", actor.name(), actor.email())
    };
    Ok(Some((token.clone(), shown, token.form_token())))
}

fn closed(app: &App, why: &str) -> Result<Response, AppError> {
    let (title, what) = match why {
        "accepted" => (
            "Inbjudan är redan använd",
            "Någon har redan tackat ja med länken. Var det du loggar du in som vanligt.",
        ),
        "expired" => (
            "Inbjudan har gått ut",
            "Länken gäller i 14 dagar. Be den som bjöd in dig att skicka inbjudan igen.",
        ),
        "inviter_left" => (
            "Inbjudan gäller inte längre",
            "Den som bjöd in dig får inte längre bjuda in. Be någon annan hos organisationen att skicka inbjudan igen.",
        ),
        "removed" => (
            "Du kan inte bli kontakt igen med en inbjudan",
            "Du har varit kontakt hos organisationen och är borttagen. Kundservice kan återställa dig.",
        ),
        "known" => (
            "Du är redan kontakt hos Inera",
            "Dina roller där ändrar en systemadministratör, inte en inbjudan till en annan adress.",
        ),
        _ => (
            "Inbjudan gäller inte längre",
            "Den är återkallad. Prata med organisationens administratör om du fortfarande ska bli kontakt.",
        ),
    };
    let page = ClosedPage { chrome: Chrome::public(app, title), title, what };
    Ok((StatusCode::GONE, Html(page.render()?)).into_response())
}

async fn page(
    (app, headers): (&App, &HeaderMap),
    (link, opened): (&Token, Opened),
    errors: Errors,
) -> Result<Response, AppError> {
    if let Some(why) = &opened.closed {
        return closed(app, why);
    }
    let question = if opened.has_account || !app.passkeys().are_on() {
        None
    } else {
        let who = (link, opened.email.as_str(), opened.name.as_str());
        let asked = app.passkeys().ask_first(app.keys(), who, app.clock().now().unix_timestamp());
        Some(asked.map_err(|why| AppError::Internal(why.to_string()))?)
    };
    let link = link.expose();
    let who = signed_in(app, headers).await?;
    let here = format!("/inbjudan/{link}");
    let prefix = errors.title_prefix();
    let status = errors.status();
    let mut chrome = Chrome::public(app, &format!("{prefix}Inbjudan från {}", opened.org_name)).for_guest();
    if let Some((_, _, form_token)) = &who {
        chrome.form_token.clone_from(form_token);
    }
    let page = AcceptPage {
        chrome,
        login: format!("/logga-in?till={}", encode(&here)),
        providers: eid::offered(app)
            .into_iter()
            .map(|(code, name)| (name, format!("/legitimera/{code}?till={}", encode(&here))))
            .collect(),
        here,
        org: opened.org_name,
        by: opened.invited_by_name,
        roles: opened.roles.iter().filter_map(|code| Role::from_code(code)).map(Role::label).collect(),
        until: long_date(last_day(opened.expires_at)),
        other_address: who.as_ref().is_some_and(|(_, shown, _)| !shown.ends_with(&opened.email)),
        email: opened.email,
        signed_in: who.map(|(_, shown, _)| shown),
        found: eid::found(app, headers).map(|found| (found.name, found.provider_name)),
        has_account: opened.has_account,
        name: opened.name,
        question,
        errors,
    };
    Ok((status, Html(page.render()?)).into_response())
}

async fn open(app: &App, link: &Token) -> Result<Opened, AppError> {
    let at = app.clock().now();
    invitations::by_link(app.db(), link, at).await?.ok_or(AppError::BadLink)
}

/// `GET /inbjudan/{lank}`
pub async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Link(link): Link,
) -> Result<Response, AppError> {
    let opened = open(&app, &link).await?;
    page((&app, &headers), (&link, opened), Errors::none()).await
}

/// `POST /inbjudan/{lank}`
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    Source(from): Source,
    Link(link): Link,
    Form(form): Form<AcceptForm>,
) -> Result<Response, AppError> {
    let opened = open(&app, &link).await?;
    if let Some(why) = &opened.closed {
        return closed(&app, why);
    }
    let wait = sign_in::limit(app.db(), &format!("invitation:{from}"), TRIES, 900).await?;
    if wait > 0 {
        return Err(AppError::TooMany(wait));
    }
    let reply = answer((&app, &headers), (&link, &opened), &form).await?;
    let here = (&link, opened);
    let (joined, codes) = match reply {
        Ok(reply) => reply,
        Err(errors) => return page((&app, &headers), here, errors).await,
    };
    match joined {
        Joined::In(token) => {
            let mut response = match codes {
                Some(codes) => {
                    let chrome = Chrome::public(&app, CODES).for_guest();
                    codes_page(chrome, codes, ("Kontot är klart", false), "/valj-organisation")?
                }
                None => Flash::Joined.on("/valj-organisation"),
            };
            if let Some(token) = token {
                response = with_cookie(response, app.cookie().set(&token));
            }
            Ok(with_cookie(response, app.cookie().clear_visit()))
        }
        Joined::Taken => {
            let why = "Det finns redan ett konto. Logga in med det och tacka ja";
            page((&app, &headers), here, Errors::one("sasom", why)).await
        }
        Joined::Removed => closed(&app, "removed"),
        Joined::Against(key) if key == "known" => closed(&app, &key),
        Joined::Against(key) => Err(AppError::Conflict(rule_text(&key).to_owned())),
        Joined::SignedOut => {
            let why = "Du är inte inloggad längre. Logga in och tacka ja igen";
            page((&app, &headers), here, Errors::one("sasom", why)).await
        }
        Joined::Closed => {
            let opened = open(&app, &link).await?;
            page((&app, &headers), (&link, opened), Errors::none()).await
        }
    }
}

/// What is said of a passkey that does not hold.
const NO_PASSKEY: &str = "Passnyckeln kunde inte skapas. Försök igen, eller välj ett lösenord i stället";

/// Says yes in the way that was chosen, with recovery codes to show once; or what is wrong with the form.
async fn answer(
    (app, headers): (&App, &HeaderMap),
    (link, opened): (&Token, &Opened),
    form: &AcceptForm,
) -> Result<Result<(Joined, Option<Vec<String>>), Errors>, AppError> {
    let at = app.clock().now();
    let mut codes = None;
    let joined = match form.sasom.as_str() {
        "inloggad" => match signed_in(app, headers).await? {
            // This route has no guard of a session's own to ask for it.
            Some((session, _, token)) if token == form.csrf => {
                invitations::accept(app.db(), link, &session, at).await?
            }
            _ => Joined::SignedOut,
        },
        "legitimerad" => {
            let Some(found) = eid::found(app, headers) else {
                let why = "Det har gått för lång tid sedan du legitimerade dig. Legitimera dig igen";
                return Ok(Err(Errors::one("legitimera", why)));
            };
            let name = Some(found.name.as_str()).filter(|name| !name.is_empty());
            let mark = unhex(&found.mark).unwrap_or_default();
            let way = WayIn::Eid(mark, found.provider.clone(), found.provider_name.clone());
            accept_new((app, headers), link, (name, way), at).await?
        }
        "passnyckel" => {
            let answer = (form.fraga.as_str(), form.svar.as_str(), at.unix_timestamp());
            let (person, kept) = match app.passkeys().take_first(app.keys(), link, answer) {
                Ok(taken) => taken,
                Err(why) => {
                    tracing::info!(target: "security", why = why.kind(), "the passkey of somebody invited was refused");
                    return Ok(Err(Errors::one("svar", NO_PASSKEY)));
                }
            };
            let (beginning, shown) = Beginning::new(app.keys(), person, kept)
                .map_err(|error| AppError::Internal(error.to_string()))?;
            codes = Some(shown);
            accept_new((app, headers), link, (None, WayIn::Passkey(Box::new(beginning))), at).await?
        }
        "ny" => {
            let mut errors = Errors::none();
            if let Err(problem) = password::acceptable(&form.nytt, &[&opened.name, &opened.email]) {
                errors.add("nytt", problem);
            } else if form.igen != form.nytt {
                errors.add("igen", "Skriv samma lösenord en gång till");
            }
            if !errors.is_empty() {
                return Ok(Err(errors));
            }
            let way = WayIn::Password(form.nytt.clone());
            accept_new((app, headers), link, (None, way), at).await?
        }
        _ => return Ok(Err(Errors::one("sasom", "Välj hur du vill tacka ja"))),
    };
    Ok(Ok((joined, codes)))
}

async fn accept_new(
    (app, headers): (&App, &HeaderMap),
    link: &Token,
    who: (Option<&str>, WayIn),
    at: time::OffsetDateTime,
) -> Result<Joined, AppError> {
    match invitations::accept_new(app.db(), link, who, &device(headers), at).await {
        Ok(joined) => Ok(joined),
        Err(NewError::Db(error)) => Err(error.into()),
        Err(NewError::Hash(error)) => Err(error.into()),
    }
}
