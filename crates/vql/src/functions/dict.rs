//! `dict()`: builds a dict from its arguments, in the order written (builtins page, section 1.4).

use std::sync::Arc;

use crate::args::Args;
use crate::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use crate::schema::Schema;
use crate::text::Text;
use crate::value::{Row, Value};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "dict",
        doc: "Builds a dict from its arguments, in the order written.",
        category: Category::Data,
        free_form: true,
        examples: &[
            Example::new("Any keys", "dict(a=1, b='x')", r#"{"a":1,"b":"x"}"#),
            Example::new("A key with spaces", "dict(`two words`=2)", r#"{"two words":2}"#),
            Example::new(
                "A query is the list of its rows",
                "dict(q={ SELECT _value FROM range(end=2) })",
                r#"{"q":[{"_value":0},{"_value":1}]}"#,
            ),
            Example::new("No keys", "dict()", "{}"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let count = args.rest_len();
    let schema = args.memo(0, &Text::empty(), |_| Ok(KeptSchema(names(args))))?;
    let is_same =
        |kept: &Schema| kept.len() == count && (0..count).all(|i| kept.names()[i] == *args.rest_name(i));
    if !is_same(&schema.0) {
        let mut row = Row::default();
        for i in 0..count {
            row.set(args.rest_name(i), args.scope.listed(args.rest_value(i)));
        }
        return Ok(row.into());
    }
    // The dicts of one call site share their shape.
    let mut row = Row::new(schema.0.clone());
    row.cells.extend((0..count).map(|i| args.scope.listed(args.rest_value(i))));
    Ok(row.into())
}

struct KeptSchema(Arc<Schema>);

fn names(args: &Args<'_>) -> Arc<Schema> {
    Schema::of((0..args.rest_len()).map(|i| args.rest_name(i).clone()))
}
