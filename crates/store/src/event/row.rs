//! Rows as they are stored: one JSON object in one line, with the members that the server adds.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// One row: the text of a JSON object without line feeds.
pub type Row = Arc<[u8]>;

/// The longest row in bytes.
pub const MAX_ROW: usize = 4 << 20;

/// The most bytes that rows appended together may take.
pub const MAX_BATCH: usize = 16 << 20;

/// Reads one JSON object per line, ignoring empty lines, and sets `_ts` and `extra` in each.
///
/// Nothing is returned when any line is wrong: a batch is stored as a whole or not at all.
pub fn parse_jsonl(jsonl: &[u8], now: i64, extra: &[(&str, Value)]) -> Result<Vec<Row>> {
    if jsonl.len() > MAX_BATCH {
        return Err(Error::BatchTooLong { limit: MAX_BATCH });
    }
    let lines = jsonl.split(|byte| *byte == b'\n').enumerate();
    let rows = lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(i, line)| {
        let object: Map<String, Value> = serde_json::from_slice(line)
            .map_err(|source| Error::RowInvalid { line: i + 1, source: Some(source) })?;
        encode(i + 1, object, now, extra)
    });
    within_batch(rows)
}

/// Sets `_ts` and `extra` in each object and encodes them.
pub fn parse_rows(
    objects: impl IntoIterator<Item = Map<String, Value>>,
    now: i64,
    extra: &[(&str, Value)],
) -> Result<Vec<Row>> {
    within_batch(objects.into_iter().enumerate().map(|(i, object)| encode(i + 1, object, now, extra)))
}

/// The time of a row, its member `_ts`, in microseconds since 1970. A row without one counts as of 1970.
pub fn time_of(row: &[u8]) -> i64 {
    #[derive(serde::Deserialize)]
    struct Stamp {
        #[serde(rename = "_ts", default)]
        seconds: f64,
    }
    let stamp = serde_json::from_slice::<Stamp>(row);
    // A conversion from float stays within the bounds of the integer.
    stamp.map_or(0, |stamp| (stamp.seconds * 1e6) as i64)
}

fn encode(line: usize, mut object: Map<String, Value>, now: i64, extra: &[(&str, Value)]) -> Result<Row> {
    object.insert("_ts".to_owned(), now.into());
    for (name, value) in extra {
        object.insert((*name).to_owned(), value.clone());
    }
    let text =
        serde_json::to_vec(&object).map_err(|source| Error::RowInvalid { line, source: Some(source) })?;
    if text.len() > MAX_ROW {
        return Err(Error::RowTooLong { line, limit: MAX_ROW });
    }
    Ok(text.into())
}

fn within_batch(rows: impl Iterator<Item = Result<Row>>) -> Result<Vec<Row>> {
    let mut total = 0;
    rows.map(|row| {
        let row = row?;
        total += row.len();
        if total > MAX_BATCH { Err(Error::BatchTooLong { limit: MAX_BATCH }) } else { Ok(row) }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(row: &Row) -> &str {
        std::str::from_utf8(row).unwrap()
    }

    #[test]
    fn members_keep_their_order_and_the_servers_win() {
        let sender = [("_Sender", Value::from("fred"))];
        let rows =
            parse_jsonl(b"{\"b\":1,\"a\":\"x\\ny\"}\r\n\n {\"_Sender\":\"root\"}", 7, &sender).unwrap();
        assert_eq!(text(&rows[0]), r#"{"b":1,"a":"x\ny","_ts":7,"_Sender":"fred"}"#);
        assert_eq!(text(&rows[1]), r#"{"_Sender":"fred","_ts":7}"#);
    }

    #[test]
    fn the_time_of_a_row_is_its_own_member_and_nothing_else() {
        for (row, time) in [
            (r#"{"a":1,"_ts":7}"#, 7_000_000),
            (r#"{"_ts":7.25,"a":{"_ts":9}}"#, 7_250_000),
            (r#"{"a":"\"_ts\":9"}"#, 0),
            (r#"{"_ts":"7"}"#, 0),
            (r#"{"_ts":-1}"#, -1_000_000),
            (r#"{"_ts":1e300}"#, i64::MAX),
            ("", 0),
        ] {
            assert_eq!(time_of(row.as_bytes()), time, "{row}");
        }
    }

    #[test]
    fn a_line_that_is_no_object_refuses_the_batch() {
        for bad in ["[1]", "7", "{\"a\":1} x", "{", "\"x\""] {
            let refused = parse_jsonl(format!("{{}}\n{bad}\n").as_bytes(), 0, &[]).unwrap_err();
            assert!(matches!(refused, Error::RowInvalid { line: 2, .. }), "{bad}");
        }
    }

    #[test]
    fn long_rows_and_batches_are_refused() {
        let row = |len| Map::from_iter([("a".to_owned(), Value::from("x".repeat(len)))]);
        assert!(matches!(parse_rows([row(MAX_ROW)], 0, &[]), Err(Error::RowTooLong { line: 1, .. })));
        let many = std::iter::repeat_with(|| row(MAX_ROW - 100)).take(5);
        assert!(matches!(parse_rows(many, 0, &[]), Err(Error::BatchTooLong { .. })));
    }
}
