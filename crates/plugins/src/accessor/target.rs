//! A file that an argument names: path and accessor together.

use std::io;
use std::sync::Arc;

use vql::args::Args;
use vql::call::Error;
use vql::host::Level;
use vql::path::OsPath;
use vql::scope::Scope;
use vql::text::Text;
use vql::value::{Value, convert};

use super::{Accessor, Content, FileInfo, find, reason};

/// A path and the accessor that reads it.
#[derive(Clone)]
pub struct Target {
    pub accessor: &'static dyn Accessor,
    pub path: Arc<OsPath>,
}

/// The file that the arguments name. Text is parsed by the rules of the accessor; a path that a query got from
/// an accessor is read by that one, if no other is given.
pub fn resolve(args: &Args<'_>, path: usize, accessor: usize) -> Result<Target, Error> {
    let accessor = args.optional_text(accessor)?;
    let value = args.scope.listed(args.value(path));
    target(args.scope, &value, accessor.as_ref())?.ok_or_else(|| ill_typed(args, path, &value))
}

/// The files that a list names; NULL among them is skipped.
pub fn resolve_all(args: &Args<'_>, paths: usize, accessor: usize) -> Result<Vec<Target>, Error> {
    let accessor = args.optional_text(accessor)?;
    // A pathspec is a single path, though its keys could be iterated over.
    let list = args.list(paths)?;
    let mut targets = Vec::with_capacity(list.len());
    for value in list.iter().filter(|v| !v.is_null()) {
        targets.push(
            target(args.scope, value, accessor.as_ref())?.ok_or_else(|| ill_typed(args, paths, value))?,
        );
    }
    Ok(targets)
}

/// The file that a value names, read by the accessor of that name (the usual one if empty); `None` when it names none.
pub fn target_of(scope: &Scope<'_>, value: &Value, accessor: &str) -> Result<Option<Target>, Error> {
    target(scope, value, Some(&Text::from(accessor)))
}

fn ill_typed(args: &Args<'_>, slot: usize, value: &Value) -> Error {
    let name = args.signature.args[slot].name;
    Error::new(format!("Field {name} should be an OSPath not {}.", value.type_name()))
}

fn target(scope: &Scope<'_>, value: &Value, accessor: Option<&Text>) -> Result<Option<Target>, Error> {
    let named = |name: &Text| find(scope, &name.to_str_lossy());
    let given = accessor.filter(|a| !a.is_empty()).map(named).transpose()?;
    Ok(match value {
        Value::Text(text) | Value::Bytes(text) => {
            let accessor = given.map_or_else(|| find(scope, ""), Ok)?;
            Some(Target { accessor, path: accessor.parse(text).into() })
        }
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            let accessor = given.map_or_else(|| find(scope, ""), Ok)?;
            Some(Target { accessor, path: accessor.parse(&convert::to_text(value)).into() })
        }
        Value::Path(path) => {
            let accessor = given.map_or_else(|| named(&path.accessor), Ok)?;
            let mut path = accessor.adopt(path.clone());
            // Whoever gets the path later need not say the accessor again.
            if path.accessor.is_empty() && accessor.name() != "auto" {
                Arc::make_mut(&mut path).accessor = accessor.name().into();
            }
            Some(Target { accessor, path })
        }
        Value::Object(object) => match object.member("OSPath") {
            Some(path @ Value::Path(_)) => target(scope, &path, accessor)?,
            _ => None,
        },
        Value::Dict(dict) => {
            let row = dict.snapshot();
            match (OsPath::from_pathspec(&row), row.get_str("OSPath")) {
                (Some(path), _) => target(scope, &Value::Path(path.into()), accessor)?,
                (None, Some(path)) => target(scope, path, accessor)?,
                (None, None) if row.cells.len() == 1 => target(scope, &row.cells[0], accessor)?,
                _ => None,
            }
        }
        Value::List(items) => match &items[..] {
            [Value::List(_)] => None,
            [one] => target(scope, one, accessor)?,
            _ => None,
        },
        _ => None,
    })
}

impl Target {
    pub fn open(&self, scope: &Scope<'_>) -> io::Result<Box<dyn Content>> {
        self.accessor.open(scope, &self.path)
    }

    /// The file as an object; links are not followed.
    pub fn info(&self, scope: &Scope<'_>) -> io::Result<FileInfo> {
        let facts = self.accessor.stat(scope, &self.path)?;
        Ok(FileInfo::known(self.accessor, self.path.clone(), facts))
    }

    /// What rows call the file.
    pub fn title(&self) -> Value {
        self.accessor.title(&self.path)
    }

    /// `<path>: <why>`
    pub fn failure(&self, error: &io::Error) -> Error {
        Error::new(format!("{}: {}", convert::to_text(&self.title()).to_str_lossy(), reason(error)))
    }

    /// Opens the file; when that fails, logs why as `caller`.
    pub fn open_or_log(&self, args: &Args<'_>) -> Option<Box<dyn Content>> {
        self.open(args.scope).map_err(|e| self.report(args, &e)).ok()
    }

    /// Logs that reading the file failed; the call goes on.
    pub fn report(&self, args: &Args<'_>, error: &io::Error) {
        args.scope.log(Level::Default, format!("{}: {}", args.signature.name, self.failure(error)));
    }
}
