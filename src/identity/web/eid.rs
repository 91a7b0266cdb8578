//! `/legitimera/…`: going to a provider of e-legitimation and coming back, to sign in, to connect it to the account or to
//! confirm something.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::login::{device, leave, own_path};
use crate::{
    app::App,
    http::{
        AppError, Chrome, Errors, Form, Path, Query, extract::Source, layers::encode, see_other,
        session::with_cookie,
    },
    identity::{
        confirmation::EidProof,
        eid::{self, Identified},
        oidc::{Begun, Fault, Provider},
        sign_in::{self, ByEid},
    },
    ids,
    text::hex,
};

/// Seconds from leaving for the provider to being back, and from being back to saying yes.
const VISIT: i64 = 600;
/// Answers that came to nothing, from one address in a quarter of an hour.
const TRIES: i32 = 60;
/// The demo's own provider.
const TEST: (&str, &str) = ("test", "Test-e-legitimation");
/// What the cookie is sealed for.
const ON_A_VISIT: &str = "eid visit";
const FOUND: &str = "eid found";
const PROOF: &str = "eid proof";

/// Code and name of everything one can legitimate with here; the demo's own comes last.
pub(crate) fn offered(app: &App) -> Vec<(String, String)> {
    let named = |provider: &Provider| (provider.code().to_owned(), provider.name().to_owned());
    let mut all: Vec<(String, String)> = app.providers().all().iter().map(named).collect();
    if eid::test_is_on(app) {
        all.push((TEST.0.to_owned(), "test-e-legitimation".to_owned()));
    }
    all
}

/// Why somebody legitimates.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub enum Purpose {
    /// To sign in.
    #[default]
    #[serde(rename = "logga-in")]
    SignIn,
    /// To connect the e-legitimation to the account.
    #[serde(rename = "koppla")]
    Connect,
    /// To confirm what is on the page that `till` names, or to answer there.
    #[serde(rename = "bekrafta")]
    Confirm,
}

impl Purpose {
    fn code(self) -> &'static str {
        match self {
            Self::SignIn => "logga-in",
            Self::Connect => "koppla",
            Self::Confirm => "bekrafta",
        }
    }
}

/// Why, and where to go afterwards.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Errand {
    #[serde(default)]
    syfte: Purpose,
    #[serde(default)]
    till: String,
}

/// In the cookie while somebody is at the provider.
#[derive(Deserialize, Serialize)]
struct Visit {
    at: i64,
    errand: Errand,
    begun: Begun,
}

/// In the cookie from coming back until it is connected.
#[derive(Deserialize, Serialize)]
pub(crate) struct Found {
    pub(crate) at: i64,
    pub(crate) mark: String,
    pub(crate) provider: String,
    pub(crate) provider_name: String,
    pub(crate) name: String,
    pub(crate) number: String,
}

/// A way to go on.
struct Way {
    label: &'static str,
    href: String,
}

#[derive(Template)]
#[template(path = "identity/eid.html")]
struct EidPage {
    chrome: Chrome,
    title: &'static str,
    what: String,
    now: &'static str,
    ways: Vec<Way>,
}

fn sealed<T: Serialize>(app: &App, place: &str, value: &T) -> Result<HeaderValue, AppError> {
    let text = serde_json::to_string(value).map_err(|error| AppError::Internal(error.to_string()))?;
    let bytes = app.keys().seal(place, &text).map_err(|error| AppError::Internal(error.to_string()))?;
    app.cookie().set_visit(&bytes).ok_or_else(|| AppError::Internal("the cookie has no form".to_owned()))
}

/// What the cookie holds for this place, if the seal holds.
fn opened<T: for<'de> Deserialize<'de>>(app: &App, headers: &HeaderMap, place: &str) -> Option<T> {
    let bytes = app.cookie().read_visit(headers)?;
    serde_json::from_str(&app.keys().open(place, &bytes).ok()?).ok()
}

fn is_fresh(app: &App, at: i64) -> bool {
    (0..=VISIT).contains(&(app.clock().now().unix_timestamp() - at))
}

/// A page that says why nobody was signed in, and ends the visit.
fn no_one(
    app: &App,
    status: StatusCode,
    (title, what, now): (&'static str, String, &'static str),
) -> Result<Response, AppError> {
    let ways = vec![
        Way { label: "Till inloggningen", href: "/logga-in".to_owned() },
        Way { label: "Hjälp och kontakt", href: "/hjalp".to_owned() },
    ];
    let page = EidPage { chrome: Chrome::public(app, title), title, what, now, ways };
    let response = (status, Html(page.render()?)).into_response();
    Ok(with_cookie(response, app.cookie().clear_visit()))
}

