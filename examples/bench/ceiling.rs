//! The bare server that the portal is measured beside: one session look-up that sets role and context, one query under row
//! security, a small template. Its pages are filled up to the weight of the portal's.

use std::{
    net::SocketAddr,
    str::FromStr,
    sync::{Arc, OnceLock},
};

use askama::Template;
use axum::{
    Router,
    extract::{RawPathParams, State},
    http::{HeaderMap, StatusCode},
    response::{Html, Redirect},
    routing::{get, post},
};
use kundportal::{
    app::Tasks,
    http::{serve::serve as accept, session::Cookie},
    identity::password,
};
use sqlx::{
    FromRow, PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};
use time::{Date, OffsetDateTime};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Outcome, POOL};

/// Serves at the address the measuring process has chosen until it is killed.
pub async fn serve(url: &str, address: SocketAddr) -> Outcome {
    let listener = TcpListener::bind(address).await?;
    let owner = PgConnectOptions::from_str(url)?;
    let bare = Ceiling {
        pool: PgPoolOptions::new()
            .max_connections(POOL)
            .test_before_acquire(false)
            .connect_lazy_with(owner.options(kundportal::db::SETTINGS)),
        pads: Arc::default(),
    };
    accept(listener, bare.router(), CancellationToken::new(), Tasks::default()).await;
    Ok(())
}

/// What answers with an error: the load generator stops at it.
type Fault = (StatusCode, String);

fn fault(error: impl std::fmt::Display) -> Fault {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// A bare server: one session look-up that opens the context, one query under row security, one small template.
#[derive(Clone)]
struct Ceiling {
    pool: PgPool,
    pads: Arc<Pads>,
}

/// What makes each page as heavy as the portal's, appended as it is.
#[derive(Default)]
struct Pads {
    list: OnceLock<String>,
    detail: OnceLock<String>,
    whole_list: OnceLock<String>,
    whole_detail: OnceLock<String>,
    inbox: OnceLock<String>,
    decision: OnceLock<String>,
}

#[derive(sqlx::FromRow)]
struct ListRow {
    number: String,
    service_code: String,
    offer_code: String,
    customer_name: String,
    state: String,
    state_since: OffsetDateTime,
    due_on: Option<Date>,
    created_by_name: String,
}

#[derive(Template)]
#[template(
    source = r#"<!DOCTYPE html><html lang="sv"><head><meta charset="utf-8"><title>Beställningar</title></head><body>{% if let Some(person) = signed_in %}<p>{{ person.name }}, {{ person.org_name }}, {{ person.roles.len() }}, {{ person.unread }}, {{ person.orgs }}</p>{% endif %}<main><h1>Beställningar</h1>
<table class="kp-table"><thead><tr><th scope="col">Ärende</th><th scope="col">Tjänst</th><th scope="col">Läge</th><th scope="col">Sedan</th><th scope="col">Svar senast</th><th scope="col">Beställare</th></tr></thead><tbody>
{% for row in rows %}<tr><th scope="row" class="kp-nowrap"><a href="/bestallningar/{{ row.number }}">{{ row.number }}</a></th><td><span>{{ row.service_code }}<span class="kp-table__sub">{{ row.offer_code }}, {{ row.customer_name }}</span></span></td><td><span class="kp-tag">{{ row.state }}</span></td><td class="kp-nowrap"><span>{{ row.state_since }}</span></td><td class="kp-nowrap"><span>{% if let Some(due) = row.due_on %}{{ due }}{% endif %}</span></td><td><span>{{ row.created_by_name }}</span></td></tr>
{% endfor %}</tbody></table></main></body></html>"#,
    ext = "html"
)]
struct ListPage {
    signed_in: Option<SignedIn>,
    rows: Vec<ListRow>,
}

#[derive(Template)]
#[template(
    source = r#"<!DOCTYPE html><html lang="sv"><head><meta charset="utf-8"><title>{{ row.number }}</title></head><body><main><h1>{{ row.number }}</h1>
