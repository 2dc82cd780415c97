//! The plugins that touch the world: one file each, named as the plugin.

mod clock;
mod environ;
mod glob;
mod info;
mod parse_csv;
mod parse_jsonl;
mod parse_lines;
mod parse_records_with_regex;
mod read_file;
mod split_records;
mod stat;
mod users;
mod watch_monitoring;

use vql::call::Plugin;

/// Every plugin of this folder, by name.
pub const PLUGINS: &[&Plugin] = &[
    &clock::PLUGIN,
    &environ::PLUGIN,
    &glob::PLUGIN,
    &info::PLUGIN,
    &parse_csv::PLUGIN,
    &parse_jsonl::PLUGIN,
    &parse_lines::PLUGIN,
    &parse_records_with_regex::PLUGIN,
    &read_file::PLUGIN,
    &split_records::PLUGIN,
    &stat::PLUGIN,
    &users::PLUGIN,
    &watch_monitoring::PLUGIN,
];
