//! The API: one file per noun.

use crate::route::Noun;

mod activities;
mod enroll_secrets;
mod hosts;
mod live_queries;
mod server;
mod sessions;
mod setup;

/// Every noun.
pub const NOUNS: &[&Noun] = &[
    &activities::NOUN,
    &enroll_secrets::NOUN,
    &hosts::NOUN,
    &live_queries::NOUN,
    &server::NOUN,
    &sessions::NOUN,
    &setup::NOUN,
];
