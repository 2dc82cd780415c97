//! What scheduled queries cost the host.

use store::fleet::pack::Report;

use super::{ALWAYS, Detail, EVERYWHERE, Ingest, Row, always, number, text};

pub const DETAIL: Detail = Detail {
    name: "scheduled_query_stats",
    platforms: EVERYWHERE,
    sql: "SELECT *, (SELECT value FROM osquery_flags WHERE name = 'pack_delimiter') AS delimiter FROM osquery_schedule",
    discovery: ALWAYS,
    wanted: always,
    ingest,
};

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    into.more.stats = rows.iter().filter_map(stats).collect();
}

/// The statistics of one entry; none for those that are of no pack.
fn stats(row: &Row) -> Option<(String, String, Report)> {
    let delimiter = Some(text(row, "delimiter")).filter(|text| !text.is_empty())?;
    let rest = text(row, "name").strip_prefix("pack")?.strip_prefix(delimiter)?;
    let (pack, query) = rest.split_once(delimiter)?;
    let int = |column| number(row, column).unwrap_or_default();
    let report = Report {
        average_memory: int("average_memory"),
        denylisted: int("denylisted") != 0,
        executions: int("executions"),
        interval: int("interval"),
        last_executed: int("last_executed"),
        output_size: int("output_size"),
        system_time: int("system_time"),
        user_time: int("user_time"),
        // Seconds; recent agents give thousandths as well, and zero here for what is fast.
        wall_time: int("wall_time").max(int("wall_time_ms") / 1000),
    };
    Some((pack.to_owned(), query.to_owned(), report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_at_the_first_delimiter() {
        let row = |name: &str, delimiter: &str| {
            let pairs = [("name", name), ("delimiter", delimiter), ("executions", "3")];
            stats(&pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into())
        };
        let (pack, query, report) = row("pack/Global/a/b", "/").unwrap();
        assert_eq!((&*pack, &*query, report.executions), ("Global", "a/b", 3));
        assert!(row("own", "/").is_none() && row("pack/x", "/").is_none() && row("pack_a_b", "").is_none());
    }
}
