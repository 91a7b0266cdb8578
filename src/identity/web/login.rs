//! `/logga-in` and `/logga-ut`.

use std::net::IpAddr;

use askama::Template;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    app::App,
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Person, Query,
        error::{too_many, waiting},
        layers::{client_address, encode},
        see_other,
    },
    identity::{
        sign_in::{self, Entry, Refused},
        web::signed_out::SIGNED_OUT,
    },
};

/// What was typed. The password never comes back.
#[derive(Debug, Default, Deserialize)]
pub struct LoginForm {
    #[serde(default)]
    epost: String,
    #[serde(default)]
    losenord: String,
    #[serde(default)]
    till: String,
}

/// Where to go afterwards, and why one was sent here.
#[derive(Debug, Default, Deserialize)]
pub struct LoginQuery {
    #[serde(default)]
    pub(super) till: String,
    #[serde(default)]
    utloggad: String,
    #[serde(default)]
    klart: String,
}

#[derive(Template)]
#[template(path = "identity/login.html")]
struct LoginPage {
    chrome: Chrome,
    errors: Errors,
    epost: String,
    till: String,
    timed_out: bool,
    form_kept: bool,
    form_lost: bool,
    providers: Vec<(String, String)>,
    /// Where one signs in with a passkey; nowhere at a bare IP address.
    passkey: Option<String>,
    demo_people: Vec<crate::demo::people::Shown>,
    demo_password: &'static str,
}

impl LoginPage {
    fn new(app: &App, errors: Errors, epost: String, till: String, timed_out: bool) -> Self {
        let title = if errors.is_empty() { "Logga in" } else { "Fel: Logga in" };
        let demo_people = if app.is_demo() { crate::demo::people::shown() } else { Vec::new() };
        let chrome = Chrome::public(app, title);
        let providers = super::eid::offered(app)
            .into_iter()
            .map(|(code, name)| {
                (format!("Logga in med {name}"), format!("/legitimera/{code}?till={}", encode(&till)))
            })
            .collect();
        Self {
            chrome,
            providers,
            passkey: app.passkeys().are_on().then(|| match encode(&till) {
                till if till.is_empty() => "/logga-in/passnyckel".to_owned(),
                till => format!("/logga-in/passnyckel?till={till}"),
            }),
            errors,
            epost,
            till,
            timed_out,
            form_kept: false,
            form_lost: false,
            demo_people,
            demo_password: crate::demo::people::PASSWORD,
        }
    }
}

/// `GET /logga-in`
pub async fn new(State(app): State<App>, Query(query): Query<LoginQuery>) -> Result<Response, AppError> {
    let mut page = LoginPage::new(
        &app,
        Errors::none(),
        String::new(),
        own_path(&query.till),
        !query.utloggad.is_empty(),
    );
    page.form_kept = query.utloggad == "formular";
    page.form_lost = query.utloggad == "osant";
    page.chrome.flash = Flash::of(&query.klart);
    Ok(Html(page.render()?).into_response())
}

/// `POST /logga-in`
pub async fn create(State(app): State<App>, request: Request) -> Result<Response, AppError> {
    let from = client_address(request.extensions(), request.headers(), app.trusted_proxies());
    let device = device(request.headers());
    let headers = request.headers().clone();
    let Form(form) =
        <Form<LoginForm> as axum::extract::FromRequest<App>>::from_request(request, &app).await?;
    let till = own_path(&form.till);
    let mut missing = Errors::none();
    if form.epost.trim().is_empty() {
        missing.add("epost", "Skriv din e-postadress");
    }
    if form.losenord.is_empty() {
        missing.add("losenord", "Skriv ditt lösenord");
    }
    if !missing.is_empty() {
        let page = LoginPage::new(&app, missing, form.epost, till, false);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response());
    }
    let typed = (form.epost.as_str(), form.losenord.as_str());
    match sign_in::by_password(app.db(), typed, (network(from), &device), app.clock().now()).await {
        Ok(Entry::Halfway(halfway)) => super::second_sign_in::depart(&app, halfway, till),
        Ok(Entry::In(token)) => {
            leave(&app, &headers).await?;
            let mut response = see_other(if till.is_empty() { "/valj-organisation" } else { &till });
            if let Some(cookie) = app.cookie().set(&token) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(Refused::Wrong) => {
            let errors =
                Errors::one("epost", "Kontrollera e-postadressen och lösenordet. De passar inte ihop");
            let page = LoginPage::new(&app, errors, form.epost, till, false);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
        }
        Err(Refused::Wait(seconds)) => {
            let errors =
                Errors::one("epost", format!("För många försök. Vänta {} och försök igen", waiting(seconds)));
            let page = LoginPage::new(&app, errors, form.epost, till, false);
            Ok(too_many(Html(page.render()?).into_response(), seconds))
        }
        Err(Refused::Blocked) => super::eid::blocked(&app),
        Err(Refused::Db(error)) => Err(error.into()),
        Err(Refused::Hash(error)) => Err(error.into()),
    }
}

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct LogoutForm {
    #[serde(default)]
    till: String,
}

/// `POST /logga-ut`
pub async fn destroy(cx: Cx<Person>, Form(form): Form<LogoutForm>) -> Result<Response, AppError> {
    let (app, token) = (cx.app.clone(), cx.token.clone());
    cx.tx.end().await?;
    let provider = sign_in::out(app.db(), &token).await?;
    // Somebody else's invitation is opened again by the one it is for.
    let till = own_path(&form.till);
    let mut response = match provider.filter(|code| app.providers().get(code).is_some()) {
        _ if till.starts_with("/inbjudan/") => see_other(&till),
        Some(code) => see_other(&format!("{SIGNED_OUT}/{code}")),
        None => see_other(SIGNED_OUT),
    };
    if let Some(cookie) = app.cookie().clear() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    if let Some(cookie) = app.cookie().clear_visit() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(forgets(response))
}

/// The back button must not show what was on the screen (security-statements.md 61).
pub(crate) fn forgets(mut response: Response) -> Response {
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
    response
}

/// Whoever signs in anew leaves no session behind: the one this browser came with ends.
pub(super) async fn leave(app: &App, headers: &HeaderMap) -> Result<(), AppError> {
    if let Some(before) = app.cookie().read(headers) {
        sign_in::out(app.db(), &before).await?;
    }
    Ok(())
}

/// What a browser says of itself, cut to what is kept.
pub(crate) fn device(headers: &HeaderMap) -> String {
    headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .map_or_else(String::new, |agent| agent.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// A path on this site, or nothing: no other site can be reached through the sign-in page.
pub(super) fn own_path(till: &str) -> String {
    let own = till.starts_with('/')
        && !till.starts_with("//")
        && till != "/logga-ut"
        && till.len() <= 500
        && till.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if own { till.to_owned() } else { String::new() }
}

/// The address that tries are counted by.
///
/// IPv6 is limited by its network of 64 bits: one home has more addresses than we have counters.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => {
            if let Some(four) = six.to_ipv4_mapped() {
                IpAddr::V4(four)
            } else {
                let network = u128::from(six) & (u128::MAX << 64);
                IpAddr::V6(std::net::Ipv6Addr::from(network))
            }
        }
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn only_paths_of_this_site_are_followed_after_sign_in() {
        assert_eq!(own_path("/kund/10482/bestallningar?vy=mina"), "/kund/10482/bestallningar?vy=mina");
        for other in [
            "//x.example",
            "/\\x.example",
            "https://x.example",
            "javascript:alert(1)",
            "",
            "x",
            "/a b",
            "/a\nb",
        ] {
            assert_eq!(own_path(other), "", "{other}");
        }
    }
}
