//! Printing rows: tables for people, JSON, JSON lines or CSV for programs.

use std::io::{self, Write};

use clap::ValueEnum;
use serde_json::{Map, Value};

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: columns, cut to the width of the terminal.
    Table,
    /// One JSON array for each SELECT.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
}

/// Rows of a table that are kept before they are printed; a table of more comes in parts.
const TABLE_ROWS: usize = 1000;
/// Cells of a table are cut at this width.
const CELL_WIDTH: usize = 60;

/// Prints the rows of one statement after another.
pub struct Printer<W: Write> {
    out: W,
    format: Format,
    width: Option<u16>,
    columns: Vec<String>,
    pending: Vec<Vec<String>>,
    rows: u64,
}

impl<W: Write> Printer<W> {
    pub fn new(out: W, format: Format, width: Option<u16>) -> Self {
        Printer { out, format, width, columns: Vec::new(), pending: Vec::new(), rows: 0 }
    }

    /// Begins a statement.
    pub fn begin(&mut self) -> io::Result<()> {
        self.columns.clear();
        self.rows = 0;
        if self.format == Format::Json { self.out.write_all(b"[") } else { Ok(()) }
    }

    /// Prints a row, given as the text of a JSON object.
    pub fn row(&mut self, json: &str) -> io::Result<()> {
        self.rows += 1;
        match self.format {
            Format::Json => {
                self.out.write_all(if self.rows == 1 { b"\n " } else { b",\n " })?;
                self.out.write_all(json.as_bytes())
            }
            Format::Jsonl => {
                self.out.write_all(json.as_bytes())?;
                self.out.write_all(b"\n")
            }
            Format::Csv => self.csv_row(&object(json)),
            Format::Table => self.table_row(&object(json)),
        }
    }

    /// Rows from a slow source should not wait for more.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends a statement.
    pub fn end(&mut self) -> io::Result<()> {
        match self.format {
            Format::Json if self.rows == 0 => self.out.write_all(b"]\n")?,
            Format::Json => self.out.write_all(b"\n]\n")?,
            Format::Table => {
                self.print_table()?;
                let plural = if self.rows == 1 { "row" } else { "rows" };
                writeln!(self.out, "({} {plural})", self.rows)?;
            }
            Format::Jsonl | Format::Csv => {}
        }
        self.out.flush()
    }

    fn csv_row(&mut self, row: &Map<String, Value>) -> io::Result<()> {
        let names: Vec<String> = row.keys().cloned().collect();
        if self.rows == 1 {
            self.csv_line(&names)?;
            self.columns = names;
        }
        let cells: Vec<String> =
            self.columns.iter().map(|n| row.get(n).map_or(String::new(), cell_text)).collect();
        self.csv_line(&cells)
    }

    fn csv_line(&mut self, cells: &[String]) -> io::Result<()> {
        let mut writer = csv::WriterBuilder::new().from_writer(&mut self.out);
        writer.write_record(cells)?;
        writer.flush()
    }

    fn table_row(&mut self, row: &Map<String, Value>) -> io::Result<()> {
        let same = self.columns.iter().eq(row.keys());
        if !same || self.pending.len() >= TABLE_ROWS {
            self.print_table()?;
            self.columns = row.keys().cloned().collect();
        }
        self.pending.push(row.values().map(|v| shorten(&cell_text(v))).collect());
        Ok(())
    }

    fn print_table(&mut self) -> io::Result<()> {
        if self.pending.is_empty() || self.columns.is_empty() {
            self.pending.clear();
            return Ok(());
        }
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
        if let Some(width) = self.width {
            table.set_width(width);
        }
        table.set_header(&self.columns);
        for row in self.pending.drain(..) {
            table.add_row(row);
        }
        writeln!(self.out, "{table}")
    }
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

/// A cell as plain text: strings without quotes, everything else as JSON.
fn cell_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

/// A cell of a table: one line, of bounded width, without what would steer the terminal.
fn shorten(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { '␣' } else { c });
    let mut short: String = clean.clone().take(CELL_WIDTH).collect();
    if clean.count() > CELL_WIDTH {
        short.pop();
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(format: Format, statements: &[&[&str]]) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, format, Some(80));
        for rows in statements {
            printer.begin().unwrap();
            rows.iter().for_each(|row| printer.row(row).unwrap());
            printer.end().unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_gives_one_array_a_statement() {
        let text = print(Format::Json, &[&[r#"{"a":1}"#, r#"{"a":2}"#], &[]]);
        assert_eq!(text, "[\n {\"a\":1},\n {\"a\":2}\n]\n[]\n");
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let text = print(Format::Csv, &[&[r#"{"a":"x,y","b":null}"#, r#"{"a":[1],"b":2}"#]]);
        assert_eq!(text, "a,b\n\"x,y\",\n[1],2\n");
    }

    #[test]
    fn tables_count_rows_and_cut_cells() {
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(100));
        let text = print(Format::Table, &[&[&long]]);
        assert!(text.contains('…') && text.ends_with("(1 row)\n"), "{text}");
    }

    #[test]
    fn a_table_shows_no_control_characters() {
        let text = print(Format::Table, &[&[r#"{"a":"\u001b[31m"}"#]]);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