fn fault_page(app: &App, name: &str, fault: &Fault) -> Result<Response, AppError> {
    match fault {
        Fault::Unreachable(why) => {
            tracing::warn!(provider = name, why, "a provider of e-legitimation does not answer");
            let what = format!("{name} svarar inte just nu.");
            let page = (
                "Det gick inte att legitimera dig",
                what,
                "Försök igen om en stund, eller logga in på ett annat sätt.",
            );
            let mut response = no_one(app, StatusCode::SERVICE_UNAVAILABLE, page)?;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
            Ok(response)
        }
        Fault::Refused(why) => {
            tracing::warn!(target: "security", provider = name, why, "an answer of a provider was refused");
            let what = format!("Svaret från {name} gick inte att kontrollera, så ingen är inloggad.");
            let page = (
                "Legitimeringen avbröts",
                what,
                "Börja om från inloggningen. Kontakta Kundservice om det händer igen.",
            );
            no_one(app, StatusCode::FORBIDDEN, page)
        }
    }
}

/// Which provider.
#[derive(Debug, Deserialize)]
pub struct ProviderPath {
    leverantor: String,
}

/// `GET /legitimera/{leverantor}`: off to the provider.
pub async fn begin(
    State(app): State<App>,
    Path(path): Path<ProviderPath>,
    Query(errand): Query<Errand>,
) -> Result<Response, AppError> {
    let provider = app.providers().get(&path.leverantor).ok_or(AppError::NotFound)?;
    let errand = Errand { till: own_path(&errand.till), ..errand };
    match provider.begin(errand.syfte == Purpose::Confirm).await {
        Ok((url, begun)) => {
            let visit = Visit { at: app.clock().now().unix_timestamp(), errand, begun };
            let cookie = sealed(&app, ON_A_VISIT, &visit)?;
            Ok(with_cookie(see_other(url.as_str()), Some(cookie)))
        }
        Err(fault) => fault_page(&app, provider.name(), &fault),
    }
}

/// What the provider says in the address.
#[derive(Debug, Default, Deserialize)]
pub struct AnswerQuery {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    iss: String,
    #[serde(default)]
    error: String,
}

/// `GET /legitimera/svar`: back from the provider.
pub async fn answer(
    State(app): State<App>,
    headers: HeaderMap,
    Source(from): Source,
    Query(query): Query<AnswerQuery>,
) -> Result<Response, AppError> {
    let visit: Option<Visit> = opened(&app, &headers, ON_A_VISIT);
    let Some(visit) = visit.filter(|visit| is_fresh(&app, visit.at)) else {
        let what = "Det gick för lång tid, eller så började du i en annan webbläsare.".to_owned();
        let page =
            ("Legitimeringen hann bli för gammal", what, "Ingen är inloggad. Börja om från inloggningen.");
        return no_one(&app, StatusCode::FORBIDDEN, page);
    };
    let provider = app.providers().get(&visit.begun.provider).ok_or(AppError::NotFound)?;
    // Somebody else's link may not end a visit that is going on.
    if !visit.begun.is_of(&query.state) {
        let fault = Fault::Refused("another visit's answer".to_owned());
        let mut response = fault_page(&app, provider.name(), &fault)?;
        response.headers_mut().remove(header::SET_COOKIE);
        return Ok(response);
    }
    let limit = format!("eid answer:{from}");
    let wait = sign_in::limit(app.db(), &limit, TRIES, 900).await?;
    if wait > 0 {
        return Err(AppError::TooMany(wait));
    }
    if !query.error.is_empty() {
        let known =
            query.error.len() <= 40 && query.error.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let error = if known { query.error.as_str() } else { "other" };
        tracing::info!(provider = provider.code(), error, "the provider identified nobody");
        let what = format!("{} har inte bekräftat vem du är.", provider.name());
        let page = (
            "Legitimeringen avbröts",
            what,
            "Ingen är inloggad. Försök igen, eller logga in på ett annat sätt.",
        );
        return no_one(&app, StatusCode::OK, page);
    }
    match provider.finish(&visit.begun, (&query.state, &query.iss), (query.code, visit.at)).await {
        Ok(identified) => {
            sign_in::limit_undo(app.db(), &limit).await?;
            let by = (provider.code(), provider.name());
            arrived(&app, &headers, visit.errand, &identified, (by, visit.begun.nonce())).await
        }
        Err(fault) => fault_page(&app, provider.name(), &fault),
    }
}

