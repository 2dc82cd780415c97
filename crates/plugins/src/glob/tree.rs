//! Several patterns merged: what is common to their beginnings is matched once.

use smallvec::SmallVec;
use std::collections::HashMap;
use vql::call::Error;
use vql::path::OsPath;
use vql::text::Text;

use super::braces;
use super::component::{Component, Parsed};

/// How many components all patterns may have together.
const MAX_NODES: usize = 1_000_000;

/// Patterns, merged.
pub struct Tree {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// By the name in lower case: the name as written, and where it leads.
    literals: HashMap<String, (Text, u32), foldhash::fast::RandomState>,
    wilds: Vec<(Component, u32)>,
    /// `**`: so many levels, then on from there.
    deep: Vec<(u16, u32)>,
    /// The patterns that end here.
    globs: SmallVec<[u32; 1]>,
}

impl Node {
    fn is_leaf(&self) -> bool {
        self.literals.is_empty() && self.wilds.is_empty() && self.deep.is_empty()
    }
}

/// The places in the tree that the entries of a directory are matched against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Active {
    plain: SmallVec<[u32; 4]>,
    /// Inside a `**`: where it leads, and how many levels may follow.
    deep: SmallVec<[(u32, u16); 2]>,
}

impl Active {
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.deep.is_empty()
    }

    /// Whether all levels below are looked at.
    pub fn is_deep(&self) -> bool {
        !self.deep.is_empty()
    }

    /// The same places, however many levels may follow.
    pub fn places(&self) -> SmallVec<[u32; 4]> {
        let mut places: SmallVec<[u32; 4]> = self.deep.iter().map(|(node, _)| *node).collect();
        places.sort_unstable();
        places
    }
}

/// Which edges may be taken.
#[derive(Clone, Copy)]
pub struct Edges {
    pub wild: bool,
    pub deep: bool,
}

impl Edges {
    pub const ALL: Edges = Edges { wild: true, deep: true };
}

/// The patterns that an entry matches.
pub type Matched = SmallVec<[u32; 2]>;

impl Tree {
    /// Merges patterns, numbered in their order; `parse` splits one as the accessor does.
    pub fn new(patterns: &[Text], parse: impl Fn(&Text) -> OsPath) -> Result<Self, Error> {
        let mut tree = Tree { nodes: vec![Node::default()] };
        for (number, pattern) in patterns.iter().enumerate() {
            for expanded in braces::expand(pattern)? {
                tree.add(number as u32, &parse(&Text::from(expanded)).components)?;
            }
        }
        Ok(tree)
    }

    fn add(&mut self, number: u32, components: &[Text]) -> Result<(), Error> {
        let mut at = 0;
        for component in components {
            at = self.child(at, component);
            if self.nodes.len() > MAX_NODES {
                return Err("the globs are too many".into());
            }
        }
        let globs = &mut self.nodes[at as usize].globs;
        if !globs.contains(&number) {
            globs.push(number);
        }
        Ok(())
    }

