//! The plugins that are part of the language (reference, section 10). One file each.

mod chain;
mod combine;
mod flatten;
mod foreach;
mod r#if;
mod items;
mod parse_json_array;
mod query;
mod range;
mod scope;
mod switch;

use crate::call::Plugin;

/// Every plugin of this folder, by name.
pub const PLUGINS: &[&Plugin] = &[
    &chain::PLUGIN,
    &combine::PLUGIN,
    &flatten::PLUGIN,
    &foreach::PLUGIN,
    &r#if::PLUGIN,
    &items::PLUGIN,
    &parse_json_array::PLUGIN,
    &query::PLUGIN,
    &range::PLUGIN,
    &scope::PLUGIN,
    &switch::PLUGIN,
];
