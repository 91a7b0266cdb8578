//! What every request passes: reference, log line, time limit, panic guard, headers; and the guard of each route.

use std::{
    any::Any,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    panic::resume_unwind,
    sync::{
        Arc, Mutex as StdMutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, MatchedPath, RawPathParams, Request, State, rejection::RawPathParamsRejection},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    AppError, Flash,
    context::{Opened, Slot},
    look::{LOOK, Look},
    router::Access,
    session::with_cookie,
};
use crate::{
    app::App,
    db::{DbError, Mode, Tx},
    identity::{
        Actor, Entered, Side,
        kept::{self, Kept},
        second, sign_in,
        token::Token,
    },
    ids,
};

const TIME_LIMIT: Duration = Duration::from_secs(15);
const BODY_TIME_LIMIT: Duration = Duration::from_secs(20);

tokio::task_local! {
    static REFERENCE: String;
}

/// The running request's reference, for error pages and the log.
pub fn reference() -> String {
    REFERENCE.try_with(Clone::clone).unwrap_or_else(|_| "KP-0".to_owned())
}

/// What the request's log line will say, filled in on the way.
#[derive(Clone, Default)]
pub struct LogLine(Arc<StdMutex<LogFacts>>);

#[derive(Default)]
struct LogFacts {
    side: &'static str,
    person: String,
    org: String,
    trips: Option<Arc<AtomicU32>>,
}

impl LogLine {
    fn note(&self, actor: &Actor, tx: &Tx) {
        let mut facts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        facts.side = actor.side().map_or("person", Side::code);
        facts.person = actor.insight().map_or(actor.person(), |insight| insight.staff).to_string();
        facts.org = actor.org().to_string();
        facts.trips = Some(tx.trips());
    }
}

/// The number of database round trips of a request, on its answer; tests hold it to the goals of quality.md §1.
#[derive(Clone, Copy, Debug)]
pub struct RoundTrips(pub u32);

/// The outermost layer.
pub async fn front(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let raw = ids::fresh().simple().to_string();
    let reference = format!("KP-{}", raw.get(20..).unwrap_or(&raw).to_uppercase());
    let line = LogLine::default();
    request.extensions_mut().insert(line.clone());
    let method = request.method().clone();
    let pattern = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let address = client_address(request.extensions(), request.headers(), app.trusted_proxies());
    let is_static = pattern.as_deref().is_some_and(|pattern| pattern.starts_with("/static/"));

    let look = Look::read(app.cookie(), request.headers());
    let mut response = REFERENCE.scope(reference.clone(), LOOK.scope(look, next.run(request))).await;
    if response.extensions().get::<tower_http::csrf::ProtectionError>().is_some() {
        response = REFERENCE.sync_scope(reference.clone(), || cross_site().into_response());
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response = REFERENCE.sync_scope(reference.clone(), || AppError::NotFound.into_response());
    }
    secure(response.headers_mut(), &app, is_static);

    let facts = line.0.lock().unwrap_or_else(PoisonError::into_inner);
    let trips = facts.trips.as_ref().map_or(0, |trips| trips.load(Ordering::Relaxed));
    response.extensions_mut().insert(RoundTrips(trips));
    let status = response.status().as_u16();
    let route = pattern.as_deref().unwrap_or("-");
    let elapsed = started.elapsed();
    if !is_static {
        tracing::info!(
            target: "request", reference, %method, route, status, side = facts.side, person = facts.person, org = facts.org,
            from = %address, trips, micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        );
    }
    metrics::counter!("http_requests_total", "route" => route.to_owned(), "status" => status.to_string())
        .increment(1);
    metrics::histogram!("http_request_seconds", "route" => route.to_owned()).record(elapsed.as_secs_f64());
    response
}

/// The page for a handler that panicked.
pub fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let said =
        cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    AppError::Internal(format!("panic: {}", said.unwrap_or("of an unknown kind"))).into_response()
}

fn cross_site() -> AppError {
    AppError::Forbidden(
        "Formuläret skickades från en annan webbplats eller utan den nyckel som portalens sidor har. Öppna sidan i portalen och skicka därifrån.",
    )
}

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

fn secure(headers: &mut HeaderMap, app: &App, is_static: bool) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, CSP);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    if app.base_url().starts_with("https://") {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    if !is_static {
        set(header::CACHE_CONTROL, "no-store");
        set(header::VARY, "Cookie");
    }
}

/// The address limits and logs go by: the peer's, or what a trusted proxy says.
pub fn client_address(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
    if !trusted.contains(&peer) {
        return peer;
    }
    headers
        .get("x-forwarded-for")
        .and_then(|value| value.to_str().ok())
        .and_then(|list| {
            list.rsplit(',').find_map(|item| item.trim().parse().ok().filter(|ip| !trusted.contains(ip)))
        })
        .unwrap_or(peer)
}

/// What a row of the route table says about who may pass and how much may be sent.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Who.
    pub access: Access,
    /// Largest body, in bytes.
    pub body: usize,
}

