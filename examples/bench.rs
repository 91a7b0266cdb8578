//! Fills a private database to the size of quality.md §1 and measures the portal in it, side by side with a bare
//! axum + sqlx + askama server. `script/bench` runs it; `docs/performance.md` tells how to read what it prints.

use std::{
    net::SocketAddr,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use askama::Template;
use axum::{
    Router,
    extract::{RawPathParams, State},
    http::{HeaderMap, StatusCode},
    response::{Html, Redirect},
    routing::get,
};
use clap::Parser;
use kundportal::{
    app::{App, Tasks},
    catalogue::load,
    clock::Clock,
    db::{self, Db},
    demo,
    http::{metrics, router, serve::serve, session::Cookie},
    identity::{password, token::Token},
};
use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use time::{Date, OffsetDateTime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, Failure>;

/// Everyone's password here; it needs no escaping in a form.
const PASSWORD: &str = "bench-bench-bench";
/// Orders in one transaction of the fill.
const BATCH: i64 = 20_000;
/// Orders attested in one run, by each of the three it is compared between.
const ATTESTS: usize = 200;
/// Measurements of each server, taken in turn.
const ROUNDS: usize = 3;
/// At most this many people are signed in on each side; requests go round among them.
const PEOPLE: usize = 200;
/// Database connections of each server.
const POOL: u32 = 8;

/// Fills a private database with orders and measures the portal beside a bare server.
#[derive(Parser)]
struct Options {
    /// Orders.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(i64).range(1_000..=5_000_000))]
    orders: i64,
    /// Customers; every tenth has somebody who can sign in.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(i64).range(10..=100_000))]
    organisations: i64,
    /// Agents.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    agents: i64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Clients at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    connections: u32,
    /// Folder of the private database, kept between runs.
    #[arg(long, default_value = ".pgdata/bench")]
    data_dir: PathBuf,
    /// 50 000 orders, 500 customers and 20 agents, in a database of their own.
    #[arg(long, conflicts_with_all = ["orders", "organisations", "agents"])]
    small: bool,
}

impl Options {
    fn sized(self) -> Self {
        if self.small { Self { orders: 50_000, organisations: 500, agents: 20, ..self } } else { self }
    }

    fn database(&self) -> &'static str {
        if self.small { "bench_small" } else { "bench" }
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let options = Options::parse().sized();
    // The portal writes its log lines and counts as in production; the lines go nowhere.
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(std::io::sink).init();
    metrics::install();
    let server = devdb::PrivateServer::start(&options.data_dir).await?;
    let name = options.database();
    db::ensure_database(&PgConnectOptions::from_str(&server.url("postgres", "postgres"))?, name).await?;
    let owner = PgConnectOptions::from_str(&server.url("postgres", name))?;
    db::migrate(&owner).await?;
    load::load(&owner).await?;
    demo::people_only(&owner, PASSWORD).await?;
    fill(&owner, &options).await?;
    let targets = prepare(&owner, &options).await?;

    let (tasks, stop) = (Tasks::default(), CancellationToken::new());
    tasks.spawn(metrics::upkeep(stop.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let portal = listener.local_addr()?;
    let db = Db::new(&server.url("portal_app", name), POOL)?;
    let keys = kundportal::keys::Keys::from_secret(&"only made-up people are measured".repeat(2).parse()?)?;
    let app = App::new(db, Clock::System, keys, format!("http://{portal}"), false, Vec::new());
    tasks.spawn(serve(listener, router::router(&app), stop.clone(), app.tasks().clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let ceiling = listener.local_addr()?;
    let bare = Ceiling {
        pool: PgPoolOptions::new().max_connections(POOL).test_before_acquire(false).connect_lazy_with(owner),
        pads: Arc::default(),
    };
    tasks.spawn(serve(listener, bare.router(), stop.clone(), tasks.clone()));

    let bench = Bench {
        tasks,
        portal,
        ceiling,
        connections: usize::try_from(options.connections)?,
        span: Duration::from_secs(options.seconds),
    };
    bench.pad(&bare.pads, &targets).await?;
    let mut lines = vec![
        bench.pages("order list, customer", &targets.lists).await?,
        bench.pages("order detail, customer", &targets.details).await?,
        bench.pages("inbox, agent", &targets.inboxes).await?,
    ];
    lines.extend(bench.attests(&targets.attests).await?);
    print_table(&options, &lines)?;

    stop.cancel();
    app.db().close().await;
    bare.pool.close().await;
    server.stop().await?;
    Ok(())
}

// ---- The database ----

/// Customers are numbered from here.
const CUSTOMER_NO: i64 = 200_000;
/// Agents are numbered from here.
const AGENT_NO: i64 = 50_000;

/// Customers 1 to $1; each tenth has one person who orders and attests.
const CUSTOMERS: &[&str] = &[
    "INSERT INTO organisation (id, name, org_nr, customer_no, email, hsa_id, invoice_address, invoice_reference)
     SELECT md5('bench customer ' || n)::uuid, 'Bänkens Vårdcentral ' || n || ' AB', (3000000000 + n)::text, 200000 + n,
            'info' || n || '@bench.example', 'SE' || (3000000000 + n) || '-0001', 'Box ' || n || ', 123 45 Exempelstad', 'REF-' || n
       FROM generate_series(1::bigint, $1::bigint) n ON CONFLICT DO NOTHING",
    "INSERT INTO organisation_fact (org_id, fact, valid_from)
     SELECT md5('bench customer ' || n)::uuid, 'care_provider'::fact, '2020-01-01'::date
       FROM generate_series(1::bigint, $1::bigint) n ON CONFLICT DO NOTHING",
    "INSERT INTO person (id, name, email, password_hash)
     SELECT md5('bench customer person ' || n)::uuid, 'Karin Bänk ' || n, 'kund' || n || '@bench.example', current_setting('bench.hash')
       FROM generate_series(10::bigint, $1::bigint, 10::bigint) n ON CONFLICT DO NOTHING",
    "INSERT INTO membership (id, org_id, person_id, name, email)
     SELECT md5('bench customer member ' || n)::uuid, md5('bench customer ' || n)::uuid, md5('bench customer person ' || n)::uuid,
            'Karin Bänk ' || n, 'kund' || n || '@bench.example'
       FROM generate_series(10::bigint, $1::bigint, 10::bigint) n ON CONFLICT DO NOTHING",
    "INSERT INTO membership_role (org_id, membership_id, role)
     SELECT md5('bench customer ' || n)::uuid, md5('bench customer member ' || n)::uuid, r
       FROM generate_series(10::bigint, $1::bigint, 10::bigint) n, unnest('{orderer,attestant}'::role[]) r ON CONFLICT DO NOTHING",
    "INSERT INTO agreement (id, org_id, kind, number, status, valid_from)
     SELECT md5('bench customer agreement ' || n)::uuid, md5('bench customer ' || n)::uuid, 'customer_2'::agreement_kind,
            'KA2-' || (200000 + n), 'active'::agreement_status, '2024-02-26'::date
       FROM generate_series(10::bigint, $1::bigint, 10::bigint) n ON CONFLICT DO NOTHING",
];

/// Agents 1 to $1, each with one person who reviews and attests.
const AGENTS: &[&str] = &[
    "INSERT INTO organisation (id, name, org_nr, agent_no, email)
     SELECT md5('bench agent ' || n)::uuid, 'Bänkens Journalsystem ' || n || ' AB', (4000000000 + n)::text, 50000 + n,
            'agent' || n || '@bench.example'
       FROM generate_series(1::bigint, $1::bigint) n ON CONFLICT DO NOTHING",
    "INSERT INTO person (id, name, email, password_hash)
     SELECT md5('bench agent person ' || n)::uuid, 'Johan Bänk ' || n, 'agent' || n || '@bench.example', current_setting('bench.hash')
       FROM generate_series(1::bigint, $1::bigint) n ON CONFLICT DO NOTHING",
    "INSERT INTO membership (id, org_id, person_id, name, email)
     SELECT md5('bench agent member ' || n)::uuid, md5('bench agent ' || n)::uuid, md5('bench agent person ' || n)::uuid,
            'Johan Bänk ' || n, 'agent' || n || '@bench.example'
       FROM generate_series(1::bigint, $1::bigint) n ON CONFLICT DO NOTHING",
    "INSERT INTO membership_role (org_id, membership_id, role)
     SELECT md5('bench agent ' || n)::uuid, md5('bench agent member ' || n)::uuid, r
       FROM generate_series(1::bigint, $1::bigint) n, unnest('{agent_handler,attestant}'::role[]) r ON CONFLICT DO NOTHING",
    "INSERT INTO agreement (id, org_id, kind, number, status, valid_from)
     SELECT md5('bench agent agreement ' || n)::uuid, md5('bench agent ' || n)::uuid, 'agent'::agreement_kind,
            'AG-' || (50000 + n), 'active'::agreement_status, '2023-05-01'::date
       FROM generate_series(1::bigint, $1::bigint) n ON CONFLICT DO NOTHING",
    "INSERT INTO mandate (id, agent_id, service_code, role, system, status, since)
     SELECT md5('bench mandate ' || n)::uuid, md5('bench agent ' || n)::uuid, 'JOURNALEN', 'producer', 'Bänkjournal 1',
            'active'::mandate_status, '2023-06-01'::date
       FROM generate_series(1::bigint, $1::bigint) n ON CONFLICT DO NOTHING",
    "INSERT INTO mandate_handler (mandate_id, agent_id, membership_id)
     SELECT md5('bench mandate ' || n)::uuid, md5('bench agent ' || n)::uuid, md5('bench agent member ' || n)::uuid
       FROM generate_series(1::bigint, $1::bigint) n ON CONFLICT DO NOTHING",
];

/// Orders $1 to $2 over $3 customers and $4 agents: four of five via agent, nine of ten delivered, the rest waiting.
/// Ids are of the form of UUID version 7, so that the newest stands first as in the portal.
const ORDERS: &str =
    "INSERT INTO orders (id, number, customer_id, agent_id, mandate_id, customer_name, customer_no, customer_org_nr, agent_name,
            route, service_code, offer_code, state, revision, state_since, due_on, submitted_at, submitted_by, closed_at, created_at,
            created_by, created_by_name, hsa_id, wanted_on, contact_name, contact_email, contact_phone, invoice_address,
            invoice_reference, handler_name, price_once_ore)
     SELECT (lpad(to_hex((extract(epoch FROM x.at) * 1000)::bigint), 12, '0') || '7' || substr(x.hash, 1, 3) || '8' || substr(x.hash, 4, 15))::uuid,
            'BES-2020-' || lpad(x.n::text, 7, '0'), g.id, a.id, m.id, g.name, g.customer_no, shown_org_nr(g.org_nr, false), coalesce(a.name, ''),
            (CASE WHEN x.direct THEN 'direct' ELSE 'via_agent' END)::order_route,
            CASE WHEN x.direct THEN 'INFEKTIONSVERKTYGET' ELSE 'JOURNALEN' END,
            CASE WHEN x.direct THEN 'INFEKTIONSVERKTYGET_DIRECT' ELSE 'JOURNALEN_PRODUCER_AGENT' END,
            (CASE WHEN x.slot < 90 THEN 'activated'
                  WHEN x.direct AND x.slot < 96 THEN 'awaiting_customer_attest'
                  WHEN x.slot < 94 THEN 'awaiting_agent_review'
                  WHEN x.slot = 94 THEN 'awaiting_agent_attest'
                  WHEN x.slot = 95 THEN 'awaiting_customer_attest'
                  WHEN x.slot = 96 THEN 'returned'
                  WHEN x.slot = 97 THEN 'attested'
                  WHEN x.slot = 98 AND NOT x.direct THEN 'ready_to_connect'
                  ELSE 'in_delivery' END)::order_state,
            CASE WHEN x.slot < 90 THEN 4 ELSE 1 END, x.at + interval '1 day',
            CASE WHEN x.slot >= 90 THEN current_date - 10 + (x.n % 40)::int END,
            x.at, p.id, CASE WHEN x.slot < 90 THEN x.at + interval '9 days' END, x.at,
            p.id, p.name, g.hsa_id, '2027-03-01'::date, p.name, p.email, '070-555 01 42', g.invoice_address,
            g.invoice_reference, '', 2500000
       FROM (SELECT n, md5(n::text) AS hash, 1 + n % $3::bigint AS org, 1 + abs(hashint8extended(n, 1) % $4::bigint) AS agent,
                    abs(hashint8extended(n, 2) % 100) AS slot, hashint8extended(n, 3) % 5 = 0 AS direct,
                    '2020-01-01'::timestamptz + n * interval '3 minutes' AS at
               FROM generate_series($1::bigint, $2::bigint) n) x
       JOIN organisation g ON g.customer_no = 200000 + x.org
       JOIN person p ON p.id = md5('bench customer person ' || greatest(10, x.org - x.org % 10))::uuid
       LEFT JOIN organisation a ON NOT x.direct AND a.agent_no = 50000 + x.agent
       LEFT JOIN mandate m ON m.agent_id = a.id AND m.service_code = 'JOURNALEN'";

/// Fills in what is missing. A batch is one transaction, so a run that was stopped goes on where it was.
async fn fill(owner: &PgConnectOptions, options: &Options) -> Outcome {
    let mut connection = owner.connect().await?;
    connection.execute("SET ROLE portal_owner").await?;
    let hash = password::hash(PASSWORD.to_owned()).await?;
    let mut tx = connection.begin().await?;
    sqlx::query("SELECT set_config('bench.hash', $1, true)").bind(hash).execute(&mut *tx).await?;
    for (statements, count) in [(CUSTOMERS, options.organisations), (AGENTS, options.agents)] {
        for statement in statements {
            sqlx::query(*statement).bind(count).execute(&mut *tx).await?;
        }
    }
    tx.commit().await?;
    connection
        .execute(
            "ANALYZE organisation, person, membership, membership_role, agreement, mandate, mandate_handler",
        )
        .await?;

    let started = Instant::now();
    let before = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM orders WHERE number LIKE 'BES-2020-%'")
        .fetch_one(&mut connection)
        .await?;
    let mut done = before;
    println!("{done} of {} orders are there", options.orders);
    while done < options.orders {
        let last = options.orders.min(done + BATCH);
        let mut tx = connection.begin().await?;
        tx.execute("SET LOCAL synchronous_commit = off").await?;
        tx.execute("ALTER TABLE orders DISABLE TRIGGER USER").await?;
        let added = sqlx::query(ORDERS)
            .bind(done + 1)
            .bind(last)
            .bind(options.organisations)
            .bind(options.agents)
            .execute(&mut *tx)
            .await?;
        tx.execute("ALTER TABLE orders ENABLE TRIGGER USER").await?;
        if i64::try_from(added.rows_affected())? != last - done {
            return Err(format!("orders {} to {last}: {} were added", done + 1, added.rows_affected()).into());
        }
        tx.commit().await?;
        done = last;
        println!("{done} of {} orders, {:.0} s", options.orders, started.elapsed().as_secs_f64());
    }
    if done > before {
        println!("tidying up");
        connection.execute("VACUUM (ANALYZE) orders").await?;
    }
    connection.execute("RESET ROLE").await?;
    // Else it would come in the middle of a measurement.
    connection.execute("CHECKPOINT").await?;
    connection.close().await?;
    Ok(())
}

/// One page of one signed-in person.
#[derive(Clone)]
struct Target {
    path: String,
    cookie: String,
}

/// What is asked for.
struct Targets {
    lists: Arc<Vec<Target>>,
    details: Arc<Vec<Target>>,
    inboxes: Arc<Vec<Target>>,
    /// For each client its own orders, so that two never wait for the same person or audit chain.
    attests: Vec<Vec<Target>>,
}

/// Signs people in and picks out orders.
async fn prepare(owner: &PgConnectOptions, options: &Options) -> Outcome<Targets> {
    let mut connection = owner.connect().await?;
    connection
        .execute(
            "CREATE TABLE IF NOT EXISTS bench_decision (number text PRIMARY KEY, state text NOT NULL, revision int NOT NULL);
             CREATE TABLE IF NOT EXISTS bench_event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number text NOT NULL, at timestamptz NOT NULL);
             GRANT SELECT, INSERT, UPDATE ON bench_decision, bench_event TO portal_customer, portal_owner",
        )
        .await?;
    connection.execute("SET ROLE portal_owner").await?;
    let mut customers = Vec::new();
    for n in (10..=options.organisations).step_by(10).take(PEOPLE) {
        customers.push((CUSTOMER_NO + n, sign_in(&mut connection, &format!("kund{n}@bench.example")).await?));
    }
    let mut inboxes = Vec::new();
    for n in (1..=options.agents).take(PEOPLE) {
        let cookie = sign_in(&mut connection, &format!("agent{n}@bench.example")).await?;
        inboxes.push(Target { path: format!("/agent/{}/godkannanden", AGENT_NO + n), cookie });
    }
    let (mut lists, mut details) = (Vec::new(), Vec::new());
    for (no, cookie) in &customers {
        let base = format!("/kund/{no}/bestallningar");
        for number in delivered(&mut connection, *no).await? {
            details.push(Target { path: format!("{base}/{number}"), cookie: cookie.clone() });
        }
        lists.push(Target { path: base, cookie: cookie.clone() });
    }
    if details.is_empty() {
        return Err("there are too few orders to show one".into());
    }
    let clients = usize::try_from(options.connections)?;
    let mut attests = Vec::new();
    for (no, cookie) in customers.iter().cycle().take(clients) {
        let numbers = waiting(&mut connection, *no, ATTESTS.div_ceil(clients)).await?;
        attests.push(
            numbers
                .into_iter()
                .map(|number| Target {
                    path: format!("/kund/{no}/bestallningar/{number}/attestera"),
                    cookie: cookie.clone(),
                })
                .collect(),
        );
    }
    connection.close().await?;
    let (lists, details, inboxes) = (Arc::new(lists), Arc::new(details), Arc::new(inboxes));
    Ok(Targets { lists, details, inboxes, attests })
}

/// A session; answers its cookie's value.
async fn sign_in(connection: &mut PgConnection, email: &str) -> Outcome<String> {
    let token = Token::fresh();
    let done = sqlx::query(
        "INSERT INTO session (token_hash, id, person_id) SELECT $1, gen_random_uuid(), id FROM person WHERE email = $2",
    )
    .bind(token.hash())
    .bind(email)
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 1 { Ok(token.expose().to_owned()) } else { Err(format!("no {email}").into()) }
}

/// A few delivered orders of a customer, given the end of a history to show.
async fn delivered(connection: &mut PgConnection, customer_no: i64) -> Outcome<Vec<String>> {
    let mut tx = connection.begin().await?;
    let numbers = sqlx::query_scalar::<_, String>(
        "SELECT o.number FROM orders o JOIN organisation g ON g.id = o.customer_id
          WHERE g.customer_no = $1 AND o.state = 'activated' AND o.route = 'via_agent' ORDER BY o.id DESC LIMIT 4",
    )
    .bind(customer_no)
    .fetch_all(&mut *tx)
    .await?;
    tx.execute("ALTER TABLE order_event DISABLE TRIGGER USER").await?;
    sqlx::query(
        "INSERT INTO order_event (order_id, seq, customer_id, route, from_state, to_state, side, actor_name, at)
         SELECT o.id, s.seq, o.customer_id, o.route, s.f::order_state, s.t::order_state, 'inera'::side, 'Petra Bänk',
                o.state_since + s.seq * interval '1 hour'
           FROM orders o, (VALUES (2, 'attested', 'ready_to_connect'), (3, 'ready_to_connect', 'in_delivery'),
                                  (4, 'in_delivery', 'activated')) AS s (seq, f, t)
          WHERE o.number = ANY ($1) ON CONFLICT DO NOTHING",
    )
    .bind(&numbers)
    .execute(&mut *tx)
    .await?;
    tx.execute("ALTER TABLE order_event ENABLE TRIGGER USER").await?;
    tx.commit().await?;
    Ok(numbers)
}

/// Fresh orders that wait for the customer's attest; answers their numbers.
async fn waiting(connection: &mut PgConnection, customer_no: i64, count: usize) -> Outcome<Vec<String>> {
    let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    let mut tx = connection.begin().await?;
    tx.execute("ALTER TABLE orders DISABLE TRIGGER USER").await?;
    let numbers = sqlx::query_scalar::<_, String>(
        "INSERT INTO orders (id, number, customer_id, customer_name, customer_no, customer_org_nr, route, service_code, offer_code,
                state, revision, due_on, submitted_at, submitted_by, created_by, created_by_name, wanted_on, contact_name,
                contact_email, contact_phone, invoice_address, invoice_reference, terms_id)
         SELECT x.id, 'BES-A-' || right(replace(x.id::text, '-', ''), 14), g.id, g.name, g.customer_no, shown_org_nr(g.org_nr, false),
                'direct'::order_route, 'INFEKTIONSVERKTYGET', 'INFEKTIONSVERKTYGET_DIRECT', 'awaiting_customer_attest'::order_state, 1,
                current_date + 14, now(), p.id, p.id, p.name, current_date + 30, p.name, p.email, '070-555 01 42',
                g.invoice_address, g.invoice_reference,
                (SELECT t.id FROM terms t WHERE t.service_code = 'INFEKTIONSVERKTYGET' ORDER BY t.valid_from DESC LIMIT 1)
           FROM unnest($2::uuid[]) AS x (id)
           JOIN organisation g ON g.customer_no = $1
           JOIN membership m ON m.org_id = g.id
           JOIN person p ON p.id = m.person_id
         RETURNING number",
    )
    .bind(customer_no)
    .bind(&ids)
    .fetch_all(&mut *tx)
    .await?;
    tx.execute("ALTER TABLE orders ENABLE TRIGGER USER").await?;
    sqlx::query(
        "INSERT INTO bench_decision (number, state, revision) SELECT n, 'awaiting_customer_attest', 1 FROM unnest($1::text[]) n",
    )
    .bind(&numbers)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    if numbers.len() == count { Ok(numbers) } else { Err(format!("no attestant at {customer_no}").into()) }
}

// ---- The ceiling ----

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
    source = r#"<!DOCTYPE html><html lang="sv"><head><meta charset="utf-8"><title>Beställningar</title></head><body><main><h1>Beställningar</h1>
<table class="kp-table"><thead><tr><th scope="col">Ärende</th><th scope="col">Tjänst</th><th scope="col">Läge</th><th scope="col">Sedan</th><th scope="col">Svar senast</th><th scope="col">Beställare</th></tr></thead><tbody>
{% for row in rows %}<tr><th scope="row" class="kp-nowrap"><a href="/bestallningar/{{ row.number }}">{{ row.number }}</a></th><td><span>{{ row.service_code }}<span class="kp-table__sub">{{ row.offer_code }}, {{ row.customer_name }}</span></span></td><td><span class="kp-tag">{{ row.state }}</span></td><td class="kp-nowrap"><span>{{ row.state_since }}</span></td><td class="kp-nowrap"><span>{% if let Some(due) = row.due_on %}{{ due }}{% endif %}</span></td><td><span>{{ row.created_by_name }}</span></td></tr>
{% endfor %}</tbody></table></main></body></html>"#,
    ext = "html"
)]
struct ListPage {
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
   FROM orders WHERE agent_id = $1 AND submitted_at IS NOT NULL AND closed_at IS NULL AND state = 'awaiting_agent_review'
  ORDER BY coalesce(due_on, 'infinity'), id LIMIT 50";

const ONE_ROW: &str = "SELECT number, service_code, offer_code, customer_name, state::text AS state, state_since, due_on, created_by_name
   FROM orders WHERE number = $1";

impl Ceiling {
    /// The same addresses as the portal's.
    fn router(&self) -> Router {
        Router::new()
            .route("/kund/{no}/bestallningar", get(bare_list))
            .route("/kund/{no}/bestallningar/{number}", get(bare_detail))
            .route("/kund/{no}/bestallningar/{number}/attestera", get(bare_decision).post(bare_decide))
            .route("/agent/{no}/godkannanden", get(bare_inbox))
            .with_state(self.clone())
    }

    async fn enter(
        &self,
        begin: &'static str,
        look_up: &'static str,
        no: i64,
        headers: &HeaderMap,
    ) -> Result<(Transaction<'static, Postgres>, Entered), Fault> {
        let token = Cookie::for_base_url("http://localhost").read(headers);
        let hash = token.ok_or((StatusCode::UNAUTHORIZED, String::new()))?.hash();
        let mut tx = self.pool.begin_with(begin).await.map_err(fault)?;
        let entered = sqlx::query_as::<_, Entered>(look_up)
            .bind(hash)
            .bind(no)
            .fetch_one(&mut *tx)
            .await
            .map_err(fault)?;
        Ok((tx, entered))
    }

    async fn one(&self, params: &Wanted, headers: &HeaderMap) -> Result<DetailPage, Fault> {
        let (mut tx, _) = self.enter("BEGIN READ ONLY", AS_CUSTOMER, params.no, headers).await?;
        let row = sqlx::query_as::<_, ListRow>(ONE_ROW)
            .bind(&params.number)
            .fetch_one(&mut *tx)
            .await
            .map_err(fault)?;
        tx.rollback().await.map_err(fault)?;
        Ok(DetailPage { row })
    }
}

/// What the address says.
struct Wanted {
    no: i64,
    number: String,
}

impl Wanted {
    fn of(params: &RawPathParams) -> Self {
        let find = |wanted| params.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value);
        Self { no: find("no").parse().unwrap_or_default(), number: find("number").to_owned() }
    }
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
    let (mut tx, entered) = ceiling.enter("BEGIN READ ONLY", AS_CUSTOMER, no, &headers).await?;
    let rows = sqlx::query_as::<_, ListRow>(CUSTOMER_ROWS)
        .bind(entered.org)
        .fetch_all(&mut *tx)
        .await
        .map_err(fault)?;
    tx.rollback().await.map_err(fault)?;
    render(&ListPage { rows }, &ceiling.pads.list)
}

async fn bare_inbox(
    State(ceiling): State<Ceiling>,
    params: RawPathParams,
    headers: HeaderMap,
) -> Result<Html<String>, Fault> {
    let no = Wanted::of(&params).no;
    let (mut tx, entered) = ceiling.enter("BEGIN READ ONLY", AS_AGENT, no, &headers).await?;
    let rows = sqlx::query_as::<_, ListRow>(AGENT_ROWS)
        .bind(entered.org)
        .fetch_all(&mut *tx)
        .await
        .map_err(fault)?;
    tx.rollback().await.map_err(fault)?;
    render(&ListPage { rows }, &ceiling.pads.inbox)
}

async fn bare_detail(
    State(ceiling): State<Ceiling>,
    params: RawPathParams,
    headers: HeaderMap,
) -> Result<Html<String>, Fault> {
    let page = ceiling.one(&Wanted::of(&params), &headers).await?;
    render(&page, &ceiling.pads.detail)
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
    let (mut tx, entered) = ceiling.enter("BEGIN", AS_CUSTOMER, wanted.no, &headers).await?;
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

// ---- The load ----

/// One keep-alive connection, written by hand so that the generator costs little.
struct Client {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
    head: usize,
}

/// What an answer's head says.
struct Head {
    status: u16,
    length: usize,
    chunked: bool,
}

impl Head {
    fn parse(head: &[u8]) -> Outcome<Self> {
        let text = std::str::from_utf8(head)?;
        let status = text.split(' ').nth(1).ok_or("no status line")?.parse::<u16>()?;
        let (mut length, mut chunked) = (0_usize, false);
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = true;
            }
        }
        Ok(Self { status, length, chunked })
    }
}

