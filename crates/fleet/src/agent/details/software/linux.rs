//! Packages of Linux distributions.

use super::{ingest, wanted};
use crate::agent::details::Detail;

pub const PACKAGES: Detail = Detail {
    name: "software_linux",
    platforms: &["linux"],
    sql: "SELECT name, version, 'Package (deb)' AS type, 'deb_packages' AS source, '' AS release, '' AS vendor, \
        arch FROM deb_packages WHERE status LIKE '% installed' \
        UNION SELECT name, version, 'Package (RPM)' AS type, 'rpm_packages' AS source, release, vendor, arch \
        FROM rpm_packages",
    discovery: "SELECT 1 WHERE (SELECT COUNT(*) FROM osquery_registry WHERE active = true AND registry = 'table' \
        AND name IN ('deb_packages', 'rpm_packages')) = 2",
    wanted,
    ingest: |rows, into| ingest(rows, &["deb_packages", "rpm_packages"], into),
};

pub const PORTAGE: Detail = Detail {
    name: "software_linux_portage",
    platforms: &["linux"],
    sql: "SELECT package AS name, version, 'Package (Portage)' AS type, 'portage_packages' AS source, '' AS release, \
        '' AS vendor, '' AS arch FROM portage_packages",
    discovery: "SELECT 1 FROM osquery_registry WHERE active = true AND registry = 'table' AND name = 'portage_packages'",
    wanted,
    ingest: |rows, into| ingest(rows, &["portage_packages"], into),
};

pub const PYTHON: Detail = Detail {
    name: "software_python",
    platforms: &["linux", "darwin", "windows"],
    sql: "SELECT name, version, 'Package (Python)' AS type, 'python_packages' AS source, '' AS release, '' AS vendor, \
        '' AS arch FROM python_packages",
    discovery: "SELECT 1 FROM osquery_registry WHERE active = true AND registry = 'table' AND name = 'python_packages'",
    wanted,
    ingest: |rows, into| ingest(rows, &["python_packages"], into),
};

pub const NPM: Detail = Detail {
    name: "software_npm",
    platforms: &["linux"],
    sql: "SELECT name, version, 'Package (NPM)' AS type, 'npm_packages' AS source, '' AS release, '' AS vendor, \
        '' AS arch FROM npm_packages",
    discovery: "SELECT 1 FROM osquery_registry WHERE active = true AND registry = 'table' AND name = 'npm_packages'",
    wanted,
    ingest: |rows, into| ingest(rows, &["npm_packages"], into),
};
