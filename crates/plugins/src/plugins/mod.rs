//! The plugins that touch the world: one file each, named as the plugin.

mod artifact;
mod artifact_definitions;
mod clock;
mod connections;
mod delete_events;
mod delete_flow;
mod enumerate_flow;
mod environ;
mod filesystems;
mod flow_logs;
mod flow_results;
mod flows;
mod glob;
mod help;
mod http_client;
mod info;
mod interfaces;
mod monitoring;
mod netstat;
mod parse_csv;
mod parse_jsonl;
mod parse_lines;
mod parse_records_with_regex;
mod partitions;
mod pslist;
mod read_file;
mod source;
mod split_records;
mod stat;
mod unzip;
mod uploads;
mod users;
mod watch_monitoring;

use vql::call::Plugin;

/// Every plugin of this folder, by name.
pub const PLUGINS: &[&Plugin] = &[
    &artifact::PLUGIN,
    &artifact_definitions::PLUGIN,
    &clock::PLUGIN,
    &connections::PLUGIN,
    &delete_events::PLUGIN,
    &delete_flow::PLUGIN,
    &enumerate_flow::PLUGIN,
    &environ::PLUGIN,
    &filesystems::PLUGIN,
    &flow_logs::PLUGIN,
    &flow_results::PLUGIN,
    &flows::PLUGIN,
    &glob::PLUGIN,
    &help::PLUGIN,
    &http_client::PLUGIN,
    &info::PLUGIN,
    &interfaces::PLUGIN,
    &monitoring::PLUGIN,
    &netstat::PLUGIN,
    &parse_csv::PLUGIN,
    &parse_jsonl::PLUGIN,
    &parse_lines::PLUGIN,
    &parse_records_with_regex::PLUGIN,
    &partitions::PLUGIN,
    &pslist::PLUGIN,
    &read_file::PLUGIN,
    &source::PLUGIN,
    &split_records::PLUGIN,
    &stat::PLUGIN,
    &unzip::PLUGIN,
    &uploads::PLUGIN,
    &users::PLUGIN,
    &watch_monitoring::PLUGIN,
];
