//! `FROM prefetch(filename=, accessor=)`: which programs ran on Windows.

use forensics::prefetch;
use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::evidence::{self, count, texts};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "prefetch",
        doc: "What Windows prefetch files tell of programs: when they ran and what they loaded.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::PathList, "The `.pf` files to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        ..Signature::NEW
    },
    columns: &[
        "Executable",
        "FileSize",
        "Hash",
        "Version",
        "LastRunTimes",
        "RunCount",
        "FilesAccessed",
        "VolumeInfo",
        "OSPath",
    ],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    evidence::each(args, 0, 1, |target, file| {
        let parsed = prefetch::parse(file)?;
        let volumes = parsed.volumes.into_iter().map(|v| {
            Value::dict([
                ("Name", Value::from(v.path)),
                ("Created", evidence::time(v.created)),
                ("SerialNumber", Value::from(format!("{:08X}", v.serial))),
            ])
        });
        let cells = vec![
            Value::from(parsed.executable),
            count(parsed.size),
            Value::from(format!("0x{:08X}", parsed.hash)),
            Value::from(version(parsed.version)),
            Value::list(parsed.runs.into_iter().map(Value::Time).collect()),
            count(parsed.run_count),
            texts(parsed.files),
            Value::list(volumes.collect()),
            target.title(),
        ];
        Ok(sink.row(&mut Row { schema: args.columns(), cells })?)
    })
}

/// The system that writes a version of the format.
fn version(version: u32) -> &'static str {
    match version {
        17 => "WinXP",
        23 => "Vista",
        26 => "Win8.1",
        30 => "Win10",
        _ => "Win11",
    }
}
