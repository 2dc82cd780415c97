//! The functions that touch the world: one file each, named as the function.

mod add_server_monitoring;
mod artifact_delete;
mod artifact_set;
mod artifact_set_metadata;
mod atexit;
mod background;
mod cache;
mod cache_dns;
mod cancel_flow;
mod collect_client;
mod compress;
mod copy;
mod create_flow_download;
mod environ;
mod expand;
mod generate;
mod geoip;
mod get_flow;
mod get_server_monitoring;
mod getpid;
mod hash;
mod host;
mod info;
mod lru;
mod magic;
mod mail;
mod memoize;
mod now;
mod parse_binary;
mod parse_pe;
mod parse_x509;
mod parse_xml;
mod parse_yaml;
mod pipe;
mod plist;
mod process_tracker;
mod process_tracker_all;
mod process_tracker_callchain;
mod process_tracker_children;
mod process_tracker_get;
mod process_tracker_tree;
mod pskill;
mod rand;
mod read_file;
mod rm;
mod rm_server_monitoring;
mod rsyslog;
mod secret_add;
mod secret_modify;
mod send_event;
mod set_server_monitoring;
mod sigma_log_sources;
mod sleep;
mod ssdeep_compare;
mod ssdeep_hash;
mod stat;
mod sysinfo;
mod tempdir;
mod tempfile;
mod tlsh_hash;
mod upload;
mod upload_azure;
mod upload_directory;
mod upload_s3;
mod upload_webdav;
mod uuid;
mod whoami;
mod write_file;
mod yara_lint;

use vql::call::Function;

pub use pipe::{Pipe, Pipes};
pub use upload_directory::confined;

/// Every function of this folder, by name.
pub const FUNCTIONS: &[&Function] = &[
    &add_server_monitoring::FUNCTION,
    &artifact_delete::FUNCTION,
    &artifact_set::FUNCTION,
    &artifact_set_metadata::FUNCTION,
    &atexit::FUNCTION,
    &background::FUNCTION,
    &cache::FUNCTION,
    &cache_dns::FUNCTION,
    &cancel_flow::FUNCTION,
    &collect_client::FUNCTION,
    &compress::FUNCTION,
    &copy::FUNCTION,
    &create_flow_download::FUNCTION,
    &environ::FUNCTION,
    &expand::FUNCTION,
    &generate::FUNCTION,
    &geoip::FUNCTION,
    &get_flow::FUNCTION,
    &get_server_monitoring::FUNCTION,
    &getpid::FUNCTION,
    &hash::FUNCTION,
    &host::FUNCTION,
    &info::FUNCTION,
    &lru::FUNCTION,
    &magic::FUNCTION,
    &mail::FUNCTION,
    &memoize::FUNCTION,
    &now::FUNCTION,
    &parse_binary::FUNCTION,
    &parse_pe::FUNCTION,
    &parse_x509::FUNCTION,
    &parse_xml::FUNCTION,
    &parse_yaml::FUNCTION,
    &pipe::FUNCTION,
    &plist::FUNCTION,
    &process_tracker::FUNCTION,
    &process_tracker_all::FUNCTION,
    &process_tracker_callchain::FUNCTION,
    &process_tracker_children::FUNCTION,
    &process_tracker_get::FUNCTION,
    &process_tracker_tree::FUNCTION,
    &pskill::FUNCTION,
    &rand::FUNCTION,
    &read_file::FUNCTION,
    &rm::FUNCTION,
    &rm_server_monitoring::FUNCTION,
    &rsyslog::FUNCTION,
    &secret_add::FUNCTION,
    &secret_modify::FUNCTION,
    &send_event::FUNCTION,
    &set_server_monitoring::FUNCTION,
    &sigma_log_sources::FUNCTION,
    &sleep::FUNCTION,
    &ssdeep_compare::FUNCTION,
    &ssdeep_hash::FUNCTION,
    &stat::FUNCTION,
    &sysinfo::FUNCTION,
    &tempdir::FUNCTION,
    &tempfile::FUNCTION,
    &tlsh_hash::FUNCTION,
    &upload::FUNCTION,
    &upload_azure::FUNCTION,
    &upload_directory::FUNCTION,
    &upload_s3::FUNCTION,
    &upload_webdav::FUNCTION,
    &uuid::FUNCTION,
    &whoami::FUNCTION,
    &write_file::FUNCTION,
    &yara_lint::FUNCTION,
];
