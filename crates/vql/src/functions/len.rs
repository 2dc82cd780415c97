//! `len()`: the number of elements of a list, rows of a query, keys of a dict or bytes of a string (builtins page, section 1.1).

use crate::args::Args;
use crate::call::Stop;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "len",
        doc: "The number of elements of a list, rows of a query, keys of a dict or bytes of a string.",
        category: Category::Data,
        args: &[Arg::required("list", Type::Any, "The value to measure; 0 for other types.")],
        examples: &[
            Example::new("A list", "len(list=(1, 2, 3))", "3"),
            Example::new("Bytes of a string", "len(list='é')", "2"),
            Example::new("A query", "len(list={ SELECT * FROM range(end=5) })", "5"),
            Example::new("A dict", "len(list=dict(a=1, b=2))", "2"),
            Example::new("Other values", "len(list=5)", "0"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let count = match args.value(0) {
        Value::List(items) => items.len(),
        Value::Dict(dict) => dict.len(),
        Value::Text(text) | Value::Bytes(text) => text.len(),
        Value::Rows(rows) => rows.len(),
        query @ Value::Query(_) => rows(args, &query)?,
        Value::Object(object) => match object.member("@Len") {
            Some(Value::Int(count)) => usize::try_from(count).unwrap_or(0),
            _ => 0,
        },
        _ => 0,
    };
    Ok(Value::Int(count as i64))
}

/// Counts without keeping the rows.
fn rows(args: &Args<'_>, query: &Value) -> Result<usize, Error> {
    let mut count = 0;
    let flow = args.scope.each(query, &mut |_| {
        count += 1;
        Ok(())
    });
    match flow {
        Err(Stop::Failed(e)) => Err(e),
        _ => Ok(count),
    }
}
