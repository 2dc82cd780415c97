//! The API: one file per noun.

use crate::route::Noun;

mod activities;
mod enroll_secrets;
mod hosts;
mod invites;
mod live_queries;
mod server;
mod sessions;
mod setup;
mod users;

/// Every noun.
pub const NOUNS: &[&Noun] = &[
    &activities::NOUN,
    &enroll_secrets::NOUN,
    &hosts::NOUN,
    &invites::NOUN,
    &live_queries::NOUN,
    &server::NOUN,
    &sessions::NOUN,
    &setup::NOUN,
    &users::NOUN,
];