impl Client {
    async fn connect(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, buffer: Vec::with_capacity(128 * 1024), head: 0 })
    }

    async fn more(&mut self) -> Outcome {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }

    async fn send(&mut self, request: &str) -> Outcome<u16> {
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        self.head = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = Head::parse(self.buffer.get(..self.head).unwrap_or_default())?;
        if head.chunked {
            while !self.buffer.ends_with(b"\r\n0\r\n\r\n") {
                self.more().await?;
            }
        } else {
            while self.buffer.len() < self.head + head.length {
                self.more().await?;
            }
        }
        Ok(head.status)
    }

    fn body(&self) -> String {
        String::from_utf8_lossy(self.buffer.get(self.head..).unwrap_or_default()).into_owned()
    }

    async fn page(&mut self, target: &Target) -> Outcome {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nCookie: kp_session={}\r\nSec-Fetch-Site: same-origin\r\nAccept: text/html\r\n\r\n",
            target.path, self.address, target.cookie
        );
        match self.send(&request).await? {
            200 => Ok(()),
            status => Err(format!("GET {}: {status} {}", target.path, self.body()).into()),
        }
    }

    /// The page, then its form with the decision.
    async fn attest(&mut self, target: &Target, typed: &str) -> Outcome {
        self.page(target).await?;
        let seen = hidden(&self.body(), "visat");
        let revision = hidden(&self.body(), "revision");
        let form = format!("revision={revision}&beslut=attestera&losenord={typed}&visat={seen}");
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nCookie: kp_session={}\r\nSec-Fetch-Site: same-origin\r\nAccept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            target.path,
            self.address,
            target.cookie,
            form.len()
        );
        match self.send(&request).await? {
            303 => Ok(()),
            status => Err(format!("POST {}: {status} {}", target.path, self.body()).into()),
        }
    }
}

