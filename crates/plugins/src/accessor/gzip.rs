//! "gzip" and "bzip2": the decompressed content of a file.

use std::io::{self, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::sync::Arc;

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;

use super::container::inflate::{self, Method};
use super::container::shared::Shared;
use super::{Accessor, Content, Facts, Kind, container};

/// A file compressed in one way.
pub struct Compressed {
    name: &'static str,
    doc: &'static str,
    method: Method,
}

pub const GZIP: Compressed = Compressed {
    name: "gzip",
    doc: "The decompressed content of a gzip file; its size is that of the compressed file.",
    method: Method::Gzip,
};

pub const BZIP2: Compressed = Compressed {
    name: "bzip2",
    doc: "The decompressed content of a bzip2 file; its size is that of the compressed file.",
    method: Method::Bzip2,
};

impl Accessor for Compressed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn kind(&self) -> PathKind {
        PathKind::Generic
    }

    fn parse(&self, text: &Text) -> OsPath {
        container::parse(self, text)
    }

    fn adopt(&self, path: Arc<OsPath>) -> Arc<OsPath> {
        container::adopt(self.name, path)
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let mut file = Shared::new(container::open(scope, path)?);
        let length = file.seek(SeekFrom::End(0))?;
        Ok(Box::new(inflate::content(scope.cancel(), self.method, file, 0, length)?))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        container::facts(scope, path)
    }

    fn list(
        &self,
        _scope: &Scope<'_>,
        _path: &OsPath,
        _each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        Err(container::no_directories(self.name))
    }
}
