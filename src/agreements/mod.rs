//! Agreements between Inera and an organisation, and how they are signed (portal.md 2.3 and 2.4).

pub mod actions;
pub mod domain;
pub mod lifecycle;
pub mod mails;
pub mod queries;
pub mod store;
pub(crate) mod template;
pub mod web;

pub use self::domain::{Kind, SigningState, Status};
