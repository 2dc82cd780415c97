//! Programs of Windows.

use super::{ingest, wanted};
use crate::agent::details::Detail;

pub const PROGRAMS: Detail = Detail {
    name: "software_windows",
    platforms: &["windows"],
    sql: "SELECT name, version, 'Program (Windows)' AS type, 'programs' AS source, '' AS release, publisher AS vendor, \
        '' AS arch FROM programs \
        UNION SELECT name, version, 'Browser plugin (IE)' AS type, 'ie_extensions' AS source, '' AS release, \
        '' AS vendor, '' AS arch FROM ie_extensions \
        UNION SELECT name, version, 'Package (Chocolatey)' AS type, 'chocolatey_packages' AS source, '' AS release, \
        '' AS vendor, '' AS arch FROM chocolatey_packages",
    discovery: "SELECT 1 WHERE (SELECT COUNT(*) FROM osquery_registry WHERE active = true AND registry = 'table' \
        AND name IN ('programs', 'ie_extensions', 'chocolatey_packages')) = 3",
    wanted,
    ingest: |rows, into| ingest(rows, &["programs", "ie_extensions", "chocolatey_packages"], into),
};
