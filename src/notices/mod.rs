//! In-app notices (aviseringar): what the worker has told a person, read and unread.

mod queries;
pub mod web;
