//! `any()`: tRUE if some item meets a condition, or matches some regular expression (builtins page, section 1.4).

use super::all::Test;
use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "any",
        doc: "TRUE if some item meets a condition, or matches some regular expression.",
        category: Category::Data,
        args: &[
            Arg::required("items", Type::Any, "A list, the values of a dict, or the rows of a query."),
            Arg::optional("filter", Type::Lambda, "A lambda that is given each item."),
            Arg::optional("regex", Type::StrList, "Regular expressions; case does not matter."),
        ],
        examples: &[
            Example::new("A condition", "any(items=(1, 2), filter='x=>x > 1')", "true"),
            Example::new(
                "Regular expressions: one must match",
                "any(items=('ab', 'ac'), regex=['x', 'C'])",
                "true",
            ),
            Example::new(
                "The rows of a query",
                "any(items={ SELECT * FROM range(end=100) }, filter='x=>x._value = 50')",
                "true",
            ),
            Example::new("No items", "any(items=[], regex='x')", "false"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let test = Test::new(args, |regexes, item| regexes.iter().any(|r| r.matches(item)))?;
    Ok(Value::Bool(test.some(args, true)?))
}
