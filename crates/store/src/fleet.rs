//! The nouns of the fleet: one file each, plain functions over a transaction.
//!
//! Records are named and serialised as on the wire (the Fleet reference), so that nothing is renamed in between.
//! Functions that change something check nothing about rights: that is the caller's part, see [`crate::rights`].

pub mod activity;
pub mod app_config;
pub mod campaign;
pub mod carve;
pub mod email_change;
pub mod enroll_secret;
mod fault;
pub mod host;
pub mod invite;
pub mod json;
pub mod label;
mod list;
mod name;
pub mod pack;
pub mod password;
pub mod password_reset;
pub mod policy;
pub mod query;
pub mod session;
pub mod software;
pub mod target;
pub mod team;
mod time;
pub mod token;
pub mod translate;
pub mod user;
mod visible;

pub use fault::{Fault, Outcome};
pub use list::{ListOptions, OrderKey, Owned};
pub use name::key;
pub use time::Time;
pub use visible::Visible;
