//! `FROM parse_mft(filename=, …)`: the files of an NTFS file table.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use forensics::Source;
use forensics::mft::{self, File, Times};
use jiff::Timestamp;
use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::path::{Folder, OsPath, PathKind};
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
    let (columns, mut cells) = (args.columns(), Cells::new(args.path(PREFIX)?));
    let start = args.int(START, 0)?.max(0) as u64;
    evidence::each(args, FILENAME, ACCESSOR, |_, file| {
        let (mut flow, mut row): (Flow, Row) = (Ok(()), Row::default());
        on_two_threads(file, start, |file| {
            row.schema = columns.clone();
            cells.fill(&file, &mut row.cells);
            flow = args.scope.tick().and_then(|()| sink.row(&mut row));
            flow.is_ok()
        })?;
        flow.map_err(End::Stop)
    })
}

/// Files that travel between the threads together.
const BATCH: usize = 256;
/// Batches that wait for their rows.
const WAITING: usize = 4;

/// Reads the table on a thread of its own: making rows takes nearly as long.
fn on_two_threads(
    source: &mut (dyn Source + Send),
    start: u64,
    mut take: impl FnMut(File) -> bool,
) -> forensics::Result<()> {
    let (sender, batches) = sync_channel(WAITING);
    std::thread::scope(|threads| {
        let reader = threads.spawn(move || {
            let mut batch = Vec::with_capacity(BATCH);
            let read = mft::files(source, start, |file| {
                batch.push(file);
                batch.len() < BATCH
                    || sender.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_ok()
            });
            // Nobody takes it when no more is wanted.
            let _ = sender.send(batch);
            read
        });
        // Its end closes the channel, which ends the reader.
        let _ = batches.into_iter().try_for_each(|batch: Vec<File>| match batch.into_iter().all(&mut take) {
            true => Ok(()),
            false => Err(()),
        });
        match reader.join() {
            Ok(read) => read,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Directories, and other things that many files have in common, that are kept; beyond, all are forgotten.
const MOST_KEPT: usize = 10_000;

/// Makes cells. What many files have in common is made once.
struct Cells {
    prefix: Option<Arc<OsPath>>,
    folders: HashMap<Box<[u8]>, Arc<Folder>, foldhash::fast::RandomState>,
    /// By the bits that are set.
    flags: HashMap<u32, Value, foldhash::fast::RandomState>,
    namespaces: HashMap<&'static str, Value, foldhash::fast::RandomState>,
}

impl Cells {
    fn new(prefix: Option<Arc<OsPath>>) -> Self {
        let (folders, flags, namespaces) = (HashMap::default(), HashMap::default(), HashMap::default());
        Cells { prefix, folders, flags, namespaces }
    }

    /// A path on the volume.
    fn whole(&self, path: &Path) -> OsPath {
        let mut components = self.prefix.as_ref().map_or_else(Vec::new, |p| p.components.to_vec());
        components.extend(mft::parts(path).map(Text::from));
        OsPath::new(PathKind::Windows, components)
    }

    fn path(&mut self, folder: &Path, name: Text) -> Value {
        if name.is_empty() {
            return Value::Path(self.whole(folder).into());
        }
        let key = folder.as_os_str().as_bytes();
        if let Some(folder) = self.folders.get(key) {
            return Value::Path(folder.entry(name).into());
        }
        if self.folders.len() >= MOST_KEPT {
            self.folders.clear();
        }
        let folder = Folder::new(&self.whole(folder));
        self.folders.insert(key.into(), folder.clone());
        Value::Path(folder.entry(name).into())
    }

    fn flags(&mut self, bits: u32) -> Value {
        if self.flags.len() >= MOST_KEPT {
            self.flags.clear();
        }
        self.flags.entry(bits).or_insert_with(|| texts(forensics::usn::attributes(bits))).clone()
    }

    fn namespaces(&mut self, names: &[(String, &'static str)]) -> Value {
        match names {
            [(_, one)] => self.namespaces.entry(*one).or_insert_with(|| Value::from(*one)).clone(),
            names => Value::from(names.iter().map(|(_, kind)| *kind).collect::<Vec<_>>().join(",")),
        }
    }

    fn fill(&mut self, file: &File, cells: &mut Vec<Value>) {
        let (standard, name) = (file.standard.as_ref(), file.name_times.as_ref());
        let pick = |times: Option<&Times>, of: fn(&Times) -> Timestamp| time(times.map(of));
        let names: Vec<Text> = file.names.iter().map(|(name, _)| Text::from(name.as_str())).collect();
        let own = match names.first() {
            Some(first) if **first == *file.name.as_bytes() => first.clone(),
            _ => Text::from(file.name.as_str()),
        };
        let names: Vec<Value> = names.into_iter().map(Value::Text).collect();
        let is_whole = |t: Timestamp| t.subsec_nanosecond() == 0;
        cells.clear();
        cells.extend([
            count(file.entry),
            count(file.sequence),
            Value::Bool(file.in_use),
            file.parent.map_or(Value::Null, |(entry, _)| count(entry)),
            file.parent.map_or(Value::Null, |(_, sequence)| count(sequence)),
            self.path(&file.folder, own),
            names.first().cloned().unwrap_or_default(),
            Value::list(names),
            self.namespaces(&file.names),
            count(file.size),
            count(file.references),
            Value::Bool(file.is_dir),
            Value::Bool(file.has_streams),
            // What tools that change times leave behind: a file older than its name, times without fractions.
            Value::Bool(standard.zip(name).is_some_and(|(s, n)| s.created < n.created)),
            Value::Bool(standard.is_some_and(|s| is_whole(s.created) || is_whole(s.modified))),
            Value::Bool(standard.is_some_and(|s| s.created > s.modified)),
            self.flags(file.standard_flags),
            pick(standard, |t| t.created),
            pick(name, |t| t.created),
            pick(standard, |t| t.modified),
            pick(name, |t| t.modified),
            pick(standard, |t| t.changed),
            pick(name, |t| t.changed),
            pick(standard, |t| t.accessed),
            pick(name, |t| t.accessed),
            count(file.log_sequence),
        ]);
    }
}
