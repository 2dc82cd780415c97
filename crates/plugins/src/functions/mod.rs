//! The functions that touch the world: one file each, named as the function.

mod atexit;
mod compress;
mod copy;
mod environ;
mod expand;
mod getpid;
mod hash;
mod info;
mod now;
mod parse_xml;
mod parse_yaml;
mod pipe;
mod rand;
mod read_file;
mod sleep;
mod stat;
mod sysinfo;
mod tempdir;
mod tempfile;
mod upload_directory;
mod uuid;

use vql::call::Function;

pub use pipe::{Pipe, Pipes};
pub use upload_directory::confined;

/// Every function of this folder, by name.
pub const FUNCTIONS: &[&Function] = &[
    &atexit::FUNCTION,
    &compress::FUNCTION,
    &copy::FUNCTION,
    &environ::FUNCTION,
    &expand::FUNCTION,
    &getpid::FUNCTION,
    &hash::FUNCTION,
    &info::FUNCTION,
    &now::FUNCTION,
    &parse_xml::FUNCTION,
    &parse_yaml::FUNCTION,
    &pipe::FUNCTION,
    &rand::FUNCTION,
    &read_file::FUNCTION,
    &sleep::FUNCTION,
    &stat::FUNCTION,
    &sysinfo::FUNCTION,
    &tempdir::FUNCTION,
    &tempfile::FUNCTION,
    &upload_directory::FUNCTION,
    &uuid::FUNCTION,
];
