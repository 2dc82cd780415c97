//! How much a collection may take.

use std::time::Duration;

use store::flow::Request;

use crate::artifact::definition::Resources;
use crate::throttle::Budget;

const DEFAULT_TIMEOUT: u64 = 600;
const DEFAULT_ROWS: u64 = 1_000_000;
const DEFAULT_BYTES: u64 = 1 << 30;
const DEFAULT_LOGS: u64 = 100_000;

/// The limits of one collection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub timeout: Duration,
    /// Rows of all sources together.
    pub rows: u64,
    /// Bytes of uploaded files; as many again for rows.
    pub bytes: u64,
    pub logs: u64,
    pub operations_per_second: f64,
    pub cpu_percent: f64,
    pub io_per_second: f64,
}

impl Limits {
    /// What was asked for; else what the artifacts say (the widest of several); else the defaults.
    pub fn of<'a>(request: &Request, artifacts: impl Iterator<Item = &'a Resources>) -> Self {
        let resources: Vec<&Resources> = artifacts.collect();
        let pick = |asked: u64, of: fn(&Resources) -> u64, default: u64| match asked {
            0 => match resources.iter().map(|r| of(r)).max() {
                None | Some(0) => default,
                Some(most) => most,
            },
            asked => asked,
        };
        let rate = |asked: f32, of: fn(&Resources) -> f32| match asked {
            asked if asked > 0.0 => f64::from(asked),
            _ => f64::from(resources.iter().map(|r| of(r)).fold(0.0, f32::max)),
        };
        Limits {
            timeout: Duration::from_secs(pick(request.timeout, |r| r.timeout, DEFAULT_TIMEOUT)),
            rows: pick(request.max_rows, |r| r.max_rows, DEFAULT_ROWS),
            bytes: pick(request.max_upload_bytes, |r| r.max_upload_bytes, DEFAULT_BYTES),
            logs: pick(request.max_logs, |_| 0, DEFAULT_LOGS),
            operations_per_second: rate(request.ops_per_second, |r| r.ops_per_second),
            cpu_percent: rate(request.cpu_limit, |r| r.cpu_limit),
            io_per_second: rate(request.iops_limit, |r| r.iops_limit),
        }
    }

    /// The rates to hold the queries to.
    pub fn budget(&self) -> Budget {
        Budget {
            operations_per_second: self.operations_per_second,
            cpu_percent: self.cpu_percent,
            io_per_second: self.io_per_second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_wins_over_the_artifact_and_that_over_the_default() {
        let resources = Resources { timeout: 60, max_rows: 10, ..Resources::default() };
        let request = Request { max_rows: 5, ..Request::default() };
        let limits = Limits::of(&request, [&resources].into_iter());
        assert_eq!((limits.timeout.as_secs(), limits.rows, limits.bytes), (60, 5, DEFAULT_BYTES));
        let resources = Resources { iops_limit: 5.0, cpu_limit: 50.0, ..Resources::default() };
        let request = Request { iops_limit: 7.0, ..Request::default() };
        let budget = Limits::of(&request, [&resources].into_iter()).budget();
        assert_eq!((budget.io_per_second, budget.cpu_percent), (7.0, 50.0));
        let limits = Limits::of(&Request::default(), std::iter::empty());
        assert_eq!((limits.timeout.as_secs(), limits.rows), (DEFAULT_TIMEOUT, DEFAULT_ROWS));
    }
}
