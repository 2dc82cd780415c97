//! `process_tracker(sync_query=, sync_period=, update_query=, …)`: follows the processes of the host.

use std::time::Duration;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::host::Level;
use vql::lambda::Lambda;
use vql::value::Value;

use crate::process_tracker::{DEFAULT_EXPIRY, DEFAULT_SIZE, Entries, Sync, Tracker};

const SYNC_QUERY: usize = 0;
const SYNC_PERIOD: usize = 1;
const UPDATE_QUERY: usize = 2;
const MAX_SIZE: usize = 3;
const MAX_EXPIRY: usize = 4;
const ENRICHMENTS: usize = 5;
const CACHE: usize = 6;

/// The shortest time between two runs of the query, in milliseconds.
const SHORTEST: i64 = 100;

const MOST: u64 = 1_000_000;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "process_tracker",
        doc: "Follows processes from now on, so that those that ended are still known; one tracker for a program.",
        category: Category::Host,
        args: &[
            Arg::optional(
                "sync_query",
                Type::Query,
                "All processes there are, as rows with id, parent_id, start_time and data; pslist() by default.",
            ),
            Arg::optional("sync_period", Type::Int, "Milliseconds from one run of it to the next.")
                .with_default("5000"),
            Arg::optional(
                "update_query",
                Type::Query,
                "Events: rows as above with update_type, which is start or exit.",
            ),
            Arg::optional("max_size", Type::Uint, "How many processes are kept.").with_default("10000"),
            Arg::optional("max_expiry", Type::Uint, "Seconds for which those that ended are kept.")
                .with_default("86400"),
            Arg::optional(
                "enrichments",
                Type::StrList,
                "Lambdas that give a dict to add to the data of a new process.",
            ),
            Arg::optional("cache", Type::Str, "Not used: the tracker lives as long as the program."),
        ],
        version: 2,
        examples: &[Example::new("Installed", "process_tracker()", "true")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let period = match args.int(SYNC_PERIOD, 5000)? {
        ms if ms > 0 => ms.max(SHORTEST),
        _ => 5000,
    };
    let max_size = match args.uint(MAX_SIZE, 0)? {
        0 => DEFAULT_SIZE,
        size => size.min(MOST) as usize,
    };
    let max_expiry = match args.uint(MAX_EXPIRY, 0)? {
        0 => DEFAULT_EXPIRY,
        seconds => i64::try_from(seconds).unwrap_or(i64::MAX),
    };
    let registry = &args.scope.context().registry;
    let compile = |text: &vql::text::Text| Lambda::compile(&text.to_str_lossy(), registry).map(Into::into);
    let enrichments = args.text_list(ENRICHMENTS)?.iter().map(compile).collect::<Result<_, Error>>()?;
    if !args.string(CACHE)?.is_empty() {
        args.scope.log(Level::Warn, "process_tracker: no cache file is used");
    }
    let given = |slot| args.optional(slot).filter(|query: &Value| !query.is_null());
    let sync = Sync { query: given(SYNC_QUERY), period: Duration::from_millis(period as u64) };
    Tracker::new(Entries::new(max_size, max_expiry), enrichments).install(
        args.scope,
        sync,
        given(UPDATE_QUERY),
    )?;
    Ok(Value::Bool(true))
}
