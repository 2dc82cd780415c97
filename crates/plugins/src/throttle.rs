//! Holding a query to an average rate of operations (language reference, section 13).

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vql::cancel::Cancel;

/// Sleeps whoever charges operations faster than so many a second.
pub struct Throttle {
    per_second: f64,
    cancel: Cancel,
    state: Mutex<State>,
}

struct State {
    since: Instant,
    charged: u64,
}

/// Sleeps shorter than this are saved up.
const GRAIN: Duration = Duration::from_millis(2);

impl Throttle {
    /// A throttle; waiting ends when `cancel` is set.
    pub fn new(per_second: f64, cancel: Cancel) -> Self {
        Throttle { per_second, cancel, state: Mutex::new(State { since: Instant::now(), charged: 0 }) }
    }

    /// Charges one operation.
    pub fn charge(&self) {
        let ahead = {
            let mut state = self.state.lock();
            state.charged += 1;
            let due =
                Duration::try_from_secs_f64(state.charged as f64 / self.per_second).unwrap_or(Duration::MAX);
            due.saturating_sub(state.since.elapsed())
        };
        if ahead > GRAIN {
            self.cancel.wait(ahead);
        }
    }
}
