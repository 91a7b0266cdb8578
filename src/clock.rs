//! The time, as a value handed around, so that a test can decide what time it is.

use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;

use crate::calendar;

/// Where the time comes from: the system, or a fixed moment that a test moves.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A moment set by a test.
    Fixed(Arc<Mutex<OffsetDateTime>>),
}

impl Clock {
    /// A clock that stands still at `at` until it is moved.
    pub fn fixed(at: OffsetDateTime) -> Self {
        Self::Fixed(Arc::new(Mutex::new(at)))
    }

    /// Moves a fixed clock; the system's clock is not ours to move.
    pub fn advance(&self, by: time::Duration) {
        if let Self::Fixed(at) = self {
            *at.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }

    /// Now, in UTC.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(&self) -> OffsetDateTime {
        match self {
            Self::System => OffsetDateTime::now_utc(),
            Self::Fixed(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// The date in Sweden.
    pub fn today(&self) -> time::Date {
        calendar::local(self.now()).date
    }
}
