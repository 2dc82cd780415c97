//! `join()`: joins the elements of a list, as text, with a separator between them (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;
use crate::value::convert::MAX_TEXT;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "join",
        doc: "Joins the elements of a list, as text, with a separator between them.",
        category: Category::Text,
        args: &[
            Arg::required("array", Type::StrList, "The elements."),
            Arg::optional("sep", Type::Str, "What goes between.").with_default(r#""""#),
        ],
        examples: &[
            Example::new("With a separator", "join(array=('a', 1, 'c'), sep='-')", r#""a-1-c""#),
            Example::new("Without", "join(array=('a', 'b'))", r#""ab""#),
            Example::new("One element", "join(array='a', sep=',')", r#""a""#),
            Example::new(
                "A column of a query",
                "join(array={ SELECT _value FROM range(end=3) }, sep='+')",
                r#""0+1+2""#,
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let list = args.text_list(0)?;
    let sep = args.text(1)?;
    let parts: usize = list.iter().map(|t| t.len()).sum();
    if parts.saturating_add(sep.len().saturating_mul(list.len())) > MAX_TEXT {
        return Err("the text is too long".into());
    }
    let parts: Vec<&[u8]> = list.iter().map(|t| &**t).collect();
    Ok(Value::Text(parts.join(&*sep).into()))
}
