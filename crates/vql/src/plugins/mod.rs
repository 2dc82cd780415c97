//! The plugins that are part of the language (reference, section 10). One file each.

mod chain;
mod column_filter;
mod combine;
mod dedup;
mod flatten;
mod r#for;
mod foreach;
mod r#if;
mod items;
mod parse_json_array;
mod query;
mod range;
mod sample;
mod scope;
mod switch;

use crate::call::Plugin;

/// Every plugin of this folder, by name.
pub const PLUGINS: &[&Plugin] = &[
    &chain::PLUGIN,
    &column_filter::PLUGIN,
    &combine::PLUGIN,
    &dedup::PLUGIN,
    &flatten::PLUGIN,
    &r#for::PLUGIN,
    &foreach::PLUGIN,
    &r#if::PLUGIN,
    &items::PLUGIN,
    &parse_json_array::PLUGIN,
    &query::PLUGIN,
    &range::PLUGIN,
    &sample::PLUGIN,
    &scope::PLUGIN,
    &switch::PLUGIN,
];
