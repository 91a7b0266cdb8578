//! The database's own rules, always asked as the application role.

use std::collections::BTreeSet;

use kundportal::{
    audit,
    db::{DbError, Tx},
    identity::Side,
    orders::{Route, State, lifecycle::EDGES},
};
use sqlx::{Connection, Executor, Row};

use crate::harness::{Portal, enter, orders::*};

async fn count(tx: &mut Tx, query: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned())).fetch_one(tx.conn()).await.unwrap()
}

/// Rows of every kind around one order via agent.
async fn filled() -> (Portal, String) {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let karin = portal.as_person(KARIN).await;
    karin.must_post(&format!("{LINDANGEN}/bestallningar/{number}/meddelanden"), &[("text", "hej")]).await;
    karin
        .upload(&format!("{LINDANGEN}/bestallningar/{number}/bilagor"), "a.pdf", b"%PDF-1.7\nx")
        .await
        .is(303);
    karin.must_post(&format!("{LINDANGEN}/bestallningar/{number}/paminnelse"), &[]).await;
    approve_as_johan(&portal, &number).await;
    attest_as_helena(&portal, &number).await;
    attest_as_mats(&portal, &number).await;
    let petra = portal.as_person(PETRA).await;
    petra.post(&format!("/inera/bestallningar/{number}/leverans"), &[("steg", "starta")]).await.is(303);
    petra.post(&format!("/inera/bestallningar/{number}/leverans"), &[("steg", "paborjad")]).await.is(303);
    petra.post(&format!("/inera/bestallningar/{number}/leverans"), &[("steg", "leverera")]).await.is(303);
    portal.work().await;
    (portal, number)
}

/// Tables whose rows belong to a tenant, with the column that says so.
async fn tenant_tables(portal: &Portal) -> Vec<(String, String)> {
    let mut owner = portal.owner().await;
    let rows = owner
        .fetch_all(
            "SELECT c.relname::text AS name, (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid
                AND a.attname IN ('customer_id', 'org_id', 'agent_id', 'chain') ORDER BY a.attname = 'agent_id', a.attname LIMIT 1) AS col
               FROM pg_class c WHERE c.relkind IN ('r', 'v') AND c.relnamespace = 'public'::regnamespace",
        )
        .await
        .unwrap();
    rows.into_iter()
        .filter_map(|row| Some((row.get::<String, _>("name"), row.get::<Option<String>, _>("col")?)))
        .collect()
}

#[tokio::test]
async fn no_other_tenant_sees_a_single_row_of_any_table_even_without_a_where_clause() {
    let (portal, _) = filled().await;
    let tables = tenant_tables(&portal).await;
    assert!(tables.len() >= 15, "{tables:?}");
    let lindangen = portal.value("SELECT id FROM organisation WHERE customer_no = 10482").await;
    let nordjournal = portal.value("SELECT id FROM organisation WHERE agent_no = 2041").await;
    let mut seen_by_owner_side = BTreeSet::new();
    for (table, column) in &tables {
        let foreign =
            format!("SELECT count(*) FROM {table} WHERE {column} IN ('{lindangen}', '{nordjournal}')");
        for (email, side, no) in
            [(ELSA, Side::Customer, 11204), (SAMIRA, Side::Customer, 10733), (MAJA, Side::Agent, 2077)]
        {
            let mut tx = enter(&portal, email, side, no).await;
            let asked: Result<i64, _> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(foreign.clone())).fetch_one(tx.conn()).await;
            match asked {
                Ok(rows) => assert_eq!(rows, 0, "{email} sees {table}"),
                Err(error) => assert!(matches!(DbError::from(error), DbError::Denied(_)), "{table}"),
            }
        }
        let mut tx = enter(&portal, KARIN, Side::Customer, 10482).await;
        let own: Result<i64, _> = sqlx::query_scalar(sqlx::AssertSqlSafe(foreign)).fetch_one(tx.conn()).await;
        if own.is_ok_and(|rows| rows > 0) {
            seen_by_owner_side.insert(table.clone());
        }
    }
    // The look-ups above were not empty for want of rows.
    for table in [
        "orders",
        "order_line",
        "order_event",
        "order_message",
        "order_attachment",
        "order_reminder",
        "subscription",
        "agent_relation",
        "membership",
        "agreement",
        "notice",
        "audit_entry",
    ] {
        assert!(
            seen_by_owner_side.contains(table),
            "{table} should hold rows of the tenant: {seen_by_owner_side:?}"
        );
    }
}

