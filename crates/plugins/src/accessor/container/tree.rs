//! The members of an archive as a tree of directories.

use std::collections::HashMap;
use std::io;

use vql::text::Text;

use super::invalid;
use crate::accessor::{Facts, Kind};

/// How many members an archive may have, directories that are only implied among them.
const MAX_MEMBERS: usize = 1_000_000;

/// How many components the name of a member may have; what is named longer is left out.
const MAX_DEPTH: usize = 128;

/// The members of an archive, by name.
pub struct Tree<M> {
    nodes: Vec<Node<M>>,
    places: HashMap<(u32, Text), u32, foldhash::fast::RandomState>,
}

struct Node<M> {
    name: Text,
    /// What the archive says of it; nothing of a directory that is only implied.
    member: Option<M>,
    children: Vec<u32>,
}

/// A place in a tree.
pub struct Entry<'a, M> {
    tree: &'a Tree<M>,
    at: u32,
}

impl<M> Default for Tree<M> {
    fn default() -> Self {
        let root = Node { name: Text::empty(), member: None, children: Vec::new() };
        Tree { nodes: vec![root], places: HashMap::default() }
    }
}

impl<M> Tree<M> {
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a member; of two of one name the later counts.
    pub fn add(&mut self, components: &[Text], member: M) -> io::Result<()> {
        if components.is_empty() || components.len() > MAX_DEPTH {
            return Ok(());
        }
        let mut at = 0;
        for component in components {
            at = match self.places.get(&(at, component.clone())) {
                Some(child) => *child,
                None => self.grow(at, component)?,
            };
        }
        self.nodes[at as usize].member = Some(member);
        Ok(())
    }

    fn grow(&mut self, parent: u32, name: &Text) -> io::Result<u32> {
        if self.nodes.len() >= MAX_MEMBERS {
            return Err(invalid("the archive has too many members"));
        }
        let at = self.nodes.len() as u32;
        self.nodes.push(Node { name: name.clone(), member: None, children: Vec::new() });
        self.nodes[parent as usize].children.push(at);
        self.places.insert((parent, name.clone()), at);
        Ok(at)
    }

    /// The entry of that name.
    pub fn find(&self, components: &[Text], nocase: bool) -> io::Result<Entry<'_, M>> {
        let mut at = 0;
        for component in components {
            let exact = self.places.get(&(at, component.clone())).copied();
            let child = exact.or_else(|| if nocase { self.find_nocase(at, component) } else { None });
            at = child.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such member"))?;
        }
        Ok(Entry { tree: self, at })
    }

    fn find_nocase(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let wanted = name.to_str_lossy_lowercase();
        let children = &self.nodes[parent as usize].children;
        children.iter().copied().find(|c| self.nodes[*c as usize].name.to_str_lossy_lowercase() == wanted)
    }
}

trait Lowercase {
    fn to_str_lossy_lowercase(&self) -> String;
}

impl Lowercase for [u8] {
    fn to_str_lossy_lowercase(&self) -> String {
        String::from_utf8_lossy(self).to_lowercase()
    }
}

impl<'a, M> Entry<'a, M> {
    pub fn member(&self) -> Option<&'a M> {
        self.tree.nodes[self.at as usize].member.as_ref()
    }

    fn has_children(&self) -> bool {
        self.at == 0 || !self.tree.nodes[self.at as usize].children.is_empty()
    }

    /// What is known of the entry; what has members below it is a directory, whatever it says of itself.
    pub fn facts(&self, of: impl Fn(&M) -> Facts) -> Facts {
        let directory = Facts { mode: 0o040_555, ..Facts::default() };
        match self.member().map(of) {
            Some(facts) if !self.has_children() || facts.kind() == Kind::Directory => facts,
            Some(facts) => Facts { size: 0, mode: directory.mode, ..facts },
            None => directory,
        }
    }

    /// The entries inside.
    pub fn children(&self) -> impl Iterator<Item = (&'a [u8], Entry<'a, M>)> + use<'a, M> {
        let tree = self.tree;
        tree.nodes[self.at as usize]
            .children
            .iter()
            .map(move |at| (&*tree.nodes[*at as usize].name, Entry { tree, at: *at }))
    }
}

/// Splits the name of a member at slashes; `.` and empty parts fall out, `..` is a name like others.
pub fn split(name: &[u8]) -> Vec<Text> {
    name.split(|c| *c == b'/').filter(|part| !matches!(*part, b"" | b".")).map(Text::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found() {
        let mut tree = Tree::default();
        for (name, member) in [("a/b", 1), ("/a//./c", 2), ("a", 3), ("d", 4), ("d", 5), ("../x", 6)] {
            tree.add(&split(name.as_bytes()), member).unwrap();
        }
        let find =
            |name: &str, nocase| tree.find(&split(name.as_bytes()), nocase).ok().map(|e| e.member().copied());
        assert_eq!(find("a/b", false), Some(Some(1)));
        assert_eq!(find("a/c", false), Some(Some(2)));
        assert_eq!(find("A/C", false), None);
        assert_eq!(find("A/C", true), Some(Some(2)));
        assert_eq!(find("d", false), Some(Some(5)));
        assert_eq!(find("..", false), Some(None));
        let of = |_: &i32| Facts { mode: 0o100_644, size: 7, ..Facts::default() };
        let facts = |name: &str| tree.find(&split(name.as_bytes()), false).unwrap().facts(of);
        assert_eq!((facts("a").kind(), facts("a").size), (Kind::Directory, 0));
        assert_eq!((facts("a/b").kind(), facts("a/b").size), (Kind::Other, 7));
        assert_eq!(facts("").kind(), Kind::Directory);
        let names: Vec<&[u8]> = tree.find(&[], false).unwrap().children().map(|(n, _)| n).collect();
        assert_eq!(names, [&b"a"[..], b"d", b".."]);
    }

    #[test]
    fn very_deep_names_are_left_out() {
        let mut tree = Tree::default();
        tree.add(&split("x/".repeat(1000).as_bytes()), 1).unwrap();
        assert_eq!(tree.len(), 1);
    }
}
