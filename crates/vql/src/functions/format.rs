//! `format()`: puts values into a printf-style format (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::printf::{self, Format};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "format",
        doc: "Puts values into a printf-style format.",
        category: Category::Text,
        args: &[
            Arg::required(
                "format",
                Type::Str,
                "The format: %v for any value, %d, %s, %q, %x, %5.2f and so on.",
            ),
            Arg::optional("args", Type::Any, "A list of values, or one value."),
        ],
        examples: &[
            Example::new("Any value", "format(format='%v and %v', args=('a', 5))", r#""a and 5""#),
            Example::new("One value", "format(format='%05d', args=42)", r#""00042""#),
            Example::new("A quoted string", "format(format='%q', args='x')", r#""\"x\"""#),
            Example::new(
                "A mismatch shows in the text",
                "format(format='%d', args='abc')",
                r#""%!d(string=abc)""#,
            ),
            Example::new("By number", "format(format='%[2]s %[1]s', args=('a', 'b'))", r#""b a""#),
            Example::new("A missing value", "format(format='%s')", r#""%!s(MISSING)""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    let format = args.memo(0, &text, |text| Ok(Format::compile(text)))?;
    let text = match args.optional(1).map(|v| args.scope.listed(v)) {
        None => printf::format(&format, &[]),
        Some(Value::List(items)) => printf::format(&format, &items),
        Some(one) => printf::format(&format, &[one]),
    };
    Ok(Value::Text(text))
}
