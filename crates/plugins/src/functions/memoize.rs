//! `memoize(query=, key=, period=60, name=, filename=)`: the rows of a query by key (builtins page, section 4.1).

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Stop, Type};
use vql::cancel::Cancel;
use vql::host::Level;
use vql::schema::Name;
use vql::session::Session;
use vql::text::Text;
use vql::value::{Object, Value, convert, member};

use crate::beside::Job;
use crate::caching::{Entry, Saved, SingleFlight};
use crate::handle::Handle;
use crate::period::seconds;

const QUERY: usize = 0;
const KEY: usize = 1;
const PERIOD: usize = 2;
const NAME: usize = 3;
const FILENAME: usize = 4;

/// How many names one program may use.
const MAX_NAMES: usize = 1000;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "memoize",
        doc: "A map from the key column of a query to its rows, for get(). The query runs when a key is first asked for, \
              and again when its rows are old.",
        category: Category::Data,
        args: &[
            Arg::required("query", Type::Query, "Where rows come from."),
            Arg::required(
                "key",
                Type::Str,
                "The column that rows are found by; of rows with the same key the last counts.",
            ),
            Arg::optional("period", Type::Int, "Seconds after which rows are old.").with_default("60"),
            Arg::optional("name", Type::Str, "A call with a name that is known gives the same map."),
            Arg::optional("filename", Type::Str, "A file to keep the rows in (needs FILESYSTEM_WRITE)."),
        ],
        version: 3,
        examples: &[
            Example::new(
                "A row by its key",
                "get(item=memoize(query={ SELECT _value AS N, _value * 10 AS Ten FROM range(end=3) }, key='N'), field=2)",
                r#"{"N":2,"Ten":20}"#,
            ),
            Example::new(
                "No such row",
                "get(item=memoize(query={ SELECT 1 AS N FROM scope() }, key='N'), field=2)",
                "null",
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

/// The named maps of a program.
#[derive(Default)]
struct Named(Mutex<HashMap<String, Arc<Memo>>>);

struct Memo {
    job: Job,
    cancel: Cancel,
    key: Name,
    period: Duration,
    filled: Mutex<Option<Filled>>,
    flight: SingleFlight,
    saved: Option<Saved>,
}

struct Filled {
    rows: HashMap<Text, Value>,
    until: Instant,
}

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let name = args.string(NAME)?;
    let object = |memo| Value::Object(Arc::new(Memoized(Handle::new(args.scope, memo))));
    if name.is_empty() {
        return Ok(object(Arc::new(make(args)?)));
    }
    let named = args.scope.kept::<Named>();
    if let Some(known) = named.0.lock().get(&name) {
        return Ok(object(known.clone()));
    }
    let made = Arc::new(make(args)?);
    let mut names = named.0.lock();
    if names.len() >= MAX_NAMES {
        return Err(Error::new(format!("a program may use {MAX_NAMES} names")));
    }
    let memo = names.entry(name).or_insert(made).clone();
    drop(names);
    Ok(object(memo))
}

fn make(args: &Args<'_>) -> Result<Memo, Error> {
    let query = args.value(QUERY);
    let memo = Memo {
        job: Job::new(args.scope, "memoize", query),
        cancel: args.scope.root_cancel().child(),
        key: Name::new(&args.string(KEY)?),
        period: seconds(args.int(PERIOD, 60)?),
        filled: Mutex::new(None),
        flight: SingleFlight::default(),
        saved: Saved::named(args, FILENAME)?,
    };
    if let Some(saved) = &memo.saved {
        let entries = saved.load(args);
        let oldest = entries.iter().map(|entry| entry.made).min().unwrap_or(0);
        let age = Duration::from_secs(saved.now().saturating_sub(oldest).max(0) as u64);
        if !entries.is_empty() && age < memo.period {
            let rows = entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
            *memo.filled.lock() = Some(Filled { rows, until: Instant::now() + (memo.period - age) });
        }
    }
    Ok(memo)
}

impl Memo {
    fn row(&self, key: &Text) -> Option<Value> {
        loop {
            match &*self.filled.lock() {
                Some(filled) if Instant::now() < filled.until => return filled.rows.get(key).cloned(),
                _ => {}
            }
            match self.flight.enter(&Text::empty(), &self.cancel) {
                Entry::Make(_permit) => {
                    let rows = self.rows();
                    let found = rows.get(key).cloned();
                    if !self.cancel.is_cancelled() {
                        self.save(&rows);
                        *self.filled.lock() = Some(Filled { rows, until: Instant::now() + self.period });
                    }
                    return found;
                }
                Entry::Look => {}
                Entry::Recursion | Entry::Cancelled => return None,
            }
        }
    }

    /// Runs the query.
    fn rows(&self) -> HashMap<Text, Value> {
        let job = &self.job;
        let session =
            Session::new(job.context.clone(), job.vars.clone(), self.cancel.clone()).at_depth(job.depth);
        let scope = session.scope();
        let limit = self.job.context.limits.list_bytes;
        let (mut rows, mut bytes) = (HashMap::new(), 0);
        let flow = scope.each(&self.job.query, &mut |row| {
            bytes += row.weight();
            if bytes > limit {
                return Err(Stop::Failed(Error::new(format!("the rows exceed {} MiB", limit >> 20))));
            }
            if let Some(key) = member::member(&row, &self.key) {
                rows.insert(convert::to_text(&key), row);
            }
            Ok(())
        });
        if let Err(Stop::Failed(e)) = flow {
            scope.log(Level::Default, format!("memoize: {e}"));
        }
        session.close();
        rows
    }

    fn save(&self, rows: &HashMap<Text, Value>) {
        if let Some(saved) = &self.saved {
            let now = saved.now();
            saved.save(rows.iter().map(|(key, row)| (key, row, now)));
        }
    }
}

/// What queries hold of the map.
struct Memoized(Handle<Memo>);

impl fmt::Debug for Memoized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memoize")
    }
}

impl Object for Memoized {
    fn type_name(&self) -> &'static str {
        "*functions.MemoizeObject"
    }

    fn member(&self, name: &str) -> Option<Value> {
        self.0.get()?.row(&Text::from(name))
    }

    fn members(&self) -> Vec<Name> {
        Vec::new()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
