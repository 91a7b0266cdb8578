//! What the database says, sorted into what the application can do about it.

/// A failed query, by class.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A rule the database keeps was not met; the key names it (`0006_order_rules.sql`).
    #[error("database rule {0}")]
    Rule(String),
    /// Somebody else was first: the row is no longer as it was when it was read.
    #[error("stale")]
    Stale,
    /// Row-level security or a grant said no. Layers above should have stopped it.
    #[error("denied: {0}")]
    Denied(String),
    /// A unique or foreign key, by its name.
    #[error("constraint {0}")]
    Constraint(String),
    /// Text that PostgreSQL can't hold, such as a NUL.
    #[error("unstorable text")]
    Text,
    /// No connection, a shutdown, a deadlock or a time limit: trying again may help.
    #[error("database unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Everything else is a fault of ours.
    #[error("database: {0}")]
    Fault(#[source] sqlx::Error),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(report) = &error else {
            return match error {
                sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::Io(_)
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Tls(_) => Self::Unavailable(error),
                other => Self::Fault(other),
            };
        };
        let constraint = report.constraint().unwrap_or_default().to_owned();
        let code = report.code().unwrap_or_default().into_owned();
        match code.as_str() {
            "P0409" => Self::Stale,
            "P0404" => Self::Denied("no such row".to_owned()),
            "P0403" | "P0412" => Self::Rule(report.message().to_owned()),
            "42501" => Self::Denied(report.message().to_owned()),
            // Two decisions at once: the loser meets the winner's sequence number.
            "23505" if constraint == "order_event_pkey" => Self::Stale,
            "23503" | "23505" | "23514" | "23502" => Self::Constraint(constraint),
            "22021" | "22P05" => Self::Text,
            "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "25P03" | "53300"
            | "53100" | "53200" | "55000" | "3D000" => Self::Unavailable(error),
            _ => Self::Fault(error),
        }
    }
}
