//! `log(message=, args=, level=, dedup=)`: writes to the query log (reference, section 14).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::host::Level;
use crate::printf::{self, Format};
use crate::value::Value;

const MESSAGE: usize = 0;
const DEDUP: usize = 1;
const ARGS: usize = 2;
const LEVEL: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "log",
        doc: "Writes a line to the query log. The same format is written once in `dedup` seconds.",
        category: Category::Language,
        args: &[
            Arg::required("message", Type::Str, "The line, or a format when args is given."),
            Arg::optional(
                "dedup",
                Type::Int,
                "Seconds for which the same message is not repeated; -1: always write.",
            )
            .with_default("60"),
            Arg::optional("args", Type::Any, "What the format refers to."),
            Arg::optional("level", Type::Str, "DEFAULT, ERROR, WARN, INFO, DEBUG or ALERT.")
                .with_default("DEFAULT"),
        ],
        version: 2,
        examples: &[Example::new(
            "It returns TRUE",
            "log(message='checked %v', args=5, level='DEBUG')",
            "true",
        )],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let message = args.text(MESSAGE)?;
    let dedup = args.int(DEDUP, 60)?;
    let scope = args.scope;
    if dedup >= 0 && !scope.context().log_once.is_due(&message, dedup, scope.host().now()) {
        return Ok(Value::Bool(true));
    }
    let level = args.optional_text(LEVEL)?.map(|t| t.to_str_lossy().into_owned());
    let level = level.and_then(|l| Level::from_name(&l)).unwrap_or(Level::Default);
    let line = match args.has(ARGS) {
        false => message,
        true => {
            let list = args.list(ARGS)?;
            printf::format(&*args.memo(MESSAGE, &message, |m| Ok(Format::compile(m)))?, &list)
        }
    };
    scope.log(level, line.to_str_lossy());
    Ok(Value::Bool(true))
}
