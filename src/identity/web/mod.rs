//! Pages about who one is: signing in, choosing organisation, the account, the organisation's own page.

pub mod account;
pub(crate) mod address;
pub mod close;
pub(crate) mod confirm;
pub mod eid;
pub mod eid_account;
pub mod first_step;
pub mod kept;
pub mod login;
pub mod login_email;
pub mod own_step;
pub mod passkey_sign_in;
pub mod password;
pub mod reset;
pub mod second;
pub mod second_change;
pub mod second_sign_in;
pub mod signed_out;