/// A page that says why an e-legitimation was not connected.
pub(super) fn not_connected(
    app: &App,
    chrome: Chrome,
    (title, what, now): (&'static str, String, &'static str),
) -> Result<Response, AppError> {
    let ways = vec![
        Way { label: "Till Mitt konto", href: "/konto".to_owned() },
        Way { label: "Hjälp och kontakt", href: "/hjalp".to_owned() },
    ];
    let page = EidPage { chrome, title, what, now, ways };
    let response = (StatusCode::CONFLICT, Html(page.render()?)).into_response();
    Ok(with_cookie(response, app.cookie().clear_visit()))
}

/// The identification a browser has with it for a page, when it is fresh.
pub(crate) fn proof(app: &App, headers: &HeaderMap, page: &str) -> Option<EidProof> {
    opened(app, headers, PROOF).filter(|proof: &EidProof| is_fresh(app, proof.at) && proof.page == page)
}

/// The cookie that carries such an identification to its page.
pub(super) fn proof_cookie(app: &App, proof: &EidProof) -> Result<HeaderValue, AppError> {
    sealed(app, PROOF, proof)
}

/// The page between a form and a provider: a form's answer may not lead to another site (`form-action`).
pub(crate) fn depart(
    chrome: Chrome,
    provider: (&str, String),
    (back, kept): (&str, Uuid),
    what: &str,
) -> Result<Response, AppError> {
    let (code, name) = provider;
    let till = format!("{back}?kvar={kept}");
    let page = EidPage {
        chrome,
        title: "Legitimera dig",
        what: format!("Nästa steg är att bekräfta vem du är med {name}. Det gäller: {what}."),
        now: "Det du har fyllt i är kvar när du kommer tillbaka. Inget är beslutat ännu.",
        ways: vec![
            Way {
                label: "Legitimera dig nu",
                href: format!("/legitimera/{code}?syfte=bekrafta&till={}", encode(&till)),
            },
            Way { label: "Tillbaka utan att legitimera dig", href: till },
        ],
    };
    Ok(Html(page.render()?).into_response())
}

/// What somebody is told who has shown that a blocked account is theirs.
pub(super) fn blocked(app: &App) -> Result<Response, AppError> {
    let title = "Kontot är spärrat";
    let page = EidPage {
        chrome: Chrome::public(app, title),
        title,
        what: "Det går inte att logga in med kontot. Det spärras när ingen har loggat in på ett år, eller när Inera behöver skydda det.".to_owned(),
        now: "Kontakta Kundservice om du behöver kontot, så öppnar de det igen. Roller och uppgifter finns kvar.",
        ways: vec![
            Way { label: "Hjälp och kontakt", href: "/hjalp".to_owned() },
            Way { label: "Logga in med ett annat konto", href: "/logga-in".to_owned() },
        ],
    };
    let response = (StatusCode::FORBIDDEN, Html(page.render()?)).into_response();
    Ok(with_cookie(response, app.cookie().clear_visit()))
}

