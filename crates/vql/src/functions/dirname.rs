//! `dirname()`: a path without its last component (builtins page, section 1.7).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::path::{OsPath, PathKind};
use crate::value::Value;

const PATH: usize = 0;
const SEP: usize = 1;
const PATH_TYPE: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "dirname",
        doc: "A path without its last component.",
        category: Category::Paths,
        args: &[
            Arg::required("path", Type::Any, "The path."),
            Arg::optional("sep", Type::Str, r#"\\ selects the windows syntax."#),
            Arg::optional(
                "path_type",
                Type::Str,
                "The syntax: generic, linux, windows, registry, ntfs, zip or pathspec.",
            )
            .with_default(r#""generic""#),
        ],
        examples: &[
            Example::new("A path", "dirname(path='/a/b/c.txt')", r#""/a/b""#),
            Example::new("Windows", r#"dirname(path='C:\\a\\b', path_type='windows')"#, r#""C:\\a""#),
            Example::new("A root", "dirname(path='/')", r#""/""#),
            Example::new("Again a path", "dirname(path='/a/b/c').Basename", r#""b""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let kind = PathKind::choose(&args.text(SEP)?, &args.text(PATH_TYPE)?)?;
    let path = OsPath::of(kind, &args.scope.listed(args.value(PATH))).ok_or("path should be a path")?;
    Ok(Value::Path(path.dirname().into()))
}
