//! The rows that came last: so many, not older than so long, not larger than so much.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use vql::value::Value;

/// A sliding window of rows.
pub struct RowWindow {
    rows: VecDeque<Entry>,
    bytes: usize,
    max_rows: usize,
    max_age: Duration,
    max_bytes: usize,
}

struct Entry {
    came: Instant,
    weight: usize,
    row: Value,
}

impl RowWindow {
    pub fn new(max_rows: usize, max_age: Duration, max_bytes: usize) -> Self {
        RowWindow { rows: VecDeque::new(), bytes: 0, max_rows, max_age, max_bytes }
    }

    /// Adds a row; the oldest ones give way.
    pub fn push(&mut self, row: Value, now: Instant) {
        let weight = row.weight();
        self.bytes += weight;
        self.rows.push_back(Entry { came: now, weight, row });
        while self.rows.len() > self.max_rows || (self.bytes > self.max_bytes && self.rows.len() > 1) {
            self.drop_oldest();
        }
        self.expire(now);
    }

    /// The rows in the window, oldest first.
    pub fn rows(&mut self, now: Instant) -> Vec<Value> {
        self.expire(now);
        self.rows.iter().map(|entry| entry.row.clone()).collect()
    }

    pub fn clear(&mut self) {
        self.rows.clear();
        self.bytes = 0;
    }

    fn expire(&mut self, now: Instant) {
        let is_old = |entry: &Entry, age| now.saturating_duration_since(entry.came) > age;
        while self.rows.front().is_some_and(|entry| is_old(entry, self.max_age)) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(entry) = self.rows.pop_front() {
            self.bytes -= entry.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(window: &mut RowWindow, now: Instant) -> String {
        format!("{:?}", window.rows(now))
    }

    #[test]
    fn old_rows_give_way() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut window = RowWindow::new(2, Duration::from_secs(10), 1 << 20);
        for second in [0, 1, 5] {
            window.push(Value::Int(second as i64), at(second));
        }
        assert_eq!(numbers(&mut window, at(5)), "[Int(1), Int(5)]", "two at most");
        assert_eq!(numbers(&mut window, at(12)), "[Int(5)]", "ten seconds at most");
        assert_eq!(numbers(&mut window, at(16)), "[]");
        window.push(Value::Int(9), at(17));
        window.clear();
        assert_eq!(numbers(&mut window, at(17)), "[]");
    }

    #[test]
    fn large_rows_leave_room_for_fewer() {
        let now = Instant::now();
        let mut window = RowWindow::new(100, Duration::from_secs(10), 1000);
        for _ in 0..10 {
            window.push(Value::text(vec![b'x'; 400]), now);
        }
        assert_eq!(window.rows(now).len(), 2);
    }
}
