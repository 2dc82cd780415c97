//! What every server shares: certificates, TLS with client certificates, the accept loop, shutdown, and the
//! configuration files of the published API.
//!
//! ```text
//! config::server  server.config.yaml      config::client  api_client.yaml
//! ca              issues certificates     tls             who may connect
//! listener        accepts connections     shutdown        when to stop
//! channel         connects as a client    http            serves HTTP
//! web             certificates of web servers
//! ```

pub mod ca;
pub mod channel;
pub mod config;
mod error;
pub mod http;
pub mod identity;
pub mod listener;
pub mod shutdown;
pub mod tls;
pub mod web;

pub use error::{Error, Result};

#[cfg(test)]
mod tests;
