//! The fleet server: everything of the Fleet API, live queries, and what osquery agents talk to.
//!
//! ```text
//! server     what all requests share        settings   what the administrator chose
//! router     routes under each version      route      what a route declares about itself
//! routes/    the API, one file per noun     request/   what handlers take out of requests
//! agent/     the osquery TLS endpoints      live/      live queries and their streams
//! loadtest   simulated agents
//! probes     health, version, numbers       openapi    the description of the API
//! describe   what handlers take and give, for that description
//! metrics    what is counted                throttle   how often passwords may be tried
//! archive    carved files on disk
//! forward/   where logs of agents are handed on to
//! logged     lines of these logs as clients get them
//! mail       mails to users
//! jobs       what is done now and then
//! error, reply                              what clients get
//! ```
//!
//! The contract is the Fleet document and, for what it leaves open, the Fleet and osquery references.

pub mod agent;
mod archive;
mod describe;
mod error;
pub mod forward;
mod gate;
pub mod jobs;
pub mod live;
pub mod loadtest;
mod logged;
mod mail;
mod metrics;
mod openapi;
mod probes;
mod reply;
mod request;
mod route;
mod router;
mod routes;
mod server;
mod settings;
mod throttle;

pub use error::{Error, Result};
pub use route::{Access, Route, Versions};
pub use router::{all as all_routes, paths, router};
pub use server::{Fleet, serve};
pub use settings::Settings;