#[tokio::test]
async fn every_tenant_table_forces_row_security_and_ties_its_children_to_the_tenant() {
    let portal = Portal::start().await;
    let mut owner = portal.owner().await;
    let unforced: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
            AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
            AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('customer_id', 'agent_id', 'org_id', 'person_id', 'chain'))",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(unforced, Vec::<String>::new());
    // A child of an order that carries the customer references both columns together.
    let loose: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'customer_id' JOIN pg_attribute b ON b.attrelid = c.oid AND b.attname = 'order_id'
          WHERE c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conkey @> ARRAY[a.attnum, b.attnum])",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(loose, Vec::<String>::new());
    let unindexed: Vec<String> = sqlx::query_scalar(
        "SELECT k.conname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
          WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace AND k.confrelid IN ('orders'::regclass, 'membership'::regclass, 'notification'::regclass)
            AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND k.conkey[1] = ANY (i.indkey))",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    // The attestant of an order is looked up from the order, never the other way round.
    let known = ["orders_customer_attestant", "orders_agent_attestant", "mail_membership"];
    assert_eq!(
        unindexed.into_iter().filter(|name| !known.contains(&name.as_str())).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn the_login_role_alone_reaches_nothing_and_is_not_trusted_when_it_could() {
    let portal = Portal::start().await;
    portal.app.db().check_login().await.unwrap();
    let mut tx = portal.app.db().gate().await.unwrap();
    let refused = sqlx::query("SELECT * FROM orders").fetch_all(tx.conn()).await.unwrap_err();
    assert!(matches!(DbError::from(refused), DbError::Denied(_)));
    let url = crate::harness::server().await.url("postgres", "template_portal");
    let unsafe_login = kundportal::db::Db::new(&url, 1).unwrap();
    let refused = unsafe_login.check_login().await.unwrap_err().to_string();
    assert!(refused.contains("superuser"), "{refused}");
}

#[tokio::test]
async fn the_application_cannot_write_past_the_events() {
    let (portal, number) = filled().await;
    let attempts = [
        "UPDATE orders SET state = 'activated'",
        "UPDATE orders SET revision = 0",
        "UPDATE orders SET customer_name = 'x'",
        "UPDATE order_event SET note = 'x'",
        "DELETE FROM order_event",
        "DELETE FROM orders",
        "UPDATE audit_entry SET detail = 'x'",
        "DELETE FROM audit_entry",
        "INSERT INTO audit_head (chain, seq, hash) VALUES (gen_random_uuid(), 1, '')",
        "UPDATE confirmation SET shown = 'x'",
        "SELECT password_hash FROM person",
        "SELECT * FROM session",
        "CREATE TABLE x (a int)",
        "INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'attestant' FROM membership",
    ];
    for attempt in attempts {
        for (email, side, no) in
            [(KARIN, Side::Customer, 10482), (JOHAN, Side::Agent, 2041), (PETRA, Side::Inera, 0)]
        {
            let mut tx = enter(&portal, email, side, no).await;
            let refused = tx.conn().execute(sqlx::AssertSqlSafe(attempt.to_owned())).await.unwrap_err();
            assert!(matches!(DbError::from(refused), DbError::Denied(_)), "{email}: {attempt}");
        }
    }
    assert_eq!(state(&portal, &number).await, "activated");
}

#[tokio::test]
async fn the_rule_table_and_the_types_know_the_same_moves() {
    let portal = Portal::start().await;
    let mut owner = portal.owner().await;
    let rows = owner
        .fetch_all(
            "SELECT route::text, from_state::text, to_state::text, side::text FROM order_transition_rule",
        )
        .await
        .unwrap();
    let in_database: BTreeSet<String> = rows
        .iter()
        .map(|row| (0..4).map(|at| row.get::<String, _>(at)).collect::<Vec<_>>().join(" "))
        .collect();
    let in_types: BTreeSet<String> = EDGES.iter().map(|edge| edge_name(*edge)).collect();
    assert_eq!(in_database, in_types);
}

fn edge_name((route, from, to, side): (Route, State, State, Side)) -> String {
    let route = if route == Route::Direct { "direct" } else { "via_agent" };
    format!("{route} {} {} {}", from.code(), to.code(), side.code())
}

/// All states × all states × all sides, for both routes, as the application role: exactly the drawn moves are accepted.
#[tokio::test]
async fn exactly_the_drawn_moves_can_be_made() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let direct = direct_draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET").await;
    let via_agent = via_agent_draft(&karin, LINDANGEN, "2041").await;
    // One person with every role on each side, so that only the moves themselves are judged.
    portal
        .sql(
            "INSERT INTO role_grant (org_id, membership_id, role) SELECT m.org_id, m.id, r::role FROM membership m,
               unnest(ARRAY['orderer', 'attestant', 'agent_handler', 'support']) r WHERE m.email IN ('karin@lindangen.example', 'johan@nordjournal.example', 'petra@kundservice.example') ON CONFLICT DO NOTHING",
        )
        .await;
    portal.sql("UPDATE organisation SET four_eyes = false").await;
    portal.sql("UPDATE orders SET placed_by_staff = true, submitted_at = now()").await;
    let mut accepted = BTreeSet::new();
    for (route, number) in [(Route::Direct, &direct), (Route::ViaAgent, &via_agent)] {
        for from in State::ALL {
            if route == Route::Direct
                && matches!(from, State::AwaitingAgentReview | State::AwaitingAgentAttest)
            {
                continue; // no direct order can be there at all
            }
            portal
                .sql(&format!(
                    "UPDATE orders SET state = '{}', revision = 4 WHERE number = '{number}'",
                    from.code()
                ))
                .await;
            for side in Side::ALL {
                let mut tx = match side {
                    Side::Customer => enter(&portal, KARIN, side, 10482).await,
                    Side::Agent => enter(&portal, JOHAN, side, 2041).await,
                    Side::Inera => enter(&portal, PETRA, side, 0).await,
                    Side::System => portal.app.db().worker().await.unwrap(),
                };
                if side == Side::Agent && route == Route::Direct {
                    assert_eq!(
                        count(&mut tx, &format!("SELECT count(*) FROM orders WHERE number = '{number}'"))
                            .await,
                        0
                    );
                }
                for to in State::ALL {
                    tx.conn().execute("SAVEPOINT attempt").await.unwrap();
                    match attempt(&mut tx, number, (route, *from, *to, side)).await {
                        Ok(()) => {
                            accepted.insert(edge_name((route, *from, *to, side)));
                        }
                        Err(error) => {
                            let known = matches!(&error, DbError::Constraint(name) if name == "order_event_rule")
                                || matches!(error, DbError::Denied(_));
                            assert!(known, "{}: {error}", edge_name((route, *from, *to, side)));
                        }
                    }
                    tx.conn().execute("ROLLBACK TO attempt").await.unwrap();
                }
            }
        }
    }
    let drawn: BTreeSet<String> = EDGES.iter().map(|edge| edge_name(*edge)).collect();
    assert_eq!(accepted, drawn);
}

