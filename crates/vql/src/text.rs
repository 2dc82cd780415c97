//! Byte strings: the string type of the language (reference, sections 2.2 and 4).

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

/// An immutable byte string, cheap to clone. Nothing requires it to be valid UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<[u8]>);

static EMPTY: LazyLock<Text> = LazyLock::new(|| Text(Arc::from([])));

impl Text {
    pub fn empty() -> Self {
        EMPTY.clone()
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, with each invalid byte sequence replaced by U+FFFD.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Whether both are the very same allocation (a cheap test before comparing bytes).
    pub fn same(&self, other: &Text) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Text {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str_lossy(), f)
    }
}

impl From<&str> for Text {
    fn from(s: &str) -> Self {
        Text(Arc::from(s.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(s: String) -> Self {
        Text(Arc::from(s.into_bytes()))
    }
}

impl From<&[u8]> for Text {
    fn from(b: &[u8]) -> Self {
        Text(Arc::from(b))
    }
}

impl From<Vec<u8>> for Text {
    fn from(b: Vec<u8>) -> Self {
        Text(Arc::from(b))
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(s: Cow<'_, str>) -> Self {
        Text(Arc::from(s.as_bytes()))
    }
}
