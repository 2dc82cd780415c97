//! Parts of stored tables: rows as JSON arrays.

use proto::{GetTableRequest, GetTableResponse, Row};
use serde_json::{Map, Value};
use store::rows::RowReader;
use tonic::Status;
use vql::value::regex::{self, Regex};

use super::call::{failed, refused};

/// Rows of a part when the request does not say, and the most it may say.
const ROWS: (u64, u64) = (500, 100_000);

/// The most bytes of a part: clients take messages of 4 MiB. Those who want more ask for the next part.
const MAX_BYTES: usize = 3 << 20;

/// A part of a table, in the making.
pub struct Table {
    start: u64,
    count: u64,
    /// Only these columns, unless empty.
    only: Vec<String>,
    filter: Option<(String, Regex)>,
    /// Rows of the whole table so far.
    total: u64,
    bytes: usize,
    columns: Vec<String>,
    rows: Vec<Map<String, Value>>,
}

impl Table {
    pub fn new(start: u64, count: u64) -> Self {
        let count = if count == 0 { ROWS.0 } else { count.min(ROWS.1) };
        Table {
            start,
            count,
            only: Vec::new(),
            filter: None,
            total: 0,
            bytes: 0,
            columns: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The part that a request names.
    pub fn of(request: &GetTableRequest) -> Result<Self, Status> {
        if !matches!(request.org_id.as_str(), "" | "root") {
            return Err(Status::not_found("Org not found"));
        }
        if !request.sort_column.is_empty() {
            return Err(Status::unimplemented(
                "tables come in the order they are stored: leave out sort_column",
            ));
        }
        let mut table = Table::new(request.start_row, request.rows);
        table.only.clone_from(&request.columns);
        if !request.filter_column.is_empty() && !request.filter_regex.is_empty() {
            let regex = regex::compile(request.filter_regex.as_bytes(), true)
                .map_err(|e| Status::invalid_argument(format!("filter_regex: {e}")))?;
            table.filter = Some((request.filter_column.clone(), regex));
        }
        Ok(table)
    }

    /// Adds stored rows, each with more columns at its end.
    pub fn read(&mut self, rows: RowReader, more: &[(&str, Value)]) -> Result<(), Status> {
        for text in rows {
            let text = text.map_err(failed)?;
            if self.passes_over() {
                continue;
            }
            let mut row: Map<String, Value> =
                serde_json::from_slice(&text).map_err(|_| refused("a stored row is damaged".into()))?;
            row.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            self.push(row, text.len());
        }
        Ok(())
    }

    /// Whether the next row only counts, being before or after the part: then it has been counted.
    pub fn passes_over(&mut self) -> bool {
        let passes_over = self.filter.is_none() && !self.is_wanted();
        self.total += u64::from(passes_over);
        passes_over
    }

    /// Adds a row; `size` is about its length.
    pub fn push(&mut self, row: Map<String, Value>, size: usize) {
        if let Some((column, regex)) = &self.filter {
            let cell = row.get(column).map(as_text).unwrap_or_default();
            if !regex::is_match(regex, cell.as_bytes()) {
                return;
            }
        }
        if self.is_wanted() {
            self.bytes += size;
            for name in row.keys() {
                if !self.columns.contains(name) && (self.only.is_empty() || self.only.contains(name)) {
                    self.columns.push(name.clone());
                }
            }
            self.rows.push(row);
        }
        self.total += 1;
    }

    fn is_wanted(&self) -> bool {
        let is_in_part = self.total >= self.start && (self.rows.len() as u64) < self.count;
        is_in_part && (self.bytes < MAX_BYTES || self.rows.is_empty())
    }

    pub fn answer(self) -> GetTableResponse {
        let cells = |row: &Map<String, Value>| {
            let cell = |name: &String| row.get(name).cloned().unwrap_or_default();
            Value::Array(self.columns.iter().map(cell).collect())
        };
        GetTableResponse {
            rows: self.rows.iter().map(|row| Row { json: cells(row).to_string() }).collect(),
            total_rows: i64::try_from(self.total).unwrap_or(i64::MAX),
            columns: self.columns,
            ..GetTableResponse::default()
        }
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table(request: &GetTableRequest, rows: &[Value]) -> (Vec<String>, Vec<String>, i64) {
        let mut table = Table::of(request).unwrap();
        rows.iter().for_each(|row| table.push(row.as_object().unwrap().clone(), 10));
        let answer = table.answer();
        (answer.columns, answer.rows.into_iter().map(|r| r.json).collect(), answer.total_rows)
    }

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn rows_are_arrays_in_the_order_of_all_columns() {
        let rows = [json!({"a": 1}), json!({"b": [2], "a": "x"}), json!({"a": 3})];
        let got = table(&GetTableRequest { rows: 2, ..GetTableRequest::default() }, &rows);
        assert_eq!(got, (strings(&["a", "b"]), strings(&["[1,null]", "[\"x\",[2]]"]), 3));
        let request =
            GetTableRequest { start_row: 2, columns: strings(&["a"]), ..GetTableRequest::default() };
        assert_eq!(table(&request, &rows), (strings(&["a"]), strings(&["[3]"]), 3));
    }

    #[test]
    fn a_filter_counts_what_fits() {
        let rows = [json!({"a": "One"}), json!({"a": "two"}), json!({"a": 1}), json!({})];
        let request = GetTableRequest {
            filter_column: "a".into(),
            filter_regex: "^o|1".into(),
            ..GetTableRequest::default()
        };
        assert_eq!(table(&request, &rows), (strings(&["a"]), strings(&["[\"One\"]", "[1]"]), 2));
    }

    #[test]
    fn a_part_fits_into_a_message() {
        let mut table = Table::new(0, 0);
        for _ in 0..10 {
            table.push(Map::new(), 1 << 20);
        }
        let answer = table.answer();
        assert_eq!((answer.rows.len(), answer.total_rows), (3, 10));
    }
}
