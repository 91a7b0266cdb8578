//! Settings from the command line and the environment; `--help` is their documentation. Nothing else reads the environment.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};

use crate::{
    app::Settings,
    identity::oidc::{Providers, SettingsError},
    keys::{KeyError, Keys},
};

/// A value that is never printed.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Must Inera's staff, agents' people and customers' administrators take a second step after a password?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SecondStep {
    /// Yes.
    #[default]
    Required,
    /// Everybody may, nobody must.
    Offered,
}

/// What every command that serves or works needs to know.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// PostgreSQL for `serve` and `worker`; logs in as the unprivileged role `portal_app`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<Secret>,
    /// PostgreSQL for `migrate`, `seed`, `user` and `check`: a login that may act as `portal_owner`. Default: `DATABASE_URL`.
    #[arg(long, env = "KUNDPORTAL_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<Secret>,
    /// The program's secret, at least 32 characters: personal numbers are sealed and signing links are made with it.
    #[arg(long, env = "KUNDPORTAL_SECRET", hide_env_values = true)]
    pub secret: Option<Secret>,
    /// Address to listen on. The demo takes the next free port when this is not given and 3000 is taken.
    #[arg(long, env = "KUNDPORTAL_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// The address people use, for links in mails and for the cookie's name.
    #[arg(long, env = "KUNDPORTAL_BASE_URL")]
    pub base_url: Option<String>,
    /// File of the providers of e-legitimation, a JSON list; docs/operations.md tells what is in it.
    #[arg(long, env = "KUNDPORTAL_EID_PROVIDERS")]
    pub eid_providers: Option<PathBuf>,
    /// Whether Inera's staff, agents' people and customers' administrators must have a second step after a password.
    /// Default: required; in the demo offered.
    #[arg(long, env = "KUNDPORTAL_SECOND_STEP")]
    pub second_step: Option<SecondStep>,
    /// Proxies whose `X-Forwarded-For` is believed; all others' is ignored.
    #[arg(long, env = "KUNDPORTAL_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// Mail server of `worker`, for example `smtp://user:password@mail.example:587?tls=required`.
    #[arg(long, env = "KUNDPORTAL_SMTP_URL", hide_env_values = true)]
    pub smtp_url: Option<Secret>,
    /// Sender of all mail.
    #[arg(
        long,
        env = "KUNDPORTAL_MAIL_FROM",
        default_value = "Kundportalen <kundportalen@kundportalen.example>"
    )]
    pub mail_from: String,
    /// Address that serves `/metrics`; without it there is no such page.
    #[arg(long, env = "KUNDPORTAL_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
    /// Folder of the demo's private database.
    #[arg(long, env = "KUNDPORTAL_DATA_DIR", default_value = ".pgdata/demo")]
    pub data_dir: PathBuf,
    /// Database connections for each side.
    #[arg(long, env = "KUNDPORTAL_POOL_SIZE", default_value_t = 8)]
    pub pool_size: u32,
    /// Seconds between saying "not ready" and closing the port at shutdown.
    #[arg(long, env = "KUNDPORTAL_DRAIN_SECONDS", default_value_t = 3)]
    pub drain_seconds: u64,
    /// Log as JSON lines.
    #[arg(long, env = "KUNDPORTAL_LOG_JSON")]
    pub log_json: bool,
}

/// The demo's own secret; it protects only made-up people.
fn demo_secret() -> Secret {
    Secret("the demo's people are made up, and so is this".to_owned())
}

/// Everything that is wrong with the settings, at once.
#[derive(Debug, thiserror::Error)]
#[error("settings: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

impl Config {
    /// Checks what can be checked before anything starts.
    pub fn validate(&self, needs_database: bool) -> Result<(), ConfigError> {
        let mut faults = Vec::new();
        if needs_database && self.database_url.is_none() {
            faults.push("DATABASE_URL is not set".to_owned());
        }
        if needs_database && self.secret.is_none() {
            faults.push("KUNDPORTAL_SECRET is not set".to_owned());
        }
        if let Some(secret) = &self.secret {
            match Keys::from_secret(secret) {
                Err(error) => faults.push(error.to_string()),
                Ok(_) if secret.expose() == demo_secret().expose() => {
                    faults.push("KUNDPORTAL_SECRET is the demo's own, which is public".to_owned());
                }
                Ok(_) => {}
            }
        }
        if let Some(base) = &self.base_url
            && !(base.starts_with("https://") || base.starts_with("http://"))
        {
            faults.push("KUNDPORTAL_BASE_URL must start with https:// or http://".to_owned());
        }
        if self.mail_from.parse::<lettre::message::Mailbox>().is_err() {
            faults.push("KUNDPORTAL_MAIL_FROM is not a mail address".to_owned());
        }
        if !(1..=100).contains(&self.pool_size) {
            faults.push("KUNDPORTAL_POOL_SIZE must be between 1 and 100".to_owned());
        }
        if faults.is_empty() { Ok(()) } else { Err(ConfigError(faults)) }
    }

    /// The keys made from the secret. The demo has one of its own, which protects only made-up people.
    pub fn keys(&self, demo: bool) -> Result<Keys, KeyError> {
        match &self.secret {
            Some(secret) => Keys::from_secret(secret),
            None if demo => Keys::from_secret(&demo_secret()),
            None => Err(KeyError::Poor),
        }
    }

    /// The providers of e-legitimation; none without a file.
    fn providers(&self, base_url: &str) -> Result<Providers, SettingsError> {
        self.eid_providers
            .as_deref()
            .map_or_else(|| Ok(Providers::default()), |file| Providers::read(file, base_url))
    }

    /// What the program needs to know of signing in.
    pub fn settings(&self, base_url: &str, otherwise: SecondStep) -> Result<Settings, SettingsError> {
        Ok(Settings {
            trusted_proxies: self.trusted_proxies.clone(),
            providers: self.providers(base_url)?,
            second_step: self.second_step.unwrap_or(otherwise),
        })
    }

    /// The address to listen on when none is given.
    pub fn listen_or_default(&self) -> SocketAddr {
        self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 3000)))
    }

    /// The public address without a trailing slash.
    pub fn base_url_or(&self, listening: SocketAddr) -> String {
        // On this machine by its name: browsers bind no passkey to a number.
        let by_default = || match listening.ip() {
            ip if ip.is_loopback() => format!("http://localhost:{}", listening.port()),
            _ => format!("http://{listening}"),
        };
        self.base_url.as_deref().map_or_else(by_default, |url| url.trim_end_matches('/').to_owned())
    }
}
