//! Speaking to the network, for every callable that does.
//!
//! The engine is synchronous and the network is not: an exchange runs as a task on the runtime, and the thread of the
//! query waits for what the task sends it, through a channel that holds a few pieces only. When the query is cancelled
//! the task is aborted.
//!
//! Every connection is made to an address that [`policy::Policy`] was asked about: names are resolved here, and what
//! was checked is what is connected to.

pub mod batch;
pub mod clients;
pub mod cookies;
pub mod dial;
pub mod dns;
pub mod exchange;
pub mod form;
pub mod mail;
pub mod multipart;
pub mod names;
pub mod policy;
pub mod proxy;
pub mod secrets;
pub mod sigv4;
pub mod smtp;
pub mod store;
pub mod syslog;
pub mod task;
pub mod tls;
pub mod upload;

use policy::Policy;

/// What the owner of the server says about the network.
#[derive(Debug, Default)]
pub struct Network {
    /// Where queries may connect to.
    pub policy: Policy,
    /// The proxy for everything, instead of those that the environment names.
    pub proxy: Option<String>,
    /// The deployment's own CA, as PEM: what it issued is trusted whatever its name.
    pub own_ca: Option<String>,
    /// Whether `skip_verify` is forbidden.
    pub always_verify: bool,
    /// Whether requests must use a managed secret.
    pub must_use_secrets: bool,
}
