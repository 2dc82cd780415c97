//! `FROM unzip(filename=, output_directory=, …)`: the members of an archive as files of the host.

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use regex::bytes::Regex;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;
use vql::path::{Delegate, OsPath};
use vql::permission::Permission;
use vql::text::Text;
use vql::value::{Row, Value, regex as patterns};

use crate::accessor::{self, Accessor, Kind, Target, copy_some, find, read_full};
use crate::functions::confined;
use crate::world::World;
use crate::write_policy::DEFAULT_MODE;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const FILENAME_FILTER: usize = 2;
const OUTPUT_DIRECTORY: usize = 3;
const TYPE: usize = 4;

/// Bytes that one archive may be unpacked to.
const MAX_TOTAL: u64 = 256 << 30;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "unzip",
        doc: "Unpacks the files of a zip or tar archive below a directory, a row for each; links are left out.",
        category: Category::Files,
        args: &[
            Arg::required("filename", Type::Path, "The archive."),
            Arg::optional("accessor", Type::Str, "How to read the archive.").with_default("\"auto\""),
            Arg::optional(
                "filename_filter",
                Type::Str,
                "Only files whose path matches this regular expression.",
            ),
            Arg::required("output_directory", Type::Str, "The directory to unpack into; made if missing."),
            Arg::optional("type", Type::Str, "zip, tgz or tar; what the file looks like by default."),
        ],
        permissions: &[Permission::FilesystemWrite, Permission::FilesystemRead],
        version: 2,
        examples: &[Example::new(
            "No archive",
            "SELECT * FROM unzip(filename='hello', accessor='data', output_directory=tempdir())",
            "[]",
        )],
        ..Signature::NEW
    },
    columns: &["OriginalPath", "NewPath", "Size"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let archive = accessor::resolve(args, FILENAME, ACCESSOR)?;
    let filter = match args.optional_text(FILENAME_FILTER)? {
        Some(pattern) if !pattern.is_empty() => {
            Some(args.memo(FILENAME_FILTER, &pattern, |p| patterns::compile(p, true))?)
        }
        _ => None,
    };
    let output = args.text(OUTPUT_DIRECTORY)?;
    let reader = find(args.scope, archive_accessor(args, &archive)?)?;
    let delegate = Delegate { accessor: archive.accessor.name().into(), path: archive.path.text() };
    let root = OsPath::new(reader.kind(), Vec::new()).inside(Some(delegate));
    let output = PathBuf::from(std::ffi::OsStr::from_bytes(&output));
    let mut unpacking = Unpacking { args, reader, filter, output, left: MAX_TOTAL };
    let mut pending = vec![root];
    while let Some(directory) = pending.pop() {
        args.scope.tick()?;
        let mut entries = Vec::new();
        let listed = reader.list(args.scope, &directory, &mut |name, kind| {
            entries.push((Text::from(name), kind));
            ControlFlow::Continue(())
        });
        listed.map_err(|e| archive.failure(&e))?;
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (name, kind) in &entries {
            if *kind == Kind::Other {
                unpacking.file(directory.join(name.clone()), sink)?;
            }
        }
        let directories = entries.iter().rev().filter(|(_, kind)| *kind == Kind::Directory);
        pending.extend(directories.map(|(name, _)| directory.join(name.clone())));
    }
    Ok(())
}

/// The accessor that reads the archive.
fn archive_accessor(args: &Args<'_>, archive: &Target) -> Result<&'static str, Error> {
    match args.string(TYPE)?.to_lowercase().as_str() {
        "zip" => Ok("zip"),
        "tgz" | "tar" | "tar.gz" => Ok("tar"),
        "" => {
            let mut start = [0; 2];
            let mut file = archive.open(args.scope).map_err(|e| archive.failure(&e))?;
            read_full(&mut *file, &mut start).map_err(|e| archive.failure(&e))?;
            Ok(if start == *b"PK" { "zip" } else { "tar" })
        }
        other => Err(Error::new(format!("type should be zip, tgz or tar, not {other}"))),
    }
}

struct Unpacking<'a> {
    args: &'a Args<'a>,
    reader: &'static dyn Accessor,
    filter: Option<Arc<Regex>>,
    output: PathBuf,
    left: u64,
}

impl Unpacking<'_> {
    /// Unpacks a file; one that fails is logged and left out.
    fn file(&mut self, path: OsPath, sink: &mut dyn Sink) -> Flow {
        self.args.scope.tick()?;
        let original = path.path();
        if self.filter.as_ref().is_some_and(|f| !patterns::is_match(f, &original)) {
            return Ok(());
        }
        // Names below the output alone, not below the path of the archive.
        let names = confined(&path.clone().inside(None))?;
        let mut to = self.output.clone();
        to.extend(names.iter().map(|n| std::ffi::OsStr::from_bytes(n)));
        match self.write(Target { accessor: self.reader, path: path.into() }, &to) {
            Ok(size) => {
                let cells = vec![
                    Value::Text(original),
                    Value::text(to.as_os_str().as_bytes()),
                    Value::Int(size as i64),
                ];
                sink.row(&mut Row { schema: self.args.columns(), cells })
            }
            Err(e) => {
                let line = format!("unzip: {}: {}", original.to_str_lossy(), accessor::reason(&e));
                self.args.scope.log(Level::Default, line);
                if self.left == 0 { Err("the archive unpacks to too much".into()) } else { Ok(()) }
            }
        }
    }

    fn write(&mut self, from: Target, to: &Path) -> std::io::Result<u64> {
        let scope = self.args.scope;
        let writes = &World::of(scope).map_err(std::io::Error::other)?.writes;
        let mut from = from.open(scope)?;
        writes.create_dir_all(to.parent().unwrap_or(Path::new("/")))?;
        let mut file = writes.replace(to, Some(DEFAULT_MODE))?;
        let size = copy_some(scope.cancel(), &mut *from, &mut file, &mut self.left)?;
        file.finish()?;
        Ok(size)
    }
}
