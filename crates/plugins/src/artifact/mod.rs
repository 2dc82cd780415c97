//! Artifacts: named queries with parameters, written in YAML.
//!
//! [`definition`] reads and checks a file, [`repository`] holds all of them, [`prepared`] compiles one for a
//! program, [`run`] runs its sources, [`change`] defines one. The files of the built-in set are in `crates/plugins/artifacts/`, listed in
//! [`builtin`].

pub mod builtin;
pub mod change;
mod check;
pub mod definition;
pub mod parameter;
pub mod prepared;
pub mod repository;
pub mod run;
