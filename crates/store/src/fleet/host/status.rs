//! Whether a host is online: one rule for lists, counts and live queries (the Fleet reference, section 4.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Host, Time};

/// What a host adds to its interval before it counts as offline, in seconds.
pub const GRACE_SECONDS: i64 = 60;
/// Missing in action: not seen for that long.
pub const MIA_SECONDS: i64 = 30 * 86_400;
/// Hosts count as new for that long.
pub const NEW_SECONDS: i64 = 86_400;

/// The status of a host at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Online,
    Offline,
    Mia,
}

/// The status of a host that was seen at `seen` and reports these intervals (in seconds).
pub fn status(seen: Time, distributed_interval: u32, config_tls_refresh: u32, now: Time) -> Status {
    let interval = i64::from(distributed_interval.min(config_tls_refresh));
    if seen.plus_seconds(MIA_SECONDS) <= now {
        Status::Mia
    } else if seen.plus_seconds(interval + GRACE_SECONDS) > now {
        Status::Online
    } else {
        Status::Offline
    }
}

impl Host {
    /// The status at `now`.
    pub fn status(&self, now: Time) -> Status {
        status(self.seen_time, self.distributed_interval, self.config_tls_refresh, now)
    }
}

/// Hosts by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub total: u64,
    pub online: u64,
    pub offline: u64,
    pub mia: u64,
    pub new: u64,
}

impl Counts {
    /// Counts one host in.
    pub fn add(&mut self, status: Status, created_at: Time, now: Time) {
        self.total += 1;
        self.new += u64::from(created_at.plus_seconds(NEW_SECONDS) >= now);
        match status {
            Status::Online => self.online += 1,
            Status::Offline => self.offline += 1,
            Status::Mia => self.mia += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_online_for_its_interval_and_a_minute() {
        let now = Time::now();
        let seen = |seconds: i64| now.plus_seconds(-seconds);
        assert_eq!(status(seen(69), 10, 30, now), Status::Online);
        assert_eq!(status(seen(70), 10, 30, now), Status::Offline);
        assert_eq!(status(seen(60), 10, 0, now), Status::Offline);
        assert_eq!(status(seen(MIA_SECONDS - 1), 10, 10, now), Status::Offline);
        assert_eq!(status(seen(MIA_SECONDS), 10, 10, now), Status::Mia);
    }
}
