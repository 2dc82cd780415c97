//! Machines whose guests speak Cuckoo's own protocol: an HTTP agent in the guest, and a result server on the host (the sandbox
//! reference, sections 7 to 9).
//!
//! ```text
//! analysis ──HTTP──> agent in the guest (port 8000)     upload, start, ask how far it is
//!                        │ starts
//!                    analyzer ──TCP──> result_server     log, behaviour, files, pictures
//! ```
//!
//! The owner of the server brings the machine and the analyzer; neither is part of Harrier. [`hosted`] are machines whose image is the
//! owner's and which Harrier runs itself: their agents are reached through the network of the machine, and nothing else is.
//! What a guest answers may come from
//! a sample that took it over, and is read within limits.

mod agent;
mod analysis;
mod analyzer;
mod capture;
mod conf;
mod form;
mod hosted;
mod http;
mod machine;
mod package;
mod reset;

pub use agent::{Agent, Status};
pub use analysis::Remote;
pub use hosted::{Found, Host, check, snapshot};
pub use http::{Fault, Line};
pub use machine::{Configuration, Kind, Machine, Platform};
pub use package::is_known;
