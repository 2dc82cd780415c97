//! `FROM parse_recyclebin(filename=, accessor=)`: what Windows notes of deleted files.

use forensics::recyclebin;
use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::path::{OsPath, PathKind};
use vql::permission::Permission;
use vql::text::Text;
use vql::value::{Row, Value};

use crate::accessor::Target;
use crate::evidence::{self, count, time};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_recyclebin",
        doc: "What the `$I…` files of a Windows recycle bin tell of deleted files.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::PathList, "The `$I…` files to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[Example::new(
            "An entry of Windows 10",
            "SELECT Name, OriginalFilePath, FileSize, DeletedTimestamp FROM parse_recyclebin(accessor='data', \
             filename=unhex(string='0200000000000000d2040000000000000000056936c0d501090000005c0061005c0062002e007400780074000000'))",
            r#"[{"Name":"b.txt","OriginalFilePath":"\\a\\b.txt","FileSize":1234,"DeletedTimestamp":"2020-01-01T00:00:00Z"}]"#,
        )],
        ..Signature::NEW
    },
    columns: &["Name", "OriginalFilePath", "FileSize", "DeletedTimestamp", "OSPath", "RecyclePath"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    evidence::each(args, 0, 1, |target, file| {
        let deleted = recyclebin::parse(file)?;
        let original = OsPath::parse(PathKind::Windows, &Text::from(deleted.path.as_str()));
        let cells = vec![
            Value::Text(original.basename()),
            Value::from(deleted.path),
            count(deleted.size),
            time(deleted.time),
            target.title(),
            content(target),
        ];
        Ok(sink.row(&mut Row { schema: args.columns(), cells })?)
    })
}

/// Where the content lies: beside its note, under a name that differs in one letter.
fn content(target: &Target) -> Value {
    let name = target.path.basename();
    match name.strip_prefix(b"$I") {
        Some(rest) => Value::Path(target.path.dirname().join([b"$R", rest].concat()).into()),
        None => Value::Null,
    }
}