<dl><dt>Tjänst</dt><dd>{{ row.service_code }}, {{ row.offer_code }}</dd><dt>Kund</dt><dd>{{ row.customer_name }}</dd><dt>Läge</dt><dd>{{ row.state }}</dd><dt>Sedan</dt><dd>{{ row.state_since }}</dd><dt>Svar senast</dt><dd>{% if let Some(due) = row.due_on %}{{ due }}{% endif %}</dd><dt>Beställare</dt><dd>{{ row.created_by_name }}</dd></dl></main></body></html>"#,
    ext = "html"
)]
struct DetailPage {
    row: ListRow,
}

#[derive(sqlx::FromRow)]
struct WholeRow {
    #[sqlx(flatten)]
    row: ListRow,
    lines: serde_json::Value,
    events: serde_json::Value,
    messages: serde_json::Value,
    files: serde_json::Value,
    reminded_on: Option<Date>,
}

impl WholeRow {
    fn lists(&self) -> [&serde_json::Value; 4] {
        [&self.lines, &self.events, &self.messages, &self.files]
    }
}

#[derive(Template)]
#[template(
    source = r#"<!DOCTYPE html><html lang="sv"><head><meta charset="utf-8"><title>{{ whole.row.number }}</title></head><body><p>{{ signed_in.name }}, {{ signed_in.org_name }}, {{ signed_in.roles.len() }}, {{ signed_in.unread }}, {{ signed_in.orgs }}</p><main><h1>{{ whole.row.number }}</h1>
<dl><dt>Tjänst</dt><dd>{{ whole.row.service_code }}, {{ whole.row.offer_code }}</dd><dt>Kund</dt><dd>{{ whole.row.customer_name }}</dd><dt>Läge</dt><dd>{{ whole.row.state }}</dd><dt>Sedan</dt><dd>{{ whole.row.state_since }}</dd><dt>Svar senast</dt><dd>{% if let Some(due) = whole.row.due_on %}{{ due }}{% endif %}</dd><dt>Beställare</dt><dd>{{ whole.row.created_by_name }}</dd><dt>Påmind</dt><dd>{% if let Some(day) = whole.reminded_on %}{{ day }}{% endif %}</dd></dl>
<ul>{% for list in whole.lists() %}{% if let Some(items) = list.as_array() %}{% for item in items %}<li>{{ item["name"] }} {{ item["to_state"] }} {{ item["actor_name"] }} {{ item["at"] }} {{ item["body"] }}</li>{% endfor %}{% endif %}{% endfor %}</ul></main></body></html>"#,
    ext = "html"
)]
struct WholePage {
    signed_in: SignedIn,
    whole: WholeRow,
}

/// Who is signed in, as every page of the portal tells it: roles, unread notices and all organisations too.
#[derive(sqlx::FromRow)]
struct SignedIn {
    org: Uuid,
    org_name: String,
    name: String,
    roles: Vec<String>,
    unread: i64,
    orgs: serde_json::Value,
}

#[derive(sqlx::FromRow)]
struct Entered {
    org: Uuid,
    hash: Option<String>,
}

const AS_CUSTOMER: &str = "SELECT m.org_id AS org, p.password_hash AS hash,
        set_config('portal.person', p.id::text, true) AS a, set_config('portal.org', m.org_id::text, true) AS b,
        set_config('portal.membership', m.id::text, true) AS c, set_config('portal.sees_all', 'true', true) AS d,
        set_config('role', 'portal_customer', true) AS e
   FROM session s
   JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL
   JOIN membership m ON m.person_id = p.id AND m.ended_at IS NULL
   JOIN organisation o ON o.id = m.org_id AND o.customer_no = $2
  WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.seen_at > now() - interval '30 minutes'";

