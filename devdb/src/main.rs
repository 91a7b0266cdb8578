//! Starts the private PostgreSQL for development, prints its address and keeps it until input ends or Ctrl-C.
//! `cargo run -p devdb -- [folder]`; used when regenerating `.sqlx` and by people with `psql`.

use std::path::PathBuf;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).map_or_else(|| PathBuf::from(".pgdata/dev"), PathBuf::from);
    let server = devdb::PrivateServer::start(&dir).await?;
    println!("{}", server.url("postgres", "postgres"));
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = term.recv() => {} }
    server.stop().await?;
    Ok(())
}
