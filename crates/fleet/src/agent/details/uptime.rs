//! How long the host has been running.

use super::{ALWAYS, Detail, EVERYWHERE, Ingest, Row, always, number, single};

pub const DETAIL: Detail = Detail {
    name: "uptime",
    platforms: EVERYWHERE,
    sql: "SELECT * FROM uptime LIMIT 1",
    discovery: ALWAYS,
    wanted: always,
    ingest,
};

const NANOSECONDS: i64 = 1_000_000_000;

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    let Some(row) = single(rows) else { return };
    if let Some(seconds) = number(&row, "total_seconds") {
        into.facts.number("uptime", seconds.saturating_mul(NANOSECONDS));
    }
}
