//! What the engine needs from the program it is part of. The engine itself has no files, no network, no clock.

use std::any::Any;
use std::io::{self, Read, Seek, Write};
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::permission::Permissions;
use crate::value::Time;

/// A temporary file for rows that do not fit in memory; it vanishes when dropped.
pub trait Spill: Read + Write + Seek + Send {}

impl<T: Read + Write + Seek + Send> Spill for T {}

/// The level prefix of a log line (reference, section 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Default,
    Error,
    Warn,
    Info,
    Debug,
    Alert,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Level::Default => "DEFAULT",
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
            Level::Alert => "ALERT",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        use Level::*;
        [Default, Error, Warn, Info, Debug, Alert].into_iter().find(|l| l.name().eq_ignore_ascii_case(name))
    }
}

/// What a part of a query may use on average. Zero and less mean: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Of one core, for each thread.
    pub cpu_percent: f64,
    /// Reads and writes of each thread.
    pub io_per_second: f64,
}

impl Rates {
    pub fn is_limited(&self) -> bool {
        self.cpu_percent > 0.0 || self.io_per_second > 0.0
    }
}

/// The outside world, as far as the engine itself needs it.
pub trait Host: Send + Sync {
    /// A log line of the query. Lines without a level have [`Level::Default`].
    fn log(&self, level: Level, message: &str);

    /// The present instant.
    fn now(&self) -> Time;

    /// An empty temporary file.
    fn spill(&self) -> io::Result<Box<dyn Spill>>;

    /// Charges one operation against the query's budget and sleeps when it is ahead of it (section 13).
    fn throttle(&self) {}

    /// This host for a part of the query that is held to rates of its own; waiting ends when `cancel` is set.
    /// `None` where nothing can be measured.
    fn limited(self: Arc<Self>, _rates: Rates, _cancel: &Cancel) -> Option<Arc<dyn Host>> {
        None
    }

    /// The rights of another user, for `query(runas=)`; `None` if there is no such user.
    fn permissions_of(&self, _user: &str) -> Option<Permissions> {
        None
    }

    /// The name of the caller; empty where there are no users.
    fn user(&self) -> &str {
        ""
    }

    /// The host's own state, for callables that know the concrete type.
    fn world(&self) -> &(dyn Any + Send + Sync);
}
