//! Points in time, as stored and as written on the wire.

use std::borrow::Cow;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::db::{FromColumn, Param, Value};

/// Microseconds since 1970. On the wire an RFC 3339 text in whole seconds, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// "Missing", as the wire has it: `0001-01-01T00:00:00Z`.
    pub const ZERO: Self = Self(-62_135_596_800_000_000);
    /// What a host shows that was never refreshed: `1970-01-02T00:00:00Z`.
    pub const NEVER: Self = Self(86_400_000_000);

    /// Now.
    pub fn now() -> Self {
        Self(Timestamp::now().as_microsecond())
    }

    /// So many seconds later.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Seconds since 1970.
    pub fn as_second(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = Timestamp::from_second(self.as_second()).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(f, "{time}")
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }

    fn inline_schema() -> bool {
        true
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(|time| Self(time.as_microsecond()))
    }
}

impl Param for Time {
    fn value(&self) -> Value<'_> {
        Value::Int(self.0)
    }
}

impl FromColumn for Time {
    const NAME: &'static str = "a time";
    fn from_column(taken: crate::db::Taken) -> Option<Self> {
        i64::from_column(taken).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_whole_seconds() {
        assert_eq!(Time(1_709_374_272_999_999).to_string(), "2024-03-02T10:11:12Z");
        assert_eq!(Time::ZERO.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(Time::NEVER.to_string(), "1970-01-02T00:00:00Z");
    }
}
