//! `eval()`: calls a lambda (builtins page, section 1.4).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "eval",
        doc: "Calls a lambda.",
        category: Category::Language,
        args: &[
            Arg::required("func", Type::Lambda, r#"The lambda, as in "x=>x + 1"."#),
            Arg::optional(
                "args",
                Type::Any,
                "A list of its arguments, or one argument; without it, the scope.",
            ),
        ],
        version: 2,
        examples: &[
            Example::new("One argument", "eval(func='x=>x + 1', args=5)", "6"),
            Example::new("Several", "eval(func='a, b=>a * b', args=(3, 4))", "12"),
            Example::new("Without arguments", "eval(func='x=>x.NoSuchVariable')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let lambda = args.lambda(0)?.ok_or("func should be a lambda")?;
    let scope = args.scope;
    let result = match args.optional(1).map(|v| scope.listed(v)) {
        None => lambda.call(scope, &[Value::Dict(scope.snapshot())]),
        Some(Value::List(items)) => lambda.call(scope, &items),
        Some(one) => lambda.call(scope, &[one]),
    };
    Ok(scope.listed(result))
}
