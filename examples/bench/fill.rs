//! The made-up customers, agents and orders, and the people who are signed in.

use std::{sync::Arc, time::Instant};

use kundportal::identity::{password, token::Token};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::{
    Options, Outcome, PASSWORD,
    measure::{ATTESTS, DECISIONS},
    shown,
};

/// Orders in one transaction of the fill.
const BATCH: i64 = 20_000;
/// At most this many people are signed in on each side; requests go round among them.
const PEOPLE: usize = 200;
/// Customers are numbered from here.
pub const CUSTOMER_NO: i64 = 200_000;
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
    "INSERT INTO role_grant (org_id, membership_id, role)
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
    "INSERT INTO role_grant (org_id, membership_id, role)
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
    "INSERT INTO mandate_permission (mandate_id, agent_id, membership_id)
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
pub async fn fill(owner: &PgConnectOptions, options: &Options) -> Outcome {
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
            "ANALYZE organisation, person, membership, role_grant, agreement, mandate, mandate_permission",
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
pub struct Target {
    pub path: String,
    pub cookie: String,
}

/// What is asked for.
pub struct Targets {
    pub lists: Arc<Vec<Target>>,
    pub details: Arc<Vec<Target>>,
    pub inboxes: Arc<Vec<Target>>,
    /// Searches by customer, agent and Kundservice.
    pub searches: Vec<(&'static str, Arc<Vec<Target>>)>,
    /// One order each, attested at an even rate.
    pub decisions: Vec<Target>,
    /// The same by people who have an app to show first.
    pub shown: Vec<Target>,
    /// Addresses to sign in with.
    pub emails: Arc<Vec<String>>,
    /// For each client its own orders, so that two never wait for the same person or audit chain.
    pub attests: Vec<Vec<Target>>,
}

/// Signs people in and picks out orders.
pub async fn prepare(owner: &PgConnectOptions, options: &Options) -> Outcome<Targets> {
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
        customers.push((
            CUSTOMER_NO + n,
            sign_in(&mut connection, &format!("kund{n}@bench.example"), "password").await?,
        ));
    }
    let mut inboxes = Vec::new();
    for n in (1..=options.agents).take(PEOPLE) {
        let cookie = sign_in(&mut connection, &format!("agent{n}@bench.example"), "password").await?;
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
        attests.push(to_attest(&mut connection, *no, cookie, ATTESTS.div_ceil(clients)).await?);
    }
    let mut decisions = Vec::new();
    for (no, cookie) in customers.iter().rev().cycle().take(DECISIONS) {
        decisions.extend(to_attest(&mut connection, *no, cookie, 1).await?);
    }
    let shown = shown::prepare(&mut connection, options.organisations, DECISIONS).await?;
    let staff = sign_in(&mut connection, "petra@kundservice.example", "password").await?;
    connection.close().await?;
    let search = |pages: &[Target], text: &str| {
        let paths = pages.iter().map(|page| format!("{}?q={text}", page.path));
        Arc::new(paths.zip(pages).map(|(path, page)| Target { path, cookie: page.cookie.clone() }).collect())
    };
    let all = |text: &str| {
        let path = format!("/inera/bestallningar?q={text}");
        Arc::new(vec![Target { path, cookie: staff.clone() }])
    };
    let searches = vec![
        ("customer, an agent's name", search(&lists, "Journalsystem")),
        ("customer, nothing found", search(&lists, "finnsinte")),
        ("agent, a customer's name", search(&inboxes, "rdcentral+7")),
        ("Kundservice, a number", all("0000777")),
        ("Kundservice, a name", all("rdcentral+77")),
        ("Kundservice, nothing found", all("finnsinte")),
    ];
    let emails = (10..=options.organisations)
        .step_by(10)
        .map(|n| format!("kund{n}@bench.example"))
        .take(PEOPLE)
        .collect();
    Ok(Targets {
        lists: Arc::new(lists),
        details: Arc::new(details),
        inboxes: Arc::new(inboxes),
        searches,
        decisions,
        shown,
        emails: Arc::new(emails),
        attests,
    })
}

/// The pages where so many fresh orders of a customer are attested.
pub async fn to_attest(
    connection: &mut PgConnection,
    customer_no: i64,
    cookie: &str,
    count: usize,
) -> Outcome<Vec<Target>> {
    let numbers = waiting(connection, customer_no, count).await?;
    let path = |number| format!("/kund/{customer_no}/bestallningar/{number}/attestera");
    Ok(numbers.into_iter().map(|number| Target { path: path(number), cookie: cookie.to_owned() }).collect())
}

/// A session that began so; answers its cookie's value.
pub async fn sign_in(connection: &mut PgConnection, email: &str, method: &str) -> Outcome<String> {
    let token = Token::fresh();
    let done = sqlx::query(
        "INSERT INTO session (token_hash, id, person_id, method) SELECT $1, gen_random_uuid(), id, $3 FROM person WHERE email = $2",
    )
    .bind(token.hash())
    .bind(email)
    .bind(method)
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
           JOIN person p ON p.id = m.person_id AND p.email LIKE 'kund%'
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
