//! What each command of the program does.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, Settings},
    audit,
    catalogue::load,
    clock::Clock,
    config::{Config, SecondStep},
    db::{self, Db},
    demo,
    http::{metrics, router, serve::serve as accept},
    identity,
    keys::Keys,
    outbox::{self, Mailer, Worker},
    telemetry,
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// `kundportal demo`
pub async fn demo(config: Config) -> Outcome {
    config.validate(false)?;
    telemetry::start(&config, "warn");
    let private = match &config.database_url {
        Some(_) => None,
        None => Some(devdb::PrivateServer::start(&config.data_dir).await?),
    };
    let (owner, app_url) = match (&private, &config.database_url) {
        (Some(server), _) => {
            db::ensure_database(
                &PgConnectOptions::from_str(&server.url("postgres", "postgres"))?,
                "kundportal",
            )
            .await?;
            (server.url("postgres", "kundportal"), server.url("portal_app", "kundportal"))
        }
        (None, Some(url)) => (owner_url(&config)?, url.expose().to_owned()),
        (None, None) => return Err("no database".into()),
    };
    let owner = PgConnectOptions::from_str(&owner)?;
    db::migrate(&owner).await?;
    load::load(&owner).await?;
    let keys = config.keys(true)?;
    match (demo::fill(&owner, &keys, demo::people::PASSWORD).await, &private) {
        // Ours alone, and left by an older version: made anew. Nobody else's database is ever touched so.
        (Err(demo::DemoError::NotADemo), Some(server)) => {
            println!("Demons databas är från en äldre version och görs om.");
            let root = PgConnectOptions::from_str(&server.url("postgres", "postgres"))?;
            db::drop_database(&root, "kundportal").await?;
            db::ensure_database(&root, "kundportal").await?;
            db::migrate(&owner).await?;
            load::load(&owner).await?;
            demo::fill(&owner, &keys, demo::people::PASSWORD).await?;
        }
        (filled, _) => filled?,
    }

    let listener = listen(config.listen).await?;
    let address = listener.local_addr()?;
    let base_url = config.base_url_or(address);
    let app = App::new(
        Db::new(&app_url, config.pool_size)?,
        Clock::System,
        keys,
        base_url.clone(),
        true,
        config.settings(&base_url, SecondStep::Offered)?,
    );
    let stop = stop_signal();
    let working = app.tasks().spawn(outbox::run(Worker::new(app.clone(), Mailer::Viewer), stop.clone()));
    println!("\nKundportalen (demo): {base_url}\nLösenord för alla: {}\n", demo::people::PASSWORD);
    for person in demo::people::shown() {
        println!("  {:<32} {}", person.email, person.what);
    }
    println!("\nAvsluta med Ctrl-C.");
    accept(listener, router::router(&app), stop.clone(), app.tasks().clone()).await;
    stop.cancel();
    working.await?;
    app.tasks().finish().await;
    app.db().close().await;
    if let Some(server) = private {
        server.stop().await?;
    }
    Ok(())
}

/// `kundportal serve`
pub async fn serve(config: Config) -> Outcome {
    config.validate(true)?;
    telemetry::start(&config, "info");
    metrics::install();
    let db = Db::new(app_url(&config)?, config.pool_size)?;
    let keys = config.keys(false)?;
    check_database(&db, &keys).await?;
    let listener = TcpListener::bind(config.listen_or_default()).await?;
    let base_url = config.base_url_or(listener.local_addr()?);
    let settings = config.settings(&base_url, SecondStep::Required)?;
    let app = App::new(db, Clock::System, keys, base_url, false, settings);
    let stop = stop_signal();
    serve_metrics(&config, &app, &stop).await?;
    tracing::info!(address = %listener.local_addr()?, "serving");
    // First the readiness page says no, so that the proxy sends nothing more here; then the port is closed.
    let (draining, closed, pause) =
        (app.clone(), CancellationToken::new(), Duration::from_secs(config.drain_seconds));
    let close = closed.clone();
    app.tasks().spawn(async move {
        stop.cancelled().await;
        draining.start_draining();
        tokio::time::sleep(pause).await;
        close.cancel();
    });
    accept(listener, router::router(&app), closed, app.tasks().clone()).await;
    app.tasks().finish().await;
    app.db().close().await;
    Ok(())
}

/// `kundportal worker`
pub async fn worker(config: Config) -> Outcome {
    config.validate(true)?;
    telemetry::start(&config, "info");
    let smtp = config.smtp_url.as_ref().ok_or("KUNDPORTAL_SMTP_URL is not set")?;
    let mailer = Mailer::smtp(smtp, &config.mail_from)?;
    let base_url = config.base_url_or(config.listen_or_default());
    let db = Db::new(app_url(&config)?, 4)?;
    let keys = config.keys(false)?;
    check_database(&db, &keys).await?;
    let app = App::new(db, Clock::System, keys, base_url, false, Settings::default());
    metrics::install();
    let stop = stop_signal();
    serve_metrics(&config, &app, &stop).await?;
    outbox::run(Worker::new(app.clone(), mailer), stop).await;
    app.tasks().finish().await;
    app.db().close().await;
    Ok(())
}

