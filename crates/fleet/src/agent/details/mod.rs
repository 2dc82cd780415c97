//! Detail queries: one file each, with its SQL and what its rows fill (the osquery reference, section 9).

use std::collections::BTreeMap;

use serde_json::Value as Json;
use store::fleet::host::{Facts, Host, More};
pub use store::fleet::policy::platform_family;

use super::work::Work;

mod disk_space_unix;
mod disk_space_windows;
mod google_chrome_profiles;
mod mdm;
mod munki_info;
mod network_interface;
mod os_version;
mod osquery_flags;
mod osquery_info;
mod scheduled_query_stats;
mod software;
mod system_info;
mod uptime;
mod users;

/// A row of an agent: everything is text.
pub type Row = BTreeMap<String, String>;

/// One detail query.
pub struct Detail {
    /// As on the wire, behind the prefix.
    pub name: &'static str,
    /// Families of platforms that have its tables; empty for all.
    pub platforms: &'static [&'static str],
    pub sql: &'static str,
    /// The query is sent only to agents for which this gives a row.
    pub discovery: &'static str,
    /// Whether the settings want it.
    pub wanted: fn(&Work) -> bool,
    /// Takes the rows over. What is not as expected is left out.
    pub ingest: fn(Vec<Row>, &mut Ingest),
}

/// Every detail query.
pub const DETAILS: &[&Detail] = &[
    &disk_space_unix::DETAIL,
    &disk_space_windows::DETAIL,
    &google_chrome_profiles::DETAIL,
    &mdm::DETAIL,
    &munki_info::DETAIL,
    &network_interface::DETAIL,
    &os_version::DETAIL,
    &osquery_flags::DETAIL,
    &osquery_info::DETAIL,
    &scheduled_query_stats::DETAIL,
    &software::browsers::CHROME,
    &software::browsers::FIREFOX,
    &software::browsers::SAFARI,
    &software::linux::NPM,
    &software::linux::PACKAGES,
    &software::linux::PORTAGE,
    &software::linux::PYTHON,
    &software::macos::APPS,
    &software::windows::PROGRAMS,
    &system_info::DETAIL,
    &uptime::DETAIL,
    &users::DETAIL,
];

/// Every agent has the table.
const ALWAYS: &str = "SELECT 1";
const EVERYWHERE: &[&str] = &[];

/// What details fill.
#[derive(Debug, Default)]
pub struct Ingest {
    pub facts: Facts,
    pub more: More,
}

/// Whether everybody wants it.
fn always(_: &Work) -> bool {
    true
}

/// Hands out the name, SQL and discovery of each query for a host. Without a platform only those for all are.
pub fn ask(work: &Work, host: &Host, ask: &mut dyn FnMut(&str, &str, &'static str)) {
    let family = platform_family(&host.platform);
    for detail in DETAILS.iter().filter(|detail| (detail.wanted)(work)) {
        if detail.platforms.is_empty() || detail.platforms.contains(&family) {
            ask(detail.name, detail.sql, detail.discovery);
        }
    }
}

/// Takes the rows of one query over. Names that are not known are left out.
pub fn ingest(name: &str, rows: Vec<Row>, into: &mut Ingest) {
    if let Some(detail) = DETAILS.iter().find(|detail| detail.name == name) {
        (detail.ingest)(rows, into);
    }
}

/// What an agent says of its host when it enrols.
pub fn of_enrolment(details: &BTreeMap<String, Row>) -> Facts {
    let mut into = Ingest::default();
    for (name, row) in details {
        if ["os_version", "osquery_info", "system_info"].contains(&&**name) {
            ingest(name, vec![row.clone()], &mut into);
        }
    }
    into.facts
}

/// The rows of an answer. What is no list of objects counts as no rows; values that are no text are written as one.
pub fn rows(json: Json) -> Vec<Row> {
    let Json::Array(rows) = json else { return Vec::new() };
    let objects = rows.into_iter().filter_map(|row| match row {
        Json::Object(object) => Some(object),
        _ => None,
    });
    let text = |value: Json| match value {
        Json::String(text) => text,
        Json::Null => String::new(),
        other => other.to_string(),
    };
    objects.map(|object| object.into_iter().map(|(name, value)| (name, text(value))).collect()).collect()
}

/// The one row of queries that must give exactly one.
fn single(mut rows: Vec<Row>) -> Option<Row> {
    if rows.len() == 1 { rows.pop() } else { None }
}

/// A column as a number: none and empty are zero, what is no number is left out.
fn number(row: &Row, column: &str) -> Option<i64> {
    match row.get(column).map_or("", |text| text.trim()) {
        "" => Some(0),
        text => text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|number| number as i64)),
    }
}

fn text<'r>(row: &'r Row, column: &str) -> &'r str {
    row.get(column).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whatever_agents_send_becomes_rows_of_texts() {
        assert!(rows(json!("")).is_empty() && rows(json!({"a": 1})).is_empty());
        let found = rows(json!([{"a": "x", "b": 7, "c": null}, null, 3]));
        let expected: Row = [("a", "x"), ("b", "7"), ("c", "")].map(|(k, v)| (k.into(), v.into())).into();
        assert_eq!(found, [expected]);
    }

    #[test]
    fn unknown_platforms_are_linuxes() {
        let families = ["", "darwin", "windows", "rocky", "rhel"].map(platform_family);
        assert_eq!(families, ["", "darwin", "windows", "linux", "linux"]);
    }
}
