//! The condition of a rule: how its searches are put together.

use crate::{Error, Result};

/// Parentheses and `not` at most, one inside the other.
const MAX_DEPTH: usize = 64;
const MAX_LENGTH: usize = 64 << 10;

/// A condition over searches by number.
#[derive(Debug, PartialEq)]
pub enum Condition {
    Search(usize),
    Not(Box<Condition>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
}

impl Condition {
    pub fn parse(source: &str, names: &[String]) -> Result<Condition> {
        if source.len() > MAX_LENGTH {
            return Err(Error::TooMuch { what: "condition", limit: MAX_LENGTH as u64 });
        }
        if source.contains('|') {
            return Err(Error::Unsupported {
                what: "condition",
                which: "aggregations are not evaluated".to_owned(),
            });
        }
        let spaced = source.replace('(', " ( ").replace(')', " ) ");
        let mut parser = Parser { words: spaced.split_whitespace().collect(), at: 0, names, depth: 0 };
        let condition = parser.or()?;
        match parser.peek() {
            None => Ok(condition),
            Some(word) => Err(parser.unexpected(word)),
        }
    }

    /// Whether it holds, given whether each search does.
    pub fn holds(&self, search: &mut dyn FnMut(usize) -> bool) -> bool {
        match self {
            Condition::Search(i) => search(*i),
            Condition::Not(inner) => !inner.holds(search),
            Condition::And(parts) => parts.iter().all(|p| p.holds(search)),
            Condition::Or(parts) => parts.iter().any(|p| p.holds(search)),
        }
    }
}

struct Parser<'a> {
    words: Vec<&'a str>,
    at: usize,
    names: &'a [String],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.peek().is_some_and(|w| w.eq_ignore_ascii_case(word));
        self.at += usize::from(is_next);
        is_next
    }

    fn unexpected(&self, word: &str) -> Error {
        Error::broken("condition", format!("unexpected {word}"))
    }

    fn or(&mut self) -> Result<Condition> {
        let mut parts = vec![self.and()?];
        while self.takes("or") {
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Condition::Or))
    }

    fn and(&mut self) -> Result<Condition> {
        let mut parts = vec![self.not()?];
        while self.takes("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Condition::And))
    }

    fn not(&mut self) -> Result<Condition> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::TooMuch { what: "nesting of a condition", limit: MAX_DEPTH as u64 });
        }
        let condition = if self.takes("not") {
            Condition::Not(Box::new(self.not()?))
        } else if self.takes("(") {
            let inner = self.or()?;
            if !self.takes(")") {
                return Err(Error::broken("condition", "missing )"));
            }
            inner
        } else {
            self.search()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn search(&mut self) -> Result<Condition> {
        let word = self.peek().ok_or_else(|| Error::broken("condition", "ends early"))?;
        self.at += 1;
        if !self.takes("of") {
            let found = self.names.iter().position(|n| n == word);
            return found
                .map(Condition::Search)
                .ok_or_else(|| Error::broken("condition", format!("no search {word}")));
        }
        let pattern = self.peek().ok_or_else(|| Error::broken("condition", "ends early"))?;
        self.at += 1;
        let chosen = self.chosen(pattern);
        if chosen.is_empty() {
            return Err(Error::broken("condition", format!("no search {pattern}")));
        }
        match word.to_ascii_lowercase().as_str() {
            "1" | "any" => Ok(one_or(chosen, Condition::Or)),
            "all" => Ok(one_or(chosen, Condition::And)),
            other => Err(self.unexpected(other)),
        }
    }

    fn chosen(&self, pattern: &str) -> Vec<Condition> {
        let wild = super::pattern::Pattern::parse(pattern);
        let is_chosen = |name: &String| match pattern {
            // Names that start so are parts of others.
            "them" => !name.starts_with('_'),
            _ => wild.matches(name),
        };
        let chosen = self.names.iter().enumerate().filter(|(_, n)| is_chosen(n));
        chosen.map(|(i, _)| Condition::Search(i)).collect()
    }
}

fn one_or(mut parts: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(last) if parts.is_empty() => last,
        last => many(parts.into_iter().chain(last).collect()),
    }
}
