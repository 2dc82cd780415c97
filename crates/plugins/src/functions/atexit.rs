//! `atexit(query=, env=, timeout=)`: a query that runs when everything else is over.

use std::sync::Arc;
use std::time::Duration;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Stop, Type};
use vql::cancel::Cancel;
use vql::host::Level;
use vql::scope::Context;
use vql::session::Session;
use vql::value::{Row, Value};

const QUERY: usize = 0;
const ENV: usize = 1;
const TIMEOUT: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "atexit",
        doc: "Runs a query when the whole program ends, with the variables of now, and gives TRUE; its rows are dropped.",
        category: Category::Language,
        args: &[
            Arg::required("query", Type::Any, "The query to run."),
            Arg::optional("env", Type::Dict, "Further variables."),
            Arg::optional("timeout", Type::Uint, "Seconds after which it is stopped.").with_default("60"),
        ],
        version: 1,
        examples: &[Example::new("It is kept for later", "atexit(query={ SELECT 1 FROM scope() })", "true")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let query = args.value(QUERY);
    if !matches!(query, Value::Query(_)) {
        return Err(Error::new(format!("Field query should be a query not {}.", query.type_name())));
    }
    let mut env = args.scope.snapshot().snapshot();
    if let Some(dict) = args.dict(ENV)? {
        for (name, value) in dict.snapshot().iter() {
            env.set(name, value.clone());
        }
    }
    let timeout = match args.uint(TIMEOUT, 0)? {
        0 => Duration::from_secs(60),
        seconds => Duration::from_secs(seconds),
    };
    let context = Arc::new(args.scope.context().clone());
    args.scope.at_end(true, move || finish(context, env, &query, timeout));
    Ok(Value::Bool(true))
}

/// Runs the query; whatever stopped the program does not stop this.
fn finish(context: Arc<Context>, env: Row, query: &Value, timeout: Duration) {
    let (cancel, over) = (Cancel::new(), Cancel::new());
    let session = Session::new(context, env, cancel.clone());
    std::thread::scope(|threads| {
        threads.spawn(|| {
            if !over.wait(timeout) {
                cancel.cancel();
            }
        });
        let scope = session.scope();
        if let Err(Stop::Failed(e)) = scope.each(query, &mut |_| Ok(())) {
            scope.log(Level::Error, format!("atexit: {e}"));
        }
        over.cancel();
    });
    session.close();
}
