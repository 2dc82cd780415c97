//! Column names, hashed once, and the shape that rows and dicts share.
//!
//! A query's rows all point to one [`Schema`]; a name in the program carries its hash, so finding a column is
//! a scan over a few integers and never a hash computation per row.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock, OnceLock};

use hashbrown::HashTable;

static HASHER: LazyLock<foldhash::fast::RandomState> = LazyLock::new(foldhash::fast::RandomState::default);

/// The hash of a name; seeded per process, so that foreign keys cannot be made to collide.
pub fn hash_name(name: &str) -> u64 {
    HASHER.hash_one(name)
}

/// A name with its hash.
#[derive(Clone)]
pub struct Name {
    text: Arc<str>,
    hash: u64,
}

impl Name {
    pub fn new(text: &str) -> Self {
        Name { text: Arc::from(text), hash: hash_name(text) }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (Arc::ptr_eq(&self.text, &other.text) || self.text == other.text)
    }
}

impl Eq for Name {}

impl From<&str> for Name {
    fn from(s: &str) -> Self {
        Name::new(s)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Above this many names a hash index is kept; below, a scan is faster.
const SCAN_LIMIT: usize = 16;

/// An ordered set of names: the columns of a row or the keys of a dict.
#[derive(Default)]
pub struct Schema {
    names: Vec<Name>,
    index: Option<HashTable<u32>>,
    /// Names compare ignoring case when no exact match exists (section 4.1).
    nocase: bool,
    /// `"name":` for each name, JSON-escaped; made when first printed.
    json_keys: OnceLock<Box<[Box<[u8]>]>>,
}

impl Clone for Schema {
    fn clone(&self) -> Self {
        let mut copy = Schema { nocase: self.nocase, ..Schema::default() };
        copy.names.clone_from(&self.names);
        copy.reindex();
        copy
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}

impl Schema {
    pub fn new() -> Self {
        Self::default()
    }

    /// A schema of these names; a repeated name keeps its first place.
    pub fn of<I: IntoIterator<Item: Into<Name>>>(names: I) -> Arc<Self> {
        let mut schema = Schema::new();
        for name in names {
            let _ = schema.add(name.into());
        }
        Arc::new(schema)
    }

    /// The shared schema without names.
    pub fn empty() -> Arc<Self> {
        static EMPTY: LazyLock<Arc<Schema>> = LazyLock::new(Default::default);
        EMPTY.clone()
    }

    /// The shared schema of a single `_value` column.
    pub fn value() -> &'static Arc<Self> {
        static VALUE: LazyLock<Arc<Schema>> = LazyLock::new(|| Schema::of(["_value"]));
        &VALUE
    }

    #[must_use]
    pub fn ignoring_case(mut self) -> Self {
        self.nocase = true;
        self
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub fn names(&self) -> &[Name] {
        &self.names
    }

    pub fn is_nocase(&self) -> bool {
        self.nocase
    }

    /// The place of a name.
    pub fn find(&self, name: &Name) -> Option<usize> {
        self.find_hashed(name.hash, &name.text)
    }

    /// As [`Schema::find`], for a name that was not hashed before.
    pub fn find_str(&self, name: &str) -> Option<usize> {
        self.find_hashed(hash_name(name), name)
    }

    fn find_hashed(&self, hash: u64, text: &str) -> Option<usize> {
        let exact = match &self.index {
            Some(index) => {
                let is = |i: &u32| &*self.names[*i as usize].text == text;
                index.find(hash, is).map(|i| *i as usize)
            }
            None => self.names.iter().position(|n| n.hash == hash && &*n.text == text),
        };
        if exact.is_none() && self.nocase {
            let lower = text.to_lowercase();
            return self.names.iter().position(|n| n.text.to_lowercase() == lower);
        }
        exact
    }

    /// Appends a name; `Err(place)` if it is there already.
    pub fn add(&mut self, name: Name) -> Result<usize, usize> {
        if let Some(at) = self.find_exact(&name) {
            return Err(at);
        }
        let at = self.names.len();
        self.json_keys = OnceLock::new();
        let hash = name.hash;
        self.names.push(name);
        match &mut self.index {
            Some(index) => {
                let names = &self.names;
                index.insert_unique(hash, at as u32, |i| names[*i as usize].hash);
            }
            None if self.names.len() > SCAN_LIMIT => self.reindex(),
            None => {}
        }
        Ok(at)
    }

    fn find_exact(&self, name: &Name) -> Option<usize> {
        match &self.index {
            Some(index) => index.find(name.hash, |i| self.names[*i as usize] == *name).map(|i| *i as usize),
            None => self.names.iter().position(|n| n == name),
        }
    }

    /// Removes the name at a place; later ones move up.
    pub fn remove(&mut self, at: usize) {
        self.names.remove(at);
        self.json_keys = OnceLock::new();
        self.reindex();
    }

    fn reindex(&mut self) {
        self.index = None;
        if self.names.len() <= SCAN_LIMIT {
            return;
        }
        let mut index = HashTable::with_capacity(self.names.len() * 2);
        for (i, name) in self.names.iter().enumerate() {
            index.insert_unique(name.hash, i as u32, |i| self.names[*i as usize].hash);
        }
        self.index = Some(index);
    }

    /// The JSON form of each key with its colon: `"name":`.
    pub fn json_keys(&self) -> &[Box<[u8]>] {
        self.json_keys.get_or_init(|| {
            let key = |n: &Name| {
                let mut out = Vec::with_capacity(n.text.len() + 3);
                crate::json::write_string(n.text.as_bytes(), &mut out);
                out.push(b':');
                out.into_boxed_slice()
            };
            self.names.iter().map(key).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_below_and_above_the_scan_limit() {
        for count in [1, SCAN_LIMIT, SCAN_LIMIT + 1, 100] {
            let names: Vec<String> = (0..count).map(|i| format!("n{i}")).collect();
            let schema = Schema::of(names.iter().map(|s| s.as_str()));
            for (i, name) in names.iter().enumerate() {
                assert_eq!(schema.find_str(name), Some(i));
            }
            assert_eq!(schema.find_str("missing"), None);
        }
    }

    #[test]
    fn look_up_prefers_the_exact_name_when_case_is_ignored() {
        let mut schema = Schema::new().ignoring_case();
        schema.add("Path".into()).unwrap();
        schema.add("PATH".into()).unwrap();
        assert_eq!(schema.find_str("PATH"), Some(1));
        assert_eq!(schema.find_str("path"), Some(0));
    }
}
