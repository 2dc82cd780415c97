//! `regex_replace()`: replaces every match of a regular expression, ignoring case (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::text::Text;
use crate::value::convert::write_text;
use crate::value::{Value, regex};

const SOURCE: usize = 0;
const REPLACE: usize = 1;
const REPLACE_LAMBDA: usize = 2;
const RE: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "regex_replace",
        doc: "Replaces every match of a regular expression, ignoring case.",
        category: Category::Text,
        args: &[
            Arg::required("source", Type::Str, "The text."),
            Arg::optional(
                "replace",
                Type::Str,
                "The replacement: $1 and ${name} insert groups, $$ a dollar.",
            ),
            Arg::optional(
                "replace_lambda",
                Type::Lambda,
                "A lambda that is given the match and returns the replacement.",
            ),
            Arg::required("re", Type::Str, "The regular expression."),
        ],
        version: 2,
        examples: &[
            Example::new(
                "Groups",
                r#"regex_replace(source='john smith', re='(\\w+) (\\w+)', replace='$2, $1')"#,
                r#""smith, john""#,
            ),
            Example::new(
                "A lambda",
                "regex_replace(source='a1b2', re='[0-9]', replace_lambda='x=>atoi(string=x) + 1')",
                r#""a2b3""#,
            ),
            Example::new(
                "A name takes as many characters as it can",
                "regex_replace(source='ab', re='(a)', replace='$1x')",
                r#""b""#,
            ),
            Example::new("With braces", "regex_replace(source='ab', re='(A)', replace='${1}x')", r#""axb""#),
            Example::new("A bad expression", "regex_replace(source='a', re='(', replace='')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let source = args.text(SOURCE)?;
    let re = args.text(RE)?;
    let regex = args.memo(RE, &re, |re| {
        let failed = |_| Error::new(format!("Unable to compile regex {}", re.to_str_lossy()));
        regex::compile(re, true).map_err(failed)
    })?;
    if let Some(lambda) = args.lambda(REPLACE_LAMBDA)? {
        let replaced = regex::replace_all(&source, &regex, &mut |found, out| {
            let text = Value::Text(Text::from(found.original(0).unwrap_or_default()));
            write_text(&lambda.call(args.scope, &[text]), out);
        });
        return replaced.map(Value::Text);
    }
    let replacement = args.text(REPLACE)?;
    regex::replace_all(&source, &regex, &mut |found, out| found.expand(&replacement, out)).map(Value::Text)
}
