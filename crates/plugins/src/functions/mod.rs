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
mod client_create;
mod client_info;
mod client_metadata;
mod client_set_metadata;
mod collect_client;
mod compress;
mod copy;
mod create_flow_download;
mod environ;
mod expand;
mod favorites_delete;
mod favorites_save;
mod generate;
mod geoip;
mod get_flow;
mod get_server_monitoring;
mod getpid;
mod hash;
mod host;
mod hunt;
mod hunt_add;
mod hunt_info;
mod hunt_update;
mod info;
mod label;
mod lru;
mod lzxpress_decompress;
mod magic;
mod mail;
mod memoize;
mod now;
mod org;
mod parse_binary;
mod parse_pe;
mod parse_pkcs7;
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
mod server_metadata;
mod server_set_metadata;
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
mod user;
mod user_create;
mod user_delete;
mod user_grant;
mod user_message;
mod user_options;
mod uuid;
mod whoami;
mod write_file;
mod xattr;
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
    &client_create::FUNCTION,
    &client_info::FUNCTION,
    &client_metadata::FUNCTION,
    &client_set_metadata::FUNCTION,
    &collect_client::FUNCTION,
    &compress::FUNCTION,
    &copy::FUNCTION,
    &create_flow_download::FUNCTION,
    &environ::FUNCTION,
    &expand::FUNCTION,
    &favorites_delete::FUNCTION,
    &favorites_save::FUNCTION,
    &generate::FUNCTION,
    &geoip::FUNCTION,
    &get_flow::FUNCTION,
    &get_server_monitoring::FUNCTION,
    &getpid::FUNCTION,
    &hash::FUNCTION,
    &host::FUNCTION,
    &hunt::FUNCTION,
    &hunt_add::FUNCTION,
    &hunt_info::FUNCTION,
    &hunt_update::FUNCTION,
    &info::FUNCTION,
    &label::FUNCTION,
    &lru::FUNCTION,
    &lzxpress_decompress::FUNCTION,
    &magic::FUNCTION,
    &mail::FUNCTION,
    &memoize::FUNCTION,
    &now::FUNCTION,
    &org::FUNCTION,
    &parse_binary::FUNCTION,
    &parse_pe::FUNCTION,
    &parse_pkcs7::FUNCTION,
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
    &server_metadata::FUNCTION,
    &server_set_metadata::FUNCTION,
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
    &user::FUNCTION,
    &user_create::FUNCTION,
    &user_delete::FUNCTION,
    &user_grant::FUNCTION,
    &user_message::FUNCTION,
    &user_options::FUNCTION,
    &uuid::FUNCTION,
    &whoami::FUNCTION,
    &write_file::FUNCTION,
    &xattr::FUNCTION,
    &yara_lint::FUNCTION,
];
