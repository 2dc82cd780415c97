//! `get()`: a member of a value, or a default where there is none (builtins page, section 1.4).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;
use crate::value::convert::to_text_arg;
use crate::value::index::{dotted, index};

const ITEM: usize = 0;
const MEMBER: usize = 1;
const FIELD: usize = 2;
const DEFAULT: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "get",
        doc: "A member of a value, or a default where there is none.",
        category: Category::Data,
        args: &[
            Arg::optional("item", Type::Any, "The value; the scope if absent."),
            Arg::optional("member", Type::Str, "A path of members and places, as in a.b.0."),
            Arg::optional("field", Type::Any, "One exact key or place."),
            Arg::optional("default", Type::Any, "What a missing member gives.").with_default("NULL"),
        ],
        examples: &[
            Example::new("A path", "get(item=dict(a=dict(b=(5, 6))), member='a.b.1')", "6"),
            Example::new("An exact key", "get(item=dict(`a.b`=1), field='a.b')", "1"),
            Example::new("A place", "get(item=(7, 8), field=1)", "8"),
            Example::new("Missing", "get(item=dict(a=1), member='b', default='none')", r#""none""#),
            Example::new("A variable", "get(member='no_such_variable', default=3)", "3"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let found = match args.value(FIELD) {
        Value::Null => {
            let path = args.optional_text(MEMBER)?.ok_or("either member or field is required")?;
            at_path(args, &path)
        }
        field if args.has(ITEM) => Some(index(&args.scope.listed(args.value(ITEM)), &field)),
        field => args.scope.variable(&to_text_arg(&field).to_str_lossy()),
    };
    Ok(match found {
        None | Some(Value::Null) => args.value(DEFAULT),
        Some(value) => value,
    })
}

fn at_path(args: &Args<'_>, path: &[u8]) -> Option<Value> {
    if args.has(ITEM) {
        return dotted(&args.scope.listed(args.value(ITEM)), path);
    }
    let end = path.iter().position(|c| *c == b'.').unwrap_or(path.len());
    let value = args.scope.variable(&String::from_utf8_lossy(&path[..end]))?;
    match path.get(end + 1..) {
        None => Some(value),
        Some(rest) => dotted(&args.scope.listed(value), rest),
    }
}
