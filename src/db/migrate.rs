//! Brings a database up to this program's schema. Roles first, then the files of `migrations/`, as `portal_owner`.

use sqlx::{ConnectOptions, Connection, Executor, postgres::PgConnectOptions};

/// The files of `migrations/`, built in.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be reached or refused a statement.
    #[error("migrate: {0}")]
    Sql(#[from] sqlx::Error),
    /// A migration failed, or the database is newer than this program.
    #[error("migrate: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// Applies what is missing. Two at once wait for each other (the migrator takes an advisory lock).
pub async fn migrate(options: &PgConnectOptions) -> Result<(), MigrateError> {
    let mut connection = options.clone().application_name("kundportal-migrate").connect().await?;
    connection.execute(include_str!("roles.sql")).await?;
    connection.execute("SET ROLE portal_owner").await?;
    MIGRATOR.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// The newest migration this program knows.
pub fn newest_known() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0)
}
