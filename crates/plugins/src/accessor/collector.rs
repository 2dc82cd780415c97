//! "collector": the zip files that collections are packed into. Names are unescaped, and an encrypted collection,
//! which holds all its files in a member `data.zip`, is looked through.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use vql::path::{Delegate, OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;

use super::container::tree::{Tree, split};
use super::zip::{self, Member};
use super::{Accessor, Content, Facts, Kind, Target, container};

/// Collections.
pub struct Collector;

/// The member that holds an encrypted collection, and the one beside it that tells how it is encrypted.
const INNER: &str = "data.zip";
const DESCRIPTION: &str = "metadata.json";

/// `C%3A` becomes `C:`; components are split first, so that an escaped slash stays inside its name.
fn unescape(name: &[u8]) -> Vec<Text> {
    split(name).iter().map(|component| Text::from(unescape_component(component))).collect()
}

fn unescape_component(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        match code.and_then(|c| str::from_utf8(c).ok()).and_then(|c| u8::from_str_radix(c, 16).ok()) {
            Some(byte) if !after.starts_with(b"+") => {
                plain.push(byte);
                rest = &after[2..];
            }
            _ => plain.push(*first),
        }
    }
    plain
}

fn members(scope: &Scope<'_>, path: &OsPath) -> io::Result<(Target, Arc<Tree<Member>>)> {
    let outer = container::of(scope, path)?;
    let tree = zip::members(scope, "collector", &outer, unescape)?;
    let has = |name: &str| tree.find(&[name.into()], false).is_ok();
    if !(has(INNER) && has(DESCRIPTION)) {
        return Ok((outer, tree));
    }
    let delegate = Delegate { accessor: outer.accessor.name().into(), path: outer.path.text() };
    let inner = OsPath::new(PathKind::Zip, vec![INNER.into()]).inside(Some(delegate));
    let container = Target { accessor: &zip::ZIP, path: inner.into() };
    let tree = zip::members(scope, "collector", &container, unescape)?;
    Ok((container, tree))
}

impl Accessor for Collector {
    fn name(&self) -> &'static str {
        "collector"
    }

    fn doc(&self) -> &'static str {
        "The files of a packed collection: a zip file, names unescaped; ZIP_PASSWORDS opens an encrypted one."
    }

    fn kind(&self) -> PathKind {
        PathKind::Generic
    }

    fn parse(&self, text: &Text) -> OsPath {
        container::parse(self, text)
    }

    fn adopt(&self, path: Arc<OsPath>) -> Arc<OsPath> {
        container::adopt("collector", path)
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let (container, tree) = members(scope, path)?;
        zip::open(scope, &container, &tree.find(&path.components, false)?)
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        let (_, tree) = members(scope, path)?;
        Ok(zip::facts(&tree.find(&path.components, false)?))
    }

    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let (_, tree) = members(scope, path)?;
        zip::list(&tree.find(&path.components, false)?, each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unescaped_within_components() {
        for (name, wanted) in [
            ("uploads/auto/C%3A/a", &["uploads", "auto", "C:", "a"][..]),
            ("a%2Fb/c", &["a/b", "c"]),
            ("100%/x%zz/%+1", &["100%", "x%zz", "%+1"]),
        ] {
            let got: Vec<String> =
                unescape(name.as_bytes()).iter().map(|t| t.to_str_lossy().into_owned()).collect();
            assert_eq!(got, wanted);
        }
    }
}
