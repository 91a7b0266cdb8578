//! The program put together: what every handler and the worker share.

use std::{
    future::Future,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::RwLock, task::JoinHandle};
use tokio_util::task::TaskTracker;

use crate::{
    catalogue::{self, Catalogue},
    clock::Clock,
    config::SecondStep,
    db::{Db, DbError},
    http::session::Cookie,
    identity::{oidc::Providers, passkey::Passkeys},
    keys::Keys,
};

/// How old the catalogue in memory may be; `seed` is seen after this.
const CATALOGUE_AGE: Duration = Duration::from_mins(1);

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    clock: Clock,
    keys: Keys,
    base_url: String,
    cookie: Cookie,
    demo: bool,
    settings: Settings,
    passkeys: Passkeys,
    tasks: Tasks,
    catalogue: RwLock<Option<(Instant, Arc<Catalogue>)>>,
    draining: std::sync::atomic::AtomicBool,
}

/// What the settings say of signing in.
#[derive(Default)]
pub struct Settings {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The providers of e-legitimation.
    pub providers: Providers,
    /// Whether some people must have a second step.
    pub second_step: SecondStep,
}

impl App {
    /// Puts the program together. `demo` shows the mail viewer and a banner on every page.
    pub fn new(db: Db, clock: Clock, keys: Keys, base_url: String, demo: bool, settings: Settings) -> Self {
        let passkeys = Passkeys::for_base_url(&base_url);
        let cookie = Cookie::for_base_url(&base_url);
        let draining = std::sync::atomic::AtomicBool::new(false);
        let inner = Inner {
            db,
            clock,
            keys,
            base_url,
            cookie,
            demo,
            settings,
            passkeys,
            tasks: Tasks::default(),
            catalogue: RwLock::default(),
            draining,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The keys made from the program's secret.
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// The address people use, without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.inner.base_url
    }

    /// The session cookie.
    pub fn cookie(&self) -> Cookie {
        self.inner.cookie
    }

    /// Is this the demo?
    pub fn is_demo(&self) -> bool {
        self.inner.demo
    }

    /// Proxies whose `X-Forwarded-For` is believed.
    pub fn trusted_proxies(&self) -> &[IpAddr] {
        &self.inner.settings.trusted_proxies
    }

    /// The providers of e-legitimation.
    pub fn providers(&self) -> &Providers {
        &self.inner.settings.providers
    }

    /// Passkeys for this portal's address.
    pub fn passkeys(&self) -> &Passkeys {
        &self.inner.passkeys
    }

    /// Must those of [`is_demanded_of`](crate::identity::second::is_demanded_of) have a second step?
    pub fn demands_second_step(&self) -> bool {
        self.inner.settings.second_step == SecondStep::Required
    }

    /// Work that is waited for at shutdown.
    pub fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }

    /// The catalogue, read again when it is older than a minute.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, DbError> {
        if let Some((read_at, catalogue)) = &*self.inner.catalogue.read().await
            && read_at.elapsed() < CATALOGUE_AGE
        {
            return Ok(Arc::clone(catalogue));
        }
        let mut slot = self.inner.catalogue.write().await;
        if let Some((read_at, catalogue)) = &*slot
            && read_at.elapsed() < CATALOGUE_AGE
        {
            return Ok(Arc::clone(catalogue));
        }
        let mut tx = self.inner.db.public().await?;
        let catalogue = Arc::new(catalogue::queries::catalogue(&mut tx).await?);
        tx.end().await?;
        *slot = Some((Instant::now(), Arc::clone(&catalogue)));
        Ok(catalogue)
    }

    /// From now on the readiness page says no, so that a proxy sends nothing more here.
    pub fn start_draining(&self) {
        self.inner.draining.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Is the program on its way out?
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Tasks that the program waits for before it ends.
#[derive(Clone, Debug, Default)]
pub struct Tasks(TaskTracker);

impl Tasks {
    /// Starts a task and keeps track of it.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.spawn(work)
    }

    /// Waits for all of them, a quarter of a minute at most.
    pub async fn finish(&self) {
        self.0.close();
        if tokio::time::timeout(Duration::from_secs(15), self.0.wait()).await.is_err() {
            tracing::warn!("tasks were left unfinished at shutdown");
        }
    }
}
