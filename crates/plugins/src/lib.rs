//! VQL functions and plugins that touch the world, and the host that runs queries.
//!
//! One file each in `functions/`, `plugins/` and `accessor/`, registered in that folder's `mod.rs`.

pub mod accessor;
pub mod artifact;
pub mod collection;
mod events;
pub mod functions;
mod glob;
pub mod host;
mod machine;
pub mod net;
pub mod plugins;
pub mod server;
mod text;
pub mod throttle;
pub mod world;
pub mod write_policy;
mod xml;
mod yaml;

use vql::registry::Registry;

/// Every callable there is: those of the language and those of this crate.
pub fn registry() -> Registry {
    let mut registry = Registry::pure();
    registry.add(functions::FUNCTIONS, plugins::PLUGINS);
    registry
}
