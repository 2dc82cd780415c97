//! "offset": a file from some byte on; the path is the number of that byte.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;

use super::container::window::Window;
use super::{Accessor, Content, Facts, Kind, container};

/// A file without its beginning.
pub struct Offset;

fn offset(path: &OsPath) -> io::Result<u64> {
    let text = path.basename();
    if text.is_empty() {
        return Ok(0);
    }
    let number = text.to_str_lossy().trim().parse();
    number.map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the path should be an offset"))
}

impl Accessor for Offset {
    fn name(&self) -> &'static str {
        "offset"
    }

    fn doc(&self) -> &'static str {
        "A file starting at an offset, which is the path: pathspec(Path='/512', DelegatePath=…)."
    }

    fn kind(&self) -> PathKind {
        PathKind::Generic
    }

    fn parse(&self, text: &Text) -> OsPath {
        container::parse(self, text)
    }

    fn adopt(&self, path: Arc<OsPath>) -> Arc<OsPath> {
        container::adopt("offset", path)
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        Ok(Box::new(Window::from(container::open(scope, path)?, offset(path)?)?))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        let facts = container::facts(scope, path)?;
        Ok(Facts { size: facts.size.saturating_sub(offset(path)?), ..facts })
    }

    fn list(
        &self,
        _scope: &Scope<'_>,
        _path: &OsPath,
        _each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        Err(container::no_directories("offset"))
    }
}