/// Stands before every handler. What may write runs as a task of its own, so that a client who goes away never cuts it in
/// half; a page of an organisation only reads, and ends with its reader.
pub async fn guard(
    State((app, pass)): State<(App, Pass)>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Result<Response, AppError> {
    let reads = matches!(pass.access.side(), Some(Some(_))) && request.method().is_safe();
    let tasks = app.tasks().clone();
    let work = in_time(admit(app, pass, params, request, next));
    if reads {
        return work.await;
    }
    match tasks.spawn(REFERENCE.scope(reference(), LOOK.scope(Look::current(), work))).await {
        Ok(answer) => answer,
        Err(error) => match error.try_into_panic() {
            Ok(cause) => resume_unwind(cause),
            Err(error) => Err(AppError::Internal(format!("a task: {error}"))),
        },
    }
}

async fn in_time(work: impl Future<Output = Result<Response, AppError>>) -> Result<Response, AppError> {
    let answer = tokio::time::timeout(TIME_LIMIT + BODY_TIME_LIMIT, work).await;
    answer.unwrap_or_else(|_| Err(AppError::Unavailable("time limit".to_owned())))
}

/// Reads the body, checks where the form came from, opens the transaction.
async fn admit(
    app: App,
    pass: Pass,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Result<Response, AppError> {
    let params = params.map_err(|_| AppError::NotFound)?;
    if matches!(pass.access, Access::Demo) && !app.is_demo() {
        return Err(AppError::NotFound);
    }
    let number = tenant_number(&params)?;
    let (parts, body) = read_body(request, pass.body).await?;
    let unsafe_method = !matches!(parts.method, Method::GET | Method::HEAD);
    let token = app.cookie().read(&parts.headers);
    if unsafe_method && !came_from_our_pages(&parts.headers, &body, token.as_ref()) {
        return Err(cross_site());
    }
    let sent = may_wait(&parts).then(|| (parts.uri.path().to_owned(), body.clone()));
    let had_session = parts.headers.contains_key(header::COOKIE);
    let mut request = Request::from_parts(parts, Body::from(body));
    let Some(side) = pass.access.side() else { return Ok(next.run(request).await) };
    let path = request.uri().path_and_query().map_or_else(String::new, |path| path.as_str().to_owned());
    let mode = if unsafe_method { Mode::Write } else { Mode::Read };
    let entered = match &token {
        Some(token) => enter(&app, token, side, number, mode).await?,
        None => None,
    };
    let (Some((entered, tx)), Some(token)) = (entered, token.as_ref()) else {
        // Not signed in, or not any more: sign in and come back here. What was being sent waits after the sign-in.
        let kept = keep(&app, token.as_ref(), sent.as_ref()).await;
        let (back, reason) = match (&kept, unsafe_method) {
            (Some(_), _) => ("/formular", "&utloggad=formular"),
            (None, true) => ("/valj-organisation", "&utloggad=osant"),
            (None, false) if had_session => (path.as_str(), "&utloggad=1"),
            (None, false) => (path.as_str(), ""),
        };
        return Ok(with_cookie(super::see_other(&format!("/logga-in?till={}{reason}", encode(back))), kept));
    };
    if entered.stale {
        let (app, token) = (app.clone(), token.clone());
        app.clone().tasks().spawn(async move {
            if let Err(error) = sign_in::touch(app.db(), &token, (side, number)).await {
                tracing::warn!(%error, "keep a session");
            }
        });
    }
    let (strong, of_inera) = (entered.strong, entered.orgs.iter().any(|org| org.inera));
    let (actor, tx) = match (Actor::new(entered, side), side) {
        (Some(actor), _) => (actor, tx),
        (None, Some(party @ (Side::Customer | Side::Agent))) if of_inera => {
            tx.end().await?;
            looking(&app, token, (party, number), unsafe_method).await?
        }
        (None, _) => {
            tx.end().await?;
            return Err(AppError::NotFound);
        }
    };
    if actor.insight().is_none() && !strong && app.demands_second_step() && second::is_demanded_of(&actor) {
        tx.end().await?;
        let kept = keep(&app, Some(token), sent.as_ref()).await;
        let back = if unsafe_method { actor.base() } else { path };
        let back = if kept.is_some() { "/formular" } else { &back };
        return Ok(with_cookie(super::see_other(&format!("/konto/tvasteg?till={}", encode(back))), kept));
    }
    if let Some(line) = request.extensions().get::<LogLine>() {
        line.note(&actor, &tx);
    }
    let flash = Flash::from_query(request.uri().query().unwrap_or(""));
    let slot: Slot = Arc::new(Mutex::new(Some(Opened { actor, tx, token: token.clone(), path, flash })));
    request.extensions_mut().insert(slot);
    let waited = sent.and_then(|(page, _)| Some((page, app.cookie().read_form(request.headers())?)));
    let response = next.run(request).await;
    Ok(match waited {
        Some(waited) if response.status() == StatusCode::SEE_OTHER => {
            sent_at_last(&app, token, waited, response).await
        }
        _ => response,
    })
}

/// Somebody of Kundservice who sees the organisation's pages as one of its contacts does; they only read.
async fn looking(
    app: &App,
    token: &Token,
    (side, number): (Side, i64),
    unsafe_method: bool,
) -> Result<(Actor, Tx), AppError> {
    let found = app.db().enter_insight(&token.hash(), side, number).await?;
    let (entered, tx) = found.ok_or(AppError::NotFound)?;
    match Actor::new(entered, Some(side)) {
        Some(_) if unsafe_method => {
            tx.end().await?;
            Err(AppError::Forbidden(
                "Du ser sidorna som en av kundens kontakter ser dem och kan bara läsa. Kunden gör det själv, eller så avslutar du insynen och gör det som Kundservice.",
            ))
        }
        Some(actor) => Ok((actor, tx)),
        None => Err(AppError::NotFound),
    }
}

/// What had waited for a sign-in has been sent: it is not shown again.
async fn sent_at_last(app: &App, token: &Token, (page, id): (String, Uuid), response: Response) -> Response {
    match kept::forget(app.db(), token, id, Some(&page)).await {
        Ok(true) => with_cookie(response, app.cookie().clear_form()),
        // Something else was sent: it waits on.
        Ok(false) => response,
        Err(error) => {
            tracing::warn!(%error, "forget a form");
            response
        }
    }
}

/// A pool may hold connections that a database restart has killed; each is found out here, before anything is done.
async fn enter(
    app: &App,
    token: &Token,
    side: Option<Side>,
    number: i64,
    mode: Mode,
) -> Result<Option<(Entered, Tx)>, AppError> {
    let hash = token.hash();
    let started = Instant::now();
    loop {
        match app.db().enter(&hash, side, number, mode).await {
            Err(DbError::Unavailable(cause)) if started.elapsed() < Duration::from_millis(300) => {
                tracing::debug!(%cause, "a dead connection");
            }
            other => return other.map_err(AppError::from),
        }
    }
}

fn tenant_number(params: &RawPathParams) -> Result<i64, AppError> {
    match params.iter().find(|(name, _)| matches!(*name, "kundnr" | "agentnr")) {
        Some((_, value)) => value.parse().map_err(|_| AppError::NotFound),
        None => Ok(0),
    }
}

async fn read_body(request: Request, most: usize) -> Result<(Parts, Bytes), AppError> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(AppError::TooLarge);
    }
    let (parts, body) = request.into_parts();
    let bytes = tokio::time::timeout(BODY_TIME_LIMIT, to_bytes(body, most))
        .await
        .map_err(|_| AppError::BadRequest("Det tog för lång tid att ta emot formuläret."))?
        .map_err(|_| AppError::TooLarge)?;
    Ok((parts, bytes))
}