/// Refuses a database that can't be used safely. One that is away is waited for by the readiness page, not by refusing to
/// start.
async fn check_database(db: &Db, keys: &Keys) -> Result<(), db::CheckError> {
    let checked = match db.check_login().await {
        Ok(()) => db.check_installation(&keys.fingerprint()).await,
        refused => refused,
    };
    match checked {
        Err(error @ db::CheckError::Unsafe(_)) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "the database could not be checked yet");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// `/metrics` on an address of its own, when one is set.
async fn serve_metrics(config: &Config, app: &App, stop: &CancellationToken) -> std::io::Result<()> {
    app.tasks().spawn(metrics::upkeep(stop.clone()));
    if let Some(address) = config.metrics_listen {
        let listener = TcpListener::bind(address).await?;
        let routes = axum::Router::new().route("/metrics", axum::routing::get(metrics::show));
        app.tasks().spawn(accept(listener, routes, stop.clone(), app.tasks().clone()));
    }
    Ok(())
}

/// `kundportal migrate`
pub async fn migrate(config: Config) -> Outcome {
    db::migrate(&PgConnectOptions::from_str(&owner_url(&config)?)?).await?;
    println!("the schema is up to date");
    Ok(())
}

/// `kundportal seed`
pub async fn seed(config: Config) -> Outcome {
    let loaded = load::load(&PgConnectOptions::from_str(&owner_url(&config)?)?).await?;
    if loaded.is_empty() {
        println!("nothing new to load");
    } else {
        println!("loaded {}", loaded.join(", "));
    }
    Ok(())
}

/// `kundportal check`
pub async fn check(config: Config) -> Outcome {
    config.validate(true)?;
    println!("{config:#?}");
    let db = Db::new(app_url(&config)?, 1)?;
    db.check_login().await?;
    println!("database login and row security: ok");
    db.check_installation(&config.keys(false)?.fingerprint()).await?;
    println!("secret: the one this database is used with");
    println!(
        "schema: {}",
        if db.is_ready().await? { "up to date" } else { "older than this program, run `kundportal migrate`" }
    );
    db.close().await;
    let verdict = audit::verify(&PgConnectOptions::from_str(&owner_url(&config)?)?).await?;
    println!("audit: {} entries in {} chains, digest {}", verdict.entries, verdict.chains, verdict.digest);
    for fault in &verdict.faults {
        println!("audit: {fault}");
    }
    if verdict.faults.is_empty() { Ok(()) } else { Err("the audit log has been tampered with".into()) }
}

/// `kundportal user`
pub async fn add_user(
    config: Config,
    email: &str,
    name: &str,
    organisation: &str,
    roles: &[String],
) -> Outcome {
    let email = identity::Email::parse(email)?;
    if let Some(unknown) = roles.iter().find(|role| identity::Role::from_code(role).is_none()) {
        return Err(format!("no such role: {unknown}").into());
    }
    let password = identity::token::Token::fresh().expose().chars().take(24).collect::<String>();
    let hash = identity::password::hash(password.clone()).await?;
    let owner = PgConnectOptions::from_str(&owner_url(&config)?)?;
    if db::add_person(&owner, (email.as_str(), name, &hash), organisation, roles).await? {
        println!("{} added; password: {password}", email.as_str());
    } else {
        println!("{} was known and keeps the password; roles added", email.as_str());
    }
    Ok(())
}

fn app_url(config: &Config) -> Result<&str, &'static str> {
    config.database_url.as_ref().map(crate::config::Secret::expose).ok_or("DATABASE_URL is not set")
}

fn owner_url(config: &Config) -> Result<String, &'static str> {
    config
        .owner_database_url
        .as_ref()
        .or(config.database_url.as_ref())
        .map(|url| url.expose().to_owned())
        .ok_or("KUNDPORTAL_OWNER_DATABASE_URL or DATABASE_URL is not set")
}

/// The address asked for; else 3000, or the next free port when another checkout has it.
async fn listen(wanted: Option<SocketAddr>) -> std::io::Result<TcpListener> {
    if let Some(address) = wanted {
        return TcpListener::bind(address).await;
    }
    let mut last = None;
    for port in 3000..3020_u16 {
        match TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("no free port")))
}

/// Cancelled at the first Ctrl-C or SIGTERM; a second one ends the process at once.
fn stop_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    let watch = async move {
        wait_for_signal().await;
        signalled.cancel();
        wait_for_signal().await;
        std::process::exit(130);
    };
    #[expect(clippy::disallowed_methods, reason = "must outlive the tracked tasks that it ends")]
    tokio::spawn(watch);
    stop
}

async fn wait_for_signal() {
    let Ok(mut term) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}
