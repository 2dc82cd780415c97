//! `FROM yarax(rules=, files=, …)`: as `yara()`; both have the same engine.

use vql::call::{Arg, Category, Example, Plugin, Signature, Type};
use vql::permission::Permission;

use super::yara::{RULES_DOC, run};
use crate::yara::COLUMNS;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "yarax",
        doc: "Files scanned with YARA rules by YARA-X, a row for each string found.",
        category: Category::Parsers,
        args: &[
            Arg::required("rules", Type::Str, RULES_DOC),
            Arg::required("files", Type::AnyList, "The files to scan."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("context", Type::Int, "Bytes to show on each side of a match."),
            Arg::optional("start", Type::Uint, "Where in a file to start.").with_default("0"),
            Arg::optional("end", Type::Uint, "Where in a file to end.").with_default("104857600"),
            Arg::optional("number", Type::Int, "Rows of one file at most.").with_default("1"),
            Arg::optional(
                "blocksize",
                Type::Uint,
                "Scan in blocks of so many bytes; by default up to 128 MiB at once.",
            ),
            Arg::optional(
                "key",
                Type::Str,
                "The name under which a program keeps the compiled rules; by default the rules themselves.",
            ),
            Arg::optional("namespace", Type::Str, "The namespace of the rules."),
            Arg::optional("vars", Type::Dict, "Variables that the rules refer to."),
            Arg::optional("dll_path", Type::Lazy, "Not used: the engine is part of this program."),
            Arg::optional("force_buffers", Type::Bool, "Accepted; files are never mapped into memory."),
        ],
        permissions: &[Permission::FilesystemRead, Permission::Execve],
        version: 2,
        examples: &[Example::new(
            "Two strings",
            "SELECT Namespace, String.Offset AS Offset FROM yarax(rules='rule X { strings: $a = \"l\" condition: $a }', \
             files='hello', accessor='data', number=10, namespace='mine')",
            r#"[{"Namespace":"mine","Offset":2},{"Namespace":"mine","Offset":3}]"#,
        )],
        ..Signature::NEW
    },
    columns: COLUMNS,
    run,
};
