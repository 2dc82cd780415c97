//! The sandbox: files and URLs come in over Cuckoo's REST API, run in machines, and reports come out.
//!
//! - [`api`]: the REST API, one file per noun.
//! - [`pool`]: the machines, and who has them.
//! - [`processing`]: from the results of a run to its report, one module for each part.
//! - [`scheduler`], [`processor`]: which task is next, for a machine and for processing.
//! - [`samples`], [`results`]: what lies on disk, and how it is reached without trusting any name.
//! - [`server`]: what all of them share.

pub mod api;
pub mod pool;
pub mod processing;
pub mod processor;
pub mod results;
pub mod samples;
pub mod scheduler;
pub mod server;
pub mod settings;

pub use server::{Sandbox, serve};
pub use settings::{Access, Settings};
