//! "data": the path text is the content.

use std::io;
use std::ops::ControlFlow;

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;
use vql::value::Value;

use super::{Accessor, Content, Facts, Kind, held};

/// Text as a file.
pub struct Data;

/// What is known of content that is held in memory.
pub(super) fn facts(size: usize) -> Facts {
    Facts { size: size as u64, mode: 0o100_444, ..Facts::default() }
}

/// The text that a path of one component was made from; the text of a path that came from elsewhere.
fn content(path: &OsPath) -> Text {
    match &path.components[..] {
        [one] if path.delegate.is_none() => one.clone(),
        _ => path.text(),
    }
}

impl Accessor for Data {
    fn name(&self) -> &'static str {
        "data"
    }

    fn doc(&self) -> &'static str {
        "The path string is the content."
    }

    fn parse(&self, text: &Text) -> OsPath {
        let mut path = OsPath::new(PathKind::Generic, vec![text.clone()]);
        path.accessor = Text::from("data");
        path
    }

    fn title(&self, _path: &OsPath) -> Value {
        Value::from("data")
    }

    fn open(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        Ok(held(content(path)))
    }

    fn stat(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        Ok(facts(content(path).len()))
    }

    fn list(
        &self,
        _scope: &Scope<'_>,
        _path: &OsPath,
        _each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::NotADirectory, "data has no directories"))
    }
}
