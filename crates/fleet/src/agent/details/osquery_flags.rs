//! How often the agent calls: what decides whether it is online.

use super::{ALWAYS, Detail, EVERYWHERE, Ingest, Row, always, number, text};

pub const DETAIL: Detail = Detail {
    name: "osquery_flags",
    platforms: EVERYWHERE,
    sql: "SELECT name, value FROM osquery_flags \
        WHERE name IN ('distributed_interval', 'config_tls_refresh', 'config_refresh', 'logger_tls_period')",
    discovery: ALWAYS,
    wanted: always,
    ingest,
};

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    let value = |flag: &str| {
        let row = rows.iter().find(|row| text(row, "name") == flag)?;
        number(row, "value").filter(|seconds| (0..=i64::from(u32::MAX)).contains(seconds))
    };
    // One is the other's old name; agents show both.
    let refresh =
        value("config_tls_refresh").filter(|seconds| *seconds > 0).or_else(|| value("config_refresh"));
    let columns = [
        ("distributed_interval", value("distributed_interval")),
        ("config_tls_refresh", refresh),
        ("logger_tls_period", value("logger_tls_period")),
    ];
    for (column, seconds) in columns {
        if let Some(seconds) = seconds {
            into.facts.number(column, seconds);
        }
    }
}
