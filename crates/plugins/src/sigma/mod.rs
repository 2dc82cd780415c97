//! Sigma rules on the rows of queries, for the plugin `sigma()`.

mod engine;
mod event;

pub use engine::{Callbacks, Engine};
