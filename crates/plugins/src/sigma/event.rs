//! A row as rules look at it.

use std::collections::HashMap;
use std::sync::Arc;

use forensics::sigma::{Cell, Event};
use parking_lot::Mutex;
use vql::lambda::Lambda;
use vql::schema::Name;
use vql::scope::Scope;
use vql::text::Text;
use vql::value::member::member;
use vql::value::{Value, convert};

/// How deep words are looked for.
const MAX_DEPTH: usize = 16;
/// Values of one event that words are looked for in.
const MAX_VALUES: usize = 10_000;

/// Lambdas by their text: those in rules are compiled when they are first asked for.
#[derive(Default)]
pub struct Lambdas(Mutex<HashMap<String, Option<Arc<Lambda>>>>);

impl Lambdas {
    /// The compiled lambda; one that does not compile is logged once.
    pub fn get(&self, scope: &Scope<'_>, source: &str) -> Option<Arc<Lambda>> {
        let mut known = self.0.lock();
        if let Some(lambda) = known.get(source) {
            return lambda.clone();
        }
        let compiled = Lambda::compile(source, &scope.context().registry).map(Arc::new);
        let lambda =
            compiled.map_err(|e| scope.log(vql::host::Level::Error, format!("sigma: {source}: {e}"))).ok();
        known.insert(source.to_owned(), lambda.clone());
        lambda
    }
}

/// One row, with the fields that were asked for already: many rules ask for the same.
pub struct RowEvent<'a> {
    pub scope: &'a Scope<'a>,
    pub row: Value,
    pub mapping: &'a HashMap<String, Arc<Lambda>>,
    pub lambdas: &'a Lambdas,
    known: HashMap<String, Option<Cell>>,
}

impl<'a> RowEvent<'a> {
    pub fn new(
        scope: &'a Scope<'a>,
        row: Value,
        mapping: &'a HashMap<String, Arc<Lambda>>,
        lambdas: &'a Lambdas,
    ) -> Self {
        RowEvent { scope, row, mapping, lambdas, known: HashMap::new() }
    }

    /// The value of a field: mapped, or else found by its name, which may have dots.
    pub fn value(&self, name: &str) -> Option<Value> {
        if let Some(lambda) = self.mapping.get(name) {
            return Some(lambda.call(self.scope, std::slice::from_ref(&self.row))).filter(|v| !v.is_null());
        }
        name.split('.').try_fold(self.row.clone(), |value, part| member(&value, &Name::new(part)))
    }
}

impl Event for RowEvent<'_> {
    fn field(&mut self, name: &str) -> Option<Cell> {
        if let Some(cell) = self.known.get(name) {
            return cell.clone();
        }
        let cell = self.value(name).map(|v| cell(&v));
        self.known.insert(name.to_owned(), cell.clone());
        cell
    }

    fn any_text(&mut self, accept: &mut dyn FnMut(&Cell) -> bool) -> bool {
        visit(&self.row, 0, &mut MAX_VALUES.clone(), accept)
    }

    fn ask(&mut self, expression: &str, field: Option<&str>) -> bool {
        let Some(lambda) = self.lambdas.get(self.scope, expression) else { return false };
        let argument = match field {
            Some(name) => self.value(name).unwrap_or_default(),
            None => self.row.clone(),
        };
        let answer = lambda.call(self.scope, &[argument]);
        self.scope.truth(&answer)
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(b) => Cell::Bool(*b),
        Value::Int(i) => Cell::Int(*i),
        Value::UInt(u) => i64::try_from(*u).map_or(Cell::Float(*u as f64), Cell::Int),
        Value::Float(f) => Cell::Float(*f),
        Value::Text(text) | Value::Bytes(text) => Cell::text(text.to_str_lossy()),
        Value::List(items) => Cell::List(items.iter().take(MAX_VALUES).map(scalar).collect()),
        other => scalar(other),
    }
}

/// An element of a list: of deeper values the text counts.
fn scalar(value: &Value) -> Cell {
    match value {
        Value::List(_) | Value::Dict(_) | Value::Object(_) | Value::Time(_) | Value::Path(_) => {
            let text: Text = convert::to_text(value);
            Cell::text(text.to_str_lossy())
        }
        Value::Query(_) | Value::Rows(_) | Value::Expr(_) => Cell::Null,
        value => cell(value),
    }
}

fn visit(value: &Value, depth: usize, left: &mut usize, accept: &mut dyn FnMut(&Cell) -> bool) -> bool {
    if depth > MAX_DEPTH || *left == 0 {
        return false;
    }
    *left -= 1;
    match value {
        Value::Dict(dict) => dict.snapshot().cells.iter().any(|v| visit(v, depth + 1, left, accept)),
        Value::List(items) => items.iter().any(|v| visit(v, depth + 1, left, accept)),
        Value::Null => false,
        value => accept(&cell(value)),
    }
}
