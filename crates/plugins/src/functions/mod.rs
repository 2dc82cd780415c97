//! The functions that touch the world: one file each, named as the function.

mod now;

use vql::call::Function;

/// Every function of this folder, by name.
pub const FUNCTIONS: &[&Function] = &[&now::FUNCTION];