/// Somebody is identified: signs them in, or keeps what was found until they say that it is theirs.
async fn arrived(
    app: &App,
    headers: &HeaderMap,
    errand: Errand,
    identified: &Identified,
    ((code, name), answer): ((&str, &str), &str),
) -> Result<Response, AppError> {
    let found = Found {
        at: app.clock().now().unix_timestamp(),
        mark: hex(&identified.mark(app.keys())),
        provider: code.to_owned(),
        provider_name: name.to_owned(),
        name: identified.name().to_owned(),
        number: identified.number().map(crate::identity::PersonalNumber::masked).unwrap_or_default(),
    };
    if errand.syfte == Purpose::Connect {
        let cookie = sealed(app, FOUND, &found)?;
        return Ok(with_cookie(see_other("/konto/e-legitimation"), Some(cookie)));
    }
    if errand.syfte == Purpose::Confirm {
        // What is confirmed is the page that was left, and what was kept of it.
        // Behind a signatory's link nothing is kept: one legitimates first and answers then.
        let (page, kept) = match errand.till.split_once("?kvar=") {
            Some(parts) => parts,
            None if errand.till.starts_with("/signera/") => (errand.till.as_str(), ""),
            None => {
                return Ok(with_cookie(see_other("/valj-organisation"), app.cookie().clear_visit()));
            }
        };
        let about = (page.to_owned(), kept.parse().ok());
        let proof = EidProof::new(found.at, about, name, (identified, app.keys()), answer);
        let cookie = sealed(app, PROOF, &proof)?;
        // Straight to where it says so: the page above is as it was.
        return Ok(with_cookie(see_other(&format!("{}#legitimerad", errand.till)), Some(cookie)));
    }
    match sign_in::by_eid(app.db(), app.keys(), identified, answer, &device(headers)).await? {
        ByEid::In(token) => {
            leave(app, headers).await?;
            let to = if errand.till.is_empty() { "/valj-organisation" } else { &errand.till };
            let response = with_cookie(see_other(to), app.cookie().set(&token));
            Ok(with_cookie(response, app.cookie().clear_visit()))
        }
        ByEid::Replayed => {
            fault_page(app, name, &Fault::Refused("an answer that has been used already".to_owned()))
        }
        ByEid::Blocked => blocked(app),
        // Somebody invited may be new: the invitation's page takes it from here.
        ByEid::Unknown if errand.till.starts_with("/inbjudan/") => {
            Ok(with_cookie(see_other(&errand.till), Some(sealed(app, FOUND, &found)?)))
        }
        ByEid::Unknown => {
            let page = EidPage {
                chrome: Chrome::public(app, "Vi känner inte igen din e-legitimation"),
                title: "Vi känner inte igen din e-legitimation",
                what: format!(
                    "Legitimeringen med {name} lyckades, men ingen användare i Kundportalen är kopplad till den."
                ),
                now: "Har du ett konto med lösenord? Logga in med det en gång och koppla e-legitimationen, så räcker den sedan. Saknar du konto ber du er administratör eller Kundservice om ett.",
                ways: vec![
                    Way {
                        label: "Logga in med lösenord och koppla",
                        href: "/logga-in?till=/konto/e-legitimation".to_owned(),
                    },
                    Way { label: "Hjälp och kontakt", href: "/hjalp".to_owned() },
                ],
            };
            let response = (StatusCode::FORBIDDEN, Html(page.render()?)).into_response();
            Ok(with_cookie(response, Some(sealed(app, FOUND, &found)?)))
        }
    }
}

#[derive(Template)]
#[template(path = "identity/eid_test.html")]
struct TestPage {
    chrome: Chrome,
    errors: Errors,
    people: Vec<(&'static str, &'static str)>,
    purpose: &'static str,
    till: String,
    number: String,
}

fn test_page(app: &App, errand: &Errand, number: String, errors: Errors) -> Result<Response, AppError> {
    let status = errors.status();
    let page = TestPage {
        chrome: Chrome::public(app, if errors.is_empty() { TEST.1 } else { "Fel: Test-e-legitimation" }),
        errors,
        people: crate::demo::people::numbers().collect(),
        purpose: errand.syfte.code(),
        till: own_path(&errand.till),
        number,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// `GET /legitimera/test`
pub async fn test(State(app): State<App>, Query(errand): Query<Errand>) -> Result<Response, AppError> {
    test_page(&app, &errand, String::new(), Errors::none())
}

/// Who the made-up e-legitimation is of.
#[derive(Debug, Default, Deserialize)]
pub struct TestForm {
    #[serde(default)]
    personnummer: String,
    #[serde(default)]
    syfte: Purpose,
    #[serde(default)]
    till: String,
}

/// `POST /legitimera/test`
pub async fn test_answer(
    State(app): State<App>,
    headers: HeaderMap,
    Form(form): Form<TestForm>,
) -> Result<Response, AppError> {
    let errand = Errand { syfte: form.syfte, till: own_path(&form.till) };
    match eid::by_test(&app, &form.personnummer) {
        Ok(identified) => {
            let once = ids::fresh().to_string();
            arrived(&app, &headers, errand, &identified, (TEST, &once)).await
        }
        Err(problem) => test_page(&app, &errand, form.personnummer, Errors::one("personnummer", problem.0)),
    }
}

/// What the browser has found, when it is fresh.
pub(crate) fn found(app: &App, headers: &HeaderMap) -> Option<Found> {
    opened(app, headers, FOUND).filter(|found: &Found| is_fresh(app, found.at))
}
