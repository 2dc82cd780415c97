//! The VQL server: the gRPC API (`proto.API`) over the query engine.
//!
//! `service` holds the calls, `run` runs one `Query` on a thread of its own, `packet` packs its rows into
//! responses, `watch` streams the rows of an event queue, `convert` turns stored records into messages, `missing`
//! answers for methods that are not built.

mod convert;
mod missing;
mod packet;
mod run;
mod secrets;
mod server;
mod service;
mod watch;

pub use secrets::StoredSecrets;
pub use server::{MAX_QUERIES, Server, serve};
