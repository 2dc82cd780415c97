//! The functions that touch nothing outside: one file each, named as the function.

mod alert;
mod all;
mod any;
mod array;
mod atoi;
mod base64decode;
mod base64encode;
mod base85decode;
mod basename;
mod cidr_contains;
mod commandline_split;
mod count;
mod crypto_rc4;
mod dict;
mod dirname;
mod encode;
mod entropy;
mod enumerate;
mod eval;
mod filter;
mod format;
mod get;
mod grok;
mod gunzip;
mod humanize;
mod r#if;
mod int;
mod ip;
mod items;
mod join;
mod lazy_dict;
mod len;
mod log;
mod lowcase;
mod max;
mod min;
mod parse_float;
mod parse_json;
mod parse_json_array;
mod parse_string_with_regex;
mod patch;
mod path_join;
mod path_split;
mod pathspec;
mod rate;
mod regex_replace;
mod regex_transform;
mod relpath;
mod rot13;
mod scope;
mod semver;
mod serialize;
mod set;
mod similarity;
mod slice;
mod split;
mod str;
mod strip;
mod substr;
mod sum;
mod template;
mod timestamp;
mod timestamp_format;
mod to_dict;
mod r#typeof;
mod unhex;
mod upcase;
mod url;
mod utf16;
mod utf16_encode;
mod version;
mod xor;

use crate::call::Function;

/// Every function of this folder, by name.
pub const FUNCTIONS: &[&Function] = &[
    &alert::FUNCTION,
    &all::FUNCTION,
    &any::FUNCTION,
    &array::FUNCTION,
    &atoi::FUNCTION,
    &base64decode::FUNCTION,
    &base64encode::FUNCTION,
    &base85decode::FUNCTION,
    &basename::FUNCTION,
    &cidr_contains::FUNCTION,
    &commandline_split::FUNCTION,
    &count::FUNCTION,
    &crypto_rc4::FUNCTION,
    &dict::FUNCTION,
    &dirname::FUNCTION,
    &encode::FUNCTION,
    &entropy::FUNCTION,
    &enumerate::FUNCTION,
    &eval::FUNCTION,
    &filter::FUNCTION,
    &format::FUNCTION,
    &get::FUNCTION,
    &grok::FUNCTION,
    &gunzip::FUNCTION,
    &humanize::FUNCTION,
    &r#if::FUNCTION,
    &int::FUNCTION,
    &ip::FUNCTION,
    &items::FUNCTION,
    &join::FUNCTION,
    &lazy_dict::FUNCTION,
    &len::FUNCTION,
    &log::FUNCTION,
    &lowcase::FUNCTION,
    &max::FUNCTION,
    &min::FUNCTION,
    &parse_float::FUNCTION,
    &parse_json::FUNCTION,
    &parse_json_array::FUNCTION,
    &parse_string_with_regex::FUNCTION,
    &patch::FUNCTION,
    &path_join::FUNCTION,
    &path_split::FUNCTION,
    &pathspec::FUNCTION,
    &rate::FUNCTION,
    &regex_replace::FUNCTION,
    &regex_transform::FUNCTION,
    &relpath::FUNCTION,
    &rot13::FUNCTION,
    &scope::FUNCTION,
    &semver::FUNCTION,
    &serialize::FUNCTION,
    &set::FUNCTION,
    &similarity::FUNCTION,
    &slice::FUNCTION,
    &split::FUNCTION,
    &str::FUNCTION,
    &strip::FUNCTION,
    &substr::FUNCTION,
    &sum::FUNCTION,
    &template::FUNCTION,
    &timestamp::FUNCTION,
    &timestamp_format::FUNCTION,
    &to_dict::FUNCTION,
    &r#typeof::FUNCTION,
    &unhex::FUNCTION,
    &upcase::FUNCTION,
    &url::FUNCTION,
    &utf16::FUNCTION,
    &utf16_encode::FUNCTION,
    &version::FUNCTION,
    &xor::FUNCTION,
];
