//! What is measured.

use std::time::Duration;

/// How long answers took.
#[derive(Debug, Default)]
pub struct Figures {
    /// Microseconds.
    took: Vec<u32>,
}

/// A phase in numbers.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    pub count: usize,
    pub lasted: Duration,
    pub per_second: f64,
    pub median: Duration,
    pub p99: Duration,
    pub slowest: Duration,
}

impl Figures {
    pub fn add(&mut self, took: Duration) {
        self.took.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn merge(&mut self, other: Self) {
        self.took.extend(other.took);
    }

    /// Sums it all up.
    pub fn phase(mut self, lasted: Duration) -> Phase {
        self.took.sort_unstable();
        let at = |share: f64| {
            let index = ((self.took.len() as f64 * share) as usize).min(self.took.len().saturating_sub(1));
            Duration::from_micros(self.took.get(index).copied().unwrap_or_default().into())
        };
        Phase {
            count: self.took.len(),
            lasted,
            per_second: self.took.len() as f64 / lasted.as_secs_f64().max(1e-9),
            median: at(0.5),
            p99: at(0.99),
            slowest: at(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_what_was_measured() {
        let mut figures = Figures::default();
        (1..=100).for_each(|ms| figures.add(Duration::from_millis(ms)));
        let phase = figures.phase(Duration::from_secs(2));
        let ms = [phase.median, phase.p99, phase.slowest].map(|took| took.as_millis());
        assert_eq!((phase.per_second, ms), (50.0, [51, 100, 100]));
        assert_eq!(Figures::default().phase(Duration::ZERO).count, 0);
    }
}