/// The value of a hidden field; empty when there is none.
fn hidden(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    page.split_once(&mark).and_then(|(_, rest)| rest.split('"').next()).unwrap_or("").to_owned()
}

/// Reads pages until the time is up.
async fn read_for(
    address: SocketAddr,
    targets: Arc<Vec<Target>>,
    (first, step): (usize, usize),
    span: Duration,
) -> Outcome<Vec<Duration>> {
    let mut client = Client::connect(address).await?;
    let mut latencies = Vec::new();
    let started = Instant::now();
    for target in targets.iter().cycle().skip(first).step_by(step) {
        if started.elapsed() >= span {
            break;
        }
        let asked = Instant::now();
        client.page(target).await?;
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}

/// Attests each once.
async fn attest_all(
    address: SocketAddr,
    targets: Vec<Target>,
    typed: &'static str,
) -> Outcome<Vec<Duration>> {
    let mut client = Client::connect(address).await?;
    let mut latencies = Vec::new();
    for target in &targets {
        let asked = Instant::now();
        client.attest(target, typed).await?;
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}

/// What was measured of one server.
#[derive(Clone, Default)]
struct Sample {
    latencies: Vec<Duration>,
    busy: Duration,
}

impl Sample {
    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.busy += other.busy;
    }

    fn per_second(&self) -> f64 {
        let count = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        f64::from(count) / self.busy.as_secs_f64().max(0.001)
    }

    /// Milliseconds that so many in a hundred stayed within.
    fn within(&self, percent: usize) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// One row of what is printed.
struct Line {
    name: &'static str,
    portal: Sample,
    ceiling: Sample,
}

struct Bench {
    tasks: Tasks,
    portal: SocketAddr,
    ceiling: SocketAddr,
    connections: usize,
    span: Duration,
}

impl Bench {
    /// Makes the ceiling's pages as heavy as the portal's.
    async fn pad(&self, pads: &Pads, targets: &Targets) -> Outcome {
        let attest = targets.attests.iter().flatten().next();
        let cases = [
            ("list", targets.lists.first(), &pads.list),
            ("detail", targets.details.first(), &pads.detail),
            ("inbox", targets.inboxes.first(), &pads.inbox),
            ("decision", attest, &pads.decision),
        ];
        for (name, target, pad) in cases {
            let target = target.ok_or("nothing to show")?;
            let mut portal = Client::connect(self.portal).await?;
            portal.page(target).await?;
            let mut ceiling = Client::connect(self.ceiling).await?;
            ceiling.page(target).await?;
            let (heavy, bare) = (portal.body().len(), ceiling.body().len());
            println!(
                "{name}: the portal's page has {heavy} bytes, the ceiling's {bare} before it is filled up"
            );
            let _ = pad.set(" ".repeat(heavy.saturating_sub(bare)));
        }
        Ok(())
    }

    /// Portal and ceiling in turn, after a second of each to warm up.
    async fn pages(&self, name: &'static str, targets: &Arc<Vec<Target>>) -> Outcome<Line> {
        println!("measuring: {name}");
        let warm = Duration::from_secs(1);
        self.read(self.portal, targets, warm).await?;
        self.read(self.ceiling, targets, warm).await?;
        let (mut portal, mut ceiling) = (Sample::default(), Sample::default());
        for _ in 0..ROUNDS {
            portal.add(self.read(self.portal, targets, self.span).await?);
            ceiling.add(self.read(self.ceiling, targets, self.span).await?);
        }
        Ok(Line { name, portal, ceiling })
    }

    async fn read(&self, address: SocketAddr, targets: &Arc<Vec<Target>>, span: Duration) -> Outcome<Sample> {
        let started = Instant::now();
        let clients: Vec<_> = (0..self.connections)
            .map(|first| {
                self.tasks.spawn(read_for(address, Arc::clone(targets), (first, self.connections), span))
            })
            .collect();
        let mut sample = Sample::default();
        for client in clients {
            sample.latencies.extend(client.await??);
        }
        sample.busy = started.elapsed();
        Ok(sample)
    }

    /// Against the ceiling with the same password check, and without one.
    async fn attests(&self, targets: &[Vec<Target>]) -> Outcome<Vec<Line>> {
        println!("measuring: attest");
        let (mut portal, mut ceiling, mut bare) = (Sample::default(), Sample::default(), Sample::default());
        let each = ATTESTS.div_ceil(self.connections).div_ceil(ROUNDS);
        for round in 0..ROUNDS {
            let part: Vec<Vec<Target>> = targets
                .iter()
                .map(|own| own.iter().skip(round * each).take(each).cloned().collect())
                .collect();
            portal.add(self.attest(self.portal, &part, PASSWORD).await?);
            ceiling.add(self.attest(self.ceiling, &part, PASSWORD).await?);
            bare.add(self.attest(self.ceiling, &part, "").await?);
        }
        Ok(vec![
            Line { name: "attest (page + form, argon2id)", portal: portal.clone(), ceiling },
            Line { name: "  the same, ceiling has no password", portal, ceiling: bare },
        ])
    }

    async fn attest(
        &self,
        address: SocketAddr,
        part: &[Vec<Target>],
        typed: &'static str,
    ) -> Outcome<Sample> {
        let started = Instant::now();
        let clients: Vec<_> =
            part.iter().map(|own| self.tasks.spawn(attest_all(address, own.clone(), typed))).collect();
        let mut sample = Sample::default();
        for client in clients {
            sample.latencies.extend(client.await??);
        }
        sample.busy = started.elapsed();
        Ok(sample)
    }
}

fn print_table(options: &Options, lines: &[Line]) -> Outcome {
    println!(
        "\n{} orders, {} customers, {} agents; {} connections, {ROUNDS} rounds of {} s each in turn\n",
        options.orders, options.organisations, options.agents, options.connections, options.seconds
    );
    println!(
        "{:<36} {:>10} {:>10} {:>6} {:>9} {:>9} {:>11} {:>11}",
        "", "portal/s", "ceiling/s", "ratio", "p50 ms", "p99 ms", "c. p50 ms", "c. p99 ms"
    );
    for line in lines {
        let (portal, ceiling) = (line.portal.per_second(), line.ceiling.per_second());
        println!(
            "{:<36} {portal:>10.0} {ceiling:>10.0} {:>6.2} {:>9.2} {:>9.2} {:>11.2} {:>11.2}",
            line.name,
            portal / ceiling.max(0.001),
            line.portal.within(50),
            line.portal.within(99),
            line.ceiling.within(50),
            line.ceiling.within(99)
        );
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("unknown");
    println!("\nmemory of this process (portal, ceiling and load generator): {}", memory.trim());
    Ok(())
}
