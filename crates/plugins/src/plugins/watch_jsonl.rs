//! `watch_jsonl(filename=, accessor=, buffer_size=)`: new rows of JSONL files, for ever.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;
use vql::json;
use vql::permission::Permission;

use crate::accessor;
use crate::tail::{Event, Start, Tail, follow};
use crate::text::buffer_size;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const BUFFER_SIZE: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "watch_jsonl",
        doc: "The JSON lines that are added to files from now on as rows, for ever; what is not JSON is logged once.",
        category: Category::Events,
        args: &[
            Arg::required("filename", Type::PathList, "The files to watch."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("buffer_size", Type::Int, "The most bytes of a line.").with_default("1048576"),
        ],
        permissions: &[Permission::FilesystemRead],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let limit = buffer_size(args, BUFFER_SIZE, 1 << 20)?;
    let targets = accessor::resolve_all(args, FILENAME, ACCESSOR)?;
    let tails = targets.into_iter().map(|target| Tail::new(target, Start::End, limit)).collect();
    let mut parser = json::Parser::default();
    let mut reported = false;
    follow(args, tails, limit, None, &mut |_, event| {
        let line = match event {
            Event::Line(line) | Event::Late(line) if !line.trim_ascii().is_empty() => line.trim_ascii(),
            _ => return Ok(()),
        };
        match parser.parse(line) {
            Ok(value) => sink.row(&mut value.into_row()),
            Err(e) => {
                if !std::mem::replace(&mut reported, true) {
                    args.scope.log(Level::Default, format!("watch_jsonl: {e}"));
                }
                Ok(())
            }
        }
    })
}
