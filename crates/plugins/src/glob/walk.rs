//! The walk through directories: entries by name, then what is in them.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;
use vql::call::{Flow, Sink};
use vql::host::Level;
use vql::lambda::Lambda;
use vql::path::OsPath;
use vql::scope::Scope;
use vql::text::Text;
use vql::value::Value;

use super::component::fold;
use super::tree::{Active, Edges, Matched, Tree};
use crate::accessor::{Accessor, FileInfo, Kind, reason};

/// What may be walked into.
pub struct Options {
    pub nosymlink: bool,
    pub one_filesystem: bool,
    /// Decides for each directory.
    pub recursion: Option<Arc<Lambda>>,
}

/// A walk, in progress.
pub struct Walk<'a> {
    pub scope: &'a Scope<'a>,
    pub accessor: &'static dyn Accessor,
    pub tree: &'a Tree,
    pub options: Options,
    /// The patterns as written, by number.
    pub patterns: &'a [Text],
    /// The lists of patterns given out so far.
    lists: HashMap<Matched, Value>,
    /// The directories entered below a followed link, and what was looked for in them.
    visited: HashSet<(Id, SmallVec<[u32; 4]>)>,
    lower: String,
}

/// Device and inode.
type Id = (u64, u64);

/// A directory being walked.
struct Directory {
    path: Arc<OsPath>,
    active: Active,
    parent: Option<Rc<Directory>>,
    id: OnceCell<Option<Id>>,
    /// Whether a link was followed on the way.
    below_link: bool,
}

/// An entry that may have to be walked into.
struct Pending {
    parent: Rc<Directory>,
    path: Arc<OsPath>,
    active: Active,
    kind: Kind,
}

/// An entry of the directory being read.
struct Entry {
    name: Text,
    kind: Kind,
    matched: Matched,
    next: Active,
}

/// How many entries are read between looks at cancellation.
const CHECK: usize = 1024;

impl<'a> Walk<'a> {
    pub fn new(
        scope: &'a Scope<'a>,
        accessor: &'static dyn Accessor,
        tree: &'a Tree,
        patterns: &'a [Text],
        options: Options,
    ) -> Self {
        let (lists, visited, lower) = (HashMap::new(), HashSet::new(), String::new());
        Walk { scope, accessor, tree, options, patterns, lists, visited, lower }
    }

    /// Walks, pushing a row for each file found.
    pub fn run(&mut self, root: Arc<OsPath>, sink: &mut dyn Sink) -> Flow {
        let at_root = self.tree.at_start();
        if !at_root.is_empty()
            && let Ok(facts) = self.accessor.stat(self.scope, &root)
        {
            self.emit(root.clone(), facts.kind(), at_root, sink)?;
        }
        let start = Directory {
            path: root,
            active: self.tree.start(),
            parent: None,
            id: OnceCell::new(),
            below_link: false,
        };
        let mut pending = Vec::new();
        self.directory(&Rc::new(start), &mut pending, sink)?;
        while let Some(next) = pending.pop() {
            if let Some(directory) = self.enter(next) {
                self.directory(&Rc::new(directory), &mut pending, sink)?;
            }
        }
        Ok(())
    }

    /// Emits the entries of a directory that match, and keeps those to walk into.
    fn directory(
        &mut self,
        directory: &Rc<Directory>,
        pending: &mut Vec<Pending>,
        sink: &mut dyn Sink,
    ) -> Flow {
        self.scope.tick()?;
        let entries = self.entries(directory);
        let first = pending.len();
        for entry in entries {
            let path = Arc::new(directory.path.join(entry.name));
            if !entry.matched.is_empty() {
                self.emit(path.clone(), entry.kind, entry.matched, sink)?;
            }
            if !entry.next.is_empty() {
                pending.push(Pending {
                    parent: directory.clone(),
                    path,
                    active: entry.next,
                    kind: entry.kind,
                });
            }
        }
        // The last one is taken first.
        pending[first..].reverse();
        Ok(())
    }

    fn emit(&mut self, path: Arc<OsPath>, kind: Kind, matched: Matched, sink: &mut dyn Sink) -> Flow {
        let patterns = self.patterns;
        let globs = self.lists.entry(matched).or_insert_with_key(|matched| {
            Value::list(matched.iter().map(|i| Value::Text(patterns[*i as usize].clone())).collect())
        });
        let globs = globs.clone();
        let info = match self.accessor.stat_later() {
            Some(_) => FileInfo::found(self.accessor, path, kind, globs),
            None => match self.accessor.stat(self.scope, &path) {
                Ok(facts) => FileInfo::known(self.accessor, path, facts).with_globs(globs),
                Err(_) => return Ok(()),
            },
        };
        sink.value(Value::Object(Arc::new(info)))
    }

