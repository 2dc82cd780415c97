//! `filter()`: the elements of a list that match a regular expression or meet a condition (builtins page, section 1.4).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::{Value, regex};

const LIST: usize = 0;
const REGEX: usize = 1;
const CONDITION: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "filter",
        doc: "The elements of a list that match a regular expression or meet a condition.",
        category: Category::Data,
        args: &[
            Arg::required("list", Type::AnyList, "The list."),
            Arg::optional("regex", Type::Str, "A regular expression; case does not matter."),
            Arg::optional("condition", Type::Lambda, "A lambda that is given each element."),
        ],
        examples: &[
            Example::new("A condition", "filter(list=(1, 5, 9), condition='x=>x > 3')", "[5,9]"),
            Example::new("A regular expression", "filter(list=('abc', 'xyz'), regex='B')", r#"["abc"]"#),
            Example::new("The result is a list", "filter(list='abc', regex='x')", "[]"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let list = args.list(LIST)?;
    let kept: Vec<Value> = if let Some(lambda) = args.lambda(CONDITION)? {
        let passes = |item: &&Value| args.scope.truth(&lambda.call(args.scope, std::slice::from_ref(*item)));
        list.iter().filter(passes).cloned().collect()
    } else {
        let pattern = args.optional_text(REGEX)?.ok_or("either regex or condition is required")?;
        let regex = args.memo(REGEX, &pattern, |p| regex::compile(p, true))?;
        let all = regex::is_match_all(&pattern);
        list.iter().filter(|item| all || regex::matches(item, &regex)).cloned().collect()
    };
    Ok(Value::list(kept))
}
