//! `upload_directory(file=, name=, accessor=, output=, …)`: a copy of a file below a directory of the host.

use std::fs::{File, FileTimes};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use md5::Md5;
use sha2::{Digest, Sha256};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::path::OsPath;
use vql::permission::Permission;
use vql::text::Text;
use vql::value::Value;

use crate::accessor::{self, copy_all};
use crate::world::World;
use crate::write_policy::DEFAULT_MODE;

const FILE: usize = 0;
const NAME: usize = 1;
const ACCESSOR: usize = 2;
const OUTPUT: usize = 3;
const MTIME: usize = 4;
const ATIME: usize = 5;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "upload_directory",
        doc: "Copies a file below a directory, under the path it has or a given one, and tells what was written.",
        category: Category::Files,
        args: &[
            Arg::required("file", Type::Path, "The file to copy."),
            Arg::optional(
                "name",
                Type::Path,
                "The path of the copy below output; the file's own by default.",
            ),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::required("output", Type::Str, "The directory to copy into."),
            Arg::optional("mtime", Type::Any, "When the copy is to seem modified."),
            Arg::optional("atime", Type::Any, "When the copy is to seem read."),
            Arg::optional("ctime", Type::Any, "Accepted; the host does not let it be set."),
            Arg::optional("btime", Type::Any, "Accepted; the host does not let it be set."),
        ],
        permissions: &[Permission::FilesystemWrite],
        examples: &[Example::new(
            "Below a directory",
            "upload_directory(file='hello', accessor='data', name='/a/../b', output=tempdir()).Components",
            r#"["a","_..","b"]"#,
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

/// Components as names below a directory: what would lead elsewhere is changed.
pub fn confined(path: &OsPath) -> Result<Vec<Text>, Error> {
    let outer = path.delegate.as_ref().map(|d| OsPath::parse(path.kind, &d.path));
    let mut names = match outer {
        Some(outer) => confined(&outer)?,
        None => Vec::new(),
    };
    names.extend(path.components.iter().map(name));
    if names.is_empty() || names.len() > MAX_COMPONENTS {
        return Err("the file has no usable name".into());
    }
    Ok(names)
}

const MAX_COMPONENTS: usize = 128;

/// The longest name that file systems take.
const MAX_NAME: usize = 255;

fn name(component: &Text) -> Text {
    let mut name: Vec<u8> = component.iter().map(|c| if matches!(c, b'/' | 0) { b'_' } else { *c }).collect();
    if matches!(&name[..], b"." | b".." | b"") {
        name.insert(0, b'_');
    }
    name.truncate(MAX_NAME);
    name.into()
}

/// Passes on what is written, and hashes it.
struct Hashing<W> {
    to: W,
    md5: Md5,
    sha256: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.md5.update(&bytes[..count]);
        self.sha256.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, FILE, ACCESSOR)?;
    let names = match args.path(NAME)? {
        Some(path) => confined(&path)?,
        None => confined(&target.path)?,
    };
    let output = args.text(OUTPUT)?;
    let mut path = PathBuf::from(std::ffi::OsStr::from_bytes(&output));
    path.extend(names.iter().map(|n| std::ffi::OsStr::from_bytes(n)));
    let shown = path.to_string_lossy().into_owned();
    let failed = |e: std::io::Error| Error::new(format!("{shown}: {}", accessor::reason(&e)));
    let writes = &World::of(args.scope)?.writes;
    let mut from = target.open(args.scope).map_err(|e| target.failure(&e))?;
    writes.create_dir_all(path.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
    let to = writes.replace(&path, Some(DEFAULT_MODE)).map_err(failed)?;
    let mut to = Hashing { to, md5: Md5::new(), sha256: Sha256::new() };
    let size = copy_all(args.scope.cancel(), &mut *from, &mut to).map_err(failed)?;
    to.to.finish().map_err(failed)?;
    set_times(args, &path)?;
    Ok(Value::dict([
        ("Path", Value::text(path.as_os_str().as_bytes())),
        ("Size", Value::Int(size as i64)),
        ("StoredSize", Value::Int(size as i64)),
        ("sha256", Value::from(accessor::hex(&to.sha256.finalize()))),
        ("md5", Value::from(accessor::hex(&to.md5.finalize()))),
        ("StoredName", Value::text(path.as_os_str().as_bytes())),
        ("Components", Value::list(names.into_iter().map(Value::Text).collect())),
        ("Accessor", Value::from(target.accessor.name())),
    ]))
}

/// Gives the copy the times asked for; what cannot be set is left.
fn set_times(args: &Args<'_>, path: &Path) -> Result<(), Error> {
    let mut times = FileTimes::new();
    let (mtime, atime) = (args.time(MTIME)?, args.time(ATIME)?);
    if let Some(time) = mtime {
        times = times.set_modified(SystemTime::from(time));
    }
    if let Some(time) = atime {
        times = times.set_accessed(SystemTime::from(time));
    }
    if (mtime.is_some() || atime.is_some())
        && let Ok(file) = File::open(path)
    {
        let _ = file.set_times(times);
    }
    Ok(())
}
