//! `kundportal seed`: brings the reference data of `data/` into the database. The files are built in, and a file whose
//! content has been loaded before is passed over; so the command can be run at every start.

use sha2::{Digest, Sha256};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions, types::Json};

use crate::{db::DbError, ids};

/// Why the reference data could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file is not the table it should be.
    #[error("read {0}: {1}")]
    File(&'static str, csv::Error),
    /// The database refused it.
    #[error("load {0}: {1}")]
    Db(&'static str, DbError),
}

/// A row as its column names and texts.
type Record = serde_json::Map<String, serde_json::Value>;

/// Loads what has changed; answers the names of the files that had.
pub async fn load(options: &PgConnectOptions) -> Result<Vec<&'static str>, LoadError> {
    let at = |error: sqlx::Error| LoadError::Db("reference data", error.into());
    let mut connection = options.clone().connect().await.map_err(at)?;
    connection.execute("SET ROLE portal_owner").await.map_err(at)?;
    let mut tx = connection.begin().await.map_err(at)?;
    // Two at once wait for each other.
    sqlx::query!("SELECT pg_advisory_xact_lock(7251002)").execute(&mut *tx).await.map_err(at)?;
    let mut loaded = Vec::new();
    for (name, text) in FILES {
        let hash = Sha256::digest(text.as_bytes()).to_vec();
        let known = sqlx::query_scalar!("SELECT sha256 FROM seed_file WHERE name = $1", name)
            .fetch_optional(&mut *tx)
            .await
            .map_err(at)?;
        if known.as_deref() == Some(hash.as_slice()) {
            continue;
        }
        load_file(&mut tx, name, text).await?;
        sqlx::query!(
            "INSERT INTO seed_file (name, sha256) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, loaded_at = now()",
            name,
            hash
        )
        .execute(&mut *tx)
        .await
        .map_err(at)?;
        loaded.push(*name);
    }
    tx.commit().await.map_err(at)?;
    connection.close().await.map_err(at)?;
    Ok(loaded)
}

/// In the order their references need.
const FILES: &[(&str, &str)] = &[
    ("categories.csv", include_str!("../../data/categories.csv")),
    ("services.csv", include_str!("../../data/services.csv")),
    ("offers.csv", include_str!("../../data/offers.csv")),
    ("eligibility.csv", include_str!("../../data/eligibility.csv")),
    ("dependencies.csv", include_str!("../../data/dependencies.csv")),
    ("prices.csv", include_str!("../../data/prices.csv")),
    ("contracts.csv", include_str!("../../data/contracts.csv")),
    ("terms.txt", include_str!("../../data/terms.txt")),
    ("mediation_terms.txt", include_str!("../../data/mediation_terms.txt")),
];

async fn load_file(tx: &mut PgConnection, name: &'static str, text: &str) -> Result<(), LoadError> {
    if ["terms.txt", "mediation_terms.txt"].contains(&name) {
        return terms(tx, name, text).await.map_err(|error| LoadError::Db(name, error));
    }
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| LoadError::File(name, error))?.clone();
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| LoadError::File(name, error))?;
        let mut row: Record = headers
            .iter()
            .zip(record.iter())
            .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
            .collect();
        row.insert("position".to_owned(), (index + 1).into());
        rows.push(row);
    }
    let rows = Json(rows);
    let done = match name {
        "categories.csv" => categories(tx, rows).await,
        "services.csv" => services(tx, rows).await,
        "offers.csv" => offers(tx, rows).await,
        "eligibility.csv" => eligibility(tx, rows).await,
        "dependencies.csv" => dependencies(tx, rows).await,
        "prices.csv" => prices(tx, rows).await,
        _ => contracts(tx, rows).await,
    };
    done.map_err(|error| LoadError::Db(name, error.into()))
}

