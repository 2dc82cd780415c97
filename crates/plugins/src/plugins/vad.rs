//! `FROM vad(pid=)`: what the memory of a process consists of.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Platforms, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::accessor::reason;
use crate::evidence::count;
use crate::machine::memory;

/// The longest line: the name of a file has at most 4096 bytes.
const LINE: u64 = 64 << 10;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "vad",
        doc: "What the memory of a process consists of, a row for each range of addresses: files, heap, stacks, and what is \
              anonymous.",
        category: Category::Host,
        args: &[Arg::required("pid", Type::Int, "The process.")],
        permissions: &[Permission::MachineState],
        platforms: Platforms::Linux,
        examples: &[Example::new(
            "The stack of the server itself",
            "SELECT MappingName, Protection, Size > 0 AS HasSize, Private FROM vad(pid=getpid()) WHERE MappingName = '[stack]'",
            r#"[{"MappingName":"[stack]","Protection":"rw-","HasSize":true,"Private":true}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[
        "Address",
        "End",
        "Size",
        "MappingName",
        "Protection",
        "Private",
        "Offset",
        "Device",
        "Inode",
        "Deleted",
    ],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let pid = args.int(0, 0)?;
    let failed = |e: std::io::Error| Error::new(format!("process {pid}: {}", reason(&e)));
    let mut maps = BufReader::new(File::open(format!("/proc/{pid}/maps")).map_err(failed)?);
    let schema = args.columns();
    let mut line = Vec::new();
    loop {
        args.scope.tick()?;
        line.clear();
        let length = maps.by_ref().take(LINE).read_until(b'\n', &mut line).map_err(failed)?;
        if length == 0 {
            return Ok(());
        }
        let Some(mapping) = memory::parse(line.strip_suffix(b"\n").unwrap_or(&line)) else { continue };
        let cells = vec![
            count(mapping.start),
            count(mapping.end),
            count(mapping.end.saturating_sub(mapping.start)),
            Value::text(mapping.name),
            Value::from(mapping.protection),
            Value::Bool(!mapping.is_shared),
            count(mapping.offset),
            Value::from(mapping.device),
            count(mapping.inode),
            Value::Bool(mapping.is_deleted),
        ];
        sink.row(&mut Row { schema: schema.clone(), cells })?;
    }
}
