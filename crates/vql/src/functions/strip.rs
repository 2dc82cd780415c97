//! `strip()`: removes white space at both ends, or a prefix and a suffix (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::text::Text;
use crate::value::Value;

const STRING: usize = 0;
const PREFIX: usize = 1;
const SUFFIX: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "strip",
        doc: "Removes white space at both ends, or a prefix and a suffix.",
        category: Category::Text,
        args: &[
            Arg::required("string", Type::Str, "The text."),
            Arg::optional("prefix", Type::Str, "Removed once from the front, if there."),
            Arg::optional("suffix", Type::Str, "Removed once from the end, if there."),
        ],
        version: 2,
        examples: &[
            Example::new("White space", r#"strip(string='  a b\n')"#, r#""a b""#),
            Example::new("Both ends", "strip(string='[x]', prefix='[', suffix=']')", r#""x""#),
            Example::new("Not there", "strip(string='abc', prefix='x')", r#""abc""#),
            Example::new("Once only", "strip(string='aab', prefix='a')", r#""ab""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(STRING)?;
    let (prefix, suffix) = (args.text(PREFIX)?, args.text(SUFFIX)?);
    if prefix.is_empty() && suffix.is_empty() {
        return Ok(match std::str::from_utf8(&text) {
            Ok(text) => Value::from(text.trim()),
            Err(_) => Value::Text(Text::from(text.trim_ascii())),
        });
    }
    let rest = text.strip_prefix(&*prefix).unwrap_or(&text);
    Ok(Value::Text(Text::from(rest.strip_suffix(&*suffix).unwrap_or(rest))))
}
