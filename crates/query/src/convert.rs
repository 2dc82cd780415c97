//! Stored records as messages of the API, and back.
//!
//! Records have the fields of the messages, so that most of this is copying.

mod artifact;
mod client;
mod flow;
mod hunt;

pub use artifact::artifact;
pub use client::client;
pub use flow::{context, request, stored_request};
pub use hunt::{hunt, stored_condition, stored_state};
