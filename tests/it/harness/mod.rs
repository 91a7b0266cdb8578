//! One private server for the run, one database for each test, a client that behaves like a browser.

pub mod agreements;
pub mod applications;
pub mod authenticator;
pub mod client;
pub mod contacts;
pub mod mandates;
pub mod orders;

use std::{
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
};

use kundportal::{
    app::{App, Settings},
    clock::Clock,
    config::SecondStep,
    db::{self, Db, Mode, Tx},
    demo,
    identity::{Side, token::Token},
    keys::Keys,
    outbox::{Mailer, Outgoing, Worker},
};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use time::{OffsetDateTime, macros::datetime};
use tokio::sync::OnceCell;

pub use client::{Answer, Client};

/// A Sunday morning, like the day this was first written.
pub const NOW: OffsetDateTime = datetime!(2026-11-22 08:00 UTC);
/// A short password keeps nothing secret and makes hashing no faster; it is only easy to read.
pub const PASSWORD: &str = "provlösenord för tester";

/// Every look-up of a session in every test also asks the tables, and fails if it was told something else: nothing that a
/// place is made of may change without `place_version` (0041).
const WHAT_IS_REMEMBERED_IS_TRUE: &str = r"
ALTER FUNCTION session_entry(bytea, side, bigint) RENAME TO session_entry_unchecked;
CREATE FUNCTION session_entry(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, stale boolean, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint,
                 membership_id uuid, roles text[], mandates uuid[], unread bigint, orgs json, email text, stands_in_for uuid[],
                 strong boolean, has_factor boolean)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  told text := (SELECT json_agg(to_jsonb(t) - 'stale')::text FROM session_entry_unchecked(token, wanted_side, wanted_no) t);
  true_now text := (SELECT json_agg(to_jsonb(t) - 'stale')::text FROM who_asks(token, wanted_side, wanted_no) t);
BEGIN
  IF told IS DISTINCT FROM true_now THEN RAISE 'remembered %, but it is %', told, true_now; END IF;
  RETURN QUERY SELECT * FROM session_entry_unchecked(token, wanted_side, wanted_no);
END
$$;
ALTER FUNCTION session_entry(bytea, side, bigint) OWNER TO portal_owner;
GRANT EXECUTE ON FUNCTION session_entry(bytea, side, bigint) TO portal_app";

static SERVER: OnceCell<devdb::PrivateServer> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The run's server, with a migrated and seeded template that holds the demo's people.
pub async fn server() -> &'static devdb::PrivateServer {
    SERVER
        .get_or_init(|| async {
            let server = devdb::PrivateServer::start_throwaway("test").await.expect("a private PostgreSQL");
            let root = PgConnectOptions::from_str(&server.url("postgres", "postgres")).unwrap();
            db::ensure_database(&root, "template_portal").await.expect("a template");
            let template = PgConnectOptions::from_str(&server.url("postgres", "template_portal")).unwrap();
            db::migrate(&template).await.expect("migrations");
            kundportal::catalogue::load::load(&template).await.expect("reference data");
            demo::people_only(&template, PASSWORD).await.expect("people");
            let mut connection = template.connect().await.unwrap();
            connection.execute(WHAT_IS_REMEMBERED_IS_TRUE).await.expect("a function");
            connection.close().await.unwrap();
            server
        })
        .await
}

/// A portal with a database of its own.
pub struct Portal {
    pub app: App,
    pub router: axum::Router,
    pub mailer: Mailer,
    pub worker: Worker,
    pub owner: PgConnectOptions,
    pub app_url: String,
}

impl Portal {
    pub async fn start() -> Self {
        Self::start_with(false).await
    }

    pub async fn start_with(demo: bool) -> Self {
        let server = server().await;
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let root = PgConnectOptions::from_str(&server.url("postgres", "postgres")).unwrap();
        let mut connection = root.connect().await.unwrap();
        let create = format!("CREATE DATABASE {name} TEMPLATE template_portal");
        connection.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
        connection.close().await.unwrap();
        let owner = PgConnectOptions::from_str(&server.url("postgres", &name)).unwrap();
        if demo {
            let mut connection = owner.connect().await.unwrap();
            connection.execute("UPDATE installation SET is_demo = true").await.unwrap();
            connection.close().await.unwrap();
        }
        Self::over(owner, server.url("portal_app", &name), demo, SecondStep::Offered)
    }

