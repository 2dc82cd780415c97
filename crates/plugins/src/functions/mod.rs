//! The functions that touch the world: one file each, named as the function.

mod hash;
mod info;
mod now;
mod read_file;
mod stat;

use vql::call::Function;

/// Every function of this folder, by name.
pub const FUNCTIONS: &[&Function] =
    &[&hash::FUNCTION, &info::FUNCTION, &now::FUNCTION, &read_file::FUNCTION, &stat::FUNCTION];
