//! Holding a query to an average rate of operations, and to a share of a core (language reference, section 13).

use std::cell::Cell;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use vql::cancel::Cancel;

/// What a query may use. Zero and less mean: no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    pub operations_per_second: f64,
    /// Of one core, for each thread of the query.
    pub cpu_percent: f64,
}

impl Budget {
    /// Whether there is anything to watch.
    pub fn is_limited(&self) -> bool {
        self.operations_per_second > 0.0 || self.cpu_percent > 0.0
    }
}

/// Makes whoever is ahead of the budget sleep.
pub struct Throttle {
    budget: Budget,
    cancel: Cancel,
    state: Mutex<State>,
}

struct State {
    since: Instant,
    charged: u64,
}

/// Sleeps shorter than this are saved up.
const GRAIN: Duration = Duration::from_millis(2);
/// Processor time is asked for once in so many operations: the answer costs more than most of them.
const CPU_EVERY: u32 = 64;

thread_local! {
    /// When this thread first charged, its processor time then, and its operations since.
    static THREAD: Cell<Option<(Instant, Duration, u32)>> = const { Cell::new(None) };
}

impl Throttle {
    /// A throttle; waiting ends when `cancel` is set.
    pub fn new(budget: Budget, cancel: Cancel) -> Self {
        Throttle { budget, cancel, state: Mutex::new(State { since: Instant::now(), charged: 0 }) }
    }

    /// Charges one operation.
    pub fn charge(&self) {
        if self.budget.operations_per_second > 0.0 {
            self.charge_operation();
        }
        if self.budget.cpu_percent > 0.0 {
            self.charge_cpu();
        }
    }

    fn charge_operation(&self) {
        let ahead = {
            let mut state = self.state.lock();
            state.charged += 1;
            due(state.charged as f64, self.budget.operations_per_second).saturating_sub(state.since.elapsed())
        };
        self.sleep(ahead);
    }

    /// Every thread of a query is new, so what it used is what the query used.
    fn charge_cpu(&self) {
        let (since, at_start, count) = THREAD.get().unwrap_or_else(|| (Instant::now(), thread_time(), 0));
        THREAD.set(Some((since, at_start, count.wrapping_add(1))));
        if count % CPU_EVERY == 0 {
            let used = thread_time().saturating_sub(at_start);
            self.sleep(
                due(used.as_secs_f64(), self.budget.cpu_percent / 100.0).saturating_sub(since.elapsed()),
            );
        }
    }

    fn sleep(&self, ahead: Duration) {
        if ahead > GRAIN {
            self.cancel.wait(ahead);
        }
    }
}

/// When so much is due at that rate.
fn due(amount: f64, rate: f64) -> Duration {
    Duration::try_from_secs_f64(amount / rate).unwrap_or(Duration::MAX)
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_keeps_to_its_share() {
        let budget = Budget { cpu_percent: 20.0, ..Budget::default() };
        let throttle = Throttle::new(budget, Cancel::new());
        let (started, before) = (Instant::now(), thread_time());
        while started.elapsed() < Duration::from_millis(300) {
            throttle.charge();
        }
        let share = (thread_time() - before).as_secs_f64() / started.elapsed().as_secs_f64();
        assert!(share < 0.5, "used {share} of a core");
    }

    #[test]
    fn operations_are_held_to_their_rate() {
        let budget = Budget { operations_per_second: 100.0, ..Budget::default() };
        let throttle = Throttle::new(budget, Cancel::new());
        let started = Instant::now();
        (0..20).for_each(|_| throttle.charge());
        // Twenty operations at a hundred a second cannot be over any sooner.
        assert!(started.elapsed() >= Duration::from_millis(190));
    }

    #[test]
    fn cancelling_ends_the_wait() {
        let cancel = Cancel::new();
        cancel.cancel();
        let budget = Budget { operations_per_second: 0.001, ..Budget::default() };
        Throttle::new(budget, cancel).charge();
    }
}
