//! `dedup(key=, query=, timeout=60, size=1000)`: rows whose key was not seen lately (builtins page, section 4.2).

use std::collections::{HashMap, VecDeque};

use crate::args::Args;
use crate::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use crate::schema::Name;
use crate::scope::Scope;
use crate::text::Text;
use crate::value::{Row, Time, Value, convert, member};

const KEY: usize = 0;
const QUERY: usize = 1;
const TIMEOUT: usize = 2;
const SIZE: usize = 3;

/// The most keys that may be remembered.
const MAX_SIZE: i64 = 1_000_000;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "dedup",
        doc: "The rows of a query without those whose key was passed on lately; rows that lack the key are dropped.",
        category: Category::Language,
        args: &[
            Arg::required("key", Type::Str, "The column that tells rows apart."),
            Arg::required("query", Type::Query, "Where rows come from."),
            Arg::optional("timeout", Type::Uint, "Seconds after which a key counts as new.")
                .with_default("60"),
            Arg::optional("size", Type::Int, "How many keys are remembered.").with_default("1000"),
        ],
        examples: &[Example::new(
            "Each once",
            "SELECT * FROM dedup(key='A', query={ SELECT * FROM foreach(row=[dict(A=1), dict(A=2), dict(A=1), dict(B=1)]) })",
            r#"[{"A":1},{"A":2}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let name = Name::new(&args.string(KEY)?);
    let timeout = i64::try_from(args.uint(TIMEOUT, 60)?).unwrap_or(i64::MAX);
    let size = args.int(SIZE, 1000)?.clamp(1, MAX_SIZE) as usize;
    let seen = Seen { times: HashMap::new(), order: VecDeque::new(), timeout, size };
    args.scope.push_rows(&args.value(QUERY), &mut Dedup { scope: args.scope, sink, name, seen })
}

/// The keys passed on lately, oldest first.
struct Seen {
    times: HashMap<Text, Time>,
    order: VecDeque<Text>,
    timeout: i64,
    size: usize,
}

impl Seen {
    /// Whether a key is new; it counts as seen from then on.
    fn is_new(&mut self, key: &Text, now: Time) -> bool {
        let is_over = |then: &Time| now.as_second().saturating_sub(then.as_second()) >= self.timeout;
        while let Some(oldest) = self.order.front()
            && self.times.get(oldest).is_none_or(is_over)
        {
            if let Some(oldest) = self.order.pop_front() {
                self.times.remove(&oldest);
            }
        }
        if self.times.contains_key(key) {
            return false;
        }
        if self.order.len() >= self.size
            && let Some(oldest) = self.order.pop_front()
        {
            self.times.remove(&oldest);
        }
        self.times.insert(key.clone(), now);
        self.order.push_back(key.clone());
        true
    }
}

struct Dedup<'a> {
    scope: &'a Scope<'a>,
    sink: &'a mut dyn Sink,
    name: Name,
    seen: Seen,
}

impl Dedup<'_> {
    fn passes(&mut self, key: Option<&Value>) -> bool {
        match key {
            None | Some(Value::Null) => false,
            Some(key) => self.seen.is_new(&convert::to_text(key), self.scope.host().now()),
        }
    }
}

impl Sink for Dedup<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        let key = row.get(&self.name).cloned();
        if self.passes(key.as_ref()) { self.sink.row(row) } else { Ok(()) }
    }

    fn value(&mut self, value: Value) -> Flow {
        let key = member::member(&value, &self.name);
        if self.passes(key.as_ref()) { self.sink.value(value) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_forgotten_with_time_and_when_there_are_too_many() {
        let mut seen = Seen { times: HashMap::new(), order: VecDeque::new(), timeout: 60, size: 2 };
        let mut is_new =
            |key: &str, second| seen.is_new(&Text::from(key), Time::from_second(second).unwrap());
        assert!(is_new("a", 0) && !is_new("a", 59) && is_new("a", 60), "after the time-out");
        assert!(is_new("b", 61) && is_new("c", 62), "more than two");
        assert!(is_new("a", 63), "the oldest gave way");
        assert!(!is_new("c", 63));
    }
}
