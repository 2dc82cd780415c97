//! `background(query=)`: a query that runs beside the program; its rows are dropped.

use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::beside::{Beside, Discard, Job};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "background",
        doc: "Starts a query that runs beside the program until it or the program ends, and gives TRUE; its rows are \
              dropped.",
        category: Category::Language,
        args: &[Arg::optional("query", Type::Query, "What to run.")],
        version: 1,
        examples: &[Example::new("It is started", "background(query={ SELECT * FROM clock() })", "true")],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

/// What runs beside a program.
#[derive(Default)]
struct Running(Mutex<Vec<Beside>>);

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let query = args.value(0);
    if !query.is_source() {
        return Err(Error::new(format!("Field query should be a query not {}.", query.type_name())));
    }
    let running = args.scope.kept::<Running>();
    let cancel = args.scope.root_cancel().child();
    let beside = Job::new(args.scope, "background", query).start(cancel, Box::new(Discard))?;
    let mut running = running.0.lock();
    running.retain(|beside| !beside.is_over());
    running.push(beside);
    Ok(Value::Bool(true))
}
