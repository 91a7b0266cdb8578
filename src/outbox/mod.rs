//! The outbox: causes become mails and notices, mails are sent; each step survives a crash at any point.

mod application_store;
mod contact_store;
mod digest;
mod expand;
mod expand_applications;
mod expand_contacts;
mod expand_joining;
mod expand_mandates;
mod expand_organisation;
mod joining_store;
mod mail_store;
mod mandate_store;
mod organisation_store;
mod queries;
mod render;
mod schedule;
mod schedule_store;
mod smtp;
mod store;
pub mod web;
mod worker;

pub use self::{
    smtp::{Mailer, Outgoing, SendError},
    worker::{Worker, run},
};
