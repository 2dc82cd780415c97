//! The walk through directories: entries by name, then what is in them.
//!
//! The order is that of one thread, whatever is read ahead: the entries of a directory by name, then, by name again, what
//! is in each of them.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use smallvec::SmallVec;
use vql::call::{Flow, Sink};
use vql::eval::parallel::Threads;
use vql::host::Level;
use vql::lambda::Lambda;
use vql::path::{Folder, OsPath};
use vql::scope::Scope;
use vql::text::Text;
use vql::value::Value;

use super::ahead::{Ahead, Read, Slot};
use super::component::fold;
use super::scan::{Each, Listing, scan};
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
    /// Where its entries are, if they are read ahead.
    slot: Option<Arc<Slot>>,
}

/// Threads that read ahead; started when there seems to be much to read.
struct Help<'a, 's, 'env> {
    ahead: &'env Ahead<'env>,
    threads: &'s thread::Scope<'s, 'env>,
    started: Option<Threads<'a>>,
    directories: usize,
}

/// Directories that are walked before threads are started.
const FEW: usize = 16;

/// Threads that one walk starts at most: more only wait for the file system.
const MAX_THREADS: usize = 4;

/// Ends the threads when the walk does, however that is.
struct Closing<'a>(&'a Ahead<'a>);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<'a, 's, 'env> Help<'a, 's, 'env> {
    /// Counts a directory; starts the threads when it is time.
    fn count(&mut self, scope: &Scope<'a>) {
        self.directories += 1;
        if self.directories != FEW {
            return;
        }
        let wanted = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let permits = Threads::take(scope, wanted);
        let ahead = self.ahead;
        for _ in 0..permits.count {
            self.threads.spawn(move || ahead.work());
        }
        self.started = (permits.count > 0).then_some(permits);
    }
}

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
            let globs = self.globs(&at_root);
            self.emit(root.clone(), facts.kind(), globs, sink)?;
        }
        let start = Directory {
            path: root,
            active: self.tree.start(),
            parent: None,
            id: OnceCell::new(),
            below_link: false,
        };
        let may_help = self.options.recursion.is_none() && !self.options.one_filesystem;
        let Some(list) = self.accessor.lister().filter(|_| may_help) else {
            return self.walk(start, None, sink);
        };
        let ahead = Ahead::new(self.tree, list, self.scope.cancel());
        thread::scope(|threads| {
            let _closing = Closing(&ahead);
            let help = Help { ahead: &ahead, threads, started: None, directories: 0 };
            self.walk(start, Some(help), sink)
        })
    }

    fn walk(&mut self, start: Directory, mut help: Option<Help<'a, '_, '_>>, sink: &mut dyn Sink) -> Flow {
        let mut pending = Vec::new();
        let slot = help.is_some().then(Slot::root);
        let read = self.read(&start, slot.as_deref(), &help);
        self.directory(&Rc::new(start), read, &mut pending, sink)?;
        while let Some(mut next) = pending.pop() {
            let slot = next.slot.take();
            let Some(directory) = self.enter(next) else { continue };
            self.scope.tick()?;
            if let Some(help) = &mut help {
                help.count(self.scope);
            }
            let read = self.read(&directory, slot.as_deref(), &help);
            self.directory(&Rc::new(directory), read, &mut pending, sink)?;
        }
        Ok(())
    }

    /// Reads a directory, unless it was read ahead.
    fn read(&self, directory: &Directory, slot: Option<&Slot>, help: &Option<Help<'a, '_, '_>>) -> Read {
        let help = slot.zip(help.as_ref());
        let read = help.and_then(|(slot, help)| help.ahead.take(slot));
        let mut read = read.unwrap_or_else(|| {
            let (accessor, scope) = (self.accessor, self.scope);
            let listing = self.scan(directory, &mut |each| accessor.list(scope, &directory.path, each));
            let folder = Folder::new(&directory.path);
            let children = help.map_or_else(Vec::new, |(slot, help)| help.ahead.add(slot, &folder, &listing));
            Read { listing, folder, children }
        });
        if let Some(failure) = read.listing.failure.take() {
            self.report(directory, &failure);
            if failure.kind() == io::ErrorKind::PermissionDenied {
                read = Read { listing: self.named(directory), children: Vec::new(), folder: read.folder };
            }
        }
        read
    }

    /// Emits the entries of a directory that match, and keeps those to walk into.
    fn directory(
        &mut self,
        directory: &Rc<Directory>,
        read: Read,
        pending: &mut Vec<Pending>,
        sink: &mut dyn Sink,
    ) -> Flow {
        let Read { listing, folder, children } = read;
        let (first, mut children) = (pending.len(), children.into_iter().peekable());
        let globs: Vec<Value> = listing.outcomes.iter().map(|o| self.globs(&o.matched)).collect();
        for entry in &listing.entries {
            let next = &listing.outcome(entry).next;
            let is_below = entry.kind == Kind::Directory && !next.is_empty();
            let (path, slot) = match children.next_if(|_| is_below) {
                Some((path, slot)) => (path, Some(slot)),
                None => (Arc::new(folder.entry(Text::from(listing.name(entry)))), None),
            };
            if !next.is_empty() {
                let (parent, active) = (directory.clone(), next.clone());
                pending.push(Pending { parent, path: path.clone(), active, kind: entry.kind, slot });
            }
            let globs = &globs[entry.outcome as usize];
            if !globs.is_null() {
                self.emit(path, entry.kind, globs.clone(), sink)?;
            }
        }
        // The last one is taken first.
        pending[first..].reverse();
        Ok(())
    }

    /// The list of the patterns that were matched; NULL for none.
    fn globs(&mut self, matched: &Matched) -> Value {
        if matched.is_empty() {
            return Value::Null;
        }
        let patterns = self.patterns;
        let list = |matched: &Matched| {
            Value::list(matched.iter().map(|i| Value::Text(patterns[*i as usize].clone())).collect())
        };
        self.lists.entry(matched.clone()).or_insert_with_key(list).clone()
    }

    fn emit(&mut self, path: Arc<OsPath>, kind: Kind, globs: Value, sink: &mut dyn Sink) -> Flow {
        let info = match self.accessor.stat_later() {
            Some(_) => FileInfo::found(self.accessor, path, kind, globs),
            None => match self.accessor.stat(self.scope, &path) {
                Ok(facts) => FileInfo::known(self.accessor, path, facts).with_globs(globs),
                Err(_) => return Ok(()),
            },
        };
        sink.value(Value::Object(Arc::new(info)))
    }

    fn scan(&self, directory: &Directory, list: &mut dyn FnMut(Each<'_>) -> io::Result<()>) -> Listing {
        scan(self.tree, &directory.active, self.scope.cancel(), list)
    }

    /// The entries of a directory that may be passed but not read: what is named plainly can still be asked for.
    fn named(&self, directory: &Directory) -> Listing {
        self.scan(directory, &mut |each| {
            for name in self.tree.literals(&directory.active) {
                if let Ok(facts) = self.accessor.stat(self.scope, &directory.path.join(name.clone())) {
                    let _ = each(name, facts.kind());
                }
            }
            Ok(())
        })
    }

    fn report(&self, directory: &Directory, failure: &io::Error) {
        let shown = directory.path.text();
        self.scope.log(Level::Debug, format!("glob: {}: {}", shown.to_str_lossy(), reason(failure)));
    }

    /// The directory to walk into; `None` if it is none, or must not be entered.
    fn enter(&mut self, pending: Pending) -> Option<Directory> {
        let Pending { parent, path, mut active, kind, slot: _ } = pending;
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