async fn categories(tx: &mut PgConnection, rows: Json<Vec<Record>>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO customer_category (code, name, valid_from, valid_to, note, source)
         SELECT code, name, nullif(valid_from, '')::date, nullif(valid_to, '')::date, note, source
           FROM jsonb_to_recordset($1) AS r (code text, name text, valid_from text, valid_to text, note text, source text)
         ON CONFLICT (code) DO UPDATE SET
           name = excluded.name, valid_from = excluded.valid_from, valid_to = excluded.valid_to,
           note = excluded.note, source = excluded.source",
        rows as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn services(tx: &mut PgConnection, rows: Json<Vec<Record>>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO service (code, slug, name, former_names, area, description, ka2_from, lifecycle, personal_data,
                              price_note, ordering_note, source, position)
         SELECT code, slug, name, former_names, area, description, nullif(ka2_from, '')::date, lifecycle,
                CASE personal_data WHEN 'yes' THEN true WHEN 'no' THEN false END, price_note, ordering_note, source, position
           FROM jsonb_to_recordset($1) AS r (code text, slug text, name text, former_names text, area text, description text,
                ka2_from text, lifecycle text, personal_data text, price_note text, ordering_note text, source text, position int)
         ON CONFLICT (code) DO UPDATE SET
           slug = excluded.slug, name = excluded.name, former_names = excluded.former_names, area = excluded.area,
           description = excluded.description, ka2_from = excluded.ka2_from, lifecycle = excluded.lifecycle,
           personal_data = excluded.personal_data, price_note = excluded.price_note,
           ordering_note = excluded.ordering_note, source = excluded.source, position = excluded.position",
        rows as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn offers(tx: &mut PgConnection, rows: Json<Vec<Record>>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO offer (code, service_code, name, channel, role, billed, scope, start_fee, care_provider_only,
                            sole_trader_only, orderable, min_end_customers, valid_from, valid_to, source, position)
         SELECT code, service_code, name, channel::channel, role, billed, scope::scope_kind, start_fee = 'yes',
                care_provider_only = 'yes', sole_trader_only = 'yes', orderable = 'yes', coalesce(nullif(min_end_customers, '')::int, 0),
                nullif(valid_from, '')::date, nullif(valid_to, '')::date, source, position
           FROM jsonb_to_recordset($1) AS r (code text, service_code text, name text, channel text, role text, billed text,
                scope text, start_fee text, care_provider_only text, sole_trader_only text, orderable text, min_end_customers text, valid_from text,
                valid_to text, source text, position int)
         ON CONFLICT (code) DO UPDATE SET
           name = excluded.name, channel = excluded.channel, role = excluded.role, billed = excluded.billed,
           scope = excluded.scope, start_fee = excluded.start_fee, care_provider_only = excluded.care_provider_only,
           sole_trader_only = excluded.sole_trader_only, orderable = excluded.orderable,
           valid_from = excluded.valid_from, valid_to = excluded.valid_to, source = excluded.source,
           position = excluded.position",
        rows as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn eligibility(tx: &mut PgConnection, rows: Json<Vec<Record>>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM eligibility_rule").execute(&mut *tx).await?;
    sqlx::query!(
        "INSERT INTO eligibility_rule (category, service_code, rule, condition, channels, requires, valid_from, valid_to, source, position)
         SELECT category, service_code, rule, condition,
                CASE channels WHEN '' THEN '{}'::channel[] ELSE string_to_array(channels, '|')::channel[] END,
                CASE requires WHEN '' THEN '{}'::text[] ELSE string_to_array(requires, '|') END,
                nullif(valid_from, '')::date, nullif(valid_to, '')::date, source, position
           FROM jsonb_to_recordset($1) AS r (category text, service_code text, rule text, condition text, channels text,
                requires text, valid_from text, valid_to text, source text, position int)",
        rows as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn dependencies(tx: &mut PgConnection, rows: Json<Vec<Record>>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM service_dependency").execute(&mut *tx).await?;
    sqlx::query!(
        "INSERT INTO service_dependency (service_code, role, requires, strength, valid_from, valid_to, reason, source)
         SELECT service_code, role, requires, strength, nullif(valid_from, '')::date, nullif(valid_to, '')::date, reason, source
           FROM jsonb_to_recordset($1) AS r (service_code text, role text, requires text, strength text, valid_from text,
                valid_to text, reason text, source text)",
        rows as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn prices(tx: &mut PgConnection, rows: Json<Vec<Record>>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO price (code, service_code, role, item, kind, amount_ore, percent, per, applies_to, excludes, valid_from,
                            valid_to, note, source)
         SELECT code, nullif(service_code, ''), role, item, kind, nullif(amount_ore, '')::bigint, nullif(percent, '')::numeric,
                per, applies_to, excludes, nullif(valid_from, '')::date, nullif(valid_to, '')::date, note, source
           FROM jsonb_to_recordset($1) AS r (code text, service_code text, role text, item text, kind text, amount_ore text,
                percent text, per text, applies_to text, excludes text, valid_from text, valid_to text, note text, source text)
         ON CONFLICT (code) DO UPDATE SET
           valid_to = excluded.valid_to, note = excluded.note, source = excluded.source, item = excluded.item",
        rows as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn contracts(tx: &mut PgConnection, rows: Json<Vec<Record>>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM service_contract").execute(&mut *tx).await?;
    sqlx::query!(
        "INSERT INTO service_contract (service_code, contract, major, name, information_set, source, position)
         SELECT service_code, contract, major::int, name, information_set, source, position
           FROM jsonb_to_recordset($1) AS r (service_code text, contract text, major text, name text, information_set text,
                source text, position int)",
        rows as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// One text serves all services until their own documents are loaded; a new version is a new row for each.
async fn terms(tx: &mut PgConnection, name: &str, text: &str) -> Result<(), DbError> {
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("version ")).unwrap_or("1");
    let valid_from = lines.next().and_then(|line| line.strip_prefix("valid_from ")).unwrap_or("2024-01-01");
    let body: String = lines.collect::<Vec<_>>().join("\n").trim().to_owned();
    let services = sqlx::query!("SELECT code, name FROM service ORDER BY position LIMIT 1000")
        .fetch_all(&mut *tx)
        .await?;
    for service in services {
        let body = body.replace("{tjänst}", &service.name);
        let what = (service.code.as_str(), service.name.as_str());
        if name == "terms.txt" {
            customers_terms(tx, what, (version, valid_from), &body).await?;
        } else {
            agents_terms(tx, what, (version, valid_from), &body).await?;
        }
    }
    Ok(())
}

async fn customers_terms(
    tx: &mut PgConnection,
    (code, name): (&str, &str),
    (version, valid_from): (&str, &str),
    body: &str,
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO terms (id, service_code, version, title, body, sha256, valid_from)
         VALUES ($1, $2, $3, $4, $5, sha256(convert_to($5, 'UTF8')), $6::text::date)
         ON CONFLICT (service_code, version) DO NOTHING",
        ids::fresh(),
        code,
        version,
        format!("{name} – beskrivning och tjänstespecifika villkor"),
        body,
        valid_from
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn agents_terms(
    tx: &mut PgConnection,
    (code, name): (&str, &str),
    (version, valid_from): (&str, &str),
    body: &str,
) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO mediation_terms (id, service_code, version, title, body, sha256, valid_from)
         VALUES ($1, $2, $3, $4, $5, sha256(convert_to($5, 'UTF8')), $6::text::date)
         ON CONFLICT (service_code, version) DO NOTHING",
        ids::fresh(),
        code,
        version,
        format!("{name} – villkor för agenter"),
        body,
        valid_from
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}
