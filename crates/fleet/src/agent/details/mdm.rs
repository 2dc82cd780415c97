//! Whether the device is managed. The table comes with an extension; without it the answer is empty.

use store::fleet::host::Mdm;

use super::{Detail, Ingest, Row, always, text};

pub const DETAIL: Detail = Detail {
    name: "mdm",
    platforms: &["darwin"],
    sql: "SELECT enrolled, server_url, installed_from_dep FROM mdm",
    discovery: "SELECT 1 FROM osquery_registry WHERE active = true AND registry = 'table' AND name = 'mdm'",
    wanted: always,
    ingest,
};

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    let is = |row: &Row, column| ["true", "1"].contains(&text(row, column));
    into.more.mdm = Some(rows.first().map(|row| Mdm {
        enrolled: is(row, "enrolled"),
        server_url: text(row, "server_url").to_owned(),
        installed_from_dep: is(row, "installed_from_dep"),
    }));
}
