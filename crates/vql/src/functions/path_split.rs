//! `path_split()`: the components of a path (builtins page, section 1.7).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::path::{OsPath, PathKind};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "path_split",
        doc: "The components of a path.",
        category: Category::Paths,
        args: &[
            Arg::required("path", Type::Any, "The path."),
            Arg::optional(
                "path_type",
                Type::Str,
                "The syntax: generic, linux, windows, registry, ntfs, zip or pathspec.",
            )
            .with_default(r#""generic""#),
        ],
        examples: &[
            Example::new("A path", "path_split(path='/a/b/c')", r#"["a","b","c"]"#),
            Example::new("Quoted components", r#"path_split(path='/a/"b/c"')"#, r#"["a","b/c"]"#),
            Example::new("Windows", r#"path_split(path='C:\\a', path_type='windows')"#, r#"["C:","a"]"#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let kind = PathKind::choose(b"", &args.text(1)?)?;
    let path = OsPath::of(kind, &args.scope.listed(args.value(0))).ok_or("path should be a path")?;
    Ok(Value::list(path.components.iter().cloned().map(Value::Text).collect()))
}
