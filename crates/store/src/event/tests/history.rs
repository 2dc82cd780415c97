//! Random histories: whatever is appended, sealed, pruned, deleted, closed and opened in whatever order, every row
//! that was acknowledged is read once, in order, with its number, or was removed on request or told to be gone.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::random::Random;

/// What should be there.
#[derive(Default)]
struct Model {
    /// The number of the last row.
    last: u64,
    deleted: BTreeSet<u64>,
    /// Rows up to this one may be gone.
    pruned: u64,
}

/// Three rows a second, so that periods cut between rows and within seconds alike.
fn text(number: u64) -> String {
    format!("{{\"n\":{number},\"pad\":\"{}\",\"_ts\":{}}}", "p".repeat((number % 17) as usize), number / 3)
}

/// Histories that are tried.
const SEEDS: u64 = 12;

fn opened(dir: &Path) -> EventStore {
    let limits = Limits { segment: 1500, block: 300, ..Limits::default() };
    EventStore::open_with(dir.to_owned(), Retention::default(), limits).unwrap()
}

/// A watcher, and the number of the next row it should see.
struct Watcher {
    subscription: Subscription,
    next: u64,
}

impl Watcher {
    /// Takes some rows and checks them; all of them when there is no limit.
    fn take(&mut self, model: &Model, most: u64) {
        for _ in 0..most {
            match self.subscription.recv_timeout(Duration::ZERO) {
                Event::Row(Some(number), row) => {
                    assert_eq!(*row, *text(number).as_bytes());
                    self.seen(model, number);
                    self.next = number + 1;
                }
                Event::LeftOut(Error::RowsGone { next, .. }) => {
                    self.seen(model, next);
                    self.next = next;
                }
                Event::TimedOut => return self.seen(model, model.last + 1),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Between the row seen before and this one there are only rows that were deleted.
    fn seen(&self, model: &Model, number: u64) {
        assert!(number >= self.next, "row {number} came again, {} is next", self.next);
        let missed =
            (self.next..number).find(|number| !model.deleted.contains(number) && *number > model.pruned);
        assert_eq!(missed, None, "before row {number}");
    }
}

fn check(store: &EventStore, model: &Model, random: &mut Random) {
    let (from, to) = (random.below(model.last + 2), random.below(model.last + 2));
    let at = |number: u64| Timestamp::from_second(number as i64 / 3).ok();
    for period in [Period::ALWAYS, Period { start: at(from), end: at(to) }] {
        let read = store.read("q", &Position::Oldest, period).unwrap();
        let read: Vec<u64> = read
            .map(|row| {
                let (number, row) = row.unwrap();
                assert_eq!(*row, *text(number).as_bytes());
                number
            })
            .collect();
        let is_wanted = |number: &u64| {
            !model.deleted.contains(number)
                && *number > model.pruned
                && period.holds((number / 3) as i64 * 1_000_000)
        };
        assert_eq!(read, (1..=model.last).filter(is_wanted).collect::<Vec<_>>());
    }
}

/// Does one random thing; true if the store was opened anew.
fn step(store: &mut Option<EventStore>, dir: &Path, model: &mut Model, random: &mut Random) -> bool {
    let open = store.as_ref().unwrap();
    match random.below(20) {
        0..10 => {
            let count = 1 + random.below(8);
            let batch =
                (model.last + 1..).take(count as usize).map(|n| text(n).into_bytes().into()).collect();
            open.append("q", batch).unwrap();
            model.last += count;
        }
        10..13 => open.sender().unwrap().finish(open.shared.queue("q").unwrap()).unwrap(),
        13..15 => {
            let queue = open.shared.queue("q").unwrap();
            let oldest = queue.with(|state| (state.oldest(), state.end_of(state.oldest())));
            if keeper::remove(&queue, oldest.0).unwrap() {
                model.pruned = oldest.1 - 1;
            }
        }
        15..17 => {
            let from = random.below(model.last + 1);
            let to = from + random.below(30);
            let at = |second| Timestamp::from_second(second as i64).ok();
            open.delete("q", Period { start: at(from / 3), end: at(to / 3) }, true).unwrap();
            model.deleted.extend((1..=model.last).filter(|n| (from / 3..to / 3).contains(&(n / 3))));
        }
        17 => {
            *store = None;
            *store = Some(opened(dir));
            return true;
        }
        _ => check(open, model, random),
    }
    false
}

#[test]
fn every_history_gives_each_row_once_and_in_order() {
    for seed in 0..SEEDS {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random(seed);
        let mut model = Model::default();
        let mut store = Some(opened(dir.path()));
        let mut watchers: Vec<Watcher> = Vec::new();
        for _ in 0..150 {
            let cursors: Vec<_> = watchers.iter().map(|watcher| watcher.subscription.cursor()).collect();
            let is_new = step(&mut store, dir.path(), &mut model, &mut random);
            let open = store.as_ref().unwrap();
            if is_new {
                // The server was started anew: everyone comes back with what they saw last.
                for (watcher, cursor) in watchers.iter_mut().zip(cursors) {
                    let from = cursor.map_or(Position::Oldest, Position::After);
                    watcher.subscription = open.subscribe("q", &from).unwrap();
                }
            }
            if watchers.len() < 4 {
                let small = hub::Limits { rows: 1 + random.below(20) as usize, bytes: 400 };
                let queue = open.shared.queue("q").unwrap();
                let subscription = Subscription::new(queue, &Position::Newest, small).unwrap();
                watchers.push(Watcher { subscription, next: model.last + 1 });
            }
            for watcher in &mut watchers {
                watcher.take(&model, random.below(12));
            }
        }
        check(store.as_ref().unwrap(), &model, &mut random);
        for watcher in &mut watchers {
            watcher.take(&model, u64::MAX);
        }
    }
}
