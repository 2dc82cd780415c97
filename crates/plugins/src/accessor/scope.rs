//! "scope": the path is the name of a variable, its text the content.

use std::io;
use std::ops::ControlFlow;

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;
use vql::value::{Value, convert};

use super::{Accessor, Content, Facts, Kind, data, held};

/// Variables as files.
pub struct ScopeVariable;

fn content(scope: &Scope<'_>, path: &OsPath) -> io::Result<Text> {
    let name = path.basename();
    let name = name.to_str_lossy();
    match scope.variable(&name) {
        None | Some(Value::Null) => Err(io::Error::new(io::ErrorKind::NotFound, "no such variable")),
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
        let mut path = OsPath::new(PathKind::Generic, vec![text.clone()]);
        path.accessor = Text::from("scope");
        path
    }

    fn title(&self, path: &OsPath) -> Value {
        Value::Text(path.basename())
    }

    fn is_steady(&self) -> bool {
        false
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        Ok(held(content(scope, path)?))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        Ok(data::facts(content(scope, path)?.len()))
    }

    fn list(
        &self,
        _scope: &Scope<'_>,
        _path: &OsPath,
        _each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::NotADirectory, "a variable has no directories"))
    }
}
