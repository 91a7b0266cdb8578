//! Puts the demo's rows in place, as the owner. Safe to run again: it does nothing when they are there.

use sqlx::{ConnectOptions, Connection, Executor, postgres::PgConnectOptions};

use crate::{db::DbError, identity::password};

/// Why the demo could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Hashing the password.
    #[error(transparent)]
    Hash(#[from] password::HashError),
}

impl From<sqlx::Error> for DemoError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Organisations, people, agreements and orders under way.
pub async fn fill(options: &PgConnectOptions, password: &str) -> Result<(), DemoError> {
    run(options, password, &[include_str!("people.sql"), include_str!("orders.sql")]).await
}

/// The same without orders.
pub async fn people_only(options: &PgConnectOptions, password: &str) -> Result<(), DemoError> {
    run(options, password, &[include_str!("people.sql")]).await
}

async fn run(
    options: &PgConnectOptions,
    password: &str,
    files: &'static [&'static str],
) -> Result<(), DemoError> {
    let mut connection = options.clone().connect().await?;
    connection.execute("SET ROLE portal_owner").await?;
    let there = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM organisation) AS "there!""#)
        .fetch_one(&mut connection)
        .await?;
    if there {
        connection.close().await?;
        return Ok(());
    }
    let hash = password::hash(password.to_owned()).await?;
    let mut tx = connection.begin().await?;
    sqlx::query_scalar!("SELECT set_config('demo.hash', $1, true)", hash).fetch_one(&mut *tx).await?;
    for file in files {
        sqlx::raw_sql(*file).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    connection.close().await?;
    Ok(())
}
