//! `array()`: builds a list of its arguments, in the order written (builtins page, section 1.4).

use crate::args::Args;
use crate::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "array",
        doc: "Builds a list of its arguments, in the order written.",
        category: Category::Data,
        free_form: true,
        examples: &[
            Example::new("The names do not matter", "array(a=1, b='x')", r#"[1,"x"]"#),
            Example::new("One element", "array(a=1)", "[1]"),
            Example::new("From a list", "array(`_`=(1, 2), a=3)", "[1,2,3]"),
            Example::new("A query", "array(q={ SELECT _value FROM range(end=1) })", r#"[[{"_value":0}]]"#),
            Example::new("Empty", "array()", "[]"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let mut start = Vec::new();
    let mut items = Vec::with_capacity(args.rest_len());
    for i in 0..args.rest_len() {
        let value = args.scope.listed(args.rest_value(i));
        match value {
            Value::List(list) if args.rest_name(i).as_str() == "_" => start.extend_from_slice(&list),
            value => items.push(value),
        }
    }
    start.append(&mut items);
    Ok(Value::list(start))
}