/// One event as the side would insert it, with everything the other rules ask for.
async fn attempt(
    tx: &mut Tx,
    number: &str,
    (route, from, to, side): (Route, State, State, Side),
) -> Result<(), DbError> {
    let submits =
        from.is_editable() && matches!(to, State::AwaitingAgentReview | State::AwaitingCustomerAttest);
    let decides = from.is_waiting() && matches!(side, Side::Customer | Side::Agent);
    if decides {
        let proof = "INSERT INTO confirmation (id, org_id, person_id, session_id, method, subject, shown, shown_sha256)
            SELECT $1, ctx_org(), ctx_person(), gen_random_uuid(), 'password', 'order:' || o.id || ':' || o.revision, 'x', sha256('x') FROM orders o WHERE o.number = $2";
        let proof_id = uuid::Uuid::now_v7();
        let made = sqlx::query(proof).bind(proof_id).bind(number).execute(tx.conn()).await?;
        let proof_id = (made.rows_affected() == 1).then_some(proof_id);
        return insert_event(tx, number, (route, from, to, side), submits, proof_id).await;
    }
    insert_event(tx, number, (route, from, to, side), submits, None).await
}

async fn insert_event(
    tx: &mut Tx,
    number: &str,
    (route, from, to, side): (Route, State, State, Side),
    submits: bool,
    proof: Option<uuid::Uuid>,
) -> Result<(), DbError> {
    // For a side that cannot see the order the ids are null, and the row is refused by its own rules.
    let insert = "INSERT INTO order_event (order_id, seq, customer_id, route, from_state, to_state, side, actor_id, at, note, confirmation_id, content, content_sha256)
        VALUES ($1, 5, $2, $3, $4, $5, $6, ctx_person(), now(), 'ett skäl', $7, $8, $9)";
    let ids: Option<(uuid::Uuid, uuid::Uuid)> =
        sqlx::query_as("SELECT id, customer_id FROM orders WHERE number = $1")
            .bind(number)
            .fetch_optional(tx.conn())
            .await?;
    let Some((order, customer)) = ids else { return Err(DbError::Denied("unseen".to_owned())) };
    sqlx::query(insert)
        .bind(order)
        .bind(customer)
        .bind(route)
        .bind(from)
        .bind(to)
        .bind(side)
        .bind(proof)
        .bind(submits.then(|| serde_json::json!({})))
        .bind(submits.then(|| vec![0_u8; 32]))
        .execute(tx.conn())
        .await?;
    Ok(())
}

