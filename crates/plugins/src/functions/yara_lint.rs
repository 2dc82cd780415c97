//! `yara_lint(rules=, clean=)`: the rules that compile.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::host::Level;
use vql::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "yara_lint",
        doc: "The YARA rules of a collection that compile; why others do not is logged.",
        category: Category::Parsers,
        args: &[
            Arg::required("rules", Type::Str, "The rules."),
            Arg::optional("clean", Type::Bool, "Leave the metadata out."),
        ],
        examples: &[Example::new(
            "One of two",
            "yara_lint(rules='rule A { meta: x = 1 condition: true } rule B { condition: c }', clean=TRUE)",
            r#""rule A { condition: true }\n""#,
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (kept, problems) = forensics::yara::lint(&args.string(0)?, args.bool(1));
    for problem in problems {
        args.scope.log(Level::Default, format!("yara_lint: {problem}"));
    }
    Ok(Value::from(kept))
}
