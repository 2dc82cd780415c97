//! `if(condition=, then=, else=)` (reference, section 10.3).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "if",
        doc: "One of two values; only the chosen one is evaluated. A query is handed out unevaluated.",
        category: Category::Language,
        args: &[
            Arg::required("condition", Type::Any, "A value, or a query: true if it yields a row."),
            Arg::optional("then", Type::Lazy, "The result when the condition is true."),
            Arg::optional("else", Type::Lazy, "The result when it is not."),
        ],
        examples: &[
            Example::new("Choose", "if(condition=1 > 2, then='yes', else='no')", r#""no""#),
            Example::new("A missing branch is NULL", "if(condition=FALSE, then=1)", "null"),
            Example::new("Negative numbers are false", "if(condition=-1, then=1, else=2)", "2"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    Ok(if args.bool(0) { args.value(1) } else { args.value(2) })
}
