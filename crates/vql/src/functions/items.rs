//! `items()`: the keys and values of a dict as a list of rows (builtins page, section 1.4).

use std::sync::{Arc, LazyLock};

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::schema::Schema;
use crate::value::{Row, Value};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "items",
        doc: "The keys and values of a dict as a list of rows.",
        category: Category::Data,
        args: &[Arg::optional("item", Type::Any, "The dict; any other value is one row.")],
        examples: &[
            Example::new(
                "A dict",
                "items(item=dict(a=1, b=2))",
                r#"[{"_key":"a","_value":1},{"_key":"b","_value":2}]"#,
            ),
            Example::new("Any other value", "items(item=5)", r#"[{"_value":5}]"#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

static PAIR: LazyLock<Arc<Schema>> = LazyLock::new(|| Schema::of(["_key", "_value"]));

fn run(args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::list(match args.value(0) {
        Value::Dict(dict) => {
            dict.snapshot().iter().map(|(name, value)| pair(name.as_str(), value.clone())).collect()
        }
        other => {
            let other = args.scope.listed(other);
            vec![Row { schema: Schema::value().clone(), cells: vec![other] }.into()]
        }
    }))
}

fn pair(key: &str, value: Value) -> Value {
    Row { schema: PAIR.clone(), cells: vec![Value::from(key), value] }.into()
}
