//! `pathspec()`: builds a path, also one inside a container (builtins page, section 1.7).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::path::{Delegate, OsPath, PathKind};
use crate::value::Value;
use crate::value::convert::to_list_text;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "pathspec",
        doc: "Builds a path, also one inside a container.",
        category: Category::Paths,
        args: &[
            Arg::optional("DelegateAccessor", Type::Str, "The accessor of the container."),
            Arg::optional("DelegatePath", Type::Str, "The path of the container."),
            Arg::optional("Delegate", Type::Any, "The container as a path, instead of DelegatePath."),
            Arg::optional("Path", Type::Any, "The path: text, a path or a list of components."),
            Arg::optional("parse", Type::Str, "Text to parse as a path."),
            Arg::optional(
                "path_type",
                Type::Str,
                "The syntax: generic, linux, windows, registry, ntfs, zip or pathspec.",
            )
            .with_default(r#""generic""#),
            Arg::optional("accessor", Type::Str, "The accessor of the path."),
        ],
        version: 2,
        examples: &[
            Example::new(
                "Inside a container",
                "pathspec(Path='/a', DelegatePath='/x.zip', DelegateAccessor='file')",
                r#""{\"DelegateAccessor\":\"file\",\"DelegatePath\":\"/x.zip\",\"Path\":\"/a\"}""#,
            ),
            Example::new("Parsed", "pathspec(parse='/a/b').Components", r#"["a","b"]"#),
            Example::new(
                "Another syntax",
                r#"pathspec(parse='C:\\a\\b', path_type='windows')"#,
                r#""C:\\a\\b""#,
            ),
            Example::new("Unknown syntax", "pathspec(parse='/a', path_type='odd')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

const DELEGATE_ACCESSOR: usize = 0;
const DELEGATE_PATH: usize = 1;
const DELEGATE: usize = 2;
const PATH: usize = 3;
const PARSE: usize = 4;
const PATH_TYPE: usize = 5;
const ACCESSOR: usize = 6;

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let kind = PathKind::choose(b"", &args.text(PATH_TYPE)?)?;
    let accessor = args.text(ACCESSOR)?;
    if let Some(text) = args.optional_text(PARSE)? {
        return Ok(Value::Path(OsPath::parse(kind, &text).accessed_by(accessor).into()));
    }
    let components = match args.scope.listed(args.value(PATH)) {
        Value::List(items) => items.iter().map(to_list_text).collect(),
        Value::Null => Vec::new(),
        v => OsPath::of(kind, &v).ok_or("Path should be a path")?.components.to_vec(),
    };
    let container = match args.value(DELEGATE) {
        Value::Null => args.optional_text(DELEGATE_PATH)?,
        v => Some(OsPath::of(PathKind::Generic, &v).ok_or("Delegate should be a path")?.text()),
    };
    let of_container = args.optional_text(DELEGATE_ACCESSOR)?;
    let delegate = (container.is_some() || of_container.is_some()).then(|| Delegate {
        accessor: of_container.unwrap_or_default(),
        path: container.unwrap_or_default(),
    });
    Ok(Value::Path(OsPath::new(kind, components).accessed_by(accessor).inside(delegate).into()))
}
