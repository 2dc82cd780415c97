//! Holding a query to an average rate of operations, of reads and writes, and to a share of a core (language reference, section 13).

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Reads and writes a second, for each thread of the query.
    pub io_per_second: f64,
}

impl Budget {
    /// Whether there is anything to watch.
    pub fn is_limited(&self) -> bool {
        self.operations_per_second > 0.0 || self.is_metered()
    }
}

impl Budget {
    fn is_metered(&self) -> bool {
        self.cpu_percent > 0.0 || self.io_per_second > 0.0
    }
}

/// Makes whoever is ahead of the budget sleep.
pub struct Throttle {
    id: u64,
    budget: Budget,
    charged: AtomicU64,
    cancel: Cancel,
    state: Mutex<State>,
}

struct State {
    since: Instant,
    charged: u64,
}

/// Sleeps shorter than this are saved up.
const GRAIN: Duration = Duration::from_millis(2);
/// What a thread used is asked for once in so many operations: the answer costs more than most of them.
const METER_EVERY: u32 = 64;
/// Throttles that one thread keeps a meter for; more than queries nest.
const METERS: usize = 32;

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// What this thread had used when it first charged each throttle, the newest last.
    static METERS_OF_THREAD: RefCell<Vec<Meter>> = const { RefCell::new(Vec::new()) };
}

struct Meter {
    throttle: u64,
    since: Instant,
    cpu: Duration,
    io: u64,
    operations: u32,
}

impl Throttle {
    /// A throttle; waiting ends when `cancel` is set.
    pub fn new(budget: Budget, cancel: Cancel) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Throttle {
            id,
            budget,
            charged: AtomicU64::new(0),
            cancel,
            state: Mutex::new(State { since: Instant::now(), charged: 0 }),
        }
    }

    /// Charges one operation.
    pub fn charge(&self) {
        if self.budget.operations_per_second > 0.0 {
            self.charge_operation();
        }
        if self.budget.is_metered() {
            self.meter();
        }
        self.charged.fetch_add(1, Ordering::Relaxed);
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.charged.load(Ordering::Relaxed)
    }

    fn charge_operation(&self) {
        let ahead = {
            let mut state = self.state.lock();
            state.charged += 1;
            due(state.charged as f64, self.budget.operations_per_second).saturating_sub(state.since.elapsed())
        };
        self.sleep(ahead);
    }

    /// Looks at what this thread used since it first charged, once in a while.
    fn meter(&self) {
        let ahead = METERS_OF_THREAD.with_borrow_mut(|meters| {
            let at = meters.iter().rposition(|m| m.throttle == self.id).unwrap_or_else(|| {
                if meters.len() == METERS {
                    meters.remove(0);
                }
                meters.push(self.new_meter());
                meters.len() - 1
            });
            let meter = &mut meters[at];
            meter.operations = meter.operations.wrapping_add(1);
            if meter.operations % METER_EVERY == 0 { self.ahead(meter) } else { Duration::ZERO }
        });
        self.sleep(ahead);
    }

    fn new_meter(&self) -> Meter {
        let io = if self.budget.io_per_second > 0.0 { thread_io() } else { 0 };
        Meter { throttle: self.id, since: Instant::now(), cpu: thread_time(), io, operations: 0 }
    }

    /// How far a thread is ahead of what it may have used.
    fn ahead(&self, meter: &Meter) -> Duration {
        let mut wanted = Duration::ZERO;
        if self.budget.cpu_percent > 0.0 {
            let used = thread_time().saturating_sub(meter.cpu);
            wanted = due(used.as_secs_f64(), self.budget.cpu_percent / 100.0);
        }
        if self.budget.io_per_second > 0.0 {
            let used = thread_io().saturating_sub(meter.io);
            wanted = wanted.max(due(used as f64, self.budget.io_per_second));
        }
        wanted.saturating_sub(meter.since.elapsed())
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

/// Reads and writes of this thread, as the kernel counts them; 0 where it does not tell.
fn thread_io() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    let count = |line: &str| {
        let (name, count) = line.split_once(": ")?;
        matches!(name, "syscr" | "syscw").then(|| count.trim().parse::<u64>().ok())?
    };
    text.lines().filter_map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_held_to_their_rate() {
        let budget = Budget { io_per_second: 200.0, ..Budget::default() };
        let throttle = Throttle::new(budget, Cancel::new());
        throttle.charge();
        let started = Instant::now();
        for _ in 0..METER_EVERY {
            std::fs::read("/proc/self/comm").unwrap();
            throttle.charge();
        }
        // Each file takes one read at least.
        assert!(started.elapsed() >= Duration::from_millis(300), "{:?}", started.elapsed());
        assert_eq!(throttle.operations(), u64::from(METER_EVERY) + 1);
    }

    #[test]
    fn each_throttle_has_a_meter_of_its_own() {
        let budget = Budget { cpu_percent: 50.0, ..Budget::default() };
        let first = Throttle::new(budget, Cancel::new());
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(50) {
            first.charge();
        }
        for _ in 0..100 {
            Throttle::new(budget, Cancel::new()).charge();
        }
        METERS_OF_THREAD.with_borrow(|meters| {
            assert_eq!(meters.len(), METERS);
            assert!(meters.iter().all(|m| m.operations == 1));
        });
    }

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
