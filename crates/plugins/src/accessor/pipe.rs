//! "pipe": the text that a query writes, read while the query runs. The path is the name of a `pipe()`.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;
use vql::value::Value;

use super::container::no_directories;
use super::{Accessor, Content, Facts, Kind, data};
use crate::functions::{Pipe, Pipes};

/// What queries write.
pub struct PipeAccessor;

/// The pipe in the variable of that name, or made with it.
fn pipe(scope: &Scope<'_>, path: &OsPath) -> io::Result<Arc<Pipe>> {
    let name = path.basename();
    let found = match scope.variable(&name.to_str_lossy()) {
        Some(Value::Object(o)) => o.as_any().downcast_ref::<Pipe>().map(|p| Arc::new(p.clone())),
        _ => scope.kept::<Pipes>().get(&name),
    };
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such pipe"))
}

impl Accessor for PipeAccessor {
    fn name(&self) -> &'static str {
        "pipe"
    }

    fn doc(&self) -> &'static str {
        "The text that the query of a pipe() writes; the path is the name of the pipe or of a variable that holds it."
    }

    fn parse(&self, text: &Text) -> OsPath {
        OsPath::new(PathKind::Generic, vec![text.clone()]).accessed_by("pipe".into())
    }

    fn title(&self, path: &OsPath) -> Value {
        Value::Text(path.basename())
    }

    fn is_steady(&self) -> bool {
        false
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        Ok(Box::new(pipe(scope, path)?.read(scope)))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        pipe(scope, path)?;
        Ok(data::facts(0))
    }

    fn list(
        &self,
        _scope: &Scope<'_>,
        _path: &OsPath,
        _each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        Err(no_directories("pipe"))
    }
}
