//! The database: pools, transactions that carry who is asking, migrations, the boot check.
//!
//! Nothing outside this folder, `store.rs` and `queries.rs` holds a query.

mod error;
mod migrate;
mod tx;

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

pub use self::{
    error::DbError,
    migrate::{MIGRATOR, MigrateError, add_person, drop_database, ensure_database, migrate},
    tx::{Mode, Tx},
};
use crate::{
    identity::{Entered, Side},
    ids::{SignatoryId, SigningId},
};

/// What each connection asks of PostgreSQL: limits, and a planner that knows that any page is as near as the next one.
/// With its own default it reads and sorts all of a customer's orders to show the first fifty.
pub const SETTINGS: [(&str, &str); 4] = [
    ("statement_timeout", "5s"),
    ("lock_timeout", "2s"),
    ("idle_in_transaction_session_timeout", "15s"),
    ("random_page_cost", "1.1"),
];

/// Connections for each side. A pool of its own for each keeps PostgreSQL's cached plans valid:
/// a plan under row security is made for one role.
#[derive(Clone)]
pub struct Db {
    pools: Arc<Pools>,
}

struct Pools {
    customer: PgPool,
    agent: PgPool,
    staff: PgPool,
    public: PgPool,
    signatory: PgPool,
    worker: PgPool,
}

impl Db {
    /// Opens no connection yet; the first request does.
    ///
    /// # Errors
    /// When `url` is not a PostgreSQL address.
    pub fn new(url: &str, pool_size: u32) -> Result<Self, DbError> {
        let options = PgConnectOptions::from_str(url)?;
        let pool = |name: &str, size: u32| {
            PgPoolOptions::new()
                .max_connections(size)
                .acquire_timeout(Duration::from_secs(2))
                .max_lifetime(Duration::from_mins(30))
                // A dead connection is found out by the query that meets it, and answered with 503 or one retry.
                .test_before_acquire(false)
                .connect_lazy_with(
                    options.clone().application_name(&format!("kundportal-{name}")).options(SETTINGS),
                )
        };
        Ok(Self {
            pools: Arc::new(Pools {
                customer: pool("customer", pool_size),
                agent: pool("agent", pool_size),
                staff: pool("staff", pool_size),
                public: pool("public", pool_size),
                signatory: pool("signatory", 4),
                worker: pool("worker", 4),
            }),
        })
    }

    /// Opens a transaction for the session behind a cookie. `None`: no live session.
    pub async fn enter(
        &self,
        token_hash: &[u8],
        side: Option<Side>,
        number: i64,
        mode: Mode,
    ) -> Result<Option<(Entered, Tx)>, DbError> {
        let mut tx = Tx::begin(self.pool_of(side), mode).await?;
        let entered = tx::open_session(&mut tx, token_hash, side, number).await?;
        if let Some(entered) = entered {
            Ok(Some((entered, tx)))
        } else {
            tx.end().await?;
            Ok(None)
        }
    }

    /// Opens a reading transaction for somebody of Kundservice who looks at an organisation as one of its contacts sees it.
    /// `None`: the session has no such insight.
    pub async fn enter_insight(
        &self,
        token_hash: &[u8],
        side: Side,
        number: i64,
    ) -> Result<Option<(Entered, Tx)>, DbError> {
        let mut tx = Tx::begin(self.pool_of(Some(side)), Mode::Read).await?;
        if let Some(entered) = tx::open_insight(&mut tx, token_hash, side, number).await? {
            Ok(Some((entered, tx)))
        } else {
            tx.end().await?;
            Ok(None)
        }
    }

    fn pool_of(&self, side: Option<Side>) -> &PgPool {
        match side {
            Some(Side::Customer) => &self.pools.customer,
            Some(Side::Agent) => &self.pools.agent,
            Some(Side::Inera) => &self.pools.staff,
            Some(Side::System) | None => &self.pools.public,
        }
    }

    /// Opens a transaction for the holder of a signing link. `None`: no such link.
    pub async fn enter_by_link(
        &self,
        link_sha256: &[u8],
        mode: Mode,
    ) -> Result<Option<(SignatoryId, SigningId, Tx)>, DbError> {
        let mut tx = Tx::begin(&self.pools.signatory, mode).await?;
        if let Some((signatory, signing)) = tx::open_signing(&mut tx, link_sha256).await? {
            Ok(Some((signatory, signing, tx)))
        } else {
            tx.end().await?;
            Ok(None)
        }
    }

    /// A transaction of the bare login role, which may only call the functions granted to it.
    pub async fn gate(&self) -> Result<Tx, DbError> {
        Tx::begin(&self.pools.public, Mode::Write).await
    }

    /// A transaction for pages that need no sign-in: the catalogue and nothing of any tenant.
    pub async fn public(&self) -> Result<Tx, DbError> {
        let mut tx = Tx::begin(&self.pools.public, Mode::Read).await?;
        tx.act_as("portal_public").await?;
        Ok(tx)
    }

    /// A transaction of the worker.
    pub async fn worker(&self) -> Result<Tx, DbError> {
        let mut tx = Tx::begin(&self.pools.worker, Mode::Write).await?;
        tx.act_as("portal_worker").await?;
        Ok(tx)
    }

    /// Listens for `channel`, on a connection of its own.
    pub async fn listener(&self, channel: &str) -> Result<sqlx::postgres::PgListener, DbError> {
        let mut listener = sqlx::postgres::PgListener::connect_with(&self.pools.worker).await?;
        listener.listen(channel).await?;
        Ok(listener)
    }

    /// Does the database answer, and does it have this program's schema?
    pub async fn is_ready(&self) -> Result<bool, DbError> {
        let mut tx = self.gate().await?;
        let newest = tx::newest_migration(&mut tx).await?;
        tx.end().await?;
        Ok(newest >= migrate::newest_known())
    }

    /// Refuses a login that could reach past row-level security.
    pub async fn check_login(&self) -> Result<(), CheckError> {
        let mut tx = self.gate().await?;
        let faults = tx::login_faults(&mut tx).await?;
        tx.end().await?;
        if faults.is_empty() { Ok(()) } else { Err(CheckError::Unsafe(faults)) }
    }

    /// Refuses a demo's database, where anybody is believed to be anybody, and a database used with another secret.
    /// The first program to ask leaves its secret's mark.
    pub async fn check_installation(&self, secret_mark: &[u8]) -> Result<(), CheckError> {
        let mut tx = self.gate().await?;
        let (is_demo, fits) = tx::installation(&mut tx, secret_mark).await?;
        tx.commit_bookkeeping().await?;
        let mut faults = Vec::new();
        if is_demo {
            faults.push("it is the demo's".to_owned());
        }
        if !fits {
            faults.push("it has been used with another KUNDPORTAL_SECRET".to_owned());
        }
        if faults.is_empty() { Ok(()) } else { Err(CheckError::Unsafe(faults)) }
    }

    /// Closes every connection in order.
    pub async fn close(&self) {
        let pools = &self.pools;
        let all =
            [&pools.customer, &pools.agent, &pools.staff, &pools.public, &pools.signatory, &pools.worker];
        for pool in all {
            pool.close().await;
        }
    }
}

/// Why the program will not serve from this database.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The database could not be asked.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Row-level security could be passed by.
    #[error("this database can't be used safely: {}", .0.join("; "))]
    Unsafe(Vec<String>),
}
