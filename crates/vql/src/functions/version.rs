//! `version(function=)`, `version(plugin=)`: feature tests.

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "version",
        doc: "The version of a function or plugin, 0 if it has none, NULL if there is no such thing.",
        category: Category::Language,
        args: &[
            Arg::optional("function", Type::Str, "A function's name."),
            Arg::optional("plugin", Type::Str, "A plugin's name."),
        ],
        examples: &[
            Example::new("A plugin without version", "version(plugin='range')", "0"),
            Example::new("Unknown", "version(function='no_such_function')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let registry = &args.scope.context().registry;
    if let Some(name) = args.optional_text(0)? {
        let function = registry.function(&name.to_str_lossy());
        return Ok(function.map(|f| f.signature.version).into());
    }
    let name = args.optional_text(1)?.ok_or("either function or plugin is required")?;
    Ok(registry.plugin(&name.to_str_lossy()).map(|p| p.signature.version).into())
}
