//! Logs of Cuckoo's monitor for Windows: `logs/<pid>.bson` (the sandbox reference, section 10.1).
//!
//! A definition says what a number stands for and what its arguments are called; calls refer to it. Whatever cannot be read is
//! left out and counted.

use std::collections::HashMap;
use std::io::{self, Read};

use serde_json::{Map, Value as Json, json};

use super::bson::{self, Document, Value};
use super::{Call, Event};
use crate::processing::shown;

/// Limits of one log: definitions, names in one, frames of a stack, entries of a list, and how deep lists lie in lists.
const MAX_DEFINITIONS: usize = 4096;
const MAX_ARGUMENTS: usize = 64;
const MAX_FLAGS: usize = 512;
const MAX_FRAMES: usize = 64;
const MAX_LIST: usize = 256;
const MAX_DEPTH: usize = 4;

/// The pseudo call by which a process says what it is.
const PROCESS: &str = "__process__";
/// Between 1601 and 1970, in seconds.
const EPOCH: i64 = 11_644_473_600;

/// How a number is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    /// As hexadecimal digits, as many as an address has.
    Hex,
}

/// Words for numbers of one argument.
#[derive(Debug, Default)]
struct Words {
    values: Vec<(i64, String)>,
    bits: Vec<(i64, String)>,
}

#[derive(Debug)]
struct Definition {
    name: String,
    category: String,
    arguments: Vec<(String, Style)>,
    words: HashMap<String, Words>,
}

/// The log of one process while it is read.
struct Log {
    pid: u32,
    begun: f64,
    is_wide: bool,
    definitions: HashMap<i64, Definition>,
}

/// Reads the log of a process and gives what it tells, in its order. Ends at the first bytes that are no document.
pub fn read(pid: u32, mut log: impl Read, tell: &mut dyn FnMut(Event)) -> io::Result<()> {
    let mut state = Log { pid, begun: 0.0, is_wide: false, definitions: HashMap::new() };
    let mut bytes = Vec::new();
    loop {
        let mut start = [0; 4];
        match log.read_exact(&mut start) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let Some(length) = bson::length(start) else {
            tell(Event::Cut { calls: 1 });
            return Ok(());
        };
        bytes.clear();
        bytes.extend_from_slice(&start);
        // Room is made for what is there, whatever the length says.
        log.by_ref().take(length as u64 - 4).read_to_end(&mut bytes)?;
        let Some(document) = Document::parse(&bytes) else {
            tell(Event::Cut { calls: 1 });
            return Ok(());
        };
        match state.take(&document) {
            Ok(Some(event)) => tell(event),
            Ok(None) => {}
            Err(Unknown) => tell(Event::Cut { calls: 1 }),
        }
    }
}

/// A document that says nothing we know.
struct Unknown;

impl Log {
    fn take(&mut self, document: &Document<'_>) -> Result<Option<Event>, Unknown> {
        match document.text("type") {
            Some(b"info") => self.define(document).map(|()| None),
            // What a call refers to by its checksum lies among the uploads as well; messages are for the monitor's authors.
            Some(b"buffer" | b"debug") => Ok(None),
            Some(_) => Err(Unknown),
            None => self.call(document).map(Some),
        }
    }

    fn define(&mut self, document: &Document<'_>) -> Result<(), Unknown> {
        let number = document.int("I").ok_or(Unknown)?;
        let name = document.text("name").map(shown).ok_or(Unknown)?;
        if self.definitions.len() >= MAX_DEFINITIONS {
            return Err(Unknown);
        }
        let arguments = document.array("args").ok_or(Unknown)?;
        let arguments =
            arguments.fields().take(MAX_ARGUMENTS).filter_map(|(_, value)| argument(value)).collect();
        let mut words: HashMap<String, Words> = HashMap::new();
        for (name, table) in tables(document.get("flags_value")) {
            words.entry(name).or_default().values = table;
        }
        for (name, table) in tables(document.get("flags_bitmask")) {
            words.entry(name).or_default().bits = table;
        }
        let category = document.text("category").map(shown).unwrap_or_default();
        self.definitions.insert(number, Definition { name, category, arguments, words });
        Ok(())
    }

    fn call(&mut self, document: &Document<'_>) -> Result<Event, Unknown> {
        let definition = document.int("I").and_then(|number| self.definitions.get(&number)).ok_or(Unknown)?;
        let values: Vec<Value<'_>> = document
            .array("args")
            .ok_or(Unknown)?
            .fields()
            .take(MAX_ARGUMENTS)
            .map(|(_, value)| value)
            .collect();
        // The first two say how it went, whether the definition names them or not.
        let (named, unnamed) = (definition.arguments.as_slice(), &["is_success", "retval"]);
        let is_named = named.first().is_some_and(|(name, _)| name == unnamed[0]);
        let named = if is_named { named.get(2..).unwrap_or_default() } else { named };
        let result = |at: usize| values.get(at).and_then(|value| value.int());
        let given = named.iter().zip(values.iter().skip(2));
        if definition.name == PROCESS {
            let given: HashMap<&str, Value<'_>> =
                given.map(|((name, _), value)| (name.as_str(), *value)).collect();
            let event = begins(self.pid, &given);
            self.is_wide = given.get("is_64bit").and_then(|value| value.int()).is_some_and(|is| is != 0);
            if let Event::Process { time, .. } = event {
                self.begun = time;
            }
            return Ok(event);
        }
        let mut call = Call {
            time: self.begun + document.int("t").unwrap_or(0) as f64 / 1000.0,
            pid: self.pid,
            tid: document.int("T").and_then(|tid| u32::try_from(tid).ok()).unwrap_or(0),
            category: definition.category.clone(),
            api: definition.name.clone(),
            return_value: result(1).unwrap_or(0),
            failed: result(0) == Some(0),
            stacktrace: stack(document),
            ..Call::default()
        };
        if call.failed {
            (call.last_error, call.nt_status) = (document.int("e"), document.int("E"));
        }
        for ((name, style), value) in given {
            if let Some(text) =
                definition.words.get(name).zip(value.int()).and_then(|(words, int)| words.of(int))
            {
                call.flags.insert(name.clone(), text.into());
            }
            call.arguments.insert(name.clone(), self.json(*value, *style, 0));
        }
        Ok(Event::Call(Box::new(call)))
    }

