//! `slice()`: a part of a list, of the keys of a dict, or of the bytes of a string (builtins page, section 1.4).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

const LIST: usize = 0;
const START: usize = 1;
const END: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "slice",
        doc: "A part of a list, of the keys of a dict, or of the bytes of a string.",
        category: Category::Data,
        args: &[
            Arg::required("list", Type::Any, "The list."),
            Arg::required("start", Type::Uint, "The first place."),
            Arg::required("end", Type::Uint, "The place after the last."),
        ],
        examples: &[
            Example::new("A list", "slice(list=(1, 2, 3, 4), start=1, end=3)", "[2,3]"),
            Example::new("Beyond the end", "slice(list=(1, 2), start=1, end=9)", "[2]"),
            Example::new("The keys of a dict", "slice(list=dict(a=1, b=2), start=0, end=1)", r#"["a"]"#),
            Example::new("The bytes of a string", "slice(list='AB', start=0, end=2)", "[65,66]"),
            Example::new(
                "A query",
                "slice(list={ SELECT _value FROM range(end=5) }, start=1, end=2)",
                r#"[{"_value":1}]"#,
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (start, end) = (args.uint(START, 0)?, args.uint(END, 0)?);
    let places = |len: usize| {
        let clamp = |at: u64| usize::try_from(at).unwrap_or(len).min(len);
        clamp(start).min(clamp(end))..clamp(end)
    };
    Ok(Value::list(match args.scope.listed(args.value(LIST)) {
        Value::List(items) => items[places(items.len())].to_vec(),
        Value::Dict(dict) => {
            let schema = dict.schema();
            schema.names()[places(schema.len())].iter().map(|n| Value::from(n.as_str())).collect()
        }
        Value::Text(text) | Value::Bytes(text) => {
            text[places(text.len())].iter().map(|c| Value::Int((*c).into())).collect()
        }
        Value::Path(path) => {
            path.components[places(path.components.len())].iter().cloned().map(Value::Text).collect()
        }
        _ => Vec::new(),
    }))
}
