//! The VQL language: text in, lazy rows out.

pub mod permission;
