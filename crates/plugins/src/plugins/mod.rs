//! The plugins that touch the world: one file each, named as the plugin.

mod artifact;
mod artifact_definitions;
mod audit;
mod batch;
mod cat;
mod client_delete;
mod clients;
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
mod favorites_list;
mod fifo;
mod filesystems;
mod flow_logs;
mod flow_results;
mod flows;
mod glob;
mod gui_users;
mod help;
mod http_client;
mod hunt_delete;
mod hunt_flows;
mod hunt_results;
mod hunts;
mod info;
mod interfaces;
mod logging;
mod logscale_upload;
mod mail;
mod monitoring;
mod monitoring_logs;
mod netcat;
mod netstat;
mod olevba;
mod orgs;
mod parallelize;
mod parse_auditd;
mod parse_csv;
mod parse_evtx;
mod parse_journald;
mod parse_jsonl;
mod parse_lines;
mod parse_mft;
mod parse_records_with_regex;
mod parse_recyclebin;
mod parse_usn;
mod partitions;
mod plist;
mod prefetch;
mod proc_yara;
mod process_tracker_pslist;
mod process_tracker_updates;
mod pslist;
mod read_file;
mod read_reg_key;
mod secrets;
mod sequence;
mod sigma;
mod source;
mod split_records;
mod splunk_upload;
mod sql;
mod sqlite;
mod stat;
mod unzip;
mod uploads;
mod user_messages;
mod users;
mod vad;
mod watch_auditd;
mod watch_csv;
mod watch_journald;
mod watch_jsonl;
mod watch_monitoring;
mod watch_syslog;
mod write_csv;
mod write_jsonl;
mod yara;
mod yarax;

use vql::call::Plugin;

/// Every plugin of this folder, by name.
pub const PLUGINS: &[&Plugin] = &[
    &artifact::PLUGIN,
    &artifact_definitions::PLUGIN,
    &audit::PLUGIN,
    &batch::PLUGIN,
    &cat::PLUGIN,
    &client_delete::PLUGIN,
    &clients::PLUGIN,
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
    &favorites_list::PLUGIN,
    &fifo::PLUGIN,
    &filesystems::PLUGIN,
    &flow_logs::PLUGIN,
    &flow_results::PLUGIN,
    &flows::PLUGIN,
    &glob::PLUGIN,
    &gui_users::PLUGIN,
    &help::PLUGIN,
    &http_client::PLUGIN,
    &hunt_delete::PLUGIN,
    &hunt_flows::PLUGIN,
    &hunt_results::PLUGIN,
    &hunts::PLUGIN,
    &info::PLUGIN,
    &interfaces::PLUGIN,
    &logging::PLUGIN,
    &logscale_upload::PLUGIN,
    &mail::PLUGIN,
    &monitoring::PLUGIN,
    &monitoring_logs::PLUGIN,
    &netcat::PLUGIN,
    &netstat::PLUGIN,
    &olevba::PLUGIN,
    &orgs::PLUGIN,
    &parallelize::PLUGIN,
    &parse_auditd::PLUGIN,
    &parse_csv::PLUGIN,
    &parse_evtx::PLUGIN,
    &parse_journald::PLUGIN,
    &parse_jsonl::PLUGIN,
    &parse_lines::PLUGIN,
    &parse_mft::PLUGIN,
    &parse_records_with_regex::PLUGIN,
    &parse_recyclebin::PLUGIN,
    &parse_usn::PLUGIN,
    &partitions::PLUGIN,
    &plist::PLUGIN,
    &prefetch::PLUGIN,
    &proc_yara::PLUGIN,
    &process_tracker_pslist::PLUGIN,
    &process_tracker_updates::PLUGIN,
    &pslist::PLUGIN,
    &read_file::PLUGIN,
    &read_reg_key::PLUGIN,
    &secrets::PLUGIN,
    &sequence::PLUGIN,
    &sigma::PLUGIN,
    &source::PLUGIN,
    &split_records::PLUGIN,
    &splunk_upload::PLUGIN,
    &sql::PLUGIN,
    &sqlite::PLUGIN,
    &stat::PLUGIN,
    &unzip::PLUGIN,
    &uploads::PLUGIN,
    &user_messages::PLUGIN,
    &users::PLUGIN,
    &vad::PLUGIN,
    &watch_auditd::PLUGIN,
    &watch_csv::PLUGIN,
    &watch_journald::PLUGIN,
    &watch_jsonl::PLUGIN,
    &watch_monitoring::PLUGIN,
    &watch_syslog::PLUGIN,
    &write_csv::PLUGIN,
    &write_jsonl::PLUGIN,
    &yara::PLUGIN,
    &yarax::PLUGIN,
];
