//! `timestamp_format()`: writes a time by a layout (builtins page, section 1.3).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::time;
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "timestamp_format",
        doc: "Writes a time by a layout.",
        category: Category::Time,
        args: &[
            Arg::required("time", Type::Any, "The time, as timestamp() reads it."),
            Arg::optional("format", Type::Str, "A layout as in 2006-01-02 15:04:05, or the name of one.")
                .with_default(r#""RFC3339""#),
        ],
        version: 1,
        examples: &[
            Example::new("The usual form", "timestamp_format(time=1714557600)", r#""2024-05-01T10:00:00Z""#),
            Example::new(
                "A layout",
                "timestamp_format(time=1714557600, format='Mon 2 Jan 2006, 15:04')",
                r#""Wed 1 May 2024, 10:00""#,
            ),
            Example::new(
                "The name of a layout",
                "timestamp_format(time=1714557600, format='RFC1123')",
                r#""Wed, 01 May 2024 10:00:00 UTC""#,
            ),
            Example::new("Not a time", "timestamp_format(time='soon')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let zones = args.scope.zones();
    let Some(time) = time::from_value(&args.scope.listed(args.value(0)), &zones) else {
        return Ok(Value::Null);
    };
    let layout = args.optional_text(1)?.unwrap_or_else(|| "RFC3339".into());
    Ok(time::format_layout(time, &layout.to_str_lossy(), Some(&zones.assumed())).into())
}
