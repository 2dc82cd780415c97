//! The functions that touch nothing outside: one file each, named as the function.

mod count;
mod enumerate;
mod r#if;
mod lazy_dict;
mod log;
mod max;
mod min;
mod rate;
mod scope;
mod sum;
mod version;

use crate::call::Function;

/// Every function of this folder, by name.
pub const FUNCTIONS: &[&Function] = &[
    &count::FUNCTION,
    &enumerate::FUNCTION,
    &r#if::FUNCTION,
    &lazy_dict::FUNCTION,
    &log::FUNCTION,
    &max::FUNCTION,
    &min::FUNCTION,
    &rate::FUNCTION,
    &scope::FUNCTION,
    &sum::FUNCTION,
    &version::FUNCTION,
];
