//! What can be ordered, by whom, how, and at what price: services, offers, dated rules, prices, terms.

pub mod domain;
pub mod eligibility;
pub mod load;
pub mod price;
pub mod queries;

pub use self::{
    domain::{Catalogue, Channel, Offer, Scope, Service},
    eligibility::{CustomerFacts, Reason, Verdict, assess_offer, assess_service},
};
