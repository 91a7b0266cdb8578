//! Pages about agreements.

pub mod own;
pub mod sign;
pub mod staff;
mod view;

use serde::Deserialize;

/// The agreement's number in an address.
#[derive(Debug, Deserialize)]
pub struct AgreementPath {
    /// KA2-10482.
    nummer: String,
}
