//! The demo: made-up organisations and people on the real catalogue. `tests/` stand on the same people.

pub mod people;
mod store;

pub use self::store::{DemoError, fill, people_only};
