//! `FROM parse_mft(filename=, …)`: the files of an NTFS file table.

use std::sync::Arc;

use forensics::mft::{self, File, Times};
use jiff::Timestamp;
use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::path::{OsPath, PathKind};
use vql::permission::Permission;
use vql::text::Text;
use vql::value::{Row, Value};

use crate::evidence::{self, End, count, texts, time};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const PREFIX: usize = 2;
const START: usize = 3;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_mft",
        doc: "The files of an NTFS file table ($MFT), deleted ones and streams included.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::Path, "The file table."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::optional(
                "prefix",
                Type::Path,
                "What to put before each path, such as the name of the drive.",
            ),
            Arg::optional("start", Type::Int, "The number of the first entry to read.").with_default("0"),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 3,
        ..Signature::NEW
    },
    columns: &[
        "EntryNumber",
        "SequenceNumber",
        "InUse",
        "ParentEntryNumber",
        "ParentSequenceNumber",
        "OSPath",
        "FileName",
        "FileNames",
        "FileNameTypes",
        "FileSize",
        "ReferenceCount",
        "IsDir",
        "HasADS",
        "SI_Lt_FN",
        "USecZeros",
        "Copied",
        "SIFlags",
        "Created0x10",
        "Created0x30",
        "LastModified0x10",
        "LastModified0x30",
        "LastRecordChange0x10",
        "LastRecordChange0x30",
        "LastAccess0x10",
        "LastAccess0x30",
        "LogFileSeqNum",
    ],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let prefix = args.path(PREFIX)?;
    let start = args.int(START, 0)?.max(0) as u64;
    evidence::each(args, FILENAME, ACCESSOR, |_, file| {
        let mut flow: Flow = Ok(());
        mft::files(file, start, |file| {
            let cells = cells(&file, prefix.as_deref());
            let mut row = Row { schema: args.columns(), cells };
            flow = args.scope.tick().and_then(|()| sink.row(&mut row));
            flow.is_ok()
        })?;
        flow.map_err(End::Stop)
    })
}

/// The path of a file on its volume.
pub(super) fn path(prefix: Option<&OsPath>, components: &[String]) -> Value {
    let mut path = prefix.map_or_else(Vec::new, |p| p.components.to_vec());
    path.extend(components.iter().map(|c| Text::from(c.as_str())));
    Value::Path(Arc::new(OsPath::new(PathKind::Windows, path)))
}

fn cells(file: &File, prefix: Option<&OsPath>) -> Vec<Value> {
    let (standard, name) = (file.standard.as_ref(), file.name_times.as_ref());
    let pick = |times: Option<&Times>, of: fn(&Times) -> Timestamp| time(times.map(of));
    let is_whole = |t: Timestamp| t.subsec_nanosecond() == 0;
    vec![
        count(file.entry),
        count(file.sequence),
        Value::Bool(file.in_use),
        file.parent.map_or(Value::Null, |(entry, _)| count(entry)),
        file.parent.map_or(Value::Null, |(_, sequence)| count(sequence)),
        path(prefix, &file.path),
        file.names.first().map_or(Value::Null, |(name, _)| Value::from(name.as_str())),
        texts(file.names.iter().map(|(name, _)| name.as_str())),
        Value::from(file.names.iter().map(|(_, kind)| *kind).collect::<Vec<_>>().join(",")),
        count(file.size),
        count(file.references),
        Value::Bool(file.is_dir),
        Value::Bool(file.has_streams),
        // What tools that change times leave behind: a file older than its name, times without fractions.
        Value::Bool(standard.zip(name).is_some_and(|(s, n)| s.created < n.created)),
        Value::Bool(standard.is_some_and(|s| is_whole(s.created) || is_whole(s.modified))),
        Value::Bool(standard.is_some_and(|s| s.created > s.modified)),
        texts(forensics::usn::attributes(file.standard_flags)),
        pick(standard, |t| t.created),
        pick(name, |t| t.created),
        pick(standard, |t| t.modified),
        pick(name, |t| t.modified),
        pick(standard, |t| t.changed),
        pick(name, |t| t.changed),
        pick(standard, |t| t.accessed),
        pick(name, |t| t.accessed),
        count(file.log_sequence),
    ]
}