/// The same with what the portal knows of whoever is signed in.
const AS_CUSTOMER_WHOLE: &str = "SELECT m.org_id AS org, o.name AS org_name, m.name,
        ARRAY (SELECT r.role::text FROM role_grant r WHERE r.membership_id = m.id) AS roles,
        (SELECT count(*) FROM notice n WHERE n.org_id = m.org_id AND n.person_id = p.id AND n.read_at IS NULL) AS unread,
        (SELECT json_agg(json_build_object('name', g.name, 'customer_no', g.customer_no, 'agent_no', g.agent_no))
           FROM membership x JOIN organisation g ON g.id = x.org_id WHERE x.person_id = p.id AND x.ended_at IS NULL) AS orgs,
        set_config('portal.person', p.id::text, true) AS a, set_config('portal.org', m.org_id::text, true) AS b,
        set_config('portal.membership', m.id::text, true) AS c, set_config('portal.sees_all', 'true', true) AS d,
        set_config('role', 'portal_customer', true) AS e
   FROM session s
   JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL
   JOIN membership m ON m.person_id = p.id AND m.ended_at IS NULL
   JOIN organisation o ON o.id = m.org_id AND o.customer_no = $2
  WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.seen_at > now() - interval '30 minutes'";

const AS_AGENT: &str = "SELECT m.org_id AS org, p.password_hash AS hash,
        set_config('portal.person', p.id::text, true) AS a, set_config('portal.org', m.org_id::text, true) AS b,
        set_config('portal.membership', m.id::text, true) AS c, set_config('portal.sees_all', 'true', true) AS d,
        set_config('role', 'portal_agent', true) AS e
   FROM session s
   JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL
   JOIN membership m ON m.person_id = p.id AND m.ended_at IS NULL
   JOIN organisation o ON o.id = m.org_id AND o.agent_no = $2
  WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.seen_at > now() - interval '30 minutes'";

const CUSTOMER_ROWS: &str = "SELECT number, service_code, offer_code, customer_name, state::text AS state, state_since, due_on, created_by_name
   FROM orders WHERE customer_id = $1 ORDER BY id DESC LIMIT 50";

const AGENT_ROWS: &str = "SELECT number, service_code, offer_code, customer_name, state::text AS state, state_since, due_on, created_by_name
   FROM orders WHERE agent_id = $1 AND state = 'awaiting_agent_review'
  ORDER BY coalesce(due_on, 'infinity'), id LIMIT 50";

const ONE_ROW: &str = "SELECT number, service_code, offer_code, customer_name, state::text AS state, state_since, due_on, created_by_name
   FROM orders WHERE number = $1";

/// The order with all that its page tells of, in one query.
const WHOLE: &str = "SELECT o.number, o.service_code, o.offer_code, o.customer_name, o.state::text AS state, o.state_since, o.due_on, o.created_by_name,
        coalesce((SELECT json_agg(l ORDER BY l.position) FROM order_line l WHERE l.order_id = o.id), '[]') AS lines,
        coalesce((SELECT json_agg(e ORDER BY e.seq) FROM order_event e WHERE e.order_id = o.id), '[]') AS events,
        coalesce((SELECT json_agg(m ORDER BY m.id) FROM order_message m WHERE m.order_id = o.id), '[]') AS messages,
        coalesce((SELECT json_agg(json_build_object('name', a.file_name) ORDER BY a.id) FROM order_attachment a WHERE a.order_id = o.id), '[]') AS files,
        (SELECT max(r.on_day) FROM order_reminder r WHERE r.order_id = o.id) AS reminded_on
   FROM orders o WHERE o.number = $1";

/// How a page that only reads begins.
const READ: &str = "BEGIN READ ONLY";

impl Ceiling {
    /// The same addresses as the portal's.
    fn router(&self) -> Router {
        Router::new()
            .route("/", get(|| async { "bare" }))
            .route("/fyll/{page}/{bytes}", post(fill_up))
            .route("/kund/{no}/bestallningar", get(bare_list))
            .route("/kund/{no}/bestallningar/{number}", get(bare_detail))
            .route("/helt/kund/{no}/bestallningar", get(whole_list))
            .route("/helt/kund/{no}/bestallningar/{number}", get(whole_detail))
            .route("/kund/{no}/bestallningar/{number}/attestera", get(bare_decision).post(bare_decide))
            .route("/agent/{no}/godkannanden", get(bare_inbox))
            .with_state(self.clone())
    }

