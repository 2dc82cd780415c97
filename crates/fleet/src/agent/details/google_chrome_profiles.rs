//! Mail addresses of browser profiles: who uses the device. The table comes with an extension.

use super::{Detail, EVERYWHERE, Ingest, Row, always, text};

pub const DETAIL: Detail = Detail {
    name: "google_chrome_profiles",
    platforms: EVERYWHERE,
    sql: "SELECT email FROM google_chrome_profiles WHERE NOT ephemeral AND email <> ''",
    discovery: "SELECT 1 FROM osquery_registry WHERE active = true AND registry = 'table' \
        AND name = 'google_chrome_profiles'",
    wanted: always,
    ingest,
};

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    let emails = rows.iter().map(|row| text(row, "email").to_owned()).filter(|email| !email.is_empty());
    into.more.emails = Some(emails.collect());
}
