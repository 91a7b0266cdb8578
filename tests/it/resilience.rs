//! Crashes, cut connections, mail servers that are away: nothing is lost, nothing is half done, nothing is sent for nothing.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    task::Poll,
    time::{Duration, Instant},
};

use kundportal::outbox::Mailer;

use crate::harness::{PASSWORD, Portal, client::encoded, orders::*};

/// A real server process on the test's database.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(url: &str) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_kundportal"))
            .arg("serve")
            .env("DATABASE_URL", url)
            .env("KUNDPORTAL_SECRET", "a secret for tests, which is long enough")
            .env("KUNDPORTAL_LISTEN", address.to_string())
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "the server did not start");
            std::thread::yield_now();
        }
        Self { process, address }
    }

    fn kill(mut self) {
        self.process.kill().unwrap(); // SIGKILL
        self.process.wait().unwrap();
    }
}

/// One form, sent as a browser would; the status, or nothing when the connection was cut.
fn post(address: SocketAddr, path: &str, cookie: &str, body: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nCookie: kp_session={cookie}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_whitespace().nth(1)?.parse().ok()
}

/// Begins a request and goes away after so many steps of it; whether it came to its end.
async fn only_begin(request: impl Future<Output = super::harness::client::Answer>, steps: usize) -> bool {
    let mut request = std::pin::pin!(request);
    for _ in 0..steps {
        if std::future::poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx).is_ready())).await {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test]
async fn a_reader_who_goes_away_at_any_moment_leaves_the_connections_to_the_next() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let karin = portal.as_person(KARIN).await;
    let page = format!("{LINDANGEN}/bestallningar/{number}");
    // A database that answers at once leaves fewer moments; forty readers find some.
    let mut gone = 0;
    for steps in [1, 2, 3, 5].repeat(10) {
        gone += usize::from(!only_begin(karin.get(&page), steps).await);
    }
    assert!(gone > 0, "nobody went away in the middle");
    // More than there are connections, and each of them sees its own person.
    for person in [KARIN, SAMIRA, MATS].repeat(5) {
        portal.as_person(person).await.page(&page).await;
    }
    portal.as_person(STEN).await.get(&page).await.is(404);
}

#[tokio::test]
async fn a_decision_whose_sender_goes_away_is_made_all_the_same() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let mats = portal.as_person(MATS).await;
    let path = format!("{LINDANGEN}/bestallningar/{number}/attestera");
    let shown = mats.page(&path).await;
    let fields = [
        ("revision", shown.hidden("revision")),
        ("visat", shown.hidden("visat")),
        ("beslut", "attestera".to_owned()),
        ("losenord", PASSWORD.to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert!(!only_begin(mats.post(&path, &fields), 1).await);
    portal.app.tasks().finish().await;
    assert_eq!(state(&portal, &number).await, "attested");
    assert!(portal.audit_is_whole().await);
}

/// kill -9 at moments spread over the decision: every order is either untouched or has state, event, audit and outbox row.
#[tokio::test(flavor = "multi_thread")]
async fn kill_9_between_any_two_steps_of_a_decision_leaves_nothing_or_everything() {
    let portal = Portal::start().await;
    let nils = portal.as_person(NILS).await;
    let anna = portal.as_person(ANNA).await;
    let mut acknowledged = Vec::new();
    for round in 0..12_u64 {
        let mut numbers = Vec::new();
        for _ in 0..3 {
            let number = direct_draft(&nils, NORRBACK, "SDK").await;
            send(&nils, NORRBACK, &number).await;
            portal.sql(&format!("UPDATE orders SET content_sha256 = NULL WHERE number = '{number}'")).await;
            let path = format!("{NORRBACK}/bestallningar/{number}/attestera");
            let shown = anna.page(&path).await.hidden("visat");
            numbers.push((number, path, shown));
        }
        let server = Server::start(&portal.app_url);
        let address = server.address;
        let writers: Vec<_> = numbers
            .into_iter()
            .map(|(number, path, shown)| {
                let cookie = anna.cookie.clone().unwrap();
                let body = encoded(&[
                    ("revision", "1"),
                    ("visat", &shown),
                    ("beslut", "attestera"),
                    ("losenord", PASSWORD),
                ]);
                std::thread::spawn(move || (post(address, &path, &cookie, &body), number))
            })
            .collect();
        // The moments are spread so that hashing, inserting and committing are all cut at some round.
        let until = Instant::now() + Duration::from_millis(60 * round);
        while Instant::now() < until {
            std::thread::yield_now();
        }
        server.kill();
        for writer in writers {
            let (status, number) = writer.join().unwrap();
            if status == Some(303) {
                acknowledged.push(number);
            }
        }
    }
    for number in &acknowledged {
        assert_eq!(state(&portal, number).await, "attested", "acknowledged but lost: {number}");
    }
    let torn = "SELECT count(*) FROM orders o
        LEFT JOIN order_event e ON e.order_id = o.id AND e.to_state = 'attested'
        LEFT JOIN notification n ON n.order_id = o.id AND n.seq = 2
        LEFT JOIN audit_entry a ON a.object = 'order:' || o.id AND a.action = 'order.customer_attest.attest'
       WHERE NOT ((o.state = 'attested') = (e.order_id IS NOT NULL) AND (e.order_id IS NOT NULL) = (n.id IS NOT NULL) AND (n.id IS NOT NULL) = (a.chain IS NOT NULL))";
    assert_eq!(portal.value(torn).await, "0");
    let undone = portal.value("SELECT count(*) FROM orders WHERE state = 'awaiting_customer_attest'").await;
    let done = portal.value("SELECT count(*) FROM orders WHERE state = 'attested'").await;
    assert!(
        undone != "0" && done != "0",
        "the kills should hit both before and after: {undone} undone, {done} done"
    );
    assert!(portal.audit_is_whole().await);
}

#[tokio::test]
async fn a_refused_decision_sends_nothing() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    portal.mailed().await;
    portal.sql("UPDATE agreement SET status = 'ended' WHERE number = 'KA2-10482'").await;
    let mats = portal.as_person(MATS).await;
    decide(&mats, &format!("{LINDANGEN}/bestallningar/{number}/attestera"), "attestera", &[]).await.is(409);
    assert_eq!(portal.mailed().await, Vec::<String>::new());
    assert_eq!(portal.value("SELECT count(*) FROM notification").await, "1", "only the submit's");
}