    /// A transaction in the context of whoever the cookie is for, and what the look-up tells of them.
    async fn enter<T: for<'r> FromRow<'r, PgRow> + Send + Unpin>(
        &self,
        begin: &'static str,
        look_up: &'static str,
        no: i64,
        headers: &HeaderMap,
    ) -> Result<(Transaction<'static, Postgres>, T), Fault> {
        let token = Cookie::for_base_url("http://localhost").read(headers);
        let hash = token.ok_or((StatusCode::UNAUTHORIZED, String::new()))?.hash();
        let mut tx = self.pool.begin_with(begin).await.map_err(fault)?;
        let entered =
            sqlx::query_as::<_, T>(look_up).bind(hash).bind(no).fetch_one(&mut *tx).await.map_err(fault)?;
        Ok((tx, entered))
    }

    /// 50 rows for whoever the look-up finds.
    async fn rows(
        &self,
        (look_up, rows): (&'static str, &'static str),
        no: i64,
        headers: &HeaderMap,
    ) -> Result<ListPage, Fault> {
        let (mut tx, entered) = self.enter::<Entered>(READ, look_up, no, headers).await?;
        let rows = fetch_rows(tx.as_mut(), rows, entered.org).await?;
        tx.rollback().await.map_err(fault)?;
        Ok(ListPage { signed_in: None, rows })
    }

    async fn one(&self, params: &Wanted, headers: &HeaderMap) -> Result<DetailPage, Fault> {
        let (mut tx, _) = self.enter::<Entered>(READ, AS_CUSTOMER, params.no, headers).await?;
        let row = sqlx::query_as::<_, ListRow>(ONE_ROW)
            .bind(&params.number)
            .fetch_one(&mut *tx)
            .await
            .map_err(fault)?;
        tx.rollback().await.map_err(fault)?;
        Ok(DetailPage { row })
    }
}

async fn fetch_rows(tx: &mut PgConnection, query: &'static str, org: Uuid) -> Result<Vec<ListRow>, Fault> {
    sqlx::query_as::<_, ListRow>(query).bind(org).fetch_all(tx).await.map_err(fault)
}

/// A part of the address; empty when it has none of that name.
fn part<'a>(params: &'a RawPathParams, wanted: &str) -> &'a str {
    params.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value)
}

/// What the address says.
struct Wanted {
    no: i64,
    number: String,
}

impl Wanted {
    fn of(params: &RawPathParams) -> Self {
        Self { no: part(params, "no").parse().unwrap_or_default(), number: part(params, "number").to_owned() }
    }
}

/// Makes a kind of page as heavy as the portal's.
async fn fill_up(State(ceiling): State<Ceiling>, params: RawPathParams) -> Result<&'static str, Fault> {
    let bytes = part(&params, "bytes").parse::<usize>().map_err(fault)?;
    let pads = &ceiling.pads;
    let pad = match part(&params, "page") {
        "list" => &pads.list,
        "detail" => &pads.detail,
        "whole-list" => &pads.whole_list,
        "whole-detail" => &pads.whole_detail,
        "inbox" => &pads.inbox,
        "decision" => &pads.decision,
        other => return Err(fault(format!("no page {other}"))),
    };
    pad.set(" ".repeat(bytes)).map_err(|_| fault("filled already"))?;
    Ok("filled")
}

fn render(page: &impl Template, pad: &OnceLock<String>) -> Result<Html<String>, Fault> {
    let mut html = page.render().map_err(fault)?;
    html.push_str(pad.get().map_or("", String::as_str));
    Ok(Html(html))
}

