//! The measurements and their tables.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Mutex, task::JoinSet};

use crate::{
    Outcome, PASSWORD,
    fill::{Target, Targets},
    load::{Client, Sample, read_for},
    process::{Server, database_cpu},
};

/// Orders attested in one run, by each of the three it is compared between.
pub const ATTESTS: usize = 200;
/// Orders attested among the mixed requests: five in a hundred.
pub const DECISIONS: usize = STEADY / 20;
/// Measurements of each server, taken in turn.
const ROUNDS: usize = 3;
/// Mixed requests at an even rate.
const STEADY: usize = 2_000;
/// From one mixed request to the next: 100 a second.
const STEP: Duration = Duration::from_millis(10);

/// The servers, and how hard they are pressed.
pub struct Bench {
    pub portal: Server,
    pub bare: Server,
    /// PostgreSQL's process.
    pub database: u32,
    pub connections: usize,
    pub span: Duration,
}

/// Connections that wait for something to do.
#[derive(Clone, Default)]
struct Idle(Arc<Mutex<Vec<Client>>>);

impl Idle {
    async fn take(&self, address: SocketAddr) -> Outcome<Client> {
        let free = self.0.lock().await.pop();
        match free {
            Some(client) => Ok(client),
            None => Client::connect(address).await,
        }
    }

    async fn put(&self, client: Client) {
        self.0.lock().await.push(client);
    }
}

/// Which of the mixed requests one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Page,
    Decision,
}

impl Bench {
    /// Makes the bare pages as heavy as the portal's.
    pub async fn pad(&self, targets: &Targets) -> Outcome {
        let attest = targets.attests.iter().flatten().next();
        let cases = [
            ("list", targets.lists.first(), ""),
            ("detail", targets.details.first(), ""),
            ("whole-list", targets.lists.first(), "/helt"),
            ("whole-detail", targets.details.first(), "/helt"),
            ("inbox", targets.inboxes.first(), ""),
            ("decision", attest, ""),
        ];
        for (name, target, before) in cases {
            let target = target.ok_or("nothing to show")?;
            let mut portal = Client::connect(self.portal.address).await?;
            portal.page(target).await?;
            let mut bare = Client::connect(self.bare.address).await?;
            bare.page(&Target { path: format!("{before}{}", target.path), cookie: target.cookie.clone() })
                .await?;
            let (heavy, light) = (portal.body().len(), bare.body().len());
            println!(
                "{name}: the portal's page has {heavy} bytes, the bare one {light} before it is filled up"
            );
            let more = heavy.checked_sub(light).ok_or("a bare page is heavier than the portal's")?;
            if bare.post(&format!("/fyll/{name}/{more}"), "", "", "").await? != 200 {
                return Err(bare.body().into());
            }
        }
        Ok(())
    }

    /// Pages and decisions against the bare server.
    pub async fn table(&self, targets: &Targets) -> Outcome {
        println!(
            "\n{:<38} {:>8} {:>8} {:>6} {:>15} {:>15} {:>17} {:>17}",
            "", "portal/s", "bare/s", "ratio", "p50, p99 ms", "bare", "cpu, PostgreSQL", "bare"
        );
        self.pages("order list, bare reads about as much", &targets.lists, "/helt").await?;
        self.pages("order list, bare reads less", &targets.lists, "").await?;
        self.pages("order detail, bare reads about as much", &targets.details, "/helt").await?;
        self.pages("order detail, bare reads one row", &targets.details, "").await?;
        self.pages("inbox, agent, bare has no counts", &targets.inboxes, "").await?;
        println!("memory of the portal: {}", self.portal.memory()?);
        self.attests(&targets.attests).await
    }

    /// Portal and bare server in turn, after a second of each to warm up.
    async fn pages(&self, name: &str, targets: &Arc<Vec<Target>>, before: &str) -> Outcome {
        let place = |target: &Target| Target { path: format!("{before}{}", target.path), ..target.clone() };
        let bare_targets = Arc::new(targets.iter().map(place).collect::<Vec<_>>());
        let warm = Duration::from_secs(1);
        self.read(&self.portal, targets, warm).await?;
        self.read(&self.bare, &bare_targets, warm).await?;
        let (mut portal, mut bare) = (Sample::default(), Sample::default());
        for round in 0..ROUNDS {
            // Each begins in turn: who comes second finds the pages in PostgreSQL's memory.
            if round % 2 == 0 {
                portal.add(self.read(&self.portal, targets, self.span).await?);
                bare.add(self.read(&self.bare, &bare_targets, self.span).await?);
            } else {
                bare.add(self.read(&self.bare, &bare_targets, self.span).await?);
                portal.add(self.read(&self.portal, targets, self.span).await?);
            }
        }
        print_line(name, &portal, &bare);
        Ok(())
    }

