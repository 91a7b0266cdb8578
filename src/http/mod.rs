//! Everything between the socket and a page: the route table, the layers, forms, pages, errors.

pub mod assets;
pub mod context;
pub mod error;
pub mod extract;
mod flash;
pub mod form;
pub mod layers;
pub mod look;
pub mod metrics;
pub mod page;
pub mod pages;
pub mod router;
pub mod serve;
pub mod session;

pub use self::{
    context::{Agent, Customer, Cx, Person, Staff},
    error::AppError,
    extract::{Form, Link, Multipart, Path, Query},
    flash::Flash,
    form::{Errors, FieldError},
    page::{Chrome, see_other},
};
