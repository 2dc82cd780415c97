//! "mscfb": the streams of an OLE compound file.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use forensics::ole::{MAX_SIZE, Ole};
use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;

use super::container::tree::Tree;
use super::container::{self, index, invalid};
use super::{Accessor, Content, Facts, Kind, Target, held};

/// OLE compound files.
pub struct Mscfb;

fn open(scope: &Scope<'_>, container: &Target) -> io::Result<Ole> {
    Ole::read(&mut container.open(scope)?).map_err(failure)
}

fn failure(error: forensics::Error) -> io::Error {
    match error {
        forensics::Error::Io(e) => e,
        e => invalid(e),
    }
}

fn streams(scope: &Scope<'_>, path: &OsPath) -> io::Result<(Target, Arc<Tree<Facts>>)> {
    let container = container::of(scope, path)?;
    let read = || {
        let mut tree = Tree::default();
        for entry in open(scope, &container)?.entries() {
            let components: Vec<Text> = entry.path.iter().map(|name| name.as_str().into()).collect();
            let mode = if entry.is_storage { 0o040_555 } else { 0o100_444 };
            let (mtime, btime) = (entry.modified, entry.created);
            tree.add(&components, Facts { size: entry.size, mode, mtime, btime, ..Facts::default() })?;
        }
        Ok(tree)
    };
    let tree = index::of(scope, "mscfb", &container, read)?;
    Ok((container, tree))
}

impl Accessor for Mscfb {
    fn name(&self) -> &'static str {
        "mscfb"
    }

    fn doc(&self) -> &'static str {
        "The streams of an OLE compound file, such as an old Office document."
    }

    fn kind(&self) -> PathKind {
        PathKind::Zip
    }

    fn parse(&self, text: &Text) -> OsPath {
        container::parse(self, text)
    }

    fn adopt(&self, path: Arc<OsPath>) -> Arc<OsPath> {
        container::adopt("mscfb", path)
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let (container, tree) = streams(scope, path)?;
        if tree.find(&path.components, false)?.facts(Facts::clone).kind() == Kind::Directory {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a storage"));
        }
        let names: Vec<String> = path.components.iter().map(|c| c.to_str_lossy().into_owned()).collect();
        let bytes = open(scope, &container)?.stream_of(&names, MAX_SIZE).map_err(failure)?;
        Ok(held(bytes.into()))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        let (_, tree) = streams(scope, path)?;
        Ok(tree.find(&path.components, false)?.facts(Facts::clone))
    }

    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let (_, tree) = streams(scope, path)?;
        for (name, entry) in tree.find(&path.components, false)?.children() {
            if each(name, entry.facts(Facts::clone).kind()).is_break() {
                break;
            }
        }
        Ok(())
    }
}
