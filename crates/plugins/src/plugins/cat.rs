//! `cat(filename=, accessor=, chunk=, timeout=)`: what a file gives, as it gives it (builtins page, section 4.3).

use std::io;
use std::time::{Duration, Instant};

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::permission::Permission;
use vql::text::Text;
use vql::value::{Row, Value};

use crate::accessor;
use crate::period::seconds;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const CHUNK: usize = 2;
const TIMEOUT: usize = 3;

const DEFAULT_CHUNK: i64 = 1 << 20;
const MAX_CHUNK: i64 = 64 << 20;

/// How long to wait before a device that had nothing to say is asked again.
const PAUSE: Duration = Duration::from_millis(50);

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "cat",
        doc: "Reads a file or device from its start; a row holds the bytes of one read.",
        category: Category::Files,
        args: &[
            Arg::required("filename", Type::Path, "What to read."),
            Arg::optional("accessor", Type::Str, "How to read it.").with_default("\"auto\""),
            Arg::optional("chunk", Type::Int, "The most bytes of one row.").with_default("1048576"),
            Arg::optional("timeout", Type::Int, "Seconds after which reading ends."),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[Example::new(
            "Bytes are base64 in JSON",
            "SELECT * FROM cat(filename='hello', accessor='data', chunk=3)",
            r#"[{"Data":"aGVs"},{"Data":"bG8="}]"#,
        )],
        ..Signature::NEW
    },
    columns: &["Data"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let target = accessor::resolve(args, FILENAME, ACCESSOR)?;
    let chunk = match args.int(CHUNK, DEFAULT_CHUNK)? {
        n if n > 0 => n.min(MAX_CHUNK),
        _ => DEFAULT_CHUNK,
    };
    let until = match args.int(TIMEOUT, 0)? {
        limit if limit > 0 => Some(Instant::now() + seconds(limit)),
        _ => None,
    };
    let mut file = target.open(args.scope).map_err(|e| target.failure(&e))?;
    let mut buffer = vec![0; chunk as usize];
    while until.is_none_or(|until| Instant::now() < until) {
        args.scope.tick()?;
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                let cells = vec![Value::Bytes(Text::from(&buffer[..count]))];
                sink.row(&mut Row { schema: args.columns(), cells })?;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                if args.scope.cancel().wait(PAUSE) {
                    return Err(Stop::Done);
                }
            }
            Err(e) => return Err(target.failure(&e).into()),
        }
    }
    Ok(())
}