/// tower-http's layer has judged requests with `Sec-Fetch-Site` or `Origin`; a body from a client that sends neither
/// must hold the form token, a secret of 256 bits, wherever it stands.
fn came_from_our_pages(headers: &HeaderMap, body: &[u8], token: Option<&Token>) -> bool {
    // An empty header says nothing, so it counts as absent.
    let says = |value: Option<&HeaderValue>| value.is_some_and(|value| !value.is_empty());
    if says(headers.get("sec-fetch-site")) || says(headers.get(header::ORIGIN)) {
        return true;
    }
    token.is_some_and(|token| {
        let expected = token.form_token();
        body.windows(expected.len()).any(|window| window == expected.as_bytes())
    })
}

/// May what is sent wait for a sign-in? Not files, and not what is about the sign-in itself.
fn may_wait(parts: &Parts) -> bool {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let path = parts.uri.path();
    parts.method == Method::POST
        && kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
        && path != "/logga-ut"
        // What it is for waits already, as the page it was kept for.
        && path != "/bekrafta"
        && !path.starts_with("/konto/")
}

/// Keeps a form without files; answers the cookie that finds it. A form that can't be kept is lost, and the log says why.
async fn keep(app: &App, token: Option<&Token>, sent: Option<&(String, Bytes)>) -> Option<HeaderValue> {
    let (path, body) = sent?;
    let form = Kept::of(path, std::str::from_utf8(body).ok()?)?;
    match kept::keep(app.db(), app.keys(), token?, &form).await {
        Ok(id) => app.cookie().set_form(id?),
        Err(error) => {
            tracing::warn!(%error, "keep a form");
            None
        }
    }
}

/// Percent-encodes what may not stand in a query value.
pub fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_page_that_tells_nothing_of_its_cause() {
        let answer =
            REFERENCE.sync_scope("KP-1".to_owned(), || panicked(Box::new("a secret of ours".to_owned())));
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let page = to_bytes(answer.into_body(), usize::MAX).await.unwrap_or_default();
        let page = String::from_utf8_lossy(&page);
        assert!(page.contains("KP-1") && !page.contains("secret"), "{page}");
    }
}
