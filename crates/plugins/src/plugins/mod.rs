//! The plugins that touch the world: one file each, named as the plugin.

mod clock;
mod glob;
mod info;
mod read_file;
mod stat;
mod watch_monitoring;

use vql::call::Plugin;

/// Every plugin of this folder, by name.
pub const PLUGINS: &[&Plugin] = &[
    &clock::PLUGIN,
    &glob::PLUGIN,
    &info::PLUGIN,
    &read_file::PLUGIN,
    &stat::PLUGIN,
    &watch_monitoring::PLUGIN,
];
