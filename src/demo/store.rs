//! Puts the demo's rows in place, as the owner. Safe to run again: it does nothing when they are there.

use sqlx::{ConnectOptions, Connection, Executor, postgres::PgConnectOptions};

use super::people;
use crate::{
    agreements::{Kind, actions::link_of, template},
    db::DbError,
    identity::{PersonalNumber, eid::mark_of, password},
    ids::{self, SignatoryId},
    keys::{KeyError, Keys},
    text::hex,
};

/// Why the demo could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Hashing the password.
    #[error(transparent)]
    Hash(#[from] password::HashError),
    /// Sealing a personal number.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There are organisations that no demo has put there: anybody could be anybody in it.
    #[error("the database holds something else than the demo, or a demo of an older version")]
    NotADemo,
}

impl From<sqlx::Error> for DemoError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Organisations, people, agreements and orders under way, one agreement on its way to be signed.
pub async fn fill(options: &PgConnectOptions, keys: &Keys, password: &str) -> Result<(), DemoError> {
    let files = &[
        include_str!("people.sql"),
        include_str!("orders.sql"),
        include_str!("signing.sql"),
        include_str!("eids.sql"),
    ];
    let mut settings = signatories(keys)?;
    settings.push(("demo.eids".to_owned(), eids(keys)));
    run(options, password, files, &settings).await
}

/// Whose made-up e-legitimation is whose, as `eids.sql` reads it.
fn eids(keys: &Keys) -> String {
    let known = |person: people::Shown| {
        let number = PersonalNumber::parse(person.number).ok()?;
        Some(serde_json::json!({ "email": person.email, "mark": hex(&mark_of(keys, &number)) }))
    };
    serde_json::Value::Array(people::shown().into_iter().filter_map(known).collect()).to_string()
}

/// What only the program's keys can make of those who are to sign, as settings that `signing.sql` reads.
fn signatories(keys: &Keys) -> Result<Vec<(String, String)>, KeyError> {
    let party = ("Solbackens Vård AB", "559999-9066");
    let text = template::text(Kind::Customer2, party, "KA2-11305", (2, 2));
    let (template, body) = text.map(|text| (text.template, text.body)).unwrap_or_default();
    let mut settings = vec![("demo.template".to_owned(), template), ("demo.agreement".to_owned(), body)];
    for (place, (_, number)) in (1..).zip(people::SIGNATORIES) {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let id = ids::fresh();
        let sealed = keys.seal(&format!("signatory:{id}"), &digits)?;
        settings.push((format!("demo.signatory{place}_id"), id.to_string()));
        settings.push((format!("demo.signatory{place}_sealed"), hex(&sealed)));
        settings.push((format!("demo.signatory{place}_mark"), hex(&keys.mark(&digits))));
        let link = keys.link(&link_of(SignatoryId(id)));
        settings.push((format!("demo.signatory{place}_link"), hex(&link.hash())));
    }
    Ok(settings)
}

/// The same without orders.
pub async fn people_only(options: &PgConnectOptions, password: &str) -> Result<(), DemoError> {
    run(options, password, &[include_str!("people.sql")], &[]).await
}

async fn run(
    options: &PgConnectOptions,
    password: &str,
    files: &'static [&'static str],
    settings: &[(String, String)],
) -> Result<(), DemoError> {
    let mut connection = options.clone().connect().await?;
    connection.execute("SET ROLE portal_owner").await?;
    let there = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM organisation) AS "there!""#)
        .fetch_one(&mut connection)
        .await?;
    if there {
        let is_demo =
            sqlx::query_scalar!("SELECT is_demo FROM installation").fetch_one(&mut connection).await?;
        connection.close().await?;
        return if is_demo || settings.is_empty() { Ok(()) } else { Err(DemoError::NotADemo) };
    }
    let hash = password::hash(password.to_owned()).await?;
    let mut tx = connection.begin().await?;
    sqlx::query_scalar!("SELECT set_config('demo.hash', $1, true)", hash).fetch_one(&mut *tx).await?;
    if !settings.is_empty() {
        sqlx::query!("UPDATE installation SET is_demo = true").execute(&mut *tx).await?;
    }
    for (name, value) in settings {
        sqlx::query_scalar!("SELECT set_config($1, $2, true)", name, value).fetch_one(&mut *tx).await?;
    }
    for file in files {
        sqlx::raw_sql(*file).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    connection.close().await?;
    Ok(())
}
