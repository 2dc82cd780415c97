//! Any text is a collection of rules or refused, and every rule can be tried.
#![no_main]

use forensics::sigma::{Cell, Event, parse};
use libfuzzer_sys::fuzz_target;

/// An event whose fields all have one value.
struct Same(Cell);

impl Event for Same {
    fn field(&mut self, name: &str) -> Option<Cell> {
        (!name.starts_with('X')).then(|| self.0.clone())
    }

    fn any_text(&mut self, accept: &mut dyn FnMut(&Cell) -> bool) -> bool {
        accept(&self.0)
    }

    fn ask(&mut self, expression: &str, _field: Option<&str>) -> bool {
        expression.len() % 2 == 0
    }
}

fuzz_target!(|source: &str| {
    let Ok(rules) = parse(source) else { return };
    for rule in rules.iter().flatten() {
        for cell in [Cell::Null, Cell::Int(7), Cell::text(source), Cell::List(vec![Cell::text("aB"), Cell::Null])] {
            let outcome = rule.matches(&mut Same(cell));
            assert_eq!(outcome.is_match, outcome.conditions.contains(&true));
        }
    }
});
