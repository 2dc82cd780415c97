//! The version of Munki. The table comes with an extension; without it the answer is empty.

use super::{Detail, Ingest, Row, always, text};

pub const DETAIL: Detail = Detail {
    name: "munki_info",
    platforms: &["darwin"],
    sql: "SELECT version FROM munki_info",
    discovery: "SELECT 1 FROM osquery_registry WHERE active = true AND registry = 'table' AND name = 'munki_info'",
    wanted: always,
    ingest,
};

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    into.more.munki = Some(rows.first().map(|row| text(row, "version").to_owned()));
}
