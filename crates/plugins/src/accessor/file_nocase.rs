//! "file_nocase": the host's files, found whatever the case of their names.

use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;

use vql::path::OsPath;
use vql::permission::Permission;
use vql::scope::Scope;
use vql::text::Text;
use vql::value::Value;

use super::file::{File, host_path};
use super::{Accessor, Content, Facts, Kind};

/// The host's files, ignoring case.
pub struct FileNocase;

const FILE: File = File { name: "file_nocase" };

/// The path as it is on disk: each component that is not there as written becomes the first, by name, that differs in case
/// only. What is found nowhere stays as it is.
fn settle(path: &OsPath) -> OsPath {
    if std::fs::symlink_metadata(host_path(path)).is_ok() {
        return path.clone();
    }
    let mut found = path.with_components(Vec::new());
    for component in &path.components {
        let next = found.join(component.clone());
        found = match std::fs::symlink_metadata(host_path(&next)) {
            Ok(_) => next,
            Err(_) => similar(&found, component).map_or(next, |name| found.join(name)),
        };
    }
    found
}

fn similar(directory: &OsPath, name: &Text) -> Option<Text> {
    let wanted = name.to_str_lossy().to_lowercase();
    let entries = std::fs::read_dir(host_path(directory)).ok()?;
    let names = entries.flatten().map(|e| Text::from(e.file_name().as_bytes()));
    names.filter(|n| n.to_str_lossy().to_lowercase() == wanted).min()
}

impl Accessor for FileNocase {
    fn name(&self) -> &'static str {
        "file_nocase"
    }

    fn doc(&self) -> &'static str {
        "The host's file system, whatever the case of names."
    }

    fn permissions(&self) -> &'static [Permission] {
        FILE.permissions()
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        FILE.open(scope, &settle(path))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        FILE.stat(scope, &settle(path))
    }

    fn stat_target(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        FILE.stat_target(scope, &settle(path))
    }

    fn extra(&self, path: &OsPath, kind: Kind) -> Value {
        FILE.extra(&settle(path), kind)
    }

    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        FILE.list(scope, &settle(path), each)
    }
}
