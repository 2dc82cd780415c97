//! The components of a path. What lies in one directory shares those of the directory.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::{OsPath, PathKind};
use crate::text::Text;

/// A list of components; one that a [`Folder`] gave out is put together when it is looked at.
#[derive(Clone)]
pub struct Components(List);

#[derive(Clone)]
enum List {
    Whole(Vec<Text>),
    Entry { folder: Arc<Folder>, name: Text, whole: OnceLock<Vec<Text>> },
}

impl Components {
    /// The last one.
    pub fn name(&self) -> Option<&Text> {
        match &self.0 {
            List::Whole(list) => list.last(),
            List::Entry { name, .. } => Some(name),
        }
    }

    /// The text up to the last component, separator included, and that component; `None` when they were put together already or
    /// do not simply follow each other.
    pub(super) fn pieces(&self, kind: PathKind) -> Option<(&[u8], &[u8])> {
        match &self.0 {
            List::Entry { folder, name, .. } if !folder.components.is_empty() && !kind.must_quote(name) => {
                Some((&folder.prefix, name))
            }
            _ => None,
        }
    }

    /// The list, to be changed.
    pub fn into_vec(self) -> Vec<Text> {
        match self.0 {
            List::Whole(list) => list,
            List::Entry { .. } => self.to_vec(),
        }
    }
}

impl Deref for Components {
    type Target = [Text];

    fn deref(&self) -> &[Text] {
        match &self.0 {
            List::Whole(list) => list,
            List::Entry { folder, name, whole } => {
                whole.get_or_init(|| [&folder.components, std::slice::from_ref(name)].concat())
            }
        }
    }
}

impl Default for Components {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<Text>> for Components {
    fn from(list: Vec<Text>) -> Self {
        Components(List::Whole(list))
    }
}

impl<'a> IntoIterator for &'a Components {
    type Item = &'a Text;
    type IntoIter = std::slice::Iter<'a, Text>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Components {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Components {}

impl fmt::Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&**self).finish()
    }
}

/// A directory that gives out the paths of what is in it: a name each, the rest is shared.
pub struct Folder {
    path: OsPath,
    components: Vec<Text>,
    /// The text of the directory, and a separator.
    prefix: Vec<u8>,
}

impl Folder {
    /// A path as a directory.
    pub fn new(path: &OsPath) -> Arc<Self> {
        let components = path.components.to_vec();
        let mut prefix = path.path().to_vec();
        prefix.push(path.kind.separator());
        Arc::new(Folder { path: path.with_components(Vec::new()), components, prefix })
    }

    /// The path of an entry of that name.
    pub fn entry(self: &Arc<Self>, name: Text) -> OsPath {
        let entry = List::Entry { folder: self.clone(), name, whole: OnceLock::new() };
        OsPath {
            components: Components(entry),
            kind: self.path.kind,
            accessor: self.path.accessor.clone(),
            delegate: self.path.delegate.clone(),
            text: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Delegate;
    use super::*;

    #[test]
    fn an_entry_is_the_path_with_one_more_component() {
        use PathKind::*;
        for kind in [Generic, Linux, Windows, Registry, Ntfs, Zip, PathSpec] {
            for parent in ["", "/", "/a", "/a/\"b/c\"", "\\\\.\\C:", "C:\\x"] {
                for name in ["n", "a/b", "a\\b", "\"", ".", "", "\\\\.\\C:", "\u{e9}\"\n"] {
                    let parent = OsPath::parse(kind, parent.as_bytes()).accessed_by("x".into());
                    let (entry, joined) = (Folder::new(&parent).entry(name.into()), parent.join(name));
                    assert_eq!((entry.text(), &entry.accessor), (joined.text(), &joined.accessor));
                    let mut written = Vec::new();
                    entry.write(&mut written);
                    assert_eq!(written, &*joined.text(), "{kind:?} {parent:?} {name:?}");
                    assert_eq!(entry.basename(), joined.basename());
                    assert_eq!(entry, joined);
                    assert_eq!(entry.clone().components.into_vec(), joined.components.to_vec());
                }
            }
        }
    }

    #[test]
    fn an_entry_of_a_container_has_its_delegate() {
        let delegate = Delegate { accessor: "file".into(), path: "/tmp/a.zip".into() };
        let parent = OsPath::parse(PathKind::Zip, b"/a").inside(Some(delegate));
        let entry = Folder::new(&parent).entry("b".into());
        assert_eq!(entry.text(), parent.join("b").text());
        assert_eq!(entry.delegate, parent.delegate);
    }
}
