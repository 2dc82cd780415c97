//! The API: one file per noun.

use crate::route::Noun;

mod carves;
mod enroll_secrets;
mod hosts;
mod live_queries;
mod server;
mod sessions;
mod setup;
mod software;
mod targets;

/// Every noun.
pub const NOUNS: &[&Noun] = &[
    &carves::NOUN,
    &enroll_secrets::NOUN,
    &hosts::NOUN,
    &live_queries::NOUN,
    &server::NOUN,
    &sessions::NOUN,
    &setup::NOUN,
    &software::NOUN,
    &targets::NOUN,
];
