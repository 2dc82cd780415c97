//! Sigma: rules that tell which events are worth a look (Sigma specification 2.0, detection rules).
//!
//! [`parse`] reads rules, [`Rule::matches`] tries one on an [`Event`]. Where fields of events come from is the caller's affair.
//! What is not known, a modifier or an aggregation, is refused: a rule that is half understood would be silent when it matters.

mod cell;
mod condition;
mod detection;
mod matcher;
mod pattern;
mod rule;

pub use cell::Cell;
pub use rule::{LogSource, Outcome, Rule, parse};

/// An event as rules look at it.
pub trait Event {
    /// A field by the name that rules use; `None` when the event has none.
    fn field(&mut self, name: &str) -> Option<Cell>;

    /// Every text in the event, for rules that name no field, until one is accepted.
    fn any_text(&mut self, accept: &mut dyn FnMut(&Cell) -> bool) -> bool;

    /// Asks an expression of the caller's language about a field, or the whole event.
    fn ask(&mut self, expression: &str, field: Option<&str>) -> bool;
}

#[cfg(test)]
mod tests;