    async fn read(&self, server: &Server, targets: &Arc<Vec<Target>>, span: Duration) -> Outcome<Sample> {
        self.sample(server, |clients| {
            for first in 0..self.connections {
                let place = (first, self.connections);
                clients.spawn(read_for(server.address, Arc::clone(targets), place, span));
            }
        })
        .await
    }

    /// Starts clients and waits for them all, with what it took.
    async fn sample(
        &self,
        server: &Server,
        start: impl FnOnce(&mut JoinSet<Outcome<Vec<Duration>>>),
    ) -> Outcome<Sample> {
        let before = (server.cpu()?, database_cpu(self.database)?);
        let started = Instant::now();
        let mut clients = JoinSet::new();
        start(&mut clients);
        let mut sample = Sample::default();
        while let Some(client) = clients.join_next().await {
            sample.latencies.extend(client??);
        }
        sample.busy = started.elapsed();
        sample.server = server.cpu()?.saturating_sub(before.0);
        sample.database = database_cpu(self.database)?.saturating_sub(before.1);
        Ok(sample)
    }

    /// Against the bare server with the same password check, and without one.
    async fn attests(&self, targets: &[Vec<Target>]) -> Outcome {
        let (mut portal, mut bare, mut none) = (Sample::default(), Sample::default(), Sample::default());
        let each = ATTESTS.div_ceil(self.connections).div_ceil(ROUNDS);
        for round in 0..ROUNDS {
            let part: Vec<Vec<Target>> = targets
                .iter()
                .map(|own| own.iter().skip(round * each).take(each).cloned().collect())
                .collect();
            portal.add(self.attest(&self.portal, &part, PASSWORD).await?);
            bare.add(self.attest(&self.bare, &part, PASSWORD).await?);
            none.add(self.attest(&self.bare, &part, "").await?);
        }
        print_line("attest (page + form, argon2id)", &portal, &bare);
        print_line("  the same, bare has no password", &portal, &none);
        Ok(())
    }

    async fn attest(&self, server: &Server, part: &[Vec<Target>], typed: &'static str) -> Outcome<Sample> {
        self.sample(server, |clients| {
            for own in part {
                clients.spawn(attest_all(server.address, own.clone(), typed));
            }
        })
        .await
    }

    /// Searches, one client at a time.
    pub async fn searches(&self, targets: &Targets) -> Outcome {
        println!("\nsearch, one at a time                    p50 ms    p99 ms");
        for (name, searches) in &targets.searches {
            let latencies =
                read_for(self.portal.address, Arc::clone(searches), (0, 1), self.span / 2).await?;
            let sample = Sample { latencies, ..Sample::default() };
            println!("  {name:<36} {:>8.1} {:>9.1}", sample.within(50), sample.within(99));
        }
        Ok(())
    }

