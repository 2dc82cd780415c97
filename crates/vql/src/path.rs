//! Paths as lists of components (`OSPath`): builtins page, section 1.7.

/// A path split into components, with its syntax, its accessor and, inside containers, its delegate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsPath {}
