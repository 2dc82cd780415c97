//! The searches of a rule: maps of fields, lists of maps, lists of words.

use serde_json::Value;

use super::Event;
use super::cell::Cell;
use super::matcher::{Matcher, Modifiers, is_related};
use crate::{Error, Result};

/// Lists of searches inside of lists at most.
const MAX_DEPTH: usize = 16;
/// Values of one field at most.
const MAX_VALUES: usize = 20_000;

/// Something that an event is or is not.
#[derive(Debug)]
pub enum Search {
    /// One of these.
    Any(Vec<Search>),
    /// All of these.
    Fields(Vec<Item>),
    /// Words somewhere in the event; with the flag, all of them.
    Words(Vec<Vec<Matcher>>, bool),
}

/// A field and what is asked of it.
#[derive(Debug)]
pub struct Item {
    field: String,
    /// One list for each value: one of its questions is to be answered with yes.
    values: Vec<Vec<Matcher>>,
    all: bool,
}

impl Search {
    pub fn parse(value: &Value, depth: usize) -> Result<Search> {
        if depth > MAX_DEPTH {
            return Err(Error::broken("rule", "searches are nested too deeply"));
        }
        match value {
            Value::Object(fields) => {
                // A map of one nameless field is a list of words with modifiers.
                if let Some((name, value)) =
                    fields.iter().next().filter(|(n, _)| fields.len() == 1 && n.starts_with('|'))
                {
                    let modifiers = Modifiers::parse(name[1..].split('|'))?;
                    return Ok(Search::Words(matchers(&modifiers, value)?, modifiers.all));
                }
                fields
                    .iter()
                    .map(|(name, value)| Item::parse(name, value))
                    .collect::<Result<_>>()
                    .map(Search::Fields)
            }
            Value::Array(items) if items.iter().any(|i| i.is_object() || i.is_array()) => {
                items.iter().map(|i| Search::parse(i, depth + 1)).collect::<Result<_>>().map(Search::Any)
            }
            words => {
                let modifiers = Modifiers::parse(["contains"].into_iter())?;
                Ok(Search::Words(matchers(&modifiers, words)?, false))
            }
        }
    }

    pub fn matches(&self, event: &mut dyn Event) -> bool {
        match self {
            Search::Any(searches) => searches.iter().any(|s| s.matches(event)),
            Search::Fields(items) => items.iter().all(|i| i.matches(event)),
            Search::Words(values, all) => {
                let mut found = |value: &Vec<Matcher>| event.any_text(&mut |cell| accepted(value, cell));
                if *all { values.iter().all(&mut found) } else { values.iter().any(&mut found) }
            }
        }
    }
}

fn accepted(value: &[Matcher], cell: &Cell) -> bool {
    value.iter().any(|matcher| matcher.accepts(cell))
}

fn matchers(modifiers: &Modifiers, value: &Value) -> Result<Vec<Vec<Matcher>>> {
    match value {
        Value::Array(values) if values.len() > MAX_VALUES => {
            Err(Error::TooMuch { what: "values of a field", limit: MAX_VALUES as u64 })
        }
        Value::Array(values) => values.iter().map(|v| modifiers.matchers(v)).collect(),
        value => Ok(vec![modifiers.matchers(value)?]),
    }
}

impl Item {
    fn parse(name: &str, value: &Value) -> Result<Item> {
        let mut parts = name.split('|');
        let field = parts.next().unwrap_or_default().to_owned();
        let modifiers = Modifiers::parse(parts)?;
        Ok(Item { field, values: matchers(&modifiers, value)?, all: modifiers.all })
    }

    fn matches(&self, event: &mut dyn Event) -> bool {
        let cell = event.field(&self.field);
        let mut found =
            |value: &Vec<Matcher>| value.iter().any(|matcher| self.accepts(matcher, cell.as_ref(), event));
        if self.all { self.values.iter().all(&mut found) } else { self.values.iter().any(&mut found) }
    }

    fn accepts(&self, matcher: &Matcher, cell: Option<&Cell>, event: &mut dyn Event) -> bool {
        match matcher {
            Matcher::Exists(wanted) => cell.is_some() == *wanted,
            Matcher::Field(other, place, cased) => {
                let other = event.field(other);
                cell.zip(other.as_ref()).is_some_and(|(a, b)| is_related(a, b, *place, *cased))
            }
            Matcher::Ask(expression) => {
                event.ask(expression, (!self.field.is_empty()).then_some(&self.field))
            }
            Matcher::Null => cell.is_none_or(|c| *c == Cell::Null),
            matcher => cell.is_some_and(|c| matcher.accepts(c)),
        }
    }
}
