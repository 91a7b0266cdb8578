//! Fills a private database to the size of quality.md §1 and measures the portal in it, side by side with a bare
//! axum + sqlx + askama server. `script/bench` runs it; `docs/performance.md` tells how to read what it prints.
//!
//! The portal is the real program, `kundportal serve`, and the bare server is this one run with `--ceiling`: three
//! processes with PostgreSQL, so that what each of them costs can be told apart.

mod ceiling;
mod fill;
mod load;
mod measure;
mod process;
mod shown;

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::Parser;
use kundportal::{catalogue::load as catalogue, db, demo};
use sqlx::postgres::PgConnectOptions;

use crate::{fill::Targets, measure::Bench, process::Server};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, Failure>;

/// Everyone's password here; it needs no escaping in a form.
const PASSWORD: &str = "bench-bench-bench";
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
    /// The portal's program.
    #[arg(long, default_value = "target/dist/kundportal")]
    program: PathBuf,
    /// 50 000 orders, 500 customers and 20 agents, in a database of their own.
    #[arg(long, conflicts_with_all = ["orders", "organisations", "agents"])]
    small: bool,
    /// Be the bare server instead, with the database of this address.
    #[arg(long, hide = true, requires = "listen")]
    ceiling: Option<String>,
    /// Where the bare server listens.
    #[arg(long, hide = true)]
    listen: Option<SocketAddr>,
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
    if let (Some(url), Some(address)) = (&options.ceiling, options.listen) {
        return ceiling::serve(url, address).await;
    }
    let private = devdb::PrivateServer::start(&options.data_dir).await?;
    let name = options.database();
    db::ensure_database(&PgConnectOptions::from_str(&private.url("postgres", "postgres"))?, name).await?;
    let owner = PgConnectOptions::from_str(&private.url("postgres", name))?;
    db::migrate(&owner).await?;
    catalogue::load(&owner).await?;
    demo::people_only(&owner, PASSWORD).await?;
    fill::fill(&owner, &options).await?;
    let targets = fill::prepare(&owner, &options).await?;

    let portal = Server::portal(&options.program, &private.url("portal_app", name)).await?;
    let bare = Server::ceiling(&private.url("postgres", name)).await?;
    let database = private.server_pid().ok_or("PostgreSQL does not tell its process id")?;
    let bench = Bench {
        portal,
        bare,
        database,
        connections: usize::try_from(options.connections)?,
        span: Duration::from_secs(options.seconds),
    };
    println!(
        "\n{} orders, {} customers, {} agents; {} connections; pages in turn, {} s at a time",
        options.orders, options.organisations, options.agents, options.connections, options.seconds
    );
    run(&bench, &targets).await?;
    bench.stop().await?;
    private.stop().await?;
    Ok(())
}

/// Every measurement, in the order it is printed.
async fn run(bench: &Bench, targets: &Targets) -> Outcome {
    println!("first page {} ms after the start of the portal", bench.portal.started.as_millis());
    bench.pad(targets).await?;
    bench.table(targets).await?;
    bench.searches(targets).await?;
    bench.steady(targets, ("with a password", PASSWORD, &targets.decisions)).await?;
    let shown = shown::confirm(bench.portal.address, &targets.shown).await?;
    bench.steady(targets, ("an app shown before", "", &shown)).await?;
    bench.sign_ins(targets).await?;
    println!("\nmemory of the portal: {}", bench.portal.memory()?);
    bench.rest(targets).await?;
    println!("and after {} s of lists: {}", bench.span.as_secs() * 2, bench.portal.memory()?);
    Ok(())
}
