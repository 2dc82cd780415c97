//! `str()`: the text form of a value (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;
use crate::value::convert::to_text;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "str",
        doc: "The text form of a value.",
        category: Category::Text,
        args: &[Arg::required("str", Type::Any, "The value.")],
        examples: &[
            Example::new("A number", "str(str=5.0)", r#""5""#),
            Example::new("A list", "str(str=(1, 'a'))", r#""[1 a]""#),
            Example::new("A dict", "str(str=dict(a=1))", r#""{\"a\":1}""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::Text(to_text(&args.scope.listed(args.value(0)))))
}
