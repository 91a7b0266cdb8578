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
    // What `SET search_path FROM CURRENT` of the functions takes over: temporary tables come last.
    connection.execute("SET search_path = public, pg_temp").await?;
    MIGRATOR.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// The newest migration this program knows.
pub fn newest_known() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Makes the database when it is not there.
pub async fn ensure_database(options: &PgConnectOptions, name: &'static str) -> Result<(), MigrateError> {
    let mut connection = options.clone().connect().await?;
    let there = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS "there!""#,
        name
    )
    .fetch_one(&mut connection)
    .await?;
    if !there {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(())
}

/// Removes the demo's database; whoever is connected is cut off.
pub async fn drop_database(options: &PgConnectOptions, name: &'static str) -> Result<(), MigrateError> {
    let mut connection = options.clone().connect().await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

/// Adds a person to an organisation, for the command line. Person: address, name, password hash.
/// Answers whether the person is new; somebody who is there already keeps the password.
pub async fn add_person(
    options: &PgConnectOptions,
    (email, name, hash): (&str, &str, &str),
    organisation: &str,
    roles: &[String],
) -> Result<bool, MigrateError> {
    let mut connection = options.clone().connect().await?;
    connection.execute("SET ROLE portal_owner").await?;
    let mut tx = connection.begin().await?;
    let digits: String = organisation.chars().filter(char::is_ascii_digit).collect();
    let org = sqlx::query_scalar!(
        "SELECT id FROM organisation WHERE org_nr = $1 OR ($2 AND is_inera)",
        digits,
        organisation.eq_ignore_ascii_case("inera")
    )
    .fetch_one(&mut *tx)
    .await?;
    let person = sqlx::query!(
        "INSERT INTO person (id, name, email, password_hash) VALUES ($1, $2, $3, $4)
         ON CONFLICT (email) DO UPDATE SET name = person.name RETURNING id, password_hash = $4 AS \"fresh!\"",
        crate::ids::fresh(),
        name,
        email.to_lowercase(),
        hash
    )
    .fetch_one(&mut *tx)
    .await?;
    let membership = sqlx::query_scalar!(
        "INSERT INTO membership (id, org_id, person_id, name, email) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (org_id, person_id) DO UPDATE SET ended_at = NULL RETURNING id",
        crate::ids::fresh(),
        org,
        person.id,
        name,
        email
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO role_grant (org_id, membership_id, role) SELECT $1, $2, r::role FROM unnest($3::text[]) r ON CONFLICT DO NOTHING",
        org,
        membership,
        roles
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "SELECT audit_append($1, 'system', 'person.add', $2, '')",
        org,
        format!("person:{}", person.id)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    connection.close().await?;
    Ok(person.fresh)
}