#[tokio::test]
async fn forged_actors_sides_confirmations_and_parents_are_refused() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let forged = [
        // Mats attests in Karin's name.
        (
            KARIN,
            "actor_id, confirmation_id",
            "(SELECT person_id FROM membership WHERE email = 'mats@lindangen.example'), NULL",
            "customer",
        ),
        // Karin claims to be Inera.
        (KARIN, "actor_id, confirmation_id", "ctx_person(), NULL", "inera"),
        // Karin is no attestant.
        (KARIN, "actor_id, confirmation_id", "ctx_person(), gen_random_uuid()", "customer"),
        // Mats without, and with an invented, confirmation.
        (MATS, "actor_id, confirmation_id", "ctx_person(), NULL", "customer"),
        (MATS, "actor_id, confirmation_id", "ctx_person(), gen_random_uuid()", "customer"),
    ];
    for (email, columns, values, side) in forged {
        let mut tx = enter(&portal, email, Side::Customer, 10482).await;
        let insert = format!(
            "INSERT INTO order_event (order_id, seq, customer_id, route, from_state, to_state, side, at, {columns})
             SELECT id, 2, customer_id, route, state, 'attested', '{side}', now(), {values} FROM orders WHERE number = '{number}'"
        );
        tx.conn().execute(sqlx::AssertSqlSafe(insert)).await.unwrap_err();
    }
    // A line of another tenant's order.
    let order = portal.value(&format!("SELECT id FROM orders WHERE number = '{number}'")).await;
    let mut tx = enter(&portal, ELSA, Side::Customer, 11204).await;
    let insert = format!(
        "INSERT INTO order_line (id, order_id, customer_id, position, kind, name, quantity) VALUES (gen_random_uuid(), '{order}', ctx_org(), 1, 'cards', 'x', 1)"
    );
    tx.conn().execute(sqlx::AssertSqlSafe(insert)).await.unwrap_err();
    assert_eq!(state(&portal, &number).await, "awaiting_customer_attest");
}

#[tokio::test]
async fn the_audit_chain_holds_and_any_tampering_is_found() {
    let (portal, _) = filled().await;
    let verdict = audit::verify(&portal.owner).await.unwrap();
    assert!(verdict.faults.is_empty() && verdict.entries > 10, "{verdict:?}");
    for tampering in [
        "UPDATE audit_entry SET detail = detail || '.' WHERE seq = 3",
        "UPDATE audit_entry SET at = at + interval '1 second' WHERE seq = 2",
        "UPDATE audit_entry SET person_name = 'Någon annan' WHERE seq = 1",
        "DELETE FROM audit_entry WHERE seq = (SELECT max(seq) FROM audit_entry)",
        "DELETE FROM audit_head",
    ] {
        let mut owner = portal.owner().await;
        let mut tx = owner.begin().await.unwrap();
        tx.execute(sqlx::AssertSqlSafe(tampering.to_owned())).await.unwrap();
        tx.commit().await.unwrap();
        let verdict = audit::verify(&portal.owner).await.unwrap();
        assert!(!verdict.faults.is_empty(), "not found: {tampering}");
    }
}

