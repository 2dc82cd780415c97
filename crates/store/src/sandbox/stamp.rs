//! Points in time as the sandbox's clients read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::db::{FromColumn, Param, Taken, Value};

/// Microseconds since 1970. On the wire `2031-04-07 16:20:05`, UTC, without a zone (the Cuckoo reference, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub i64);

impl Stamp {
    pub fn now() -> Self {
        Self(Timestamp::now().as_microsecond())
    }

    /// Seconds since 1970, with their fraction, as reports have them.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(f, "{}", time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S"))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Param for Stamp {
    fn value(&self) -> Value<'_> {
        Value::Int(self.0)
    }
}

impl FromColumn for Stamp {
    const NAME: &'static str = "a time";
    fn from_column(taken: Taken) -> Option<Self> {
        i64::from_column(taken).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_no_zone_and_no_fraction() {
        assert_eq!(Stamp(1_709_374_272_999_999).to_string(), "2024-03-02 10:11:12");
    }
}
