//! The API: one file per noun.

use crate::route::Noun;

pub use server::version;

mod activities;
mod config;
mod enroll_secrets;
mod hosts;
mod invites;
mod live_queries;
mod server;
mod sessions;
mod setup;
mod translate;
mod users;

/// Every noun.
pub const NOUNS: &[&Noun] = &[
    &activities::NOUN,
    &config::NOUN,
    &enroll_secrets::NOUN,
    &hosts::NOUN,
    &invites::NOUN,
    &live_queries::NOUN,
    &server::NOUN,
    &sessions::NOUN,
    &setup::NOUN,
    &translate::NOUN,
    &users::NOUN,
];
