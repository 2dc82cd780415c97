//! What accessors that read inside other files share: the container they read it from, and what is kept of it.

pub mod index;
pub mod inflate;
pub mod ranges;
pub mod shared;
pub mod stream;
pub mod tree;
pub mod window;

use std::io;
use std::sync::Arc;

use vql::path::{Delegate, OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;

use super::{Accessor, Content, Facts, Target, find};

/// How many containers may be inside one another.
const MAX_NESTING: usize = 10;

/// Text as a path into a container: a pathspec, or else the container itself.
pub fn parse(accessor: &dyn Accessor, text: &Text) -> OsPath {
    let path = OsPath::parse(accessor.kind(), text).accessed_by(accessor.name().into());
    if path.delegate.is_some() {
        return path;
    }
    let container = Delegate { accessor: "auto".into(), path: text.clone() };
    path.with_components(Vec::new()).inside(Some(container))
}

/// A path that came from elsewhere: one without a container is the container.
pub fn adopt(accessor: &str, path: Arc<OsPath>) -> Arc<OsPath> {
    if path.delegate.is_some() {
        return path;
    }
    let container = Delegate { accessor: path.accessor.clone(), path: path.text() };
    let inner = OsPath::new(path.kind, Vec::new()).accessed_by(accessor.into());
    inner.inside(Some(container)).into()
}

/// The container that a path is inside of.
pub fn of(scope: &Scope<'_>, path: &OsPath) -> io::Result<Target> {
    let Some(delegate) = &path.delegate else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no container"));
    };
    let denied = |e: vql::call::Error| io::Error::new(io::ErrorKind::PermissionDenied, e.to_string());
    let accessor = find(scope, &delegate.accessor.to_str_lossy()).map_err(denied)?;
    let container = accessor.adopt(accessor.parse(&delegate.path).into());
    check_nesting(&container)?;
    Ok(Target { accessor, path: container })
}

fn check_nesting(path: &OsPath) -> io::Result<()> {
    let mut delegate = path.delegate.clone();
    for _ in 0..MAX_NESTING {
        let Some(container) = delegate else { return Ok(()) };
        delegate = OsPath::parse(PathKind::Generic, &container.path).delegate;
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "containers are nested too deeply"))
}

/// Opens the container that a path is inside of.
pub fn open(scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
    of(scope, path)?.open(scope)
}

/// What is known of a container, said of the one file that is inside.
pub fn facts(scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
    let container = of(scope, path)?;
    container.accessor.stat_target(scope, &container.path)
}

/// The error of an accessor that holds a single file.
pub fn no_directories(accessor: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotADirectory, format!("{accessor} has no directories"))
}

/// A failure to make sense of a container.
pub fn invalid(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}
