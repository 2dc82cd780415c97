//! Windows event logs (EVTX).
//!
//! The parser underneath limits what one record may make of its templates (`evtx`: 16 MiB, 2^18 nodes). What it gives is
//! brought into the shape that queries expect: attributes are members of their element, and text beside attributes is `Value`.

use std::io::{Read, Seek};

use evtx::{EvtxParser, ParserSettings};
use serde_json::{Map, Value};

use crate::{Error, Result};

/// One event.
#[derive(Debug)]
pub struct Record {
    /// `System`, then `EventData`, `UserData` and others as the event has them.
    pub parts: Map<String, Value>,
}

/// Hands out the events of a log, in the order in which they lie, until told to stop. A record that cannot be read is an error of its own,
/// and the next one is tried.
pub fn records(source: impl Read + Seek, mut each: impl FnMut(Result<Record>) -> bool) -> Result<()> {
    let mut parser = EvtxParser::from_read_seek(source)
        .map_err(|e| Error::broken("event log", innermost(&e)))?
        .with_configuration(ParserSettings::new().num_threads(1));
    for record in parser.records_json_value() {
        let record = match record {
            Ok(record) => shaped(record.data),
            Err(e) => Err(Error::broken("record", innermost(&e))),
        };
        if !each(record) {
            break;
        }
    }
    Ok(())
}

/// The cause behind an error that only says where it happened.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn shaped(event: Value) -> Result<Record> {
    let Value::Object(mut root) = event else { return Err(Error::broken("record", "not an event")) };
    let Some(Value::Object(event)) = root.remove("Event") else {
        return Err(Error::broken("record", "not an event"));
    };
    let mut parts = Map::new();
    for (name, value) in event {
        if name.starts_with('#') {
            continue;
        }
        let mut value = flat(value);
        if name == "System"
            && let Value::Object(system) = &mut value
        {
            shape_system(system);
        }
        parts.insert(name, value);
    }
    Ok(Record { parts })
}

/// Attributes as members, and text beside them as `Value`.
fn flat(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut out = Map::new();
            for (name, value) in map {
                match (name.as_str(), value) {
                    ("#attributes", Value::Object(attributes)) => out.extend(attributes),
                    ("#text", text) => {
                        out.insert("Value".to_owned(), text);
                    }
                    (_, value) => {
                        out.insert(name, flat(value));
                    }
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(flat).collect()),
        value => value,
    }
}

fn shape_system(system: &mut Map<String, Value>) {
    // Only some providers qualify the number of an event; it is found in the same place all the same.
    if let Some(id) = system.get_mut("EventID")
        && !id.is_object()
    {
        let mut map = Map::new();
        map.insert("Value".to_owned(), id.take());
        *id = Value::Object(map);
    }
    if let Some(time) = system.get_mut("TimeCreated").and_then(|t| t.get_mut("SystemTime"))
        && let Some(parsed) = time.as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok())
    {
        *time = Value::from(parsed.as_microsecond() as f64 / 1e6);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const SECURITY: &[u8] = include_bytes!("testdata/Security_short_selected.evtx");

    fn all(bytes: &[u8]) -> Vec<Result<Record>> {
        let mut all = Vec::new();
        records(Cursor::new(bytes), |record| {
            all.push(record);
            true
        })
        .unwrap();
        all
    }

    fn text(value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    #[test]
    fn events_are_read() {
        let records: Vec<_> = all(SECURITY).into_iter().map(Result::unwrap).collect();
        let golden: Vec<&str> = include_str!("testdata/Security_short_selected.jsonl").lines().collect();
        assert_eq!(records.len(), golden.len());
        for (record, line) in records.iter().zip(golden) {
            let wanted: Map<String, Value> = serde_json::from_str(line).unwrap();
            let system = &record.parts["System"];
            let seconds = system["TimeCreated"]["SystemTime"].as_f64().unwrap();
            let time = jiff::Timestamp::from_microsecond((seconds * 1e6).round() as i64).unwrap();
            for (name, got) in [
                ("EventID", text(&system["EventID"]["Value"])),
                ("EventRecordID", text(&system["EventRecordID"])),
                ("Provider", text(&system["Provider"]["Name"])),
                ("SystemTime", time.strftime("%Y-%m-%d %H:%M:%S").to_string()),
                ("Computer", text(&system["Computer"])),
                ("Channel", text(&system["Channel"])),
                ("ProcessID", text(&system["Execution"]["ProcessID"])),
            ] {
                assert_eq!(got, text(&wanted[name]), "{name} of {line}");
            }
            let data = record.parts["EventData"].as_object().unwrap();
            let data: Vec<_> = data.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            let golden = wanted["EventData"].as_object().unwrap();
            let golden: Vec<_> = golden.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            assert_eq!(data, golden);
        }
    }

    #[test]
    fn reading_ends_when_told() {
        let mut count = 0;
        records(Cursor::new(SECURITY), |_| {
            count += 1;
            count < 2
        })
        .unwrap();
        assert_eq!(count, 2);
    }

    #[test]
    fn broken_logs_are_errors() {
        assert!(records(Cursor::new(b"ElfFile"), |_| true).is_err());
        assert!(records(Cursor::new(b""), |_| true).is_err());
        // Each byte in turn is destroyed: some records may be lost, nothing worse.
        for at in (0..SECURITY.len()).step_by(509) {
            let mut bytes = SECURITY.to_vec();
            bytes[at] ^= 0xff;
            let _ = records(Cursor::new(bytes), |_| true);
        }
    }
}
