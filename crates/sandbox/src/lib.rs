//! Virtual machines that run samples.
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
//! kind of machine would implement. The network of a guest is a Unix socket ([`machine::Guest::network_socket`]) on which QEMU
//! listens: each Ethernet frame follows its length, four bytes, big-endian. Nobody connected means no network.

pub mod error;
pub mod guest;
pub mod machine;

pub use error::{Error, Result};
pub use guest_protocol as protocol;
