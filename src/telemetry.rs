//! Logs: lines for people, or JSON for machines. What is logged is said in `docs/operations.md`.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::Config;

/// Starts logging at `default` unless `RUST_LOG` says otherwise, in colours when a person reads it. A second call
/// keeps the first.
pub fn start(config: &Config, default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    let started = if config.log_json { builder.json().try_init() } else { builder.try_init() };
    if let Err(error) = started {
        tracing::debug!(%error, "logging had started already");
    }
}
