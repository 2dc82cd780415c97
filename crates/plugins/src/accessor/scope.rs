//! "scope": the path is the name of a variable, its text the content.

use std::io::{self, Cursor};

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;
use vql::value::{Value, convert};

use super::{Accessor, Content, FileInfo, data};

/// Variables as files.
pub struct ScopeVariable;

fn content(scope: &Scope<'_>, path: &OsPath) -> io::Result<Text> {
    let name = path.components.first().map(|c| c.to_str_lossy().into_owned()).unwrap_or_default();
    match scope.variable(&name) {
        None | Some(Value::Null) => {
            Err(io::Error::new(io::ErrorKind::NotFound, format!("no variable is named {name}")))
        }
        Some(value) => Ok(convert::to_text(&scope.listed(value))),
    }
}

impl Accessor for ScopeVariable {
    fn name(&self) -> &'static str {
        "scope"
    }

    fn doc(&self) -> &'static str {
        "The path is the name of a variable; its text is the content."
    }

    fn parse(&self, text: &Text) -> OsPath {
        OsPath::new(PathKind::Generic, vec![text.clone()])
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        Ok(Box::new(Cursor::new(content(scope, path)?.to_vec())))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<FileInfo> {
        let size = content(scope, path)?.len();
        Ok(data::info(&path.basename().to_str_lossy(), path, size))
    }

    fn list(&self, _scope: &Scope<'_>, _path: &OsPath) -> io::Result<Vec<FileInfo>> {
        Err(io::Error::new(io::ErrorKind::NotADirectory, "a variable has no directories"))
    }
}
