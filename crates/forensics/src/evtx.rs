//! Windows event logs (EVTX).
//!
//! The parser underneath limits what one record may make of its templates (`evtx`: 16 MiB, 2^18 nodes) and gives it as the text of
//! JSON. What is built from that has the shape that queries expect: attributes are members of their element, and text beside
//! attributes is `Value`. It is built in one pass, by whoever wants it ([`Build`]).

use std::borrow::Cow;
use std::fmt;
use std::io::{Read, Seek};

use evtx::{EvtxParser, ParserSettings};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{Error, Result};

/// Makes values of the parts of an event.
pub trait Build {
    type Value;

    fn null(&mut self) -> Self::Value;
    fn bool(&mut self, value: bool) -> Self::Value;
    fn int(&mut self, value: i64) -> Self::Value;
    fn uint(&mut self, value: u64) -> Self::Value;
    fn float(&mut self, value: f64) -> Self::Value;
    fn text(&mut self, value: &str) -> Self::Value;
    fn list(&mut self, items: Vec<Self::Value>) -> Self::Value;

    /// As many values as keys. A key may come twice: the last value counts, in the place of the first.
    fn map(&mut self, keys: Keys<'_>, values: Vec<Self::Value>) -> Self::Value;
}

/// The keys of a map, in order.
#[derive(Clone, Copy)]
pub struct Keys<'a>(&'a [u8]);

/// Bytes of the length before each key.
const LENGTH: usize = size_of::<u32>();

impl<'a> Keys<'a> {
    /// Bytes that are the same for the same keys only.
    pub fn identity(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let (length, rest) = self.0.split_first_chunk::<LENGTH>()?;
        let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.0 = rest;
        str::from_utf8(key).ok()
    }
}

/// Hands out the events of a log, in the order in which they lie, until told to stop: maps of `System`, then `EventData`,
/// `UserData` and others as the event has them. A record that cannot be read is an error of its own, and the next one is tried.
pub fn records<B: Build>(
    source: impl Read + Seek,
    build: &mut B,
    mut each: impl FnMut(Result<B::Value>) -> bool,
) -> Result<()> {
    let mut parser = EvtxParser::from_read_seek(source)
        .map_err(|e| Error::broken("event log", innermost(&e)))?
        .with_configuration(ParserSettings::new().num_threads(1));
    let mut keys = Vec::new();
    for record in parser.records_json() {
        let record = match record {
            Ok(record) => event(&record.data, build, &mut keys),
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

fn event<B: Build>(json: &str, build: &mut B, keys: &mut Vec<u8>) -> Result<B::Value> {
    keys.clear();
    let shape = Shape { build, keys, place: Place::Root };
    let shaped = shape.deserialize(&mut serde_json::Deserializer::from_str(json));
    shaped.map_err(|e| Error::broken("record", e.to_string()))
}

/// Where in an event a value is: some are treated on their own.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Event,
    System,
    /// Only some providers qualify the number of an event; it is found in the same place all the same.
    EventId,
    TimeCreated,
    When,
    Other,
}

impl Place {
    fn of(self, key: &str) -> Place {
        match (self, key) {
            (Place::Root, "Event") => Place::Event,
            (Place::Event, "System") => Place::System,
            (Place::System, "EventID") => Place::EventId,
            (Place::System, "TimeCreated") => Place::TimeCreated,
            (Place::TimeCreated, "SystemTime") => Place::When,
            _ => Place::Other,
        }
    }
}

/// Builds a value out of JSON.
struct Shape<'a, B> {
    build: &'a mut B,
    /// The keys of the maps that are being built, the innermost last.
    keys: &'a mut Vec<u8>,
    place: Place,
}

/// A map being built.
struct Members<V> {
    /// Where its keys start.
    first: usize,
    values: Vec<V>,
}

impl<B: Build> Shape<'_, B> {
    fn at(&mut self, place: Place) -> Shape<'_, B> {
        Shape { build: self.build, keys: self.keys, place }
    }

    fn member(&mut self, members: &mut Members<B::Value>, key: &str, value: B::Value) {
        self.keys.extend_from_slice(&(key.len() as u32).to_le_bytes());
        self.keys.extend_from_slice(key.as_bytes());
        members.values.push(value);
    }

    fn start(&self) -> Members<B::Value> {
        Members { first: self.keys.len(), values: Vec::with_capacity(8) }
    }

    fn end(&mut self, members: Members<B::Value>) -> B::Value {
        let built = self.build.map(Keys(&self.keys[members.first..]), members.values);
        self.keys.truncate(members.first);
        built
    }

    /// What is no map.
    fn plain<E: de::Error>(
        mut self,
        make: impl FnOnce(&mut B) -> B::Value,
    ) -> std::result::Result<B::Value, E> {
        let value = make(self.build);
        match self.place {
            Place::Root | Place::Event => Err(E::custom(NO_EVENT)),
            Place::EventId => {
                let mut members = self.start();
                self.member(&mut members, "Value", value);
                Ok(self.end(members))
            }
            _ => Ok(value),
        }
    }

    /// The one member of the outermost map that matters.
    fn root<'de, A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<B::Value, A::Error> {
        let mut event = None;
        while let Some(key) = map.next_key_seed(Key)? {
            match self.place.of(&key) {
                Place::Event => event = Some(map.next_value_seed(self.at(Place::Event))?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        event.ok_or_else(|| de::Error::custom(NO_EVENT))
    }

    fn members<'de, A: MapAccess<'de>>(
        &mut self,
        map: &mut A,
        members: &mut Members<B::Value>,
    ) -> std::result::Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            match &*key {
                key if self.place == Place::Event && key.starts_with('#') => {
                    map.next_value::<IgnoredAny>()?;
                }
                "#attributes" => map.next_value_seed(Attributes { shape: self.at(self.place), members })?,
                "#text" => {
                    let value = map.next_value_seed(self.at(Place::Other))?;
                    self.member(members, "Value", value);
                }
                key => {
                    let value = map.next_value_seed(self.at(self.place.of(key)))?;
                    self.member(members, key, value);
                }
            }
        }
        Ok(())
    }
}

