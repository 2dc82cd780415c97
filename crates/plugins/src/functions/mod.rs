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
mod environ;
mod expand;
mod generate;
mod geoip;
mod get_flow;
mod get_server_monitoring;
mod getpid;
mod hash;
mod info;
mod lru;
mod memoize;
mod now;
mod parse_binary;
mod parse_x509;
mod parse_xml;
mod parse_yaml;
mod pipe;
mod plist;
mod pskill;
mod rand;
mod read_file;
mod rm;
mod rm_server_monitoring;
mod secret_add;
mod secret_modify;
mod send_event;
mod set_server_monitoring;
mod sleep;
mod stat;
mod sysinfo;
mod tempdir;
mod tempfile;
mod upload;
mod upload_directory;
mod uuid;
mod whoami;
mod write_file;

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
    &environ::FUNCTION,
    &expand::FUNCTION,
    &generate::FUNCTION,
    &geoip::FUNCTION,
    &get_flow::FUNCTION,
    &get_server_monitoring::FUNCTION,
    &getpid::FUNCTION,
    &hash::FUNCTION,
    &info::FUNCTION,
    &lru::FUNCTION,
    &memoize::FUNCTION,
    &now::FUNCTION,
    &parse_binary::FUNCTION,
    &parse_x509::FUNCTION,
    &parse_xml::FUNCTION,
    &parse_yaml::FUNCTION,
    &pipe::FUNCTION,
    &plist::FUNCTION,
    &pskill::FUNCTION,
    &rand::FUNCTION,
    &read_file::FUNCTION,
    &rm::FUNCTION,
    &rm_server_monitoring::FUNCTION,
    &secret_add::FUNCTION,
    &secret_modify::FUNCTION,
    &send_event::FUNCTION,
    &set_server_monitoring::FUNCTION,
    &sleep::FUNCTION,
    &stat::FUNCTION,
    &sysinfo::FUNCTION,
    &tempdir::FUNCTION,
    &tempfile::FUNCTION,
    &upload::FUNCTION,
    &upload_directory::FUNCTION,
    &uuid::FUNCTION,
    &whoami::FUNCTION,
    &write_file::FUNCTION,
];
