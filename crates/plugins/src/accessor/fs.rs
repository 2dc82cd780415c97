//! "fs": the server's file store.

use std::io;
use std::ops::ControlFlow;

use store::file_store::Entry;
use vql::path::{OsPath, PathKind};
use vql::permission::Permission;
use vql::scope::Scope;
use vql::value::Time;

use super::{Accessor, Content, Facts, Kind};
use crate::server::Server;

/// The file store as a file system.
pub struct FileStoreAccessor;

fn components(path: &OsPath) -> Vec<String> {
    path.components.iter().map(|c| c.to_str_lossy().into_owned()).collect()
}

fn server<'a>(scope: &Scope<'a>) -> io::Result<&'a Server> {
    Server::of(scope).map(|s| &**s).map_err(io::Error::other)
}

fn failed(error: store::Error) -> io::Error {
    match error {
        store::Error::FileNotFound => io::ErrorKind::NotFound.into(),
        other => io::Error::other(other),
    }
}

fn facts(entry: &Entry) -> Facts {
    let mode = if entry.is_dir { 0o040_700 } else { 0o100_600 };
    let mtime = Time::from_second(entry.modified).ok();
    Facts { size: entry.size, mode, mtime, ..Facts::default() }
}

impl Accessor for FileStoreAccessor {
    fn name(&self) -> &'static str {
        "fs"
    }

    fn doc(&self) -> &'static str {
        "The server's file store: collections, uploads and downloads (SERVER_ADMIN)."
    }

    fn permissions(&self) -> &'static [Permission] {
        &[Permission::ServerAdmin]
    }

    fn kind(&self) -> PathKind {
        PathKind::Generic
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let file = server(scope)?.files.open_beneath(&components(path)).map_err(failed)?;
        Ok(Box::new(file))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        let components = components(path);
        if components.is_empty() {
            return Ok(facts(&Entry { name: String::new(), is_dir: true, size: 0, modified: 0 }));
        }
        server(scope)?.files.stat(&components).map(|e| facts(&e)).map_err(failed)
    }

    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for entry in server(scope)?.files.list(&components(path)).map_err(failed)? {
            let kind = if entry.is_dir { Kind::Directory } else { Kind::Other };
            if each(entry.name.as_bytes(), kind).is_break() {
                break;
            }
        }
        Ok(())
    }
}
