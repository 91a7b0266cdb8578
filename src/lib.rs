//! Kundportalen: care providers order national e-health services from Inera, directly or through an agent.
//!
//! Contexts, each with the same inner shape (`domain → actions → store/queries → web`) and this order of dependence:
//! `account → outbox → orders → mandates → applications → agreements → organisation → contacts → notices → catalogue → identity → (db, http, audit,
//! clock, ids)`; `tests/it/architecture.rs` holds it.
//! `docs/architecture.md` tells the rest.

pub mod account;
pub mod agreements;
pub mod app;
pub mod applications;
pub mod audit;
pub mod calendar;
pub mod catalogue;
pub mod clock;
pub mod command;
pub mod config;
pub mod contacts;
pub mod db;
pub mod demo;
pub mod http;
pub mod identity;
pub mod ids;
pub mod keys;
pub mod mandates;
pub mod notices;
pub mod orders;
pub mod organisation;
pub mod outbox;
pub mod telemetry;
pub mod text;

/// Pages are many short-lived strings: this allocator is faster with them and gives memory back sooner than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
