//! Templates in the language of Go's `text/template`, for `template()`: text with actions between braces.
//!
//! ```text
//! text --lexer--> tokens --parser--> tree --eval--> text
//! ```
//!
//! A template comes from whoever writes the query, and what it is given from anywhere: size, steps and nesting are limited.

mod eval;
mod functions;
mod lexer;
mod parser;
mod print;
mod tree;

use std::collections::HashMap;
use std::fmt;

use crate::text::Text;
use crate::value::Value;
use tree::Body;

/// The largest template, and the largest text that one gives.
const MAX_TEMPLATE: usize = 4 << 20;
const MAX_OUTPUT: usize = 64 << 20;

/// How deep blocks and parentheses nest in a template.
const MAX_NESTING: usize = 500;

/// How deep templates call each other.
const MAX_CALLS: usize = 500;

/// What one expansion may do: a step is a node, a call, an item, or so many bytes that a function makes.
const MAX_STEPS: usize = 10_000_000;
const BYTES_PER_STEP: usize = 32;

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    main: Body,
    named: HashMap<String, Body>,
    /// Whether some function changes dicts.
    changes: bool,
}

/// Why a template cannot be read or expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub line: u32,
    pub reason: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.reason)
    }
}

impl std::error::Error for Error {}

/// What an expansion asks of the query that it is part of.
pub struct Surroundings<'a> {
    /// Makes a list of a query, and evaluates a stored expression.
    pub settle: &'a dyn Fn(Value) -> Value,
    pub is_cancelled: &'a dyn Fn() -> bool,
}

impl Template {
    pub fn parse(text: &str) -> Result<Template, Error> {
        if text.len() > MAX_TEMPLATE {
            return Err(Error {
                line: 1,
                reason: format!("the template has more than {MAX_TEMPLATE} bytes"),
            });
        }
        parser::parse(&lexer::tokens(text)?)
    }

    /// The text with its actions replaced by what they give; `html` escapes it for the text and attributes of HTML.
    pub fn expand(&self, data: &Value, html: bool, around: &Surroundings<'_>) -> Result<Text, Error> {
        eval::expand(self, data, html, around)
    }
}

#[cfg(test)]
mod tests;
