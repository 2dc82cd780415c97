//! VQL functions and plugins that touch the world, and the host that runs queries.
//!
//! One file each in `functions/`, `plugins/` and `accessor/`, registered in that folder's `mod.rs`.

pub mod accessor;
pub mod artifact;
mod beside;
mod binary;
mod caching;
pub mod client;
pub mod collection;
mod command;
mod events;
mod evidence;
mod fan_out;
pub mod functions;
mod glob;
mod handle;
pub mod host;
pub mod hunt;
mod journald;
pub mod log_lines;
mod machine;
pub mod monitoring;
pub mod net;
mod period;
mod plist;
pub mod plugins;
mod process_tracker;
mod relay;
mod row_file;
mod row_window;
pub mod server;
mod sigma;
mod sql;
mod tail;
mod text;
pub mod throttle;
pub mod user;
pub mod world;
pub mod write_policy;
mod xml;
mod yaml;
mod yara;

use vql::registry::Registry;

/// Every callable there is: those of the language and those of this crate.
pub fn registry() -> Registry {
    let mut registry = Registry::pure();
    registry.add(functions::FUNCTIONS, plugins::PLUGINS);
    registry
}
