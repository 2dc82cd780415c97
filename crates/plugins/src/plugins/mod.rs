//! The plugins that touch the world: one file each, named as the plugin.

mod clock;
mod watch_monitoring;

use vql::call::Plugin;

/// Every plugin of this folder, by name.
pub const PLUGINS: &[&Plugin] = &[&clock::PLUGIN, &watch_monitoring::PLUGIN];
