//! The functions that touch the world: one file each, named as the function.

mod atexit;
mod cache_dns;
mod environ;
mod expand;
mod getpid;
mod hash;
mod info;
mod now;
mod parse_xml;
mod parse_yaml;
mod rand;
mod read_file;
mod secret_add;
mod secret_modify;
mod sleep;
mod stat;
mod sysinfo;
mod tempdir;
mod tempfile;
mod uuid;

use vql::call::Function;

/// Every function of this folder, by name.
pub const FUNCTIONS: &[&Function] = &[
    &atexit::FUNCTION,
    &cache_dns::FUNCTION,
    &environ::FUNCTION,
    &expand::FUNCTION,
    &getpid::FUNCTION,
    &hash::FUNCTION,
    &info::FUNCTION,
    &now::FUNCTION,
    &parse_xml::FUNCTION,
    &parse_yaml::FUNCTION,
    &rand::FUNCTION,
    &read_file::FUNCTION,
    &secret_add::FUNCTION,
    &secret_modify::FUNCTION,
    &sleep::FUNCTION,
    &stat::FUNCTION,
    &sysinfo::FUNCTION,
    &tempdir::FUNCTION,
    &tempfile::FUNCTION,
    &uuid::FUNCTION,
];
