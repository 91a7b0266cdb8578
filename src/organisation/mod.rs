//! Organisations: what is known of them, who changes what, and where their invoices go (portal.md 2.14, 3.5, 3.14).

pub mod actions;
pub mod data_queries;
pub mod domain;
pub mod health;
pub mod invoicing;
pub mod mails;
pub mod queries;
mod store;
pub mod unit_queries;
pub mod units;
pub mod web;