async fn bare_list(
    State(ceiling): State<Ceiling>,
    params: RawPathParams,
    headers: HeaderMap,
) -> Result<Html<String>, Fault> {
    let no = Wanted::of(&params).no;
    let page = ceiling.rows((AS_CUSTOMER, CUSTOMER_ROWS), no, &headers).await?;
    render(&page, &ceiling.pads.list)
}

async fn bare_inbox(
    State(ceiling): State<Ceiling>,
    params: RawPathParams,
    headers: HeaderMap,
) -> Result<Html<String>, Fault> {
    let no = Wanted::of(&params).no;
    let page = ceiling.rows((AS_AGENT, AGENT_ROWS), no, &headers).await?;
    render(&page, &ceiling.pads.inbox)
}

async fn bare_detail(
    State(ceiling): State<Ceiling>,
    params: RawPathParams,
    headers: HeaderMap,
) -> Result<Html<String>, Fault> {
    let page = ceiling.one(&Wanted::of(&params), &headers).await?;
    render(&page, &ceiling.pads.detail)
}

async fn whole_list(
    State(ceiling): State<Ceiling>,
    params: RawPathParams,
    headers: HeaderMap,
) -> Result<Html<String>, Fault> {
    let no = Wanted::of(&params).no;
    let (mut tx, signed_in) = ceiling.enter::<SignedIn>(READ, AS_CUSTOMER_WHOLE, no, &headers).await?;
    let rows = fetch_rows(tx.as_mut(), CUSTOMER_ROWS, signed_in.org).await?;
    tx.rollback().await.map_err(fault)?;
    render(&ListPage { signed_in: Some(signed_in), rows }, &ceiling.pads.whole_list)
}

async fn whole_detail(
    State(ceiling): State<Ceiling>,
    params: RawPathParams,
    headers: HeaderMap,
) -> Result<Html<String>, Fault> {
    let wanted = Wanted::of(&params);
    let (mut tx, signed_in) = ceiling.enter::<SignedIn>(READ, AS_CUSTOMER_WHOLE, wanted.no, &headers).await?;
    let whole =
        sqlx::query_as::<_, WholeRow>(WHOLE).bind(&wanted.number).fetch_one(&mut *tx).await.map_err(fault)?;
    tx.rollback().await.map_err(fault)?;
    render(&WholePage { signed_in, whole }, &ceiling.pads.whole_detail)
}

async fn bare_decision(
    State(ceiling): State<Ceiling>,
    params: RawPathParams,
    headers: HeaderMap,
) -> Result<Html<String>, Fault> {
    let page = ceiling.one(&Wanted::of(&params), &headers).await?;
    render(&page, &ceiling.pads.decision)
}

/// With a password in the form it is verified as the portal does it; without one only the database works.
async fn bare_decide(
    State(ceiling): State<Ceiling>,
    params: RawPathParams,
    headers: HeaderMap,
    form: String,
) -> Result<Redirect, Fault> {
    let wanted = Wanted::of(&params);
    let (mut tx, entered) = ceiling.enter::<Entered>("BEGIN", AS_CUSTOMER, wanted.no, &headers).await?;
    let typed = form.split('&').find_map(|pair| pair.strip_prefix("losenord=")).unwrap_or("");
    if !typed.is_empty() && !password::verify(typed.to_owned(), entered.hash).await.map_err(fault)? {
        return Err((StatusCode::UNPROCESSABLE_ENTITY, "wrong password".to_owned()));
    }
    sqlx::query("UPDATE bench_decision SET state = 'attested', revision = revision + 1 WHERE number = $1")
        .bind(&wanted.number)
        .execute(&mut *tx)
        .await
        .map_err(fault)?;
    sqlx::query("INSERT INTO bench_event (number, at) VALUES ($1, now())")
        .bind(&wanted.number)
        .execute(&mut *tx)
        .await
        .map_err(fault)?;
    tx.commit().await.map_err(fault)?;
    Ok(Redirect::to(&format!("/kund/{}/bestallningar/{}", wanted.no, wanted.number)))
}
