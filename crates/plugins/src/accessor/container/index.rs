//! The indexes of the archives read lately, kept for the length of a program.

use std::any::Any;
use std::fmt::Write;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use vql::path::OsPath;
use vql::scope::Scope;

use super::tree::Tree;
use crate::accessor::Target;

/// How many indexes are kept, and how many members all of them may have together.
const MAX_KEPT: usize = 16;
const MAX_MEMBERS: usize = 2_000_000;

/// The indexes kept, least recently used first.
#[derive(Default)]
pub struct Indexes(Mutex<Vec<Kept>>);

struct Kept {
    key: String,
    members: usize,
    tree: Arc<dyn Any + Send + Sync>,
}

/// The index of a container; read when it is not known, or the container has changed since.
pub fn of<M: Send + Sync + 'static>(
    scope: &Scope<'_>,
    accessor: &str,
    container: &Target,
    read: impl FnOnce() -> io::Result<Tree<M>>,
) -> io::Result<Arc<Tree<M>>> {
    let Some(key) = stamp(scope, accessor, container) else { return read().map(Arc::new) };
    let indexes = scope.kept::<Indexes>();
    if let Some(tree) = indexes.get(&key) {
        return Ok(tree);
    }
    let tree = Arc::new(read()?);
    indexes.put(key, tree.len(), tree.clone());
    Ok(tree)
}

/// What tells a container and its state from others; `None` if nothing does.
pub fn stamp(scope: &Scope<'_>, accessor: &str, container: &Target) -> Option<String> {
    let mut key = accessor.to_owned();
    let mut inner = None;
    loop {
        let (accessor, path): (_, Arc<OsPath>) = match &inner {
            None => (container.accessor, container.path.clone()),
            Some(Target { accessor, path }) => (*accessor, path.clone()),
        };
        if !accessor.is_steady() {
            return None;
        }
        let facts = accessor.stat_target(scope, &path).ok()?;
        let _ = write!(
            key,
            "|{}|{}|{}|{:?}|{:?}|{}|{}",
            accessor.name(),
            path.text().to_str_lossy(),
            facts.size,
            facts.mtime,
            facts.ctime,
            facts.device,
            facts.inode
        );
        if path.delegate.is_none() {
            return Some(key);
        }
        inner = Some(super::of(scope, &path).ok()?);
    }
}

impl Indexes {
    fn get<M: Send + Sync + 'static>(&self, key: &str) -> Option<Arc<Tree<M>>> {
        let mut kept = self.0.lock();
        let at = kept.iter().position(|k| k.key == key)?;
        let found = kept.remove(at);
        let tree = found.tree.clone().downcast().ok();
        kept.push(found);
        tree
    }

    fn put(&self, key: String, members: usize, tree: Arc<dyn Any + Send + Sync>) {
        let mut kept = self.0.lock();
        kept.push(Kept { key, members, tree });
        while kept.len() > MAX_KEPT
            || kept.len() > 1 && kept.iter().map(|k| k.members).sum::<usize>() > MAX_MEMBERS
        {
            kept.remove(0);
        }
    }
}
