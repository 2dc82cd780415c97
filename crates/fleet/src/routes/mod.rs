//! The API: one file per noun.

use crate::route::Noun;

pub use server::version;

mod activities;
mod campaigns;
mod carves;
mod config;
mod enroll_secrets;
mod hosts;
mod invites;
mod labels;
mod live_queries;
mod packs;
mod policies;
mod queries;
mod results;
mod schedules;
mod server;
mod sessions;
mod setup;
mod software;
mod specs; // not listed: how requests hold lists of specs
mod targets;
mod teams;
mod translate;
mod users;

/// Every noun.
pub const NOUNS: &[&Noun] = &[
    &activities::NOUN,
    &campaigns::NOUN,
    &carves::NOUN,
    &config::NOUN,
    &enroll_secrets::NOUN,
    &hosts::NOUN,
    &invites::NOUN,
    &labels::NOUN,
    &live_queries::NOUN,
    &packs::NOUN,
    &policies::NOUN,
    &queries::NOUN,
    &results::NOUN,
    &schedules::NOUN,
    &server::NOUN,
    &sessions::NOUN,
    &setup::NOUN,
    &software::NOUN,
    &targets::NOUN,
    &teams::NOUN,
    &translate::NOUN,
    &users::NOUN,
];
