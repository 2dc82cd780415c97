//! The columns of CSV files.

use std::sync::Arc;

use vql::args::Args;
use vql::call::Error;
use vql::csv::read_cell;
use vql::schema::{Name, Schema};
use vql::value::{Row, Value};

/// What the arguments say of the columns: their names, or that the first record has none, or nothing.
pub fn declared(args: &Args<'_>, auto_headers: usize, columns: usize) -> Result<Option<Header>, Error> {
    let names = args.text_list(columns)?;
    Ok(match (args.bool(auto_headers), names.is_empty()) {
        (_, false) => Some(Header::new(names.iter().map(|n| &**n))),
        (true, true) => Some(Header::default()),
        (false, true) => None,
    })
}

/// A separator or the like: one character that cannot be part of the structure otherwise. `None` when absent.
pub fn character(args: &Args<'_>, slot: usize) -> Result<Option<u8>, Error> {
    match args.text(slot)?.as_bytes() {
        [] => Ok(None),
        [c] if !matches!(c, b'\n' | b'\r' | b'"') => Ok(Some(*c)),
        _ => Err(Error::new(format!("{} should be one character", args.signature.args[slot].name))),
    }
}

/// The columns that cells go to.
#[derive(Clone, Default)]
pub struct Header {
    schema: Arc<Schema>,
    /// The column of each cell: of two of one name, the later cell counts.
    places: Vec<usize>,
}

impl Header {
    /// The names that a first record gives; it may begin with the mark that some programs put before a file.
    pub fn of_record<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut names: Vec<&[u8]> = fields.collect();
        if let Some(first) = names.first_mut() {
            *first = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first);
        }
        Header::new(names.into_iter())
    }

    pub fn new<'a>(names: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut header = Header::default();
        for name in names {
            header.add(&String::from_utf8_lossy(name));
        }
        header
    }

    fn add(&mut self, name: &str) {
        let numbered = format!("Col{}", self.places.len());
        let name = Name::new(if name.is_empty() { &numbered } else { name });
        let (Ok(place) | Err(place)) = Arc::make_mut(&mut self.schema).add(name);
        self.places.push(place);
    }

    /// The cells of a record as a row; missing ones are NULL, surplus ones `Col<number>`.
    pub fn row<'a>(&mut self, fields: impl Iterator<Item = &'a [u8]>) -> Row {
        let mut cells = vec![Value::Null; self.schema.len()];
        for (i, field) in fields.enumerate() {
            if i == self.places.len() {
                self.add("");
                cells.resize(self.schema.len(), Value::Null);
            }
            cells[self.places[i]] = read_cell(field);
        }
        Row { schema: self.schema.clone(), cells }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn columns_are_distinct() {
        let mut header = Header::new([&b"a"[..], b"", b"a"].into_iter());
        let row = header.row([&b"1"[..], b"2", b"3", b"4"].into_iter());
        let shown: Vec<String> = row.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
        assert_eq!(shown, ["a=Int(3)", "Col1=Int(2)", "Col3=Int(4)"]);
        let names: HashSet<_> = row.schema.names().iter().map(Name::as_str).collect();
        assert_eq!(names.len(), row.cells.len());
        assert!(matches!(
            header.row([&b"1"[..]].into_iter()).cells[..],
            [Value::Int(1), Value::Null, Value::Null]
        ));
    }
}