const NO_EVENT: &str = "not an event";

impl<'de, B: Build> DeserializeSeed<'de> for Shape<'_, B> {
    type Value = B::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<B::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, B: Build> Visitor<'de> for Shape<'_, B> {
    type Value = B::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_unit<E: de::Error>(self) -> std::result::Result<B::Value, E> {
        self.plain(B::null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> std::result::Result<B::Value, E> {
        self.plain(|build| build.bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> std::result::Result<B::Value, E> {
        self.plain(|build| build.int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> std::result::Result<B::Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.plain(|build| build.int(value)),
            Err(_) => self.plain(|build| build.uint(value)),
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> std::result::Result<B::Value, E> {
        self.plain(|build| build.float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> std::result::Result<B::Value, E> {
        let seconds = (self.place == Place::When).then(|| seconds(value)).flatten();
        match seconds {
            Some(seconds) => self.plain(|build| build.float(seconds)),
            None => self.plain(|build| build.text(value)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> std::result::Result<B::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.at(Place::Other))? {
            items.push(item);
        }
        self.plain(|build| build.list(items))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<B::Value, A::Error> {
        if self.place == Place::Root {
            return self.root(map);
        }
        let mut members = self.start();
        self.members(&mut map, &mut members)?;
        Ok(self.end(members))
    }
}

fn seconds(time: &str) -> Option<f64> {
    time.parse::<jiff::Timestamp>().ok().map(|time| time.as_microsecond() as f64 / 1e6)
}

/// The attributes of an element: if they are a map, its members are those of the element.
struct Attributes<'a, 'm, B: Build> {
    shape: Shape<'a, B>,
    members: &'m mut Members<B::Value>,
}

impl<'de, B: Build> DeserializeSeed<'de> for Attributes<'_, '_, B> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, B: Build> Visitor<'de> for Attributes<'_, '_, B> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<(), A::Error> {
        self.shape.members(&mut map, self.members)
    }
}

/// A key, copied only if it holds what JSON escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<Cow<'de, str>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: de::Error>(self, key: &'de str) -> std::result::Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: de::Error>(self, key: &str) -> std::result::Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use serde_json::{Map, Value, json};

    use super::*;

    /// Builds JSON.
    struct Json;

    impl Build for Json {
        type Value = Value;

        fn null(&mut self) -> Value {
            Value::Null
        }
        fn bool(&mut self, value: bool) -> Value {
            value.into()
        }
        fn int(&mut self, value: i64) -> Value {
            value.into()
        }
        fn uint(&mut self, value: u64) -> Value {
            value.into()
        }
        fn float(&mut self, value: f64) -> Value {
            value.into()
        }
        fn text(&mut self, value: &str) -> Value {
            value.into()
        }
        fn list(&mut self, items: Vec<Value>) -> Value {
            items.into()
        }
        fn map(&mut self, keys: Keys<'_>, values: Vec<Value>) -> Value {
            keys.map(str::to_owned).zip(values).collect::<Map<_, _>>().into()
        }
    }

    const SECURITY: &[u8] = include_bytes!("testdata/Security_short_selected.evtx");

    fn all(bytes: &[u8]) -> Vec<Result<Value>> {
        let mut all = Vec::new();
        records(Cursor::new(bytes), &mut Json, |record| {
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
            let system = &record["System"];
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
            let data = record["EventData"].as_object().unwrap();
            let data: Vec<_> = data.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            let golden = wanted["EventData"].as_object().unwrap();
            let golden: Vec<_> = golden.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            assert_eq!(data, golden);
        }
    }

    #[test]
    fn reading_ends_when_told() {
        let mut count = 0;
        records(Cursor::new(SECURITY), &mut Json, |_| {
            count += 1;
            count < 2
        })
        .unwrap();
        assert_eq!(count, 2);
    }

    #[test]
    fn broken_logs_are_errors() {
        assert!(records(Cursor::new(b"ElfFile"), &mut Json, |_| true).is_err());
        assert!(records(Cursor::new(b""), &mut Json, |_| true).is_err());
        // Each byte in turn is destroyed: some records may be lost, nothing worse.
        for at in (0..SECURITY.len()).step_by(509) {
            let mut bytes = SECURITY.to_vec();
            bytes[at] ^= 0xff;
            let _ = records(Cursor::new(bytes), &mut Json, |_| true);
        }
    }

    fn shaped(text: &str) -> Result<Value> {
        event(text, &mut Json, &mut Vec::new())
    }

    #[test]
    fn attributes_and_text_are_members() {
        let text = r##"{"Event": {"#attributes": {"xmlns": "x"},
            "System": {
                "Provider": {"#attributes": {"Name": "P"}},
                "EventID": 7,
                "TimeCreated": {"#attributes": {"SystemTime": "2020-01-02T03:04:05.5Z"}},
                "Correlation": null},
            "EventData": {"Data": [{"#attributes": {"Name": "a"}, "#text": "\u0041"}, 2.5, true],
                "EventID": -1, "SystemTime": "s", "Large": 18446744073709551615, "Twice": 1, "Twice": 2}}}"##;
        let wanted = json!({
            "System": {
                "Provider": {"Name": "P"},
                "EventID": {"Value": 7},
                "TimeCreated": {"SystemTime": 1_577_934_245.5},
                "Correlation": null,
            },
            "EventData": {
                "Data": [{"Name": "a", "Value": "A"}, 2.5, true],
                "EventID": -1, "SystemTime": "s", "Large": u64::MAX, "Twice": 2,
            },
        });
        assert_eq!(shaped(text).unwrap(), wanted);
        let text = r##"{"Event":{"System":{"EventID":{"#attributes":{"Qualifiers":3},"#text":8}}}}"##;
        assert_eq!(shaped(text).unwrap(), json!({"System": {"EventID": {"Qualifiers": 3, "Value": 8}}}));
    }

    #[test]
    fn other_json_is_no_event() {
        for text in
            ["1", "[]", "{}", r#"{"Event": 1}"#, r#"{"Event": []}"#, r#"{"Other": {}}"#, r#"{"Event": {"#]
        {
            assert!(shaped(text).is_err(), "{text}");
        }
        let deep = format!(r#"{{"Event": {}{}}}"#, r#"{"a":"#.repeat(1000), "}".repeat(1000));
        assert!(shaped(&deep).is_err());
    }
}
