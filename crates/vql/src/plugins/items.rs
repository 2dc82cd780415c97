//! `FROM items(item=)`: the members of a dict, list or query as rows.

use crate::args::Args;
use crate::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use crate::value::{Row, Value};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "items",
        doc: "The members of a dict, the elements of a list, or the numbered rows of a query.",
        category: Category::Data,
        args: &[Arg::optional("item", Type::Any, "What to take apart.")],
        examples: &[
            Example::new(
                "A dict",
                "SELECT * FROM items(item=dict(a=1, b=2))",
                r#"[{"_key":"a","_value":1},{"_key":"b","_value":2}]"#,
            ),
            Example::new(
                "A list",
                "SELECT * FROM items(item=('x', 'y'))",
                r#"[{"_key":0,"_value":"x"},{"_key":1,"_value":"y"}]"#,
            ),
            Example::new(
                "A query",
                "SELECT * FROM items(item={ SELECT 5 AS X FROM scope() })",
                r#"[{"_key":0,"_value":{"X":5}}]"#,
            ),
        ],
        ..Signature::NEW
    },
    columns: &["_key", "_value"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let schema = args.columns();
    let mut emit =
        |key: Value, value: Value| sink.row(&mut Row { schema: schema.clone(), cells: vec![key, value] });
    match args.value(0) {
        Value::Null => Ok(()),
        Value::Dict(dict) => {
            dict.snapshot().iter().try_for_each(|(name, value)| emit(name.as_str().into(), value.clone()))
        }
        Value::Object(object) => match object.to_json() {
            Value::Dict(dict) => {
                dict.snapshot().iter().try_for_each(|(name, value)| emit(name.as_str().into(), value.clone()))
            }
            other => emit(Value::Int(0), other),
        },
        Value::List(items) => {
            items.iter().enumerate().try_for_each(|(i, v)| emit(Value::Int(i as i64), v.clone()))
        }
        query @ (Value::Query(_) | Value::Rows(_)) => {
            let mut i = -1;
            args.scope.each(&query, &mut |row| {
                i += 1;
                emit(Value::Int(i), row)
            })
        }
        other => emit(Value::Int(0), other),
    }
}
