//! Becoming a customer (portal.md 2.2, kundansökan): somebody applies behind a link, an agreements officer reviews, and with the
//! signed agreement the organisation's first people are invited.

pub mod actions;
pub mod domain;
pub mod form;
pub mod mails;
pub mod queries;
mod store;
pub mod web;
