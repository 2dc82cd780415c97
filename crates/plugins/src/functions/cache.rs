//! `cache(func= | lambda=, key=, name=, period=60, max_size=10000, filename=)`: an expensive value, kept for a while
//! (builtins page, section 4.1).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::text::Text;
use vql::value::{Value, convert};

use crate::caching::{AgedMap, Entry, Saved, SingleFlight};
use crate::handle::unique;
use crate::period::seconds;

const FUNC: usize = 0;
const LAMBDA: usize = 1;
const NAME: usize = 2;
const KEY: usize = 3;
const PERIOD: usize = 4;
const FILENAME: usize = 5;
const MAX_SIZE: usize = 6;

/// The largest cache, and how many there may be.
const MOST_ENTRIES: u64 = 1_000_000;
const MOST_CACHES: usize = 1000;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "cache",
        doc: "The value that an expression had for a key; evaluated anew when the key is new or the value old. NULL is not \
              kept. Threads that need the same value wait for one of them to make it.",
        category: Category::Data,
        args: &[
            Arg::optional("func", Type::Lazy, "The expression."),
            Arg::optional("lambda", Type::Lambda, "Instead of func: is given the key."),
            Arg::optional(
                "name",
                Type::Str,
                "Calls with the same name share a cache; by default each has its own.",
            ),
            Arg::optional("key", Type::Any, "What the value depends on; without it the result is NULL."),
            Arg::optional("period", Type::Int, "Seconds after which a value is old.").with_default("60"),
            Arg::optional("filename", Type::Str, "A file to keep the cache in (needs FILESYSTEM_WRITE)."),
            Arg::optional("max_size", Type::Uint, "How many values are kept.").with_default("10000"),
        ],
        version: 2,
        examples: &[
            Example::new("A function of the key", "cache(lambda='x=>x + 1', key=5)", "6"),
            Example::new(
                "Evaluated once",
                "{ SELECT cache(func=_value, key='same') AS X FROM range(start=7, end=9) }",
                "[7,7]",
            ),
            Example::new("No key", "cache(func=1)", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

/// Which cache a call uses.
#[derive(PartialEq, Eq, Hash)]
enum Place {
    Named(String),
    /// A number of the place in the program.
    Here(u64),
}

/// The caches of a program.
#[derive(Default)]
struct Caches(Mutex<HashMap<Place, Arc<Cache>>>);

struct Cache {
    values: Mutex<AgedMap>,
    flight: SingleFlight,
    saved: Option<Saved>,
}

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let cache = cache(args)?;
    let key = args.value(KEY);
    if key.is_null() {
        return Ok(Value::Null);
    }
    let text = convert::to_text(&args.scope.listed(key.clone()));
    loop {
        if let Some(value) = cache.values.lock().get(&text, Instant::now()) {
            return Ok(value);
        }
        let permit = match cache.flight.enter(&text, args.scope.cancel()) {
            Entry::Make(permit) => permit,
            Entry::Look => {
                // What the other thread made is not kept when it is NULL: then it is this one's turn.
                continue;
            }
            Entry::Recursion => return Err("the value of the key depends on itself".into()),
            Entry::Cancelled => return Ok(Value::Null),
        };
        let value = evaluate(args, key)?;
        // A value made while the query was being cancelled may lack what it should hold.
        if !value.is_null() && !args.scope.cancel().is_cancelled() {
            cache.values.lock().insert(text, value.clone(), Instant::now());
        }
        drop(permit);
        return Ok(value);
    }
}

fn evaluate(args: &Args<'_>, key: Value) -> Result<Value, Error> {
    let value = match args.lambda(LAMBDA)? {
        Some(lambda) => lambda.call(args.scope, &[key]),
        None => args.value(FUNC),
    };
    Ok(args.scope.listed(value))
}

fn cache(args: &Args<'_>) -> Result<Arc<Cache>, Error> {
    let name = args.string(NAME)?;
    let place = match name.is_empty() {
        true => Place::Here(*args.memo(NAME, &Text::empty(), |_| Ok(unique()))?),
        false => Place::Named(name),
    };
    let caches = args.scope.kept::<Caches>();
    if let Some(known) = caches.0.lock().get(&place) {
        return Ok(known.clone());
    }
    let made = Arc::new(make(args)?);
    let mut caches = caches.0.lock();
    if caches.len() >= MOST_CACHES {
        return Err(Error::new(format!("a program may have {MOST_CACHES} caches")));
    }
    // Somebody else may have been faster.
    Ok(caches.entry(place).or_insert(made).clone())
}

fn make(args: &Args<'_>) -> Result<Cache, Error> {
    let period = seconds(args.int(PERIOD, 60)?);
    let size = match args.uint(MAX_SIZE, 10_000)? {
        0 => 10_000,
        size => size.min(MOST_ENTRIES) as usize,
    };
    let mut values = AgedMap::new(size, period);
    let saved = Saved::named(args, FILENAME)?;
    if let Some(saved) = &saved {
        let (now, today) = (Instant::now(), saved.now());
        for entry in saved.load(args) {
            let age = Duration::from_secs(today.saturating_sub(entry.made).max(0) as u64);
            if let Some(made) = now.checked_sub(age).filter(|_| age < period) {
                values.insert(entry.key, entry.value, made);
            }
        }
    }
    Ok(Cache { values: Mutex::new(values), flight: SingleFlight::default(), saved })
}

impl Drop for Cache {
    /// The program ends.
    fn drop(&mut self) {
        let Some(saved) = &self.saved else { return };
        let values = self.values.get_mut();
        let today = saved.now();
        let made = |age: Duration| today.saturating_sub(age.as_secs() as i64);
        saved.save(values.iter(Instant::now()).map(|(key, value, age)| (key, value, made(age))));
    }
}
