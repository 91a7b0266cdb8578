//! Contacts: who belongs to an organisation, what each may do, who stands in for whom, and how that changes (portal.md 1.3,
//! 1.5 and 2.6).

pub mod actions;
pub mod care;
pub mod details;
mod details_store;
pub mod domain;
pub mod insight;
mod insight_store;
mod invitation_store;
pub mod invitations;
pub mod joining;
mod joining_store;
pub mod mails;
pub mod merging;
mod merging_store;
pub mod queries;
pub mod rights;
mod store;
pub mod web;