    /// The entries of a directory that matter, by name.
    fn entries(&mut self, directory: &Directory) -> Vec<Entry> {
        let mut entries = Vec::new();
        let (tree, scope, lower) = (self.tree, self.scope, &mut self.lower);
        let mut count = 0;
        let mut add = |name: &[u8], kind: Kind| {
            fold(name, lower);
            let (mut matched, mut next) = (Matched::new(), Active::default());
            tree.step(&directory.active, lower, Edges::ALL, &mut matched, &mut next);
            if kind == Kind::Other {
                next = Active::default();
            }
            if !matched.is_empty() || !next.is_empty() {
                entries.push(Entry { name: Text::from(name), kind, matched, next });
            }
            count += 1;
            if count % CHECK == 0 && scope.cancel().is_cancelled() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        if let Err(e) = self.accessor.list(scope, &directory.path, &mut add) {
            // A directory that may be passed but not read: what is named plainly can still be asked for.
            if e.kind() == io::ErrorKind::PermissionDenied {
                for name in tree.literals(&directory.active) {
                    if let Ok(facts) = self.accessor.stat(scope, &directory.path.join(name.clone())) {
                        let _ = add(name, facts.kind());
                    }
                }
            }
            scope
                .log(Level::Debug, format!("glob: {}: {}", directory.path.text().to_str_lossy(), reason(&e)));
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        entries.dedup_by(|a, b| a.name == b.name);
        entries
    }

    /// The directory to walk into; `None` if it is none, or must not be entered.
    fn enter(&mut self, pending: Pending) -> Option<Directory> {
        let Pending { parent, path, mut active, kind } = pending;
        let is_link = kind == Kind::Link;
        let below_link = parent.below_link || is_link;
        let id = OnceCell::new();
        if is_link {
            if self.options.nosymlink {
                return None;
            }
            let facts = self.accessor.stat_target(self.scope, &path).ok()?;
            if facts.kind() != Kind::Directory {
                return None;
            }
            let _ = id.set(Some((facts.device, facts.inode)));
        }
        if let Some(recursion) = &self.options.recursion {
            let info = FileInfo::found(self.accessor, path.clone(), kind, Value::Null);
            let verdict = recursion.call(self.scope, &[Value::Object(Arc::new(info))]);
            if !self.scope.truth(&verdict) {
                return None;
            }
        }
        let mut directory =
            Directory { path, active: Active::default(), parent: Some(parent.clone()), id, below_link };
        if self.options.one_filesystem && self.device(&directory) != self.device(&parent) {
            active = self.again(&directory, Edges { wild: false, deep: false })?;
        }
        if below_link && active.is_deep() && !self.is_new(&directory, &active) {
            active = self.again(&directory, Edges { wild: true, deep: false })?;
        }
        directory.active = active;
        Some(directory)
    }

    /// Matches a directory again, by fewer edges; `None` if nothing is left.
    fn again(&mut self, directory: &Directory, edges: Edges) -> Option<Active> {
        let parent = directory.parent.as_ref()?;
        let (mut matched, mut next) = (Matched::new(), Active::default());
        fold(&directory.path.basename(), &mut self.lower);
        self.tree.step(&parent.active, &self.lower, edges, &mut matched, &mut next);
        (!next.is_empty()).then_some(next)
    }

    fn id(&self, directory: &Directory) -> Option<Id> {
        let ask = || self.accessor.stat_target(self.scope, &directory.path).ok().map(|f| (f.device, f.inode));
        *directory.id.get_or_init(ask)
    }

    fn device(&self, directory: &Directory) -> Option<u64> {
        self.id(directory).map(|(device, _)| device)
    }

    /// Whether a directory below a link is neither one of those it is in, nor was entered below a link before.
    fn is_new(&mut self, directory: &Directory, active: &Active) -> bool {
        let Some(id) = self.id(directory) else { return false };
        let mut above = directory.parent.as_ref();
        while let Some(parent) = above {
            if self.id(parent) == Some(id) {
                return false;
            }
            above = parent.parent.as_ref();
        }
        self.visited.insert((id, active.places()))
    }
}
