//! Entries of systemd journals as rows.

use std::io;
use std::sync::LazyLock;

use forensics::journal::{Entry, Journal};
use vql::call::Flow;
use vql::schema::Name;
use vql::text::Text;
use vql::value::{Row, Time, Value};

use crate::accessor::{Content, hex};
use crate::tail::{Growing, Start};

pub const RAW_DOC: &str = "Rows have a column for each field, all of them text.";

/// Fields that hold numbers (systemd.journal-fields(7)).
const NUMBERS: &[&str] = &[
    "CODE_LINE",
    "ERRNO",
    "PRIORITY",
    "SYSLOG_FACILITY",
    "SYSLOG_PID",
    "TID",
    "_AUDIT_LOGINUID",
    "_AUDIT_SESSION",
    "_GID",
    "_PID",
    "_SOURCE_MONOTONIC_TIMESTAMP",
    "_SOURCE_REALTIME_TIMESTAMP",
    "_SYSTEMD_OWNER_UID",
    "_UID",
];

static SYSTEM: LazyLock<Name> = LazyLock::new(|| Name::new("System"));
static EVENT_DATA: LazyLock<Name> = LazyLock::new(|| Name::new("EventData"));

/// An entry as a row: what the journal vouches for, and what the program said.
pub fn row(entry: Entry, sequence_id: [u8; 16], is_raw: bool) -> Row {
    let (mut system, mut data) = (Row::default(), Row::default());
    let head = entry.head;
    if !is_raw {
        let time = i64::try_from(head.realtime).ok().and_then(|t| Time::from_microsecond(t).ok());
        system.set(&Name::new("Timestamp"), time.map_or(Value::Null, Value::Time));
    }
    let boot = hex(&head.boot);
    let cursor = format!(
        "s={};i={:x};b={boot};m={:x};t={:x};x={:x}",
        hex(&sequence_id),
        head.sequence,
        head.monotonic,
        head.realtime,
        head.hash
    );
    let number = |n: u64| if is_raw { Value::from(n.to_string()) } else { Value::UInt(n) };
    for (name, value) in [
        ("__CURSOR", Value::from(cursor)),
        ("__REALTIME_TIMESTAMP", number(head.realtime)),
        ("__MONOTONIC_TIMESTAMP", number(head.monotonic)),
        ("__SEQNUM", number(head.sequence)),
        ("_BOOT_ID", Value::from(boot)),
    ] {
        system.set(&Name::new(name), value);
    }
    for (name, value) in entry.fields {
        // The head says which boot it was.
        if name == "_BOOT_ID" {
            continue;
        }
        let value = if is_raw { text(&value) } else { typed(&name, &value) };
        let row = if is_raw || name.starts_with('_') { &mut system } else { &mut data };
        add(row, &Name::new(&name), value);
    }
    if is_raw {
        return system;
    }
    let mut row = Row::default();
    row.set(&SYSTEM, system.into());
    row.set(&EVENT_DATA, data.into());
    row
}

fn text(value: &[u8]) -> Value {
    Value::Text(Text::from(value))
}

fn typed(name: &str, value: &[u8]) -> Value {
    let number = || NUMBERS.contains(&name).then(|| str::from_utf8(value).ok()?.parse().ok()).flatten();
    number().map_or_else(|| text(value), Value::Int)
}

/// Sets a column; one that comes again makes a list.
fn add(row: &mut Row, name: &Name, value: Value) {
    let value = match row.get(name) {
        None => return row.set(name, value),
        Some(Value::List(items)) => Value::list(items.iter().cloned().chain([value]).collect()),
        Some(first) => Value::list(vec![first.clone(), value]),
    };
    row.replace(name, value);
}

/// A journal that is being written.
pub struct Live {
    journal: Journal<Box<dyn Content>>,
    /// How many entries were handed out, or were there before.
    seen: u64,
}

/// An entry of a journal that is being written.
pub struct Piece {
    pub number: u64,
    pub sequence_id: [u8; 16],
    /// Taken by whoever it is handed to.
    pub entry: std::cell::Cell<Option<forensics::Result<Entry>>>,
}

impl Growing for Live {
    type Piece = Piece;

    fn open(content: Box<dyn Content>, start: Start, _: u64, _: usize) -> io::Result<Self> {
        let journal = Journal::open(content).map_err(io::Error::other)?;
        let seen = if start == Start::End { journal.len() } else { 0 };
        Ok(Live { journal, seen })
    }

    /// Journals are made long and cut when they are full, which does not mean that they begin anew.
    fn position(&self) -> u64 {
        0
    }

    fn rewind(&mut self) {
        self.seen = 0;
    }

    fn read(&mut self, each: &mut dyn FnMut(&Piece) -> Flow) -> Flow {
        // It may be in the middle of being changed: there is another look soon.
        if self.journal.refresh().is_err() {
            return Ok(());
        }
        while self.seen < self.journal.len() {
            let number = self.seen;
            self.seen += 1;
            let entry = Some(self.journal.entry(number)).into();
            each(&Piece { number, sequence_id: self.journal.sequence_id(), entry })?;
        }
        Ok(())
    }

    fn finish(&mut self, each: &mut dyn FnMut(&Piece) -> Flow) -> Flow {
        self.read(each)
    }
}
