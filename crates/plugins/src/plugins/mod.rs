//! The plugins that touch the world: one file each, named as the plugin.

mod artifact;
mod artifact_definitions;
mod batch;
mod cat;
mod clock;
mod collect;
mod connections;
mod delay;
mod delete_events;
mod delete_flow;
mod diff;
mod elastic_upload;
mod enumerate_flow;
mod environ;
mod execve;
mod fifo;
mod filesystems;
mod flow_logs;
mod flow_results;
mod flows;
mod glob;
mod help;
mod http_client;
mod info;
mod interfaces;
mod logscale_upload;
mod mail;
mod monitoring;
mod monitoring_logs;
mod netcat;
mod netstat;
mod parse_auditd;
mod parse_csv;
mod parse_jsonl;
mod parse_lines;
mod parse_records_with_regex;
mod partitions;
mod plist;
mod process_tracker_pslist;
mod process_tracker_updates;
mod pslist;
mod read_file;
mod secrets;
mod sequence;
mod source;
mod split_records;
mod splunk_upload;
mod sql;
mod sqlite;
mod stat;
mod unzip;
mod uploads;
mod users;
mod watch_auditd;
mod watch_csv;
mod watch_jsonl;
mod watch_monitoring;
mod watch_syslog;
mod write_csv;
mod write_jsonl;

use vql::call::Plugin;

/// Every plugin of this folder, by name.
pub const PLUGINS: &[&Plugin] = &[
    &artifact::PLUGIN,
    &artifact_definitions::PLUGIN,
    &batch::PLUGIN,
    &cat::PLUGIN,
    &clock::PLUGIN,
    &collect::PLUGIN,
    &connections::PLUGIN,
    &delay::PLUGIN,
    &delete_events::PLUGIN,
    &delete_flow::PLUGIN,
    &diff::PLUGIN,
    &elastic_upload::PLUGIN,
    &enumerate_flow::PLUGIN,
    &environ::PLUGIN,
    &execve::PLUGIN,
    &fifo::PLUGIN,
    &filesystems::PLUGIN,
    &flow_logs::PLUGIN,
    &flow_results::PLUGIN,
    &flows::PLUGIN,
    &glob::PLUGIN,
    &help::PLUGIN,
    &http_client::PLUGIN,
    &info::PLUGIN,
    &interfaces::PLUGIN,
    &logscale_upload::PLUGIN,
    &mail::PLUGIN,
    &monitoring::PLUGIN,
    &monitoring_logs::PLUGIN,
    &netcat::PLUGIN,
    &netstat::PLUGIN,
    &parse_auditd::PLUGIN,
    &parse_csv::PLUGIN,
    &parse_jsonl::PLUGIN,
    &parse_lines::PLUGIN,
    &parse_records_with_regex::PLUGIN,
    &partitions::PLUGIN,
    &plist::PLUGIN,
    &process_tracker_pslist::PLUGIN,
    &process_tracker_updates::PLUGIN,
    &pslist::PLUGIN,
    &read_file::PLUGIN,
    &secrets::PLUGIN,
    &sequence::PLUGIN,
    &source::PLUGIN,
    &split_records::PLUGIN,
    &splunk_upload::PLUGIN,
    &sql::PLUGIN,
    &sqlite::PLUGIN,
    &stat::PLUGIN,
    &unzip::PLUGIN,
    &uploads::PLUGIN,
    &users::PLUGIN,
    &watch_auditd::PLUGIN,
    &watch_csv::PLUGIN,
    &watch_jsonl::PLUGIN,
    &watch_monitoring::PLUGIN,
    &watch_syslog::PLUGIN,
    &write_csv::PLUGIN,
    &write_jsonl::PLUGIN,
];