#[tokio::test]
async fn every_write_leaves_an_audit_entry_in_the_customers_chain() {
    let (portal, number) = filled().await;
    let actions = portal
        .value(&format!("SELECT string_agg(DISTINCT e.action, ' ' ORDER BY e.action) FROM audit_entry e JOIN orders o ON e.object = 'order:' || o.id WHERE o.number = '{number}' AND e.chain = o.customer_id"))
        .await;
    assert_eq!(
        actions,
        "order.agent_attest.attest order.attach order.customer_attest.attest order.deliver.activate order.deliver.begun order.deliver.start order.draft order.edit order.message order.remind order.review.approve order.submit"
    );
}

/// The stored descriptions of the queries fit the schema: an offline build was made against this one.
#[tokio::test]
async fn stored_query_data_fits_the_schema() {
    let portal = Portal::start().await;
    let mut owner = portal.owner().await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let stored: serde_json::Value =
            serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let query = stored["query"].as_str().unwrap();
        owner
            .execute(sqlx::AssertSqlSafe(format!("PREPARE q{checked} AS {query}")))
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        checked += 1;
    }
    assert!(checked > 80, "{checked}");
}

#[tokio::test]
async fn reads_take_at_most_five_round_trips_and_decisions_eight() {
    let portal = Portal::start().await;
    let number = sent_via_agent(&portal).await;
    let (karin, johan) = (portal.as_person(KARIN).await, portal.as_person(JOHAN).await);
    for (client, path) in [
        (&karin, format!("{LINDANGEN}/bestallningar")),
        (&karin, format!("{LINDANGEN}/bestallningar/{number}")),
        (&karin, LINDANGEN.to_owned()),
        (&karin, format!("{LINDANGEN}/tjanster")),
        (&johan, format!("{NORDJOURNAL}/godkannanden")),
    ] {
        let answer = client.page(&path).await;
        assert!((3..=5).contains(&answer.trips), "{path}: {}", answer.trips);
    }
    approve_as_johan(&portal, &number).await;
    attest_as_helena(&portal, &number).await;
    let mats = portal.as_person(MATS).await;
    let decided =
        decide(&mats, &format!("{LINDANGEN}/bestallningar/{number}/attestera"), "attestera", &[]).await;
    decided.is(303);
    assert!((6..=8).contains(&decided.trips), "{}", decided.trips);
}

const FORTY_THOUSAND: &str = "ALTER TABLE orders DISABLE TRIGGER USER;
        INSERT INTO organisation (id, name, org_nr, customer_no) SELECT md5('o' || n)::uuid, 'Org ' || n, lpad((5000000000 + n)::text, 10, '0'), 100000 + n FROM generate_series(1, 400) n;
        INSERT INTO organisation (id, name, org_nr, agent_no) SELECT md5('a' || n)::uuid, 'Agent ' || n, lpad((6000000000 + n)::text, 10, '0'), 5000 + n FROM generate_series(1, 40) n;
        INSERT INTO mandate (id, agent_id, service_code, role, system, status, since) SELECT md5('m' || n)::uuid, md5('a' || n)::uuid, 'JOURNALEN', 'producer', 'S', 'active', '2025-01-01' FROM generate_series(1, 40) n;
        INSERT INTO orders (id, customer_id, agent_id, mandate_id, customer_name, route, service_code, offer_code, created_by, created_by_name, state, submitted_at, due_on, closed_at)
          SELECT gen_random_uuid(), md5('o' || 1 + n % 400)::uuid, md5('a' || 1 + n / 13 % 40)::uuid, md5('m' || 1 + n / 13 % 40)::uuid, 'Org', 'via_agent', 'JOURNALEN', 'JOURNALEN_PRODUCER_AGENT', p.id, 'x',
                 (enum_range(NULL::order_state))[2 + n % 13], now() - n * interval '1 minute', current_date - n % 100, CASE WHEN n % 13 >= 5 THEN now() END
            FROM generate_series(1, 40000) n, (SELECT id FROM person LIMIT 1) p;
        ALTER TABLE orders ENABLE TRIGGER USER; ANALYZE orders; ANALYZE organisation";

