//! "sparse" and "ranged": a file of which only some ranges are present; the path is the list of them.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;

use super::container::ranges::{Map, Mapped};
use super::{Accessor, Content, Facts, Kind, container};

/// Ranges of a file, under one of two names.
pub struct Ranges {
    name: &'static str,
    doc: &'static str,
}

pub const SPARSE: Ranges = Ranges {
    name: "sparse",
    doc: "A file of which only the listed ranges are present, the rest zeros: pathspec(Path=[dict(Offset=0, Length=5)], DelegatePath=…).",
};

pub const RANGED: Ranges = Ranges {
    name: "ranged",
    doc: "A file put together from ranges of another: as sparse, where FileOffset and FileLength say which bytes go to a range.",
};

impl Accessor for Ranges {
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
        let map = Map::parse(path)?;
        Ok(Box::new(Mapped::new(container::open(scope, path)?, map)))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        let size = Map::parse(path)?.size();
        Ok(Facts { size, ..container::facts(scope, path)? })
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
