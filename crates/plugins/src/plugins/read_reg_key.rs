//! `FROM read_reg_key(globs=, root=, accessor=)`: the values of registry keys, a column for each.

use std::ops::ControlFlow;
use std::sync::Arc;

use vql::args::Args;
use vql::call::{Arg, Category, Each, Flow, Plugin, Signature, Sink, Type};
use vql::path::OsPath;
use vql::permission::Permission;
use vql::schema::Name;
use vql::text::Text;
use vql::value::{Row, Value};

use crate::accessor::{self, Accessor, Kind};
use crate::glob::{Options, Tree, Walk};

const GLOBS: usize = 0;
const ACCESSOR: usize = 1;
const ROOT: usize = 2;

/// Columns of one row at most.
const MAX_VALUES: usize = 10_000;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "read_reg_key",
        doc: "The values of registry keys found by patterns: a row for each key, a column for each value.",
        category: Category::Parsers,
        args: &[
            Arg::required("globs", Type::StrList, "Patterns for the keys."),
            Arg::optional("accessor", Type::Str, "How to read the registry.").with_default("\"raw_reg\""),
            Arg::optional(
                "root",
                Type::Path,
                "The key in which the patterns apply, as a pathspec that names the hive.",
            ),
        ],
        permissions: &[Permission::FilesystemRead],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let name = args.string(ACCESSOR)?;
    let accessor = accessor::find(args.scope, if name.is_empty() { "raw_reg" } else { &name })?;
    let root = match args.path(ROOT)? {
        Some(root) => accessor.adopt(root),
        None => Arc::new(accessor.parse(&"/".into())),
    };
    let patterns = args.text_list(GLOBS)?;
    let tree = Tree::new(&patterns, |text| OsPath::parse(accessor.kind(), text))?;
    let options = Options { nosymlink: true, one_filesystem: false, recursion: None };
    let mut each = Each(|found: Value| match &found {
        Value::Object(object) => match object.member("OSPath") {
            Some(Value::Path(path)) => key(args, accessor, &path, &found, sink),
            _ => Ok(()),
        },
        _ => Ok(()),
    });
    Walk::new(args.scope, accessor, &tree, &patterns, options).run(root, &mut each)
}

fn key(args: &Args<'_>, accessor: &dyn Accessor, path: &OsPath, found: &Value, sink: &mut dyn Sink) -> Flow {
    let mut names: Vec<Text> = Vec::new();
    let listed = accessor.list(args.scope, path, &mut |name, kind| {
        if kind != Kind::Directory {
            names.push(Text::from(name));
        }
        if names.len() < MAX_VALUES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    // Patterns find values as well; only keys have rows.
    if listed.is_err() {
        return Ok(());
    }
    let mut row = Row::default();
    for name in names {
        let Ok(facts) = accessor.stat(args.scope, &path.join(name.clone())) else { continue };
        let value = match &facts.data {
            Value::Dict(data) => data.get_str("value").unwrap_or_default(),
            _ => Value::Null,
        };
        row.set(&Name::new(&name.to_str_lossy()), value);
    }
    row.set(&Name::new("Key"), found.clone());
    sink.row(&mut row)
}