    fn json(&self, value: Value<'_>, style: Style, depth: usize) -> Json {
        match value {
            Value::Int(number) if style == Style::Hex && self.is_wide => json!(format!("0x{number:016x}")),
            // Of 32 bits, which may have come with their sign.
            Value::Int(number) if style == Style::Hex => json!(format!("0x{:08x}", number as u32)),
            Value::Int(number) => json!(number),
            Value::Float(number) => json!(number),
            Value::Bool(is) => json!(is),
            Value::Text(bytes) | Value::Binary(bytes) => json!(shown(bytes)),
            Value::Null => Json::Null,
            Value::Array(_) | Value::Document(_) if depth == MAX_DEPTH => json!("..."),
            Value::Array(list) => {
                let entries = list.fields().take(MAX_LIST);
                entries.map(|(_, value)| self.json(value, style, depth + 1)).collect()
            }
            Value::Document(fields) => {
                let fields = fields.fields().take(MAX_LIST);
                fields
                    .map(|(name, value)| (shown(name), self.json(value, style, depth + 1)))
                    .collect::<Map<_, _>>()
                    .into()
            }
        }
    }
}

/// What a process says of itself.
fn begins(pid: u32, given: &HashMap<&str, Value<'_>>) -> Event {
    let int = |name: &str| given.get(name).and_then(|value| value.int());
    let text = |name: &str| given.get(name).and_then(|value| value.text()).map(shown).unwrap_or_default();
    let half = |name: &str| u64::from(int(name).unwrap_or(0) as u32);
    let filetime = (half("time_high") << 32) | half("time_low");
    let path = text("module_path");
    // Its own word for its id counts for nothing: the log is that of one process.
    Event::Process {
        time: filetime as f64 / 1e7 - EPOCH as f64,
        pid,
        ppid: int("ppid").and_then(|ppid| u32::try_from(ppid).ok()).unwrap_or(0),
        name: path.rsplit('\\').next().unwrap_or_default().to_owned(),
        path,
        command_line: text("command_line"),
    }
}

impl Words {
    fn of(&self, number: i64) -> Option<String> {
        if let Some((_, word)) = self.values.iter().find(|(value, _)| *value == number) {
            return Some(word.clone());
        }
        let set = self.bits.iter().filter(|(bits, _)| *bits != 0 && number & bits == *bits);
        let words: Vec<&str> = set.map(|(_, word)| word.as_str()).collect();
        (!words.is_empty()).then(|| words.join("|"))
    }
}

/// A name, or a name and a letter for how it is shown.
fn argument(value: Value<'_>) -> Option<(String, Style)> {
    if let Value::Array(pair) = value {
        let mut parts = pair.fields().map(|(_, part)| part);
        let name = parts.next()?.text()?;
        let style = match parts.next().and_then(Value::text) {
            Some(b"p" | b"x") => Style::Hex,
            _ => Style::Plain,
        };
        return Some((shown(name), style));
    }
    Some((shown(value.text()?), Style::Plain))
}

/// The tables of arguments: as a document by their names, or as pairs of a name and a table. A table has pairs of a number and
/// a word.
fn tables(value: Option<Value<'_>>) -> Vec<(String, Vec<(i64, String)>)> {
    let named = |pair: Value<'_>| {
        let mut parts = pair.list()?.fields().map(|(_, part)| part);
        Some((shown(parts.next()?.text()?), table(parts.next()?)))
    };
    match value {
        Some(Value::Document(tables)) => {
            tables.fields().take(MAX_ARGUMENTS).map(|(name, value)| (shown(name), table(value))).collect()
        }
        Some(Value::Array(pairs)) => {
            pairs.fields().take(MAX_ARGUMENTS).filter_map(|(_, pair)| named(pair)).collect()
        }
        _ => Vec::new(),
    }
}

fn table(value: Value<'_>) -> Vec<(i64, String)> {
    let pair = |pair: Value<'_>| {
        let mut parts = pair.list()?.fields().map(|(_, part)| part);
        Some((parts.next()?.int()?, shown(parts.next()?.text()?)))
    };
    let pairs =
        value.list().map(|list| list.fields().take(MAX_FLAGS).filter_map(|(_, value)| pair(value)).collect());
    pairs.unwrap_or_default()
}

fn stack(document: &Document<'_>) -> Vec<String> {
    let frames = document.array("s");
    let frames = frames.iter().flat_map(Document::fields).take(MAX_FRAMES);
    frames.filter_map(|(_, frame)| frame.text().map(shown)).collect()
}

#[cfg(test)]
mod tests;
