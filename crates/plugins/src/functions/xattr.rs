//! `xattr(filename=, attribute=, accessor=)`: the extended attributes of a file.

use std::ffi::CString;
use std::path::Path;

use rustix::fs::{lgetxattr, llistxattr};
use rustix::io::Errno;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Platforms, Signature, Type};
use vql::permission::Permission;
use vql::schema::Name;
use vql::text::Text;
use vql::value::{Row, Value};

use crate::accessor::{self, host_path};

const FILENAME: usize = 0;
const ATTRIBUTE: usize = 1;
const ACCESSOR: usize = 2;

/// The limits of Linux: bytes of all names, and of one value.
const NAMES: usize = 64 << 10;
const VALUE: usize = 64 << 10;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "xattr",
        doc: "The extended attributes of a file, links not followed, as a dict of names and values.",
        category: Category::Files,
        args: &[
            Arg::required("filename", Type::Path, "The file."),
            Arg::optional(
                "attribute",
                Type::StrList,
                "The attributes to read, such as security.capability; all by default.",
            ),
            Arg::optional("accessor", Type::Str, "Must be one for files of the host.")
                .with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        platforms: Platforms::Linux,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, FILENAME, ACCESSOR)?;
    if !matches!(target.accessor.name(), "auto" | "file") || target.path.delegate.is_some() {
        let name = target.accessor.name();
        return Err(Error::new(format!("the accessor {name} knows no extended attributes")));
    }
    let path = host_path(&target.path);
    let failed = |e: Errno| target.failure(&e.into());
    let wanted = args.text_list(ATTRIBUTE)?;
    let names = if wanted.is_empty() { names(&path).map_err(failed)? } else { wanted };
    let mut found = Row::default();
    for name in names {
        let value = match value(&path, &name) {
            Ok(value) => Value::Text(value),
            // Not there, or gone meanwhile.
            Err(Errno::NODATA) => continue,
            Err(e) => return Err(failed(e)),
        };
        found.set(&Name::new(&name.to_str_lossy()), value);
    }
    Ok(found.into())
}

fn names(path: &Path) -> rustix::io::Result<Vec<Text>> {
    let mut names = vec![0; NAMES];
    let length = match llistxattr(path, names.as_mut_slice()) {
        // File systems without attributes have files without attributes.
        Err(Errno::NOTSUP) => 0,
        length => length?,
    };
    Ok(names[..length].split(|b| *b == 0).filter(|name| !name.is_empty()).map(Text::from).collect())
}

fn value(path: &Path, name: &Text) -> rustix::io::Result<Text> {
    let name = CString::new(&**name).map_err(|_| Errno::INVAL)?;
    let mut value = vec![0; VALUE];
    let length = lgetxattr(path, &*name, value.as_mut_slice())?;
    Ok(Text::from(&value[..length]))
}
