//! "me": the members of a zip file appended to the running program.

use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;

use super::container::tree::{Tree, split};
use super::file::File;
use super::zip::{self, Member};
use super::{Accessor, Content, Facts, Kind, Target};

/// What was appended to the program.
pub struct Me;

fn program() -> io::Result<Target> {
    static FILE: File = File { name: "file" };
    let path = Text::from(std::env::current_exe()?.into_os_string().into_vec());
    Ok(Target { accessor: &FILE, path: FILE.parse(&path).into() })
}

fn members(scope: &Scope<'_>) -> io::Result<(Target, Arc<Tree<Member>>)> {
    let container = program()?;
    let tree = zip::members(scope, "zip", &container, split)?;
    Ok((container, tree))
}

impl Accessor for Me {
    fn name(&self) -> &'static str {
        "me"
    }

    fn doc(&self) -> &'static str {
        "The members of a zip file appended to the running program."
    }

    fn kind(&self) -> PathKind {
        PathKind::Zip
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let (container, tree) = members(scope)?;
        zip::open(scope, &container, &tree.find(&path.components, false)?)
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        let (_, tree) = members(scope)?;
        Ok(zip::facts(&tree.find(&path.components, false)?))
    }

    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let (_, tree) = members(scope)?;
        zip::list(&tree.find(&path.components, false)?, each)
    }
}
