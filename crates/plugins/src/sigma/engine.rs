//! All rules, by the source of their events: each event passes by all rules of its source once.

use std::collections::HashMap;
use std::sync::Arc;

use forensics::sigma::{Cell, Event, Outcome, Rule};
use vql::call::{Flow, Sink};
use vql::lambda::Lambda;
use vql::schema::Name;
use vql::scope::Scope;
use vql::value::{Row, Value, convert};

use super::event::{Lambdas, RowEvent};
use crate::evidence::json;

/// What the caller of `sigma()` has a say in.
#[derive(Default)]
pub struct Callbacks {
    pub mapping: HashMap<String, Arc<Lambda>>,
    pub default_details: Option<Arc<Lambda>>,
    /// Rows for events that no rule matches as well.
    pub debug: bool,
}

/// Rules ready to be tried.
pub struct Engine {
    rules: Vec<Prepared>,
    callbacks: Callbacks,
    lambdas: Lambdas,
}

/// A rule and what rows say of it.
struct Prepared {
    rule: Rule,
    /// The rule as a dict, with `Title` and `Level` besides.
    shown: Value,
}

impl Engine {
    pub fn new(rules: Vec<Rule>, callbacks: Callbacks) -> Self {
        let rules = rules.into_iter().map(|rule| Prepared { shown: shown(&rule), rule }).collect();
        Engine { rules, callbacks, lambdas: Lambdas::default() }
    }

    /// The numbers of the rules for a source; a star in its name stands for anything.
    pub fn rules_of(&self, source: &str) -> Vec<usize> {
        let wanted = |rule: &Rule| is_source(source, &rule.source.key());
        self.rules.iter().enumerate().filter(|(_, p)| wanted(&p.rule)).map(|(i, _)| i).collect()
    }

    pub fn title(&self, rule: usize) -> &str {
        &self.rules[rule].rule.title
    }

    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Tries rules on an event; a row for each that matches.
    pub fn try_all(&self, scope: &Scope<'_>, rules: &[usize], event: &Value, sink: &mut dyn Sink) -> Flow {
        let mut shared = RowEvent::new(scope, event.clone(), &self.callbacks.mapping, &self.lambdas);
        for rule in rules {
            let prepared = &self.rules[*rule];
            match prepared.rule.text.get("vql").and_then(|v| v.as_str()) {
                // Such a rule makes members of its own, which the others do not see.
                Some(source) => {
                    let row = self.extended(scope, source, event);
                    let mut own = RowEvent::new(scope, row, &self.callbacks.mapping, &self.lambdas);
                    self.try_one(scope, prepared, &mut own, sink)?;
                }
                None => self.try_one(scope, prepared, &mut shared, sink)?,
            }
        }
        Ok(())
    }

    fn extended(&self, scope: &Scope<'_>, source: &str, event: &Value) -> Value {
        let made = self.lambdas.get(scope, source).map(|l| l.call(scope, std::slice::from_ref(event)));
        let (Some(Value::Dict(made)), Value::Dict(event)) = (made, event) else { return event.clone() };
        let mut row = event.snapshot();
        for (name, value) in made.snapshot().iter() {
            row.set(name, value.clone());
        }
        row.into()
    }

    fn try_one(
        &self,
        scope: &Scope<'_>,
        prepared: &Prepared,
        event: &mut RowEvent<'_>,
        sink: &mut dyn Sink,
    ) -> Flow {
        let outcome = prepared.rule.matches(event);
        if !outcome.is_match && !self.callbacks.debug {
            return Ok(());
        }
        let mut row = match &event.row {
            Value::Dict(dict) => dict.snapshot(),
            other => {
                let mut row = Row::default();
                row.set(&Name::new("_value"), other.clone());
                row
            }
        };
        row.set(&Name::new("_Match"), match_value(&outcome));
        row.set(&Name::new("_Rule"), prepared.shown.clone());
        let details = self.details(scope, &prepared.rule, event, &row);
        row.set(&Name::new("Details"), details);
        if let Some(source) = prepared.rule.text.get("enrichment").and_then(|v| v.as_str()) {
            let event = std::slice::from_ref(&event.row);
            let made = self.lambdas.get(scope, source).map_or(Value::Null, |l| l.call(scope, event));
            row.set(&Name::new("Enrichment"), made);
        }
        sink.row(&mut row)
    }

    /// What the rule says of the event, with the fields it names between percent signs; else what the caller says.
    fn details(&self, scope: &Scope<'_>, rule: &Rule, event: &mut RowEvent<'_>, row: &Row) -> Value {
        match (rule.text.get("details").and_then(|d| d.as_str()), &self.callbacks.default_details) {
            (Some(text), _) if text.contains("=>") => match self.lambdas.get(scope, text) {
                Some(lambda) => lambda.call(scope, std::slice::from_ref(&event.row)),
                None => Value::Null,
            },
            (Some(text), _) => Value::from(filled(text, event)),
            (None, Some(lambda)) => lambda.call(scope, &[row.clone().into()]),
            (None, None) => Value::Null,
        }
    }
}

fn filled(text: &str, event: &mut RowEvent<'_>) -> String {
    let mut out = String::new();
    let mut parts = text.split('%');
    out.push_str(parts.next().unwrap_or_default());
    let mut rest: Vec<&str> = parts.collect();
    while rest.len() >= 2 {
        let name = rest.remove(0);
        match event.field(name) {
            Some(cell) if cell != Cell::Null => {
                let value = event.value(name).unwrap_or_default();
                out.push_str(&convert::to_text(&value).to_str_lossy());
            }
            _ => out.push_str(&format!("%{name}%")),
        }
        out.push_str(rest.remove(0));
    }
    for part in rest {
        out.push('%');
        out.push_str(part);
    }
    out
}

fn shown(rule: &Rule) -> Value {
    let mut row = Row::default();
    row.set(&Name::new("Title"), Value::from(rule.title.as_str()));
    row.set(&Name::new("Level"), Value::from(rule.level.as_str()));
    for (name, value) in &rule.text {
        row.set(&Name::new(name), json(value.clone()));
    }
    row.into()
}

fn match_value(outcome: &Outcome<'_>) -> Value {
    let searches = outcome.searches.iter().map(|(name, found)| (*name, Value::Bool(*found)));
    Value::dict([
        ("Match", Value::Bool(outcome.is_match)),
        ("SearchResults", Value::dict(searches)),
        ("ConditionResults", Value::list(outcome.conditions.iter().map(|c| Value::Bool(*c)).collect())),
    ])
}

/// Whether a source, as the query names it, is where a rule wants its events from.
fn is_source(source: &str, rule: &str) -> bool {
    let mut rule = rule.split('/');
    let mut parts = source.split('/');
    (0..3).all(|_| match (parts.next().unwrap_or("*"), rule.next().unwrap_or("*")) {
        ("*", _) => true,
        (a, b) => a.eq_ignore_ascii_case(b),
    })
}

#[cfg(test)]
mod tests {
    use super::is_source;

    #[test]
    fn sources_with_stars_take_more_rules() {
        for (source, rule, wanted) in [
            ("process_creation/windows/*", "process_creation/windows/*", true),
            ("process_creation/windows/*", "process_creation/windows/sysmon", true),
            ("process_creation/windows/sysmon", "process_creation/windows/*", false),
            ("*/windows/security", "*/windows/security", true),
            ("*/windows/security", "process_creation/windows/*", false),
            ("process_creation/windows", "process_creation/windows/*", true),
        ] {
            assert_eq!(is_source(source, rule), wanted, "{source} {rule}");
        }
    }
}
