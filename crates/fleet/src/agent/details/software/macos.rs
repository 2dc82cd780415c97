//! Applications of macOS.

use super::{ingest, wanted};
use crate::agent::details::Detail;

pub const APPS: Detail = Detail {
    name: "software_macos",
    platforms: &["darwin"],
    sql: "SELECT name, bundle_short_version AS version, 'Application (macOS)' AS type, 'apps' AS source, \
        bundle_identifier, last_opened_time AS last_opened_at, '' AS release, '' AS vendor, '' AS arch FROM apps \
        UNION SELECT name, version, 'Package (Homebrew)' AS type, 'homebrew_packages' AS source, \
        '' AS bundle_identifier, 0 AS last_opened_at, '' AS release, '' AS vendor, '' AS arch FROM homebrew_packages",
    discovery: "SELECT 1 WHERE (SELECT COUNT(*) FROM osquery_registry WHERE active = true AND registry = 'table' \
        AND name IN ('apps', 'homebrew_packages')) = 2",
    wanted,
    ingest: |rows, into| ingest(rows, &["apps", "homebrew_packages"], into),
};