    fn child(&mut self, at: u32, component: &Text) -> u32 {
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[at as usize];
        let child = match Component::parse(component) {
            Parsed::Literal(lower) => {
                node.literals.entry(lower).or_insert_with(|| (component.clone(), next)).1
            }
            Parsed::Wild(wild) => match node.wilds.iter().find(|(w, _)| w.source == wild.source) {
                Some((_, child)) => *child,
                None => {
                    node.wilds.push((wild, next));
                    next
                }
            },
            Parsed::Deep(levels) => match node.deep.iter().find(|(l, _)| *l == levels) {
                Some((_, child)) => *child,
                None => {
                    node.deep.push((levels, next));
                    next
                }
            },
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    /// Where matching starts.
    pub fn start(&self) -> Active {
        let mut active = Active::default();
        self.reach(0, &mut active);
        active
    }

    /// The patterns that the start itself matches.
    pub fn at_start(&self) -> Matched {
        self.nodes[0].globs.iter().copied().collect()
    }

    fn reach(&self, at: u32, active: &mut Active) {
        let node = &self.nodes[at as usize];
        if node.is_leaf() || active.plain.contains(&at) {
            return;
        }
        active.plain.push(at);
        for (levels, target) in &node.deep {
            self.reach_deep(*target, *levels, active);
        }
    }

    fn reach_deep(&self, target: u32, levels: u16, active: &mut Active) {
        if levels > 0 {
            match active.deep.iter_mut().find(|(node, _)| *node == target) {
                Some((_, left)) => *left = levels.max(*left),
                None => active.deep.push((target, levels)),
            }
        }
        // `**` also stands for no level at all.
        self.reach(target, active);
    }

    /// Whether entries of different names may match differently.
    pub fn names_matter(&self, active: &Active) -> bool {
        active.plain.iter().any(|at| {
            let node = &self.nodes[*at as usize];
            !node.literals.is_empty() || !node.wilds.is_empty()
        })
    }

    /// Matches an entry, by its name in lower case: adds the patterns to `matched`, and to `next` what the entries
    /// below it are matched against.
    pub fn step(&self, active: &Active, name: &str, edges: Edges, matched: &mut Matched, next: &mut Active) {
        let mut arrive = |at: u32| {
            matched.extend_from_slice(&self.nodes[at as usize].globs);
            self.reach(at, next);
        };
        for at in &active.plain {
            let node = &self.nodes[*at as usize];
            if !node.literals.is_empty()
                && let Some((_, child)) = node.literals.get(name)
            {
                arrive(*child);
            }
            for (wild, child) in node.wilds.iter().filter(|_| edges.wild) {
                if wild.matches(name) {
                    arrive(*child);
                }
            }
        }
        for (target, levels) in active.deep.iter().filter(|_| edges.deep) {
            matched.extend_from_slice(&self.nodes[*target as usize].globs);
            self.reach_deep(*target, levels - 1, next);
        }
        if matched.len() > 1 {
            matched.sort_unstable();
            matched.dedup();
        }
    }

    /// The plain names that are looked for, as written: to be asked for when a directory cannot be listed.
    pub fn literals<'a>(&'a self, active: &'a Active) -> impl Iterator<Item = &'a Text> {
        active.plain.iter().flat_map(|at| self.nodes[*at as usize].literals.values().map(|(text, _)| text))
    }
}

#[cfg(test)]
mod tests {
    use vql::path::PathKind;

    use super::*;

    /// The patterns that a path matches, walking down.
    fn matches(patterns: &[&str], path: &str) -> Vec<u32> {
        let patterns: Vec<Text> = patterns.iter().map(|p| Text::from(*p)).collect();
        let tree = Tree::new(&patterns, |t| OsPath::parse(PathKind::Linux, t)).unwrap();
        let mut active = tree.start();
        let mut matched = tree.at_start();
        for name in path.split('/').filter(|n| !n.is_empty()) {
            let mut next = Active::default();
            matched.clear();
            tree.step(&active, name, Edges::ALL, &mut matched, &mut next);
            active = next;
        }
        matched.to_vec()
    }

    #[test]
    fn truth_table() {
        for (patterns, path, wanted) in [
            (&["/"][..], "/", &[0][..]),
            (&["/a/b"], "/a/b", &[0]),
            (&["/a/b"], "/a", &[]),
            (&["/A/b", "/a/*", "/*/b"], "/a/b", &[0, 1, 2]),
            (&["/a/**"], "/a", &[]),
            (&["/a/**"], "/a/b", &[0]),
            (&["/a/**"], "/a/b/c/d", &[0]),
            (&["/a/**2"], "/a/b/c", &[0]),
            (&["/a/**2"], "/a/b/c/d", &[]),
            (&["/a/**2/x"], "/a/x", &[0]),
            (&["/a/**2/x"], "/a/b/c/x", &[0]),
            (&["/a/**2/x"], "/a/b/c/d/x", &[]),
            (&["/a/**/x", "/a/**/x"], "/a/b/x", &[0, 1]),
            (&["/**/b/**/d"], "/a/b/c/d", &[0]),
            (&["/**/b/**/d"], "/b/d", &[0]),
            (&["/**1/**1/d"], "/a/b/d", &[0]),
            (&["/**1/**1/d"], "/a/b/c/d", &[]),
            (&["/{a,b}/{c,d}"], "/b/c", &[0]),
            (&["/**", "/**5"], "/a", &[0, 1]),
            (&["/**0"], "/a", &[]),
        ] {
            assert_eq!(matches(patterns, path), wanted, "{patterns:?} {path}");
        }
    }

    #[test]
    fn deep_patterns_end_after_thirty_levels() {
        assert_eq!(matches(&["/**"], &"/a".repeat(30)), [0]);
        assert!(matches(&["/**"], &"/a".repeat(31)).is_empty());
    }
}