    /// 100 mixed requests a second, each sent when its time has come whether the one before is answered or not.
    pub async fn steady(
        &self,
        targets: &Targets,
        (how, typed, decisions): (&str, &'static str, &[Target]),
    ) -> Outcome {
        let idle = Idle::default();
        let mut clock = tokio::time::interval(STEP);
        let mut running = JoinSet::new();
        let mut decisions = decisions.iter();
        for n in 0..STEADY {
            let list = match n % 20 {
                0 => None,
                1..=9 => Some(&targets.lists),
                10..=16 => Some(&targets.details),
                _ => Some(&targets.inboxes),
            };
            let page = list.and_then(|list| list.get(n % list.len())).cloned();
            let decision = if page.is_none() { decisions.next().cloned() } else { None };
            clock.tick().await;
            running.spawn(once(self.portal.address, idle.clone(), (page, decision, typed), Instant::now()));
        }
        let (mut pages, mut decided) = (Sample::default(), Sample::default());
        while let Some(one) = running.join_next().await {
            for (kind, latency) in one?? {
                let sample = if kind == Kind::Page { &mut pages } else { &mut decided };
                sample.latencies.push(latency);
            }
        }
        println!("\n100 mixed requests a second              p50 ms    p99 ms");
        for (name, sample) in [("pages", &pages), (&*format!("decisions, {how}"), &decided)] {
            println!("  {name:<36} {:>8.1} {:>9.1}", sample.within(50), sample.within(99));
        }
        Ok(())
    }

    /// As many sign-ins as there can be, then lists while 50 a second sign in.
    pub async fn sign_ins(&self, targets: &Targets) -> Outcome {
        let sample = self
            .sample(&self.portal, |clients| {
                for first in 0..self.connections {
                    let place = (first, self.connections);
                    clients.spawn(sign_in_for(
                        self.portal.address,
                        Arc::clone(&targets.emails),
                        place,
                        self.span,
                    ));
                }
            })
            .await?;
        println!(
            "\nsign-ins: {:.0} a second, p50 {:.0} ms, p99 {:.0} ms",
            sample.per_second(),
            sample.within(50),
            sample.within(99)
        );
        let idle = Idle::default();
        let mut clock = tokio::time::interval(STEP * 2);
        let started = Instant::now();
        let mut reader = JoinSet::new();
        reader.spawn(read_for(self.portal.address, Arc::clone(&targets.lists), (0, 1), self.span));
        let mut running = JoinSet::new();
        let mut n = 0_usize;
        while started.elapsed() < self.span {
            clock.tick().await;
            let email = targets.emails.get(n % targets.emails.len()).cloned().unwrap_or_default();
            running.spawn(sign_in_once(self.portal.address, idle.clone(), email, n));
            n += 1;
        }
        while let Some(one) = running.join_next().await {
            one??;
        }
        let read = reader.join_next().await.ok_or("nobody read")??;
        let lists = Sample { latencies: read?, ..Sample::default() };
        println!(
            "lists while 50 a second sign in: p50 {:.1} ms, p99 {:.1} ms ({} lists, {n} sign-ins)",
            lists.within(50),
            lists.within(99),
            lists.latencies.len()
        );
        Ok(())
    }

    /// Lists, one at a time, so that what the allocator holds after sign-ins can be given back.
    pub async fn rest(&self, targets: &Targets) -> Outcome {
        read_for(self.portal.address, Arc::clone(&targets.lists), (0, 1), self.span * 2).await?;
        Ok(())
    }

    /// Ends both servers.
    pub async fn stop(self) -> Outcome {
        self.portal.stop().await?;
        self.bare.stop().await
    }
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
        client.page(target).await?;
        client.decide(target, typed).await?;
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}

/// One mixed request: a page, or a decision's page and its form.
async fn once(
    address: SocketAddr,
    idle: Idle,
    (page, decision, typed): (Option<Target>, Option<Target>, &str),
    asked: Instant,
) -> Outcome<Vec<(Kind, Duration)>> {
    let mut client = idle.take(address).await?;
    let mut done = Vec::new();
    for target in page.iter().chain(&decision) {
        client.page(target).await?;
        done.push((Kind::Page, asked.elapsed()));
    }
    if let Some(target) = &decision {
        let asked = Instant::now();
        client.decide(target, typed).await?;
        done.push((Kind::Decision, asked.elapsed()));
    }
    idle.put(client).await;
    Ok(done)
}

/// An address of its own for each sign-in, as of many users.
fn source(n: usize) -> String {
    format!("10.{}.{}.{}", n / 65_536 % 256, n / 256 % 256, n % 256)
}

async fn sign_in(client: &mut Client, email: &str, from: &str) -> Outcome {
    let form = format!("epost={email}&losenord={PASSWORD}");
    match client.post("/logga-in", "", from, &form).await? {
        303 => Ok(()),
        status => Err(format!("sign-in of {email}: {status} {}", client.body()).into()),
    }
}

async fn sign_in_once(address: SocketAddr, idle: Idle, email: String, n: usize) -> Outcome {
    let mut client = idle.take(address).await?;
    sign_in(&mut client, &email, &source(n)).await?;
    idle.put(client).await;
    Ok(())
}

/// Signs people in until the time is up.
async fn sign_in_for(
    address: SocketAddr,
    emails: Arc<Vec<String>>,
    (first, step): (usize, usize),
    span: Duration,
) -> Outcome<Vec<Duration>> {
    let mut client = Client::connect(address).await?;
    let mut latencies = Vec::new();
    let started = Instant::now();
    for (n, email) in emails.iter().cycle().enumerate().skip(first).step_by(step) {
        if started.elapsed() >= span {
            break;
        }
        let asked = Instant::now();
        sign_in(&mut client, email, &source(n)).await?;
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}

fn print_line(name: &str, portal: &Sample, bare: &Sample) {
    let (own, other) = (portal.cpu(), bare.cpu());
    println!(
        "{name:<38} {:>8.0} {:>8.0} {:>6.2} {:>15} {:>15} {:>17} {:>17}",
        portal.per_second(),
        bare.per_second(),
        portal.per_second() / bare.per_second().max(0.001),
        format!("{:.1}, {:.1}", portal.within(50), portal.within(99)),
        format!("{:.1}, {:.1}", bare.within(50), bare.within(99)),
        format!("{:.2}, {:.2}", own.0, own.1),
        format!("{:.2}, {:.2}", other.0, other.1),
    );
}
