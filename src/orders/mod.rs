//! Orders, directly and via an agent: content, the chain of decisions, delivery (portal.md 2.7 and 2.8).

pub mod actions;
pub mod domain;
pub mod lifecycle;
pub mod list_queries;
pub mod mails;
pub mod order_queries;
pub mod queries;
pub mod store;
pub mod web;

pub use self::domain::{Content, Line, LineKind, Order, Route, State};
