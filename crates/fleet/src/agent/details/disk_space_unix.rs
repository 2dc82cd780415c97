//! How much space the root file system has left.

use super::{ALWAYS, Detail, Ingest, Row, always, single, text};

pub const DETAIL: Detail = Detail {
    name: "disk_space_unix",
    platforms: &["linux", "darwin"],
    sql: "SELECT (blocks_available * 100 / blocks) AS percent_disk_space_available, \
        round((blocks_available * blocks_size * 10e-10), 2) AS gigs_disk_space_available \
        FROM mounts WHERE path = '/' AND blocks > 0 LIMIT 1",
    discovery: ALWAYS,
    wanted: always,
    ingest,
};

pub(super) fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    let Some(row) = single(rows) else { return };
    for column in ["gigs_disk_space_available", "percent_disk_space_available"] {
        if let Ok(number) = text(&row, column).trim().parse::<f64>()
            && number.is_finite()
        {
            into.facts.real(column, number);
        }
    }
}
