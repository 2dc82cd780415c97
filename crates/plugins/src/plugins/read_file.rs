//! `FROM read_file(filenames=, accessor=, chunk=, max_length=)`: files in pieces.

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value, convert};

use crate::accessor::{self, Target, read_full};

const CHUNK: usize = 0;
const MAX_LENGTH: usize = 1;
const FILENAMES: usize = 2;
const ACCESSOR: usize = 3;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "read_file",
        doc: "The content of files, a row for each piece.",
        category: Category::Files,
        args: &[
            Arg::optional("chunk", Type::Int, "The length of a piece in bytes.").with_default("4194304"),
            Arg::optional("max_length", Type::Int, "Bytes to read of each file at most; all by default."),
            Arg::required("filenames", Type::PathList, "The files to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[Example::new(
            "Two pieces",
            "SELECT Data, Offset FROM read_file(filenames='hello', accessor='data', chunk=3)",
            r#"[{"Data":"hel","Offset":0},{"Data":"lo","Offset":3}]"#,
        )],
        ..Signature::NEW
    },
    columns: &["Data", "Offset", "Filename"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let chunk = match args.int(CHUNK, 4 << 20)? {
        n if n > 0 => (n as usize).min(convert::MAX_TEXT),
        _ => 4 << 20,
    };
    let max_length = match args.int(MAX_LENGTH, 0)? {
        n if n > 0 => n as u64,
        _ => u64::MAX,
    };
    for target in accessor::resolve_all(args, FILENAMES, ACCESSOR)? {
        emit(args, &target, chunk, max_length, sink)?;
    }
    Ok(())
}

fn emit(args: &Args<'_>, target: &Target, chunk: usize, max_length: u64, sink: &mut dyn Sink) -> Flow {
    let Some(mut file) = target.open_or_log(args) else { return Ok(()) };
    let mut buffer = Vec::new();
    let mut offset = 0;
    while offset < max_length {
        args.scope.tick()?;
        let wanted = chunk.min(usize::try_from(max_length - offset).unwrap_or(usize::MAX));
        buffer.resize(wanted, 0);
        let count = match read_full(&mut *file, &mut buffer) {
            Ok(count) => count,
            Err(e) => {
                target.report(args, &e);
                return Ok(());
            }
        };
        if count > 0 {
            let cells = vec![Value::text(&buffer[..count]), Value::Int(offset as i64), target.title()];
            sink.row(&mut Row { schema: args.columns(), cells })?;
        }
        if count < wanted {
            break;
        }
        offset += count as u64;
    }
    Ok(())
}
