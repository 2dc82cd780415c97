//! The plugins that touch the world: one file each, named as the plugin.

mod clock;
mod connections;
mod environ;
mod filesystems;
mod glob;
mod help;
mod http_client;
mod info;
mod interfaces;
mod netstat;
mod parse_csv;
mod parse_jsonl;
mod parse_lines;
mod parse_records_with_regex;
mod partitions;
mod pslist;
mod read_file;
mod secrets;
mod split_records;
mod stat;
mod users;
mod watch_monitoring;

use vql::call::Plugin;

/// Every plugin of this folder, by name.
pub const PLUGINS: &[&Plugin] = &[
    &clock::PLUGIN,
    &connections::PLUGIN,
    &environ::PLUGIN,
    &filesystems::PLUGIN,
    &glob::PLUGIN,
    &help::PLUGIN,
    &http_client::PLUGIN,
    &info::PLUGIN,
    &interfaces::PLUGIN,
    &netstat::PLUGIN,
    &parse_csv::PLUGIN,
    &parse_jsonl::PLUGIN,
    &parse_lines::PLUGIN,
    &parse_records_with_regex::PLUGIN,
    &partitions::PLUGIN,
    &pslist::PLUGIN,
    &read_file::PLUGIN,
    &secrets::PLUGIN,
    &split_records::PLUGIN,
    &stat::PLUGIN,
    &users::PLUGIN,
    &watch_monitoring::PLUGIN,
];
