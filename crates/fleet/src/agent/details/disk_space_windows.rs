//! How much space the system drive has left.

use super::{ALWAYS, Detail, always, disk_space_unix};

pub const DETAIL: Detail = Detail {
    name: "disk_space_windows",
    platforms: &["windows"],
    sql: "SELECT ROUND((sum(free_space) * 100 * 10e-10) / (sum(size) * 10e-10)) AS percent_disk_space_available, \
        ROUND(sum(free_space) * 10e-10) AS gigs_disk_space_available \
        FROM logical_drives WHERE file_system = 'NTFS' LIMIT 1",
    discovery: ALWAYS,
    wanted: always,
    ingest: disk_space_unix::ingest,
};
