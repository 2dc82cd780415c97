//! The agent itself.

use super::{ALWAYS, Detail, EVERYWHERE, Ingest, Row, always, single, text};

pub const DETAIL: Detail = Detail {
    name: "osquery_info",
    platforms: EVERYWHERE,
    sql: "SELECT * FROM osquery_info LIMIT 1",
    discovery: ALWAYS,
    wanted: always,
    ingest,
};

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    let Some(row) = single(rows) else { return };
    into.facts.text("osquery_version", text(&row, "version"));
}
