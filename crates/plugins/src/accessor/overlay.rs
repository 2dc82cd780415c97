//! "overlay": several directories as one. The variable `OVERLAY_ACCESSOR_DELEGATES` tells which:
//! `dict(paths=["/bin", "/usr/bin"], accessor="file")`.

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::value::{Value, convert};

use super::{Accessor, Content, Facts, Kind, Target, find};

/// Directories laid over one another, the first on top.
pub struct Overlay;

const VARIABLE: &str = "OVERLAY_ACCESSOR_DELEGATES";

/// How many directories there may be.
const MAX_LAYERS: usize = 100;

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{VARIABLE}: {why}"))
}

/// The places where a path may be, top first.
fn layers(scope: &Scope<'_>, path: &OsPath) -> io::Result<Vec<Target>> {
    let Some(Value::Dict(settings)) = scope.variable(VARIABLE) else {
        return Err(wrong("should be a dict with paths and accessor"));
    };
    let name = settings.get_str("accessor").map(|v| convert::to_text_arg(&v)).unwrap_or_default();
    let accessor = find(scope, &name.to_str_lossy()).map_err(|e| wrong(&e.to_string()))?;
    if accessor.name() == "overlay" {
        return Err(wrong("an overlay cannot be its own layer"));
    }
    let paths = match settings.get_str("paths").map(|v| scope.listed(scope.settle(v))) {
        Some(Value::List(items)) => items.to_vec(),
        Some(one) => vec![one],
        None => return Err(wrong("paths are missing")),
    };
    let base = |value: &Value| match value {
        Value::Path(path) => accessor.adopt(path.clone()),
        value => accessor.parse(&convert::to_list_text(value)).into(),
    };
    let target = |value| Target { accessor, path: Arc::new(base(value).append_components(&path.components)) };
    Ok(paths.iter().take(MAX_LAYERS).map(target).collect())
}

/// What the first layer that has the file says.
fn first<T>(scope: &Scope<'_>, path: &OsPath, ask: impl Fn(&Target) -> io::Result<T>) -> io::Result<T> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for layer in layers(scope, path)? {
        match ask(&layer) {
            Ok(found) => return Ok(found),
            Err(e) => failure = e,
        }
    }
    Err(failure)
}

impl Accessor for Overlay {
    fn name(&self) -> &'static str {
        "overlay"
    }

    fn doc(&self) -> &'static str {
        "Several directories as one, as the variable OVERLAY_ACCESSOR_DELEGATES says: dict(paths=[…], accessor='file')."
    }

    fn kind(&self) -> PathKind {
        PathKind::Generic
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        first(scope, path, |layer| layer.open(scope))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        first(scope, path, |layer| layer.accessor.stat(scope, &layer.path))
    }

    fn stat_target(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        first(scope, path, |layer| layer.accessor.stat_target(scope, &layer.path))
    }

    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut seen: HashSet<Vec<u8>> = HashSet::new();
        let mut failure = Some(io::Error::from(io::ErrorKind::NotFound));
        for layer in layers(scope, path)? {
            let mut enough = false;
            let listed = layer.accessor.list(scope, &layer.path, &mut |name, kind| {
                if !seen.insert(name.to_vec()) {
                    return ControlFlow::Continue(());
                }
                let flow = each(name, kind);
                enough = flow.is_break();
                flow
            });
            match listed {
                Ok(()) => failure = None,
                Err(e) => failure = failure.map(|_| e),
            }
            if enough {
                break;
            }
        }
        failure.map_or(Ok(()), Err)
    }
}
