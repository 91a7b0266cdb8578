//! All tests against a real PostgreSQL, always as the application role; one binary, one private server for the run.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what they expect"
)]

mod harness;

mod account;
mod agreements;
mod applications;
mod architecture;
mod bad_input;
mod blocking;
mod contacts;
mod database;
mod details;
mod digests;
mod eid;
mod eligibility;
mod guidance;
mod helping;
mod inera_staff;
mod insight;
mod invitations;
mod invoicing;
mod joining;
mod kept;
mod leaving;
mod mandates;
mod mandates_wait;
mod merging;
mod notices;
mod organisation;
mod own_step;
mod pages;
mod passkeys;
mod remembered;
mod reset;
mod resilience;
mod rights;
mod routes;
mod scenarios;
mod second_step;
mod signing_in;
mod units;
