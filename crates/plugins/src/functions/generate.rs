//! `generate(name=, query=, delay=, with_file_buffer=, fan_out=, description=)`: one event source for many queries.
//!
//! ```vql
//! LET Lines <= generate(query={ SELECT * FROM watch_syslog(filename="/var/log/syslog") })
//! SELECT * FROM chain(a={ SELECT Line FROM Lines WHERE Line =~ "error" }, b={ … FROM Lines }, async=TRUE)
//! ```

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{
    Arg, Category, Error, Example, Flow, Function, FunctionBody, OnError, Signature, Sink, Type,
};
use vql::schema::Name;
use vql::scope::Scope;
use vql::value::{Object, Value};

use crate::beside::Job;
use crate::fan_out::Generator;
use crate::handle::Handle;
use crate::period::seconds;

const NAME: usize = 0;
const QUERY: usize = 1;
const DELAY: usize = 2;
const WITH_FILE_BUFFER: usize = 3;
const FAN_OUT: usize = 4;
const DESCRIPTION: usize = 5;

/// How many names one program may use.
const MAX_NAMES: usize = 1000;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "generate",
        doc: "Makes a source of rows that several queries may read after FROM at the same time, while its own query runs once.",
        category: Category::Events,
        args: &[
            Arg::optional(
                "name",
                Type::Str,
                "A name; a call with a name that is known gives the same generator.",
            ),
            Arg::optional("query", Type::Query, "Where rows come from; not needed with a known name."),
            Arg::optional("delay", Type::Int, "Seconds to wait before the query starts."),
            Arg::optional(
                "with_file_buffer",
                Type::Bool,
                "Keep rows that a slow reader has not taken in a temporary file; else all wait for it.",
            ),
            Arg::optional("fan_out", Type::Int, "How many readers start the query.").with_default("1"),
            Arg::optional("description", Type::Str, "What it is, for people."),
        ],
        version: 3,
        examples: &[Example::new(
            "Read like a query",
            "{ SELECT _value FROM foreach(row=generate(query={ SELECT * FROM range(end=3) })) }",
            "[0,1,2]",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

/// The named generators of a program.
#[derive(Default)]
struct Named(Mutex<HashMap<String, Arc<Generator>>>);

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let name = args.string(NAME)?;
    if name.is_empty() {
        return Ok(source(args.scope, make(args, name)?));
    }
    let named = args.scope.kept::<Named>();
    if let Some(known) = named.0.lock().get(&name) {
        return Ok(source(args.scope, known.clone()));
    }
    let made = make(args, name.clone())?;
    let mut names = named.0.lock();
    if names.len() >= MAX_NAMES {
        return Err(Error::new(format!("a program may use {MAX_NAMES} names")));
    }
    // Somebody else may have been faster.
    Ok(source(args.scope, names.entry(name).or_insert(made).clone()))
}

fn make(args: &Args<'_>, name: String) -> Result<Arc<Generator>, Error> {
    let query = args.value(QUERY);
    if query.is_null() && !name.is_empty() {
        return Err(Error::new(format!("no generator is called {name}, and there is no query")));
    }
    if !query.is_source() {
        return Err(Error::new(format!("Field query should be a query not {}.", query.type_name())));
    }
    let mut job = Job::new(args.scope, "generate", query);
    job.delay = seconds(args.int(DELAY, 0)?);
    let fan_out = args.int(FAN_OUT, 1)?.max(1) as usize;
    let cancel = args.scope.root_cancel().child();
    let (description, in_file) = (args.string(DESCRIPTION)?, args.bool(WITH_FILE_BUFFER));
    Ok(Arc::new(Generator::new(name, description, job, fan_out, in_file, cancel)))
}

fn source(scope: &Scope<'_>, generator: Arc<Generator>) -> Value {
    Value::Object(Arc::new(Source(Handle::new(scope, generator))))
}

/// What queries hold of a generator.
struct Source(Handle<Generator>);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("generator")
    }
}

impl Object for Source {
    fn type_name(&self) -> &'static str {
        "generator"
    }

    fn member(&self, name: &str) -> Option<Value> {
        let generator = self.0.get()?;
        match name {
            "Name" => Some(Value::from(&*generator.name)),
            "Description" => Some(Value::from(&*generator.description)),
            _ => None,
        }
    }

    fn members(&self) -> Vec<Name> {
        vec![Name::new("Name"), Name::new("Description")]
    }

    fn is_source(&self) -> bool {
        true
    }

    fn push_rows(&self, scope: &Scope<'_>, sink: &mut dyn Sink) -> Flow {
        self.0.get().map_or(Ok(()), |generator| generator.read(scope, sink))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
