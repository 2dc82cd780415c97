//! Extensions of browsers, of every user.

use super::{ingest, wanted};
use crate::agent::details::{Detail, EVERYWHERE};

pub const CHROME: Detail = Detail {
    name: "software_chrome_extensions",
    platforms: EVERYWHERE,
    sql: "SELECT e.name, e.version, 'Browser plugin (Chrome)' AS type, 'chrome_extensions' AS source, '' AS release, \
        '' AS vendor, '' AS arch FROM users CROSS JOIN chrome_extensions e USING (uid)",
    discovery: "SELECT 1 FROM osquery_registry WHERE active = true AND registry = 'table' AND name = 'chrome_extensions'",
    wanted,
    ingest: |rows, into| ingest(rows, &["chrome_extensions"], into),
};

pub const FIREFOX: Detail = Detail {
    name: "software_firefox_addons",
    platforms: EVERYWHERE,
    sql: "SELECT a.name, a.version, 'Browser plugin (Firefox)' AS type, 'firefox_addons' AS source, '' AS release, \
        '' AS vendor, '' AS arch FROM users CROSS JOIN firefox_addons a USING (uid)",
    discovery: "SELECT 1 FROM osquery_registry WHERE active = true AND registry = 'table' AND name = 'firefox_addons'",
    wanted,
    ingest: |rows, into| ingest(rows, &["firefox_addons"], into),
};

pub const SAFARI: Detail = Detail {
    name: "software_safari_extensions",
    platforms: &["darwin"],
    sql: "SELECT e.name, e.version, 'Browser plugin (Safari)' AS type, 'safari_extensions' AS source, '' AS release, \
        '' AS vendor, '' AS arch FROM users CROSS JOIN safari_extensions e USING (uid)",
    discovery: "SELECT 1 FROM osquery_registry WHERE active = true AND registry = 'table' AND name = 'safari_extensions'",
    wanted,
    ingest: |rows, into| ingest(rows, &["safari_extensions"], into),
};
