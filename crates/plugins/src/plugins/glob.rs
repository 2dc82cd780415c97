//! `FROM glob(globs=, root=, accessor=, …)`: files by patterns (builtins page, section 2.2).

use std::sync::Arc;

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::path::OsPath;
use vql::permission::Permission;

use crate::accessor;
use crate::glob::{Options, Tree, Walk};

const GLOBS: usize = 0;
const ROOT: usize = 1;
const ACCESSOR: usize = 2;
const NOSYMLINK: usize = 3;
const RECURSION_CALLBACK: usize = 4;
const ONE_FILESYSTEM: usize = 5;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "glob",
        doc: "Finds files by patterns, a row for each file; what the query does not ask for is not read.",
        category: Category::Files,
        args: &[
            Arg::required(
                "globs",
                Type::StrList,
                "Patterns: *, ?, [a-z] within a name, {a,b} alternatives, ** for all levels below, **5 for at most five.",
            ),
            Arg::optional("root", Type::Path, "The directory in which the patterns apply.")
                .with_default("\"/\""),
            Arg::optional("accessor", Type::Str, "How to read directories.").with_default("\"auto\""),
            Arg::optional("nosymlink", Type::Bool, "Do not follow symbolic links."),
            Arg::optional(
                "recursion_callback",
                Type::Lambda,
                "Tells for each directory whether to look inside.",
            ),
            Arg::optional(
                "one_filesystem",
                Type::Bool,
                "Let patterns match on the file system they start on only.",
            ),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 3,
        ..Signature::NEW
    },
    columns: &[
        "Name", "OSPath", "Mtime", "Atime", "Ctime", "Btime", "Size", "Mode", "IsDir", "IsLink", "Data",
        "Globs",
    ],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let patterns = args.text_list(GLOBS)?;
    let recursion = args.lambda(RECURSION_CALLBACK)?;
    let (accessor, root) = match args.has(ROOT) {
        true => {
            let target = accessor::resolve(args, ROOT, ACCESSOR)?;
            (target.accessor, target.path)
        }
        false => {
            let accessor = accessor::find(args.scope, &args.string(ACCESSOR)?)?;
            (accessor, Arc::new(accessor.parse(&"/".into())))
        }
    };
    let tree = Tree::new(&patterns, |text| OsPath::parse(accessor.kind(), text))?;
    let options =
        Options { nosymlink: args.bool(NOSYMLINK), one_filesystem: args.bool(ONE_FILESYSTEM), recursion };
    Walk::new(args.scope, accessor, &tree, &patterns, options).run(root, sink)
}