    fn over(owner: PgConnectOptions, app_url: String, demo: bool, second_step: SecondStep) -> Self {
        let clock = Clock::fixed(NOW);
        let secret = "a secret for tests, long enough".repeat(2).parse().unwrap();
        let app = App::new(
            Db::new(&app_url, 4).unwrap(),
            clock,
            Keys::from_secret(&secret).unwrap(),
            "http://portal.test".to_owned(),
            demo,
            Settings { second_step, ..Settings::default() },
        );
        let mailer = Mailer::kept();
        let worker = Worker::new(app.clone(), mailer.clone());
        Self { router: kundportal::http::router::router(&app), app, mailer, worker, owner, app_url }
    }

    /// The same database, served as a portal that is not the demo's.
    pub fn as_if_not_demo(&self) -> Self {
        Self::over(self.owner.clone(), self.app_url.clone(), false, SecondStep::Offered)
    }

    /// The same database, served by a portal that demands a second step.
    pub fn demanding_a_second_step(&self) -> Self {
        Self::over(self.owner.clone(), self.app_url.clone(), false, SecondStep::Required)
    }

    /// The owner's connection, for arranging what has no page yet and for looking at what was written.
    pub async fn owner(&self) -> PgConnection {
        let mut connection = self.owner.connect().await.unwrap();
        connection.execute("SET ROLE portal_owner").await.unwrap();
        connection
    }

    /// Runs a statement as the owner.
    pub async fn sql(&self, statement: &str) -> u64 {
        let mut connection = self.owner().await;
        let done = connection.execute(sqlx::AssertSqlSafe(statement.to_owned())).await.unwrap();
        connection.close().await.unwrap();
        done.rows_affected()
    }

    /// One value as text, as the owner.
    pub async fn value(&self, query: &str) -> String {
        let mut connection = self.owner().await;
        let wrapped = format!("SELECT coalesce(({query})::text, '')");
        let value: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(wrapped)).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        value
    }

    /// A browser signed in as a person of the demo, without going through the sign-in page.
    /// Somebody signed in with the password, who has opened a link in the mail.
    pub async fn as_person(&self, email: &str) -> Client {
        let token = Token::fresh();
        let mut connection = self.owner().await;
        sqlx::query("INSERT INTO session (token_hash, id, person_id, mail_shown) SELECT $1, gen_random_uuid(), id, true FROM person WHERE email = $2")
            .bind(token.hash())
            .bind(email)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        Client::new(self.router.clone(), Some(token.expose().to_owned()))
    }

    pub fn anonymous(&self) -> Client {
        Client::new(self.router.clone(), None)
    }

    /// Everything the worker has to do now, done.
    pub async fn work(&self) {
        self.worker.run_until_idle().await.unwrap();
    }

    /// What has been mailed so far.
    pub fn mails(&self) -> Vec<Outgoing> {
        match &self.mailer {
            Mailer::Kept { sent, .. } => sent.lock().unwrap().clone(),
            _ => Vec::new(),
        }
    }

    /// Whom mails of one catalogue number have been sent to.
    pub fn told(&self, code: &str) -> Vec<String> {
        self.mails().into_iter().filter(|mail| mail.code == code).map(|mail| mail.to).collect()
    }

    /// Catalogue numbers of the mails sent after doing what is due, and forgets them.
    pub async fn mailed(&self) -> Vec<String> {
        self.work().await;
        match &self.mailer {
            Mailer::Kept { sent, .. } => sent.lock().unwrap().drain(..).map(|mail| mail.code).collect(),
            _ => Vec::new(),
        }
    }

    /// Is every entry of the audit as it was written?
    pub async fn audit_is_whole(&self) -> bool {
        kundportal::audit::verify(&self.owner).await.unwrap().faults.is_empty()
    }

    pub fn advance(&self, by: time::Duration) {
        self.app.clock().advance(by);
    }
}

/// A transaction of a person on a side, opened as a request would.
pub async fn enter(portal: &Portal, email: &str, side: Side, number: i64) -> Tx {
    enter_by(portal, &portal.as_person(email).await, side, number).await
}

/// The same by the session of a browser.
pub async fn enter_by(portal: &Portal, client: &Client, side: Side, number: i64) -> Tx {
    let token = Token::from_cookie(client.cookie.as_deref().unwrap()).unwrap();
    let (entered, tx) =
        portal.app.db().enter(&token.hash(), Some(side), number, Mode::Write).await.unwrap().unwrap();
    drop(entered);
    tx
}
