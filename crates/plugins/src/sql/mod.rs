//! Queries of SQL databases (builtins page, section 4.3).

pub mod database;
pub mod sqlite;
