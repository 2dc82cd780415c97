//! `FROM parse_usn(usn_filename=, …)`: the changes of an NTFS journal.

use std::collections::{HashMap, HashSet};

use forensics::{mft, usn};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::path::{OsPath, PathKind};
use vql::permission::Permission;
use vql::text::Text;
use vql::value::{Row, Value};

use crate::accessor::{self, Target};
use crate::evidence::{self, End, count, texts, time};

const ACCESSOR: usize = 2;
const MFT_FILENAME: usize = 3;
const USN_FILENAME: usize = 4;
const START_OFFSET: usize = 5;

/// Directories deep at most; loops end there as well.
const MAX_DEPTH: usize = 256;
/// The directory that holds all others.
const ROOT: u64 = 5;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_usn",
        doc: "The changes of an NTFS journal ($UsnJrnl:$J), with paths if the file table is given.",
        category: Category::Parsers,
        args: &[
            Arg::optional("device", Type::Path, "A device with NTFS; not read, give `usn_filename`."),
            Arg::optional("image_filename", Type::Path, "An image with NTFS; not read, give `usn_filename`."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("mft_filename", Type::Path, "The file table, from which paths are known."),
            Arg::optional("usn_filename", Type::Path, "The journal."),
            Arg::optional("start_offset", Type::Int, "Where in the journal to start.").with_default("0"),
            Arg::optional("fast_paths", Type::Bool, "Accepted; there is one way to find paths."),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        ..Signature::NEW
    },
    columns: &[
        "Usn",
        "Timestamp",
        "Filename",
        "OSPath",
        "MFTId",
        "SequenceNumber",
        "ParentMFTId",
        "ParentSequenceNumber",
        "Reason",
        "FileAttributes",
        "SourceInfo",
        "Offset",
    ],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    if !args.has(USN_FILENAME) {
        return Err(Error::from("only journals in files are read: give usn_filename").into());
    }
    let folders = if args.has(MFT_FILENAME) { Folders::read(args)? } else { Folders::default() };
    let start = args.int(START_OFFSET, 0)?.max(0) as u64;
    evidence::each(args, USN_FILENAME, ACCESSOR, |_, file| {
        let mut flow: Flow = Ok(());
        usn::changes(file, start, |change| {
            let mut path = folders.path(change.parent.0);
            path.push(change.name.clone());
            let components = path.into_iter().map(Text::from).collect();
            let cells = vec![
                count(change.usn),
                time(change.time),
                Value::from(change.name),
                Value::Path(OsPath::new(PathKind::Windows, components).into()),
                count(change.file.0),
                count(change.file.1),
                count(change.parent.0),
                count(change.parent.1),
                texts(usn::reasons(change.reason)),
                texts(usn::attributes(change.attributes)),
                texts(usn::sources(change.source)),
                count(change.offset),
            ];
            flow = args.scope.tick().and_then(|()| sink.row(&mut Row { schema: args.columns(), cells }));
            flow.is_ok()
        })?;
        flow.map_err(End::Stop)
    })
}

/// The directories of a volume: name and parent of each.
#[derive(Default)]
struct Folders(HashMap<u64, (String, u64)>);

impl Folders {
    fn read(args: &Args<'_>) -> Result<Self, Error> {
        let target: Target = accessor::resolve(args, MFT_FILENAME, ACCESSOR)?;
        let file = target.open(args.scope).map_err(|e| target.failure(&e))?;
        let mut folders = HashMap::new();
        let cancel = args.scope.cancel();
        mft::files(file, 0, |file| {
            if let (true, Some((name, _)), Some((parent, _))) = (file.is_dir, file.names.first(), file.parent)
            {
                folders.insert(file.entry, (name.clone(), parent));
            }
            !cancel.is_cancelled()
        })
        .map_err(|e| evidence::failure(&target, &e))?;
        Ok(Folders(folders))
    }

    fn path(&self, folder: u64) -> Vec<String> {
        let mut path = Vec::new();
        let (mut at, mut seen) = (folder, HashSet::new());
        while at != ROOT && path.len() < MAX_DEPTH && seen.insert(at) {
            match self.0.get(&at) {
                Some((name, parent)) => {
                    path.push(name.clone());
                    at = *parent;
                }
                None => {
                    if !self.0.is_empty() {
                        path.push("<Unknown>".to_owned());
                    }
                    break;
                }
            }
        }
        path.reverse();
        path
    }
}
