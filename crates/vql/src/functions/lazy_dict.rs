//! `lazy_dict(a=…)`: a dict of unevaluated arguments, to pass on as `**` (reference, section 10.7).

use crate::args::Args;
use crate::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use crate::value::{Row, Value};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "lazy_dict",
        doc: "A dict whose values are evaluated only when they are used.",
        category: Category::Language,
        free_form: true,
        examples: &[Example::new(
            "Pass arguments on",
            "format(`**`=lazy_dict(format='%v!', args=5))",
            r#""5!""#,
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let mut row = Row::default();
    for i in 0..args.rest_len() {
        row.set(args.rest_name(i), args.rest_lazy(i));
    }
    Ok(row.into())
}