#[tokio::test]
async fn mail_waits_for_a_server_that_is_away_and_goes_out_once_when_it_is_back() {
    let portal = Portal::start().await;
    let Mailer::Kept { fail, .. } = &portal.mailer else { unreachable!("the harness keeps mail") };
    fail.store(true, std::sync::atomic::Ordering::Relaxed);
    sent_direct(&portal).await;
    assert_eq!(portal.mailed().await, Vec::<String>::new());
    portal.advance(time::Duration::minutes(2));
    assert_eq!(portal.mailed().await, Vec::<String>::new(), "still away");
    fail.store(false, std::sync::atomic::Ordering::Relaxed);
    portal.advance(time::Duration::hours(1));
    assert_eq!(portal.mailed().await, ["N-41", "N-40"]);
    portal.advance(time::Duration::days(1));
    assert_eq!(portal.mailed().await, Vec::<String>::new());
}

#[tokio::test]
async fn mail_that_never_arrives_is_shown_to_kundservice_who_may_send_it_again() {
    let portal = Portal::start().await;
    let Mailer::Kept { fail, .. } = &portal.mailer else { unreachable!("the harness keeps mail") };
    fail.store(true, std::sync::atomic::Ordering::Relaxed);
    let number = sent_direct(&portal).await;
    for _ in 0..9 {
        portal.work().await;
        portal.advance(time::Duration::hours(20));
    }
    let petra = portal.as_person(PETRA).await;
    let page = petra.page("/inera/mejl").await;
    page.says(&number).says("N-40").says("8 försök");
    portal.as_person(IVAR).await.get("/inera/mejl").await.is(403);
    fail.store(false, std::sync::atomic::Ordering::Relaxed);
    let id = page.body.split("/inera/mejl/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    petra.post(&format!("/inera/mejl/{id}/skicka-igen"), &[]).await.is(303);
    assert_eq!(portal.mailed().await.len(), 1);
    petra.post(&format!("/inera/mejl/{id}/skicka-igen"), &[]).await.is(404);
}

/// A worker that dies after handing a mail over sends it again with the same Message-ID; one that dies before loses nothing.
#[tokio::test]
async fn a_worker_that_dies_between_claim_and_delivery_leaves_the_mail_to_the_next() {
    let portal = Portal::start().await;
    sent_direct(&portal).await;
    portal.work().await;
    let first: Vec<_> = portal.mails().into_iter().map(|mail| mail.message_id).collect();
    // As if the marks had been lost with the process: claimed, lease running, not marked as sent.
    portal.sql("UPDATE mail SET sent_at = NULL, due_at = '2026-11-22 08:02:00+00'").await;
    portal.work().await;
    assert_eq!(portal.mails().len(), first.len(), "the lease still runs");
    portal.advance(time::Duration::minutes(3));
    portal.work().await;
    let again: Vec<_> = portal.mails().into_iter().skip(first.len()).map(|mail| mail.message_id).collect();
    assert_eq!(first, again, "the same mails under the same ids");
}

#[tokio::test]
async fn killed_database_connections_are_not_noticed_by_the_next_request() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    let (karin, mats) = (portal.as_person(KARIN).await, portal.as_person(MATS).await);
    let page = format!("{LINDANGEN}/bestallningar/{number}");
    for _ in 0..3 {
        karin.page(&page).await;
        let killed = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'portal_app' AND datname = current_database()";
        let mut root = sqlx::ConnectOptions::connect(&portal.owner).await.unwrap();
        let count: i64 = sqlx::query_scalar(killed).fetch_one(&mut root).await.unwrap();
        assert!(count > 0);
        karin.page(&page).await;
    }
    decide(&mats, &format!("{page}/attestera"), "attestera", &[]).await.is(303);
}

