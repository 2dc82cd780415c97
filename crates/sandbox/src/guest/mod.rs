//! Guests: their images on disk, how they are built, and the agent inside.

mod agent;
mod agent_file;
pub mod build;
mod manifest;
mod store;

pub use agent::{Agent, Content, Event, Events};
pub use agent_file::find as find_agent_file;
pub use manifest::{FORMAT, Manifest};
pub(crate) use store::Lock;
pub use store::{Guests, Image};
