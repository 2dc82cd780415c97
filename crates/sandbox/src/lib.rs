//! The sandbox: files and URLs come in over Cuckoo's REST API, run in virtual machines, and reports come out.
//!
//! ```text
//! client ── HTTP ──> api ──> store::sandbox (tasks) ──> scheduler ──> a machine of the pool
//!                     │                                                │ restored, driven, stopped
//!                     └── samples, results <── processing <── processor ┘
//! ```
//!
//! - [`api`]: the REST API, one file per noun.
//! - [`analysis`]: one run of one sample in one machine.
//! - [`scheduler`], [`processor`]: which task is next, for a machine and for processing.
//! - [`internet`]: the network that guests are connected to, a process of its own for each.
//! - [`pool`]: the machines, and who has them. [`machine`], [`guest`]: what runs them, and how they are built.
//! - [`remote`], [`result_server`]: machines whose guests speak Cuckoo's own protocol, and where they send what they find.
//! - [`processing`]: from the results of a run to its report, one module for each part. `page`: the report for people.
//! - [`samples`], [`results`]: what lies on disk, and how it is reached without trusting any name.
//! - [`server`]: what all of them share.
//!
//! Guests are built once and restored for each run:
//!
//! ```text
//! guest build ──> DIR/guests/NAME        image, kernel, initial file system, certificate (guest::build)
//!                      │ once             boot, warm up, stop, save         (machine::qemu::template)
//!                      └── templates/KEY  memory file, device state, disk
//!                              │ per analysis: copy on write, about 0.2 s   (machine::qemu::restore)
//!                              ▼
//!                     Guest { ping, put, run, get, screenshot, dump_memory, stop }
//! ```
//!
//! [`machine::Qemu`] restores guests, [`guest::Agent`] speaks with the agent inside; [`machine::Machinery`] is what another
//! kind of machine would implement. The network of a guest is a Unix socket ([`machine::Vm::network_socket`]) on which QEMU
//! listens: each Ethernet frame follows its length, four bytes, big-endian. Nobody connected means no network; [`internet`] is what
//! connects there.

pub mod analysis;
pub mod api;
pub mod error;
#[cfg(test)]
mod example;
pub mod guest;
pub mod internet;
pub mod machine;
mod page;
pub mod pool;
pub mod processing;
pub mod processor;
pub mod remote;
pub mod result_server;
pub mod results;
pub mod samples;
pub mod scheduler;
pub mod server;
pub mod settings;

pub use error::{Error, Result};
pub use guest_protocol as protocol;
pub use server::{Sandbox, serve};
pub use settings::{Access, Settings};