#[tokio::test]
async fn a_database_that_is_away_gives_a_swedish_503_at_once_and_the_portal_comes_back_by_itself() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    karin.page(LINDANGEN).await;
    let name = portal.value("SELECT current_database()").await;
    let server = crate::harness::server().await;
    let root: sqlx::postgres::PgConnectOptions = server.url("postgres", "postgres").parse().unwrap();
    let mut root = sqlx::ConnectOptions::connect(&root).await.unwrap();
    let lock = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
    sqlx::Executor::execute(&mut root, sqlx::AssertSqlSafe(lock)).await.unwrap();
    let kill =
        format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'");
    let _: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(kill)).fetch_one(&mut root).await.unwrap();
    let answer = karin.get(LINDANGEN).await;
    answer.is(503).says("tillfälligt otillgänglig").says("KP-");
    assert!(answer.headers.contains_key("retry-after"));
    karin.get("/redo").await.is(503);
    let open = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
    sqlx::Executor::execute(&mut root, sqlx::AssertSqlSafe(open)).await.unwrap();
    karin.page(LINDANGEN).await;
}

#[tokio::test]
async fn old_sessions_and_counters_are_removed_and_no_others() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    portal.as_person(MATS).await;
    portal.sql("UPDATE session SET created_at = now() - interval '91 days' WHERE person_id = (SELECT id FROM person WHERE email = 'mats@lindangen.example')").await;
    portal.sql("INSERT INTO throttle (key, started_at, hits) VALUES ('old', now() - interval '25 hours', 9), ('new', now(), 9)").await;
    portal.worker.run_schedule().await.unwrap();
    assert_eq!(portal.value("SELECT count(*) FROM session").await, "1");
    assert_eq!(portal.value("SELECT string_agg(convert_from(key, 'UTF8'), ',') FROM throttle").await, "new");
    karin.page(LINDANGEN).await;
}

#[tokio::test]
async fn a_cause_that_could_not_be_expanded_is_seen_and_can_be_tried_again() {
    let portal = Portal::start().await;
    let number = sent_direct(&portal).await;
    portal.sql("UPDATE notification SET dead_at = now(), last_error = 'fel', attempts = 8").await;
    assert_eq!(portal.mailed().await, Vec::<String>::new());
    let petra = portal.as_person(PETRA).await;
    petra.page("/inera/mejl").await.says(&number).says("mejlen om en händelse kunde inte göras");
    let id = portal.value("SELECT id FROM notification").await;
    portal.as_person(IVAR).await.post(&format!("/inera/mejl/{id}/skicka-igen"), &[]).await.is(403);
    petra.must_post(&format!("/inera/mejl/{id}/skicka-igen"), &[]).await;
    assert_eq!(portal.mailed().await, ["N-41", "N-40"]);
    petra.page("/inera/mejl").await.says("Alla mejl har gått fram");
}
