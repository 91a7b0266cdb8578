//! Who is asking and what they may: persons, organisations, roles, sessions, sign-in, fresh confirmation.

pub mod actor;
pub mod blocking;
mod blocking_store;
pub mod close;
pub mod confirmation;
pub mod domain;
pub mod eid;
pub mod first_step;
pub mod kept;
pub mod login_email;
pub mod mails;
pub mod oidc;
pub mod own_step;
pub mod passkey;
pub mod passkey_sign_in;
pub mod password;
pub mod policy;
pub mod queries;
pub mod reset;
pub mod second;
mod second_store;
mod shown;
pub mod sign_in;
mod store;
pub mod token;
pub mod totp;
pub mod web;

pub use self::{
    actor::{Actor, Entered, Insight, OrgLink},
    confirmation::Confirmed,
    domain::{BadInput, Email, HsaId, OrgNr, PersonalNumber, Role, Roles, Side},
};
