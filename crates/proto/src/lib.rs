//! The gRPC types of the API: messages, the client and the server face of the service.
//!
//! Everything in here but the list of [method names](METHODS) is generated from `proto/*.proto` and committed,
//! so that a build needs no generator. After a change there, run
//! `UPDATE_GENERATED=1 cargo test -p proto`; without the variable the same test fails while the committed
//! code is stale. Source of names and numbers: the gRPC reference, sections 10 to 12.

mod generated {
    #![allow(clippy::all, missing_docs)]
    include!("generated/proto.rs");
}
mod methods;

pub use generated::*;
pub use methods::{METHODS, method_of_path};

/// The encoded descriptions of all files under `proto/`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptors.bin");
