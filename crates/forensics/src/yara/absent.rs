//! What stands in for the engine in a build without it.

use super::{Hit, Variable};
use crate::{Error, Result};

fn absent() -> Error {
    Error::Unsupported { what: "build", which: "YARA was left out of this program".to_owned() }
}

/// Rules that cannot be compiled.
pub enum Rules {}

impl Rules {
    pub fn compile(_source: &str, _namespace: &str, _variables: &[(String, Variable)]) -> Result<Rules> {
        Err(absent())
    }
}

/// A scanner that there cannot be.
pub struct Scanner<'r>(&'r Rules);

impl<'r> Scanner<'r> {
    pub fn new(rules: &'r Rules) -> Self {
        Scanner(rules)
    }

    pub fn scan(&mut self, _content: &[u8]) -> Result<Vec<Hit>> {
        match *self.0 {}
    }
}

pub fn lint(_source: &str, _clean: bool) -> (String, Vec<String>) {
    (String::new(), vec![absent().to_string()])
}
