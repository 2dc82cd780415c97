//! How much a task may send.

use std::time::Duration;

/// The limits of each task. The real server has but the first, and none for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of the log of the analyzer.
    pub log: u64,
    /// Bytes of what was logged of one process.
    pub bson: u64,
    /// Bytes of all of them.
    pub total: u64,
    /// Files, logs among them.
    pub files: u32,
    /// Connections at the same time.
    pub connections: usize,
    /// How long the first lines may take.
    pub header: Duration,
    /// How long a file may stand still. Logs may for as long as the task runs: a sample that sleeps logs nothing.
    pub idle: Duration,
    /// How long files that are on their way may take after the analyzer said that all is done.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: 128 << 20,
            log: 32 << 20,
            bson: 128 << 20,
            total: 2 << 30,
            files: 10_000,
            connections: 256,
            header: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            grace: Duration::from_secs(5),
        }
    }
}