/// How a query is answered for a role of an organisation, as after some requests, when the plan no longer depends on what
/// is looked for.
async fn plan_of(portal: &Portal, query: &str, (role, org): (&str, &str), arguments: &str) -> String {
    let mut owner = portal.owner().await;
    let mut tx = owner.begin().await.unwrap();
    tx.execute("RESET ROLE").await.unwrap();
    let settings =
        [("portal.org", org), ("portal.sees_all", "true"), ("plan_cache_mode", "force_generic_plan")];
    for (name, value) in settings.into_iter().chain(kundportal::db::SETTINGS).chain([("role", role)]) {
        let set = sqlx::query("SELECT set_config($1, $2, true)").bind(name).bind(value);
        set.execute(&mut *tx).await.unwrap();
    }
    tx.execute(sqlx::AssertSqlSafe(format!("PREPARE listing AS {query}"))).await.unwrap();
    let plan: Vec<String> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN EXECUTE listing({arguments})")))
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    plan.join("\n")
}

/// At size, every list of orders is read by an index.
#[tokio::test]
async fn lists_are_read_by_indexes_at_size() {
    let portal = Portal::start().await;
    portal.owner().await.execute(sqlx::AssertSqlSafe(FORTY_THOUSAND.to_owned())).await.unwrap();
    let org = portal.value("SELECT md5('o7')::uuid").await;
    let agent = portal.value("SELECT md5('a7')::uuid").await;
    let nothing = "'ffffffff-ffff-ffff-ffff-ffffffffffff'";
    let cases = [
        (
            "portal_customer",
            org.as_str(),
            "WHERE customer_id = $1\n                  AND id < $2\n                ORDER BY",
            format!("'{org}', {nothing}"),
        ),
        (
            "portal_customer",
            org.as_str(),
            "AND id < $2\n              AND (cardinality($3::order_state[]) = 0 OR state = ANY ($3))\n              AND ($4 = '' OR service_code = $4)\n              AND ($5 = '%%' OR number ILIKE $5 OR agent_name",
            format!("'{org}', {nothing}, '{{}}', '', '%%'"),
        ),
        (
            "portal_customer",
            org.as_str(),
            "AND id < $2\n              AND (cardinality($3::order_state[]) = 0 OR state = ANY ($3))\n              AND ($4::uuid",
            format!("'{org}', {nothing}, '{{}}', NULL"),
        ),
        (
            "portal_agent",
            agent.as_str(),
            "AND state = 'awaiting_agent_review'\n              AND (coalesce(due_on",
            format!("'{agent}', NULL, '00000000-0000-0000-0000-000000000000'"),
        ),
        (
            "portal_agent",
            agent.as_str(),
            "AND state = ANY ($4::order_state[])\n              AND ($5 = '' OR service_code = $5)\n              AND ($6",
            format!(
                "'{agent}', NULL, '00000000-0000-0000-0000-000000000000', '{{awaiting_agent_review,returned}}', '', '%%', NULL"
            ),
        ),
        (
            "portal_staff",
            org.as_str(),
            "WHERE state = $1\n              AND (due_on, id)",
            "'attested', NULL, '00000000-0000-0000-0000-000000000000'".to_owned(),
        ),
        (
            "portal_staff",
            org.as_str(),
            "WHERE submitted_at IS NOT NULL\n              AND id < $1",
            nothing.to_owned(),
        ),
        ("portal_staff", org.as_str(), "WHERE number = upper($1)", "'Org 77', '%Org 77%'".to_owned()),
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    for (role, org, mark, arguments) in cases {
        let query = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| {
                serde_json::from_slice::<serde_json::Value>(&std::fs::read(entry.unwrap().path()).unwrap())
                    .unwrap()["query"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .find(|query| query.contains(mark))
            .unwrap_or_else(|| panic!("no query with {mark}"));
        let plan = plan_of(&portal, &query, (role, org), &arguments).await;
        assert!(!plan.contains("Seq Scan on orders"), "{mark}\n{plan}");
        // Lists that only grow come in order out of the index; nothing is read only to be sorted.
        if mark.contains("id < $") {
            assert!(!plan.contains("Sort"), "{mark}\n{plan}");
        }
        // The agent's queue reads nothing of the nine tenths that are closed.
        if mark.starts_with("AND state = 'awaiting_agent_review'") {
            assert!(plan.contains("orders_agent_review"), "{plan}");
        }
    }
}
