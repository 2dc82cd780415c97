//! `set()`: sets a key of a dict in place and returns the dict (builtins page, section 1.4).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::{Value, nesting};

const ITEM: usize = 0;
const FIELD: usize = 1;
const VALUE: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "set",
        doc: "Sets a key of a dict in place and returns the dict.",
        category: Category::Data,
        args: &[
            Arg::required("item", Type::Any, "The dict, or an object that allows it."),
            Arg::required("field", Type::Str, "The key."),
            Arg::required("value", Type::Any, "The value."),
        ],
        examples: &[
            Example::new("A new key", "set(item=dict(a=1), field='b', value=2)", r#"{"a":1,"b":2}"#),
            Example::new(
                "A known key moves to the end",
                "set(item=dict(a=1, b=2), field='a', value=3)",
                r#"{"b":2,"a":3}"#,
            ),
            Example::new("Not a dict", "set(item=5, field='a', value=1)", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let item = args.value(ITEM);
    let field = args.text(FIELD)?;
    let field = field.to_str_lossy();
    let value = args.scope.listed(args.value(VALUE));
    let is_set = match &item {
        Value::Dict(dict) => {
            nesting::check(dict, &value)?;
            dict.set(&field, value);
            true
        }
        Value::Object(object) => object.set(&field, value),
        _ => false,
    };
    if is_set {
        return Ok(item);
    }
    Err(Error::new(format!("Item type {} not supported. set() expects a dict", item.type_name())))
}
