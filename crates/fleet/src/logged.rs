//! A line that an agent logged, as clients and webhooks get it.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::fleet::Time;
use store::result_log::Stored;

#[derive(Debug, Serialize, JsonSchema)]
pub struct Logged<'a> {
    /// Its number in the log: never given twice, also after a restart.
    pub number: u64,
    pub host_id: u32,
    /// The name of the query, with its pack; null when the line has none.
    pub name: Option<Cow<'a, str>>,
    pub received_at: Time,
    /// As the agent sent it.
    pub line: &'a RawValue,
}

impl<'a> Logged<'a> {
    /// Reads a stored row.
    pub fn parse(number: u64, row: &'a [u8]) -> serde_json::Result<Self> {
        let stored = Stored::parse(row)?;
        let received_at = Time(stored.received());
        Ok(Self { number, host_id: stored.host_id, name: stored.name, received_at, line: stored.line })
    }
}
