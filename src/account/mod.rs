//! What a person can see of the person's own account: the log, and what the portal holds (GDPR article 15).

pub mod extract;
pub mod mails;
pub mod queries;
pub mod web;
