//! Agentuppdrag: an agent applies to mediate a service, Inera reviews, the agent's attestant attests, Inera activates it
//! (portal.md 2.10 and 3.10, contracts.md 1.4).

pub mod actions;
pub mod domain;
mod form;
pub mod mails;
pub mod queries;
mod store;
pub mod web;
