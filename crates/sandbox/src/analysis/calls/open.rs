//! What the descriptors of a process stand for, and its folder, so far as its calls tell.

use std::collections::HashMap;

use super::address::Address;

/// Descriptors that are remembered of one process, and the bytes of their paths: a child has a copy of its own.
const MOST: usize = 1024;
const MOST_BYTES: usize = 128 << 10;
/// A path that is longer is none that the kernel takes.
const LONGEST: usize = 8192;

#[derive(Clone, Debug, PartialEq)]
pub enum Open {
    File(String),
    Socket(Option<Address>),
    Pipe,
}

#[derive(Clone, Debug)]
pub struct Opened {
    folder: String,
    /// What `chroot` made of `/`; empty for `/` itself.
    root: String,
    all: HashMap<i32, Open>,
    /// Of all paths.
    bytes: usize,
}

impl Open {
    fn bytes(&self) -> usize {
        match self {
            Self::File(path) => path.len(),
            Self::Socket(_) | Self::Pipe => 0,
        }
    }
}

impl Opened {
    pub fn in_folder(folder: &str) -> Self {
        Self { folder: folder.to_owned(), root: String::new(), all: HashMap::new(), bytes: 0 }
    }

    pub fn get(&self, descriptor: i32) -> Option<&Open> {
        self.all.get(&descriptor)
    }

    pub fn file(&self, descriptor: i32) -> Option<&str> {
        match self.get(descriptor)? {
            Open::File(path) => Some(path),
            Open::Socket(_) | Open::Pipe => None,
        }
    }

    pub fn set(&mut self, descriptor: i32, open: Open) {
        self.close(descriptor);
        let bytes = self.bytes + open.bytes();
        if self.all.len() < MOST && bytes <= MOST_BYTES {
            self.bytes = bytes;
            self.all.insert(descriptor, open);
        }
    }

    pub fn copy(&mut self, from: i32, to: i32) {
        match self.get(from).cloned() {
            Some(open) => self.set(to, open),
            None => self.close(to),
        }
    }

    pub fn close(&mut self, descriptor: i32) {
        self.bytes -= self.all.remove(&descriptor).map_or(0, |open| open.bytes());
    }

    /// One below thousands of others is as good as not known.
    pub fn set_root(&mut self, path: &str) {
        if path.len() <= LONGEST {
            path.trim_end_matches('/').clone_into(&mut self.root);
        }
    }

    /// All from the first to the last.
    pub fn close_range(&mut self, first: u32, last: u32) {
        let within = |descriptor: &i32| (first..=last).contains(&descriptor.cast_unsigned());
        let closed: Vec<i32> = self.all.keys().copied().filter(within).collect();
        closed.into_iter().for_each(|descriptor| self.close(descriptor));
    }

    pub fn set_folder(&mut self, path: String) {
        self.folder = path;
    }

    /// A path from the root. None: relative to a folder that is not known, or to none.
    pub fn resolve(&self, folder: Option<i32>, path: &str) -> Option<String> {
        const CURRENT: i32 = -100;
        if path.starts_with('/') {
            let path = plain(path);
            return Some(if path == "/" && !self.root.is_empty() {
                self.root.clone()
            } else {
                format!("{}{path}", self.root)
            });
        }
        let base = match folder {
            None | Some(CURRENT) => self.folder.as_str(),
            Some(descriptor) => self.file(descriptor)?,
        };
        if !base.starts_with('/') || base.len() + path.len() > LONGEST {
            return None;
        }
        Some(plain(&format!("{base}/{path}")))
    }
}

/// Without `.`, `..` and double slashes. Links are not followed: what they led to is not known here.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_count_from_where_they_are_said_to() {
        let mut opened = Opened::in_folder("/tmp");
        opened.set(3, Open::File("/etc/init.d".into()));
        opened.set(4, Open::Pipe);
        let path = |folder, path| opened.resolve(folder, path);
        assert_eq!(path(None, "a//./b/../c").as_deref(), Some("/tmp/a/c"));
        assert_eq!(path(Some(-100), "x").as_deref(), Some("/tmp/x"));
        assert_eq!(path(Some(3), "x").as_deref(), Some("/etc/init.d/x"));
        assert_eq!(path(Some(4), "/../../x").as_deref(), Some("/x"));
        assert_eq!((path(Some(4), "x"), path(Some(9), "x")), (None, None));
        assert_eq!(path(Some(3), "").as_deref(), Some("/etc/init.d"));
    }

    #[test]
    fn a_root_of_its_own_stands_before_all_paths_from_there() {
        let mut opened = Opened::in_folder("/srv");
        opened.set_root(&opened.resolve(None, "jail/").unwrap());
        let path = |path| opened.resolve(None, path);
        assert_eq!(
            (path("/a/../../b").as_deref(), path("/").as_deref()),
            (Some("/srv/jail/b"), Some("/srv/jail"))
        );
        assert_eq!(path("c").as_deref(), Some("/srv/c"), "the folder is still the old one");
    }

    #[test]
    fn a_range_is_closed() {
        let mut opened = Opened::in_folder("/");
        (3..9).for_each(|descriptor| opened.set(descriptor, Open::Pipe));
        opened.close_range(4, u32::MAX);
        assert_eq!((opened.all.len(), opened.get(3)), (1, Some(&Open::Pipe)));
    }

    #[test]
    fn a_process_with_endless_descriptors_is_bounded() {
        let mut opened = Opened::in_folder("/");
        (0..10_000).for_each(|descriptor| opened.set(descriptor, Open::Pipe));
        assert_eq!(opened.all.len(), MOST);
        opened.copy(3, 4);
        opened.copy(9999, 4);
        assert_eq!(opened.get(4), None, "what is copied is not known");
        let mut opened = Opened::in_folder("/");
        let long = || Open::File("x".repeat(LONGEST));
        (0..1000).for_each(|descriptor| opened.set(descriptor, long()));
        assert_eq!(opened.all.len(), MOST_BYTES / LONGEST);
        (0..1000).for_each(|descriptor| opened.close(descriptor));
        assert_eq!(opened.bytes, 0);
        opened.set(7, long());
        opened.set(7, Open::File("short".into()));
        assert_eq!(opened.bytes, 5);
    }
}
