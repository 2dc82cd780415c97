//! Values as bytes, for temporary files of the same process. Not a stored format.
//!
//! Objects become dicts of their members; queries become NULL (they have been run before).

use std::sync::Arc;

use crate::call::Error;
use crate::path::OsPath;
use crate::schema::{Name, Schema};
use crate::text::Text;
use crate::value::convert::MAX_DEPTH;
use crate::value::{Row, Time, Value};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const UINT: u8 = 4;
const FLOAT: u8 = 5;
const TEXT: u8 = 6;
const BYTES: u8 = 7;
const TIME: u8 = 8;
const LIST: u8 = 9;
const DICT: u8 = 10;
const PATH: u8 = 11;

/// How much one value or row may take; lists and dicts beyond are NULL. Values may hold themselves, or each other many
/// times over.
const MAX_BYTES: usize = 1 << 26;

/// Appends a value.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    Writer { limit: out.len().saturating_add(MAX_BYTES), depth: 0, out }.value(value);
}

/// Appends a row as a dict.
pub fn write_row(row: &Row, out: &mut Vec<u8>) {
    Writer { limit: out.len().saturating_add(MAX_BYTES), depth: 0, out }.row(row);
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    limit: usize,
    depth: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) {
        let out = &mut *self.out;
        match value {
            Value::Null | Value::Query(_) | Value::Expr(_) => out.push(NULL),
            Value::Bool(b) => out.push(if *b { TRUE } else { FALSE }),
            Value::Int(i) => fixed(INT, i.to_le_bytes(), out),
            Value::UInt(u) => fixed(UINT, u.to_le_bytes(), out),
            Value::Float(f) => fixed(FLOAT, f.to_le_bytes(), out),
            Value::Text(t) => bytes(TEXT, t, out),
            Value::Bytes(t) => bytes(BYTES, t, out),
            Value::Time(t) => fixed(TIME, t.as_nanosecond().to_le_bytes(), out),
            Value::Path(path) => {
                out.push(PATH);
                path.encode(out);
            }
            Value::List(_) | Value::Rows(_) | Value::Dict(_) | Value::Object(_) => {
                crate::stack::deep(|| self.nested(value));
            }
        }
    }

    fn nested(&mut self, value: &Value) {
        if self.depth >= MAX_DEPTH || self.out.len() >= self.limit {
            return self.out.push(NULL);
        }
        self.depth += 1;
        match value {
            Value::List(items) => {
                self.out.push(LIST);
                length(items.len(), self.out);
                items.iter().for_each(|v| self.value(v));
            }
            Value::Rows(rows) => {
                self.out.push(LIST);
                length(rows.len(), self.out);
                let _ = rows.each(|row| {
                    self.value(&row);
                    Ok(())
                });
            }
            Value::Dict(dict) => dict.with(|row| self.row(row)),
            Value::Object(object) => self.value(&object.to_json()),
            _ => {}
        }
        self.depth -= 1;
    }

    fn row(&mut self, row: &Row) {
        self.out.push(DICT);
        length(row.cells.len(), self.out);
        for (name, value) in row.iter() {
            length(name.as_str().len(), self.out);
            self.out.extend_from_slice(name.as_str().as_bytes());
            self.value(value);
        }
    }
}

fn fixed<const N: usize>(tag: u8, value: [u8; N], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&value);
}

fn bytes(tag: u8, text: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    length(text.len(), out);
    out.extend_from_slice(text);
}

pub(crate) fn length(n: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(n as u64).to_le_bytes());
}

/// Reads one value from the front of `input`.
pub fn read(input: &mut &[u8]) -> Result<Value, Error> {
    crate::stack::deep(|| read_value(input))
}

fn read_value(input: &mut &[u8]) -> Result<Value, Error> {
    Ok(match take::<1>(input)?[0] {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INT => Value::Int(i64::from_le_bytes(take(input)?)),
        UINT => Value::UInt(u64::from_le_bytes(take(input)?)),
        FLOAT => Value::Float(f64::from_le_bytes(take(input)?)),
        TEXT => Value::Text(read_bytes(input)?.into()),
        BYTES => Value::Bytes(Text::from(read_bytes(input)?)),
        TIME => read_time(input)?,
        LIST => {
            let count = read_length(input)?;
            Value::list((0..count).map(|_| read(input)).collect::<Result<_, _>>()?)
        }
        DICT => Value::Dict(read_row(input)?.into()),
        PATH => Value::Path(Arc::new(OsPath::decode(input)?)),
        _ => return Err(damaged()),
    })
}

fn read_time(input: &mut &[u8]) -> Result<Value, Error> {
    let nanos = i128::from_le_bytes(take(input)?);
    Time::from_nanosecond(nanos).map(Value::Time).map_err(|_| damaged())
}

fn read_row(input: &mut &[u8]) -> Result<Row, Error> {
    let count = read_length(input)?;
    let mut schema = Schema::new();
    let mut cells = Vec::new();
    for _ in 0..count {
        let name = std::str::from_utf8(read_bytes(input)?).map_err(|_| damaged())?;
        schema.add(Name::new(name)).map_err(|_| damaged())?;
        cells.push(read(input)?);
    }
    Ok(Row { schema: Arc::new(schema), cells })
}

fn damaged() -> Error {
    "a temporary file is damaged".into()
}

fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], Error> {
    let (head, rest) = input.split_first_chunk::<N>().ok_or_else(damaged)?;
    *input = rest;
    Ok(*head)
}

pub(crate) fn read_length(input: &mut &[u8]) -> Result<usize, Error> {
    Ok(u64::from_le_bytes(take(input)?) as usize)
}

pub(crate) fn read_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Error> {
    let n = read_length(input)?;
    let (head, rest) = input.split_at_checked(n).ok_or_else(damaged)?;
    *input = rest;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        let value = Value::dict([
            ("n", Value::Null),
            ("i", Value::Int(-5)),
            ("u", Value::UInt(u64::MAX)),
            ("f", Value::Float(0.5)),
            ("t", Value::text("text")),
            ("w", Value::Time(Time::from_second(1_700_000_000).unwrap())),
            ("l", Value::list(vec![Value::Bool(true), Value::Bool(false)])),
        ]);
        let mut bytes = Vec::new();
        write(&value, &mut bytes);
        let back = read(&mut &bytes[..]).unwrap();
        assert_eq!(format!("{back:?}"), format!("{value:?}"));
        assert!(read(&mut &bytes[..bytes.len() - 1]).is_err());
    }
}
