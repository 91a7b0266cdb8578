//! `/legitimera/…` and `/konto/e-legitimation`: signing in with an e-legitimation and connecting one to the account.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::login::{device, own_path};
use crate::{
    app::App,
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Person, Query, error::waiting, layers::encode,
        see_other,
    },
    identity::{
        confirmation::{self, EidProof, NotConfirmed},
        eid::{self, Identified},
        oidc::{Begun, Fault, Provider},
        sign_in::{self, ByEid, Connected},
    },
    ids,
    text::{hex, unhex},
};

/// Seconds from leaving for the provider to being back, and from being back to saying yes.
const VISIT: i64 = 600;
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
    /// To confirm what is on the page that `till` names.
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
struct Found {
    at: i64,
    mark: String,
    provider: String,
    provider_name: String,
    name: String,
    number: String,
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

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
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
    if !query.error.is_empty() {
        tracing::info!(provider = provider.code(), error = query.error, "the provider identified nobody");
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
            let by = (provider.code(), provider.name());
            arrived(&app, &headers, visit.errand, &identified, (by, visit.begun.nonce())).await
        }
        Err(fault) => fault_page(&app, provider.name(), &fault),
    }
}

/// The identification a browser has with it for a page, when it is fresh.
pub(crate) fn proof(app: &App, headers: &HeaderMap, page: &str) -> Option<EidProof> {
    opened(app, headers, PROOF).filter(|proof: &EidProof| is_fresh(app, proof.at) && proof.page == page)
}

/// The page between a form and a provider: a form's answer may not lead to another site (`form-action`).
pub(crate) fn depart(
    chrome: Chrome,
    provider: (&str, String),
    back: &str,
    kept: Uuid,
) -> Result<Response, AppError> {
    let (code, name) = provider;
    let till = format!("{back}?kvar={kept}");
    let page = EidPage {
        chrome,
        title: "Legitimera dig",
        what: format!("Nästa steg är att bekräfta vem du är med {name}."),
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
        let page = errand.till.split('?').next().unwrap_or_default().to_owned();
        let proof = EidProof::new((found.at, page), name, (identified, app.keys()), answer);
        let cookie = sealed(app, PROOF, &proof)?;
        return Ok(with_cookie(see_other(&errand.till), Some(cookie)));
    }
    match sign_in::by_eid(app.db(), app.keys(), identified, answer, &device(headers)).await? {
        ByEid::In(token) => {
            let to = if errand.till.is_empty() { "/valj-organisation" } else { &errand.till };
            let response = with_cookie(see_other(to), app.cookie().set(&token));
            Ok(with_cookie(response, app.cookie().clear_visit()))
        }
        ByEid::Replayed => {
            fault_page(app, name, &Fault::Refused("an answer that has been used already".to_owned()))
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
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
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

#[derive(Template)]
#[template(path = "identity/eid_connect.html")]
struct ConnectPage {
    chrome: Chrome,
    errors: Errors,
    found: Found,
    account: String,
}

fn found(app: &App, headers: &HeaderMap) -> Option<Found> {
    opened(app, headers, FOUND).filter(|found: &Found| is_fresh(app, found.at))
}

/// `GET /konto/e-legitimation`: is it yours?
pub async fn connect_new(headers: HeaderMap, cx: Cx<Person>) -> Result<Response, AppError> {
    if let Some(found) = found(&cx.app, &headers) {
        return connect_page(cx, found, Errors::none()).await;
    }
    cx.tx.end().await?;
    Ok(see_other("/konto"))
}

async fn connect_page(cx: Cx<Person>, found: Found, errors: Errors) -> Result<Response, AppError> {
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let title = if errors.is_empty() { "Koppla e-legitimation" } else { "Fel: Koppla e-legitimation" };
    let page = ConnectPage {
        chrome: cx.chrome(title),
        errors,
        found,
        account: format!("{}, {}", cx.actor.name(), cx.actor.email()),
    };
    cx.show_as(status, page).await
}

/// The account's password.
#[derive(Debug, Default, Deserialize)]
pub struct ConnectForm {
    #[serde(default)]
    losenord: String,
}

/// `POST /konto/e-legitimation`: yes.
pub async fn connect(
    headers: HeaderMap,
    mut cx: Cx<Person>,
    Form(form): Form<ConnectForm>,
) -> Result<Response, AppError> {
    let Some(found) = found(&cx.app, &headers) else {
        cx.tx.end().await?;
        return Err(AppError::Conflict(
            "Det har gått för lång tid sedan du legitimerade dig. Börja om från Mitt konto.".to_owned(),
        ));
    };
    let app = cx.app.clone();
    let who = (&cx.token, cx.actor.person());
    match confirmation::of_account(app.db(), &mut cx.tx, who, &form.losenord).await {
        Ok(()) => {}
        Err(NotConfirmed::Wrong | NotConfirmed::AnotherEid) => {
            let errors = Errors::one("losenord", "Lösenordet stämmer inte");
            return connect_page(cx, found, errors).await;
        }
        Err(NotConfirmed::Wait(seconds)) => {
            let errors = Errors::one(
                "losenord",
                format!("För många försök. Vänta {} och försök igen", waiting(seconds)),
            );
            return connect_page(cx, found, errors).await;
        }
        Err(NotConfirmed::Db(error)) => return Err(error.into()),
        Err(NotConfirmed::Hash(error)) => return Err(error.into()),
    }
    cx.tx.end().await?;
    let mark = unhex(&found.mark).unwrap_or_default();
    let what = (mark.as_slice(), found.provider.as_str(), found.provider_name.as_str());
    match sign_in::connect(app.db(), &cx.token, what).await? {
        Connected::Own => Ok(with_cookie(Flash::EidConnected.on("/konto"), app.cookie().clear_visit())),
        Connected::Taken => Err(AppError::Conflict(
            "E-legitimationen är redan kopplad till ett annat konto. Är båda kontona dina? Be Kundservice slå ihop dem."
                .to_owned(),
        )),
        Connected::SignedOut => Ok(see_other("/logga-in")),
    }
}

/// One of the account's.
#[derive(Debug, Deserialize)]
pub struct EidPath {
    id: Uuid,
}

/// `POST /konto/e-legitimation/{id}/ta-bort`
pub async fn disconnect(cx: Cx<Person>, Path(path): Path<EidPath>) -> Result<Response, AppError> {
    let (app, token) = (cx.app.clone(), cx.token.clone());
    cx.tx.end().await?;
    if !sign_in::disconnect(app.db(), &token, path.id).await? {
        return Err(AppError::NotFound);
    }
    Ok(Flash::EidDisconnected.on("/konto"))
}
