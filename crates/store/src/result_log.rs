//! What osquery agents log: results of scheduled queries, and status lines. Two event queues (see [`crate::event`]), whose rows
//! are found by host and by the name of the query.
//!
//! A row holds what the server knows, then the line as the agent sent it:
//!
//! ```text
//! {"_ts":1790000000.123456,"host_id":12,"name":"pack/inventory/usb","line":{…}}
//! ```
//!
//! `host_id` follows from the agent's key; what the line says about its host is data. `name` is the line's own.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::{Error, Result};
use crate::event::{
    EventStore, Extent, Found, Limits, Most, Period, Position, Retention, Search, Subscription,
};

mod name;
mod row;

pub use name::{bare, names};
pub use row::{Stored, encode};

/// A segment has this many bytes before it is sealed: so much is looked through at most without an index.
const SEGMENT: u64 = 16 << 20;
const BLOCK: usize = 256 << 10;

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Log {
    Result,
    Status,
}

impl Log {
    pub const ALL: [Self; 2] = [Self::Result, Self::Status];

    /// Its name on the wire and on disk.
    pub fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Status => "status",
        }
    }

    /// The log of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|log| log.name() == name)
    }
}

/// Which rows are meant.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    pub host: Option<u32>,
    /// Rows of any of these queries: full names, or names without their pack. All when empty.
    pub names: Vec<String>,
    /// Only rows of these hosts.
    pub among: Option<HashSet<u32>>,
    /// When they were received: from, and up to, in microseconds since 1970.
    pub since: Option<i64>,
    pub until: Option<i64>,
}

/// Both logs.
pub struct ResultLog {
    events: EventStore,
}

impl ResultLog {
    /// Opens the logs below `dir`. Nothing goes for its age until [`ResultLog::hold`] said for both what is still needed.
    pub fn open(dir: PathBuf, retention: Retention) -> Result<Self> {
        Self::open_with(dir, retention, Limits { segment: SEGMENT, block: BLOCK, ..Limits::default() })
    }

    fn open_with(dir: PathBuf, retention: Retention, limits: Limits) -> Result<Self> {
        let limits = Limits { keys_of: Some(row::keys), is_held: true, ..limits };
        Ok(Self { events: EventStore::open_with(dir, retention, limits)? })
    }

    /// Stores rows that [`encode`] made; tells `done` once they are on disk.
    pub fn append(
        &self,
        log: Log,
        rows: Vec<crate::event::Row>,
        done: impl FnOnce(Result<()>) + Send + 'static,
    ) -> Result<()> {
        self.events.append_then(log.name(), rows, done)
    }

    /// The newest rows that are meant, before a place that an earlier page named.
    pub fn page(&self, log: Log, choice: &Choice, before: Option<String>, most: Most) -> Result<Found> {
        let at = |time: Option<i64>| time.and_then(|time| Timestamp::from_microsecond(time).ok());
        let period = Period { start: at(choice.since), end: at(choice.until) };
        // A row may wait a moment for its place, and so come into the segment of the next day.
        let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
        let from = period.start.map_or(jiff::civil::Date::MIN, day);
        let to = period.end.map_or(jiff::civil::Date::MAX, |end| day(end).tomorrow().unwrap_or(day(end)));
        let matches = |line: &[u8]| Stored::parse(line).is_ok_and(|stored| choice.means(&stored));
        let days = (!period.is_always()).then_some((from, to));
        let search = Search { before, keys: choice.keys(), period, days, matches: &matches, most };
        self.events.search(log.name(), &search)
    }

    /// Reads a log from a position on, then waits for what comes.
    pub fn follow(&self, log: Log, from: &Position) -> Result<Subscription> {
        self.events.subscribe(log.name(), from)
    }

    /// Says which row is the first that is still needed.
    pub fn hold(&self, log: Log, number: u64) -> Result<()> {
        self.events.hold(log.name(), number)
    }

    /// The place behind the last row; none before the first.
    pub fn end(&self, log: Log) -> Result<Option<String>> {
        self.events.end(log.name())
    }

    /// The number of the first row behind a position.
    pub fn resolve(&self, log: Log, position: &Position) -> Result<u64> {
        self.events.resolve(log.name(), position)
    }

    /// How much lies from a row on.
    pub fn extent(&self, log: Log, number: u64) -> Result<Extent> {
        self.events.extent(log.name(), number)
    }
}

impl Choice {
    fn means(&self, row: &Stored<'_>) -> bool {
        let name = row.name.as_deref().unwrap_or_default();
        self.host.is_none_or(|host| host == row.host_id)
            && self.among.as_ref().is_none_or(|hosts| hosts.contains(&row.host_id))
            && (self.names.is_empty() || self.names.iter().any(|wanted| names(name, wanted)))
    }

    fn keys(&self) -> Vec<Vec<u8>> {
        let of_name = |name: &String| row::key(self.host, Some(bare(name)));
        match self.host {
            _ if !self.names.is_empty() => self.names.iter().map(of_name).collect(),
            Some(host) => vec![row::key(Some(host), None)],
            None => Vec::new(),
        }
    }
}

/// A record of how far somebody has read.
pub mod place {
    use std::path::Path;

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::{Cow, Error, Result};
    use crate::{data_dir, durable, encode};

    /// Reads the record of that name in a directory.
    pub fn load<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Option<T>> {
        durable::read_json(&dir.join(file(name)?))
    }

    /// Replaces it in one step.
    pub fn save(dir: &Path, name: &str, place: &impl Serialize) -> Result<()> {
        let path = dir.join(file(name)?);
        if !dir.is_dir() {
            data_dir::create_private_dir(dir)?;
        }
        durable::write_json(&path, place)
    }

    fn file(name: &str) -> Result<String> {
        let rule = "1 to 80 bytes without control characters";
        let name: Cow<'_, str> = name.into();
        encode::file_name(&name).ok_or_else(|| Error::NameInvalid {
            what: "destination",
            name: name.into(),
            rule,
        })
    }
}

#[cfg(test)]
mod tests;
