//! `typeof()`: the internal name of the type of its first argument (builtins page, section 4.1).

use crate::args::Args;
use crate::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "typeof",
        doc: "The internal name of the type of its first argument.",
        category: Category::Data,
        free_form: true,
        examples: &[
            Example::new("An integer", "typeof(a=1)", r#""int64""#),
            Example::new("Text", "typeof(a='x')", r#""string""#),
            Example::new("A dict", "typeof(a=dict())", r#""*ordereddict.Dict""#),
            Example::new("NULL", "typeof(a=NULL)", r#""types.Null""#),
            Example::new("Time", "typeof(a=timestamp(epoch=1))", r#""time.Time""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    if args.rest_len() == 0 {
        return Ok(Value::from(Value::Null.type_name()));
    }
    Ok(Value::from(args.rest_value(0).type_name()))
}
