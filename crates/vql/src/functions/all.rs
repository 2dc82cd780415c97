//! `all()`: tRUE if every item meets a condition, or matches every regular expression (builtins page, section 1.4).

use std::sync::Arc;

use ::regex::bytes::Regex;

use crate::args::Args;
use crate::call::Stop;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::lambda::Lambda;
use crate::text::Text;
use crate::value::{Value, regex};

const ITEMS: usize = 0;
const FILTER: usize = 1;
const REGEX: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "all",
        doc: "TRUE if every item meets a condition, or matches every regular expression.",
        category: Category::Data,
        args: &[
            Arg::required("items", Type::Any, "A list, the values of a dict, or the rows of a query."),
            Arg::optional("filter", Type::Lambda, "A lambda that is given each item."),
            Arg::optional("regex", Type::StrList, "Regular expressions; case does not matter."),
        ],
        examples: &[
            Example::new("A condition", "all(items=(1, 2), filter='x=>x > 0')", "true"),
            Example::new(
                "Regular expressions: each must match",
                "all(items=('ab', 'ac'), regex=['A', 'b'])",
                "false",
            ),
            Example::new("No items", "all(items=[], regex='x')", "true"),
            Example::new("No test", "all(items=(1, 2))", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let test = Test::new(args, |regexes, item| regexes.iter().all(|r| r.matches(item)))?;
    Ok(Value::Bool(!test.some(args, false)?))
}

/// How `all()` and `any()` look at an item.
pub(super) struct Test {
    lambda: Option<Arc<Lambda>>,
    regexes: Arc<Vec<Pattern>>,
    /// How the answers of several regular expressions combine.
    combine: fn(&[Pattern], &Value) -> bool,
}

/// A compiled regular expression.
pub(super) struct Pattern {
    regex: Regex,
    matches_all: bool,
}

impl Pattern {
    pub(super) fn matches(&self, item: &Value) -> bool {
        self.matches_all || regex::matches(item, &self.regex)
    }
}

impl Test {
    pub(super) fn new(args: &Args<'_>, combine: fn(&[Pattern], &Value) -> bool) -> Result<Self, Error> {
        let lambda = args.lambda(FILTER)?;
        let patterns = if lambda.is_some() { Vec::new() } else { args.text_list(REGEX)? };
        if lambda.is_none() && patterns.is_empty() {
            return Err("either filter or regex is required".into());
        }
        let key = regex::key_of(&patterns);
        let compile =
            |p: &Text| Ok(Pattern { regex: regex::compile(p, true)?, matches_all: regex::is_match_all(p) });
        let regexes =
            args.memo(REGEX, &key, |_| patterns.iter().map(compile).collect::<Result<Vec<_>, Error>>())?;
        Ok(Test { lambda, regexes, combine })
    }

    fn passes(&self, args: &Args<'_>, item: &Value) -> bool {
        match &self.lambda {
            Some(lambda) => args.scope.truth(&lambda.call(args.scope, std::slice::from_ref(item))),
            None => (self.combine)(&self.regexes, item),
        }
    }

    /// Whether the test gives `wanted` for some item; no further item is looked at then.
    pub(super) fn some(&self, args: &Args<'_>, wanted: bool) -> Result<bool, Error> {
        match args.value(ITEMS) {
            Value::List(items) => Ok(items.iter().any(|item| self.passes(args, item) == wanted)),
            Value::Dict(dict) => {
                Ok(dict.snapshot().cells.iter().any(|item| self.passes(args, item) == wanted))
            }
            rows @ (Value::Query(_) | Value::Rows(_)) => self.some_row(args, &rows, wanted),
            Value::Null => Ok(false),
            one => Ok(self.passes(args, &one) == wanted),
        }
    }

    fn some_row(&self, args: &Args<'_>, rows: &Value, wanted: bool) -> Result<bool, Error> {
        let mut found = false;
        let flow = args.scope.each(rows, &mut |row| {
            found = self.passes(args, &row) == wanted;
            if found { Err(Stop::Done) } else { Ok(()) }
        });
        match flow {
            Err(Stop::Failed(e)) => Err(e),
            _ => Ok(found),
        }
    }
}
