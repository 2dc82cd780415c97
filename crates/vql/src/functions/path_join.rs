//! `path_join()`: joins components, which may be paths themselves, to a path (builtins page, section 1.7).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::path::{OsPath, PathKind};
use crate::value::Value;

const COMPONENTS: usize = 0;
const SEP: usize = 1;
const PATH_TYPE: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "path_join",
        doc: "Joins components, which may be paths themselves, to a path.",
        category: Category::Paths,
        args: &[
            Arg::required("components", Type::AnyList, "The components."),
            Arg::optional("sep", Type::Str, r#"\\ selects the windows syntax."#),
            Arg::optional(
                "path_type",
                Type::Str,
                "The syntax: generic, linux, windows, registry, ntfs, zip or pathspec.",
            )
            .with_default(r#""generic""#),
        ],
        examples: &[
            Example::new("Components", "path_join(components=['a', 'b/c'])", r#""/a/b/c""#),
            Example::new("Windows", r#"path_join(components=['C:', 'a', 'b'], sep='\\')"#, r#""C:\\a\\b""#),
            Example::new("Paths", "path_join(components=[dirname(path='/a/b'), 'x'])", r#""/a/x""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let kind = PathKind::choose(&args.text(SEP)?, &args.text(PATH_TYPE)?)?;
    let mut joined: Option<OsPath> = None;
    for component in args.list(COMPONENTS)?.iter().filter(|c| !c.is_null()) {
        let next = OsPath::of(kind, component).ok_or("components should be paths")?;
        joined = Some(match joined {
            None => OsPath::clone(&next),
            Some(path) => path.append_components(&next.components),
        });
    }
    Ok(Value::Path(joined.unwrap_or_else(|| OsPath::new(kind, Vec::new())).into()))
}
