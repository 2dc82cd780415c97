//! Apple property lists, as XML or binary, as values.

use std::io::{Read, Seek};

use plist::stream::{Event, Reader};
use vql::call::Error;
use vql::schema::Name;
use vql::value::{Row, Time, Value};

/// How deep lists may be nested, and how many values one may have: a binary one may hold a value many times over.
const MAX_DEPTH: usize = 200;
const MAX_VALUES: usize = 2_000_000;
const MAX_BYTES: usize = 200 << 20;

/// A list or dict being read.
enum Open {
    List(Vec<Value>),
    Dict { row: Row, key: Option<Name> },
}

/// Reads a property list.
pub fn parse<R: Read + Seek>(content: R) -> Result<Value, Error> {
    let mut open: Vec<Open> = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    for event in Reader::new(content) {
        let event = event.map_err(|e| Error::new(e.to_string()))?;
        count += 1;
        let value = match event {
            Event::StartArray(_) | Event::StartDictionary(_) if open.len() >= MAX_DEPTH => {
                return Err("the property list is nested too deeply".into());
            }
            Event::StartArray(_) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::StartDictionary(_) => {
                open.push(Open::Dict { row: Row::default(), key: None });
                continue;
            }
            Event::EndCollection => match open.pop() {
                Some(Open::List(items)) => Value::list(items),
                Some(Open::Dict { row, .. }) => Value::Dict(row.into()),
                None => return Err("the property list ends too often".into()),
            },
            scalar => scalar_value(scalar, &mut bytes),
        };
        if count > MAX_VALUES || bytes > MAX_BYTES {
            return Err("the property list is too large".into());
        }
        match open.last_mut() {
            None => return Ok(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Dict { row, key }) => match (key.take(), &value) {
                (None, Value::Text(name)) => *key = Some(Name::new(&name.to_str_lossy())),
                (None, _) => return Err("a key of the property list is no text".into()),
                (Some(name), _) => row.set(&name, value),
            },
        }
    }
    Err("the property list ends too soon".into())
}

fn scalar_value(event: Event<'_>, bytes: &mut usize) -> Value {
    match event {
        Event::Boolean(b) => Value::Bool(b),
        Event::Data(data) => {
            *bytes += data.len();
            Value::Bytes(data.into_owned().into())
        }
        Event::Date(date) => {
            let time = Time::try_from(std::time::SystemTime::from(date)).ok();
            time.map_or(Value::Null, Value::Time)
        }
        Event::Integer(i) => match (i.as_signed(), i.as_unsigned()) {
            (Some(i), _) => Value::Int(i),
            (None, Some(u)) => Value::UInt(u),
            (None, None) => Value::Null,
        },
        Event::Real(f) => Value::Float(f),
        Event::String(text) => {
            *bytes += text.len();
            Value::from(text.into_owned())
        }
        Event::Uid(uid) => Value::UInt(uid.get()),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn bombs_are_refused() {
        let deep = format!("<?xml version=\"1.0\"?><plist>{}", "<array>".repeat(100_000));
        assert_eq!(
            parse(Cursor::new(deep)).unwrap_err().to_string(),
            "the property list is nested too deeply"
        );
        assert!(parse(Cursor::new("")).is_err());
        assert!(parse(Cursor::new("<plist><array>")).is_err());
        // Each of 40 binary lists holds the next twice: 2^40 values in a few hundred bytes.
        let mut file = b"bplist00".to_vec();
        let mut offsets = Vec::new();
        for i in 0..40_u8 {
            offsets.push(file.len() as u8);
            file.extend([0xa2, i + 1, i + 1]);
        }
        offsets.push(file.len() as u8);
        file.push(0x09);
        let table = file.len() as u64;
        file.extend(&offsets);
        file.extend([0, 0, 0, 0, 0, 0, 1, 1]);
        for number in [41_u64, 0, table] {
            file.extend(number.to_be_bytes());
        }
        assert_eq!(parse(Cursor::new(file)).unwrap_err().to_string(), "the property list is too large");
    }
}
