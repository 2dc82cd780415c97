//! The values of the language (reference, section 4). Operations on them: one file each in `value/`.

pub mod add;
pub mod compare;
pub mod contains;
pub mod convert;
pub mod divide;
pub mod equal;
pub mod index;
pub mod items;
pub mod member;
pub mod multiply;
pub mod nesting;
pub(crate) mod number;
pub mod regex;
pub mod subtract;
pub mod truth;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::call::{Flow, Sink};
use crate::dict::Dict;
use crate::path::OsPath;
use crate::plan::{StoredExpr, StoredQuery};
use crate::rows::Rows;
use crate::schema::{Name, Schema};
use crate::scope::Scope;
use crate::text::Text;
use crate::value::items::Items;

/// An instant. Times carry no zone: they print as UTC, or in the zone a query asks for.
pub type Time = jiff::Timestamp;

/// Any value a query can handle. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    /// Some functions hand out unsigned numbers: printed unsigned, calculated with as signed.
    UInt(u64),
    Float(f64),
    Text(Text),
    /// A byte slice: as text everywhere, base64 in JSON.
    Bytes(Text),
    Time(Time),
    List(Arc<Items>),
    Dict(Dict),
    /// A query not run yet.
    Query(Arc<StoredQuery>),
    /// The rows of a query that was run by `LET x <=`.
    Rows(Arc<Rows>),
    /// What `LET x = expr` stores. Looking the name up evaluates it, so users never hold one.
    Expr(Arc<StoredExpr>),
    Path(Arc<OsPath>),
    Object(Arc<dyn Object>),
}

/// A value with members of its own: file information, caches, versions, URLs…
pub trait Object: Send + Sync + fmt::Debug + 'static {
    /// The name `typeof()` shows.
    fn type_name(&self) -> &'static str;

    /// The member of that name, or `None`.
    fn member(&self, name: &str) -> Option<Value>;

    /// The names of the members that `*` and JSON show, in order.
    fn members(&self) -> Vec<Name>;

    /// The value that stands for this one in JSON; by default a dict of the members.
    fn to_json(&self) -> Value {
        let mut row = Row::default();
        for name in self.members() {
            let value = self.member(name.as_str()).unwrap_or_default();
            row.set(&name, value);
        }
        Value::Dict(row.into())
    }

    /// The `%v` text; by default the JSON text.
    fn to_text(&self) -> Option<String> {
        None
    }

    /// Section 7.1; by default true.
    fn truth(&self) -> bool {
        true
    }

    /// Order against another value, where the type defines one (`None`: not comparable).
    fn compare(&self, _other: &Value) -> Option<std::cmp::Ordering> {
        None
    }

    /// `set(item=, field=, value=)`; `false` if the type does not allow it.
    fn set(&self, _name: &str, _value: Value) -> bool {
        false
    }

    /// Whether it stands for rows: after FROM, and wherever a query may be iterated over.
    fn is_source(&self) -> bool {
        false
    }

    /// Pushes the rows it stands for, if it is a source.
    fn push_rows(&self, _scope: &Scope<'_>, _sink: &mut dyn Sink) -> Flow {
        Ok(())
    }

    fn as_any(&self) -> &dyn Any;
}

impl Value {
    pub fn text(s: impl Into<Text>) -> Self {
        Value::Text(s.into())
    }

    pub fn list(items: Vec<Value>) -> Self {
        Value::List(Arc::new(items.into()))
    }

    pub fn dict<'a, I: IntoIterator<Item = (&'a str, Value)>>(pairs: I) -> Self {
        Value::Dict(Dict::of(pairs))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether it stands for rows that come one by one: a query, kept rows, or an object that is a source.
    pub fn is_source(&self) -> bool {
        match self {
            Value::Query(_) | Value::Rows(_) => true,
            Value::Object(o) => o.is_source(),
            _ => false,
        }
    }

    /// The row that stands for this value: the members of a dict, an object or a time, else `_value`.
    pub fn into_row(self) -> Row {
        let member = |value: &Value, name: &Name| member::member(value, name).unwrap_or_default();
        match self {
            Value::Dict(dict) => dict.snapshot(),
            Value::Object(ref object) => {
                let schema = Schema::of(object.members());
                let cells = schema.names().iter().map(|name| member(&self, name)).collect();
                Row { schema, cells }
            }
            Value::Time(_) => {
                let schema = Schema::of(crate::time::MEMBERS.iter().copied());
                let cells = schema.names().iter().map(|name| member(&self, name)).collect();
                Row { schema, cells }
            }
            scalar => Row { schema: Schema::value().clone(), cells: vec![scalar] },
        }
    }

    /// The object of type `T`, if this is one.
    pub fn object<T: Object>(&self) -> Option<&T> {
        match self {
            Value::Object(o) => o.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// The internal type name, as `typeof()` and error messages show it (builtins page, 4.1).
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "types.Null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int64",
            Value::UInt(_) => "uint64",
            Value::Float(_) => "float64",
            Value::Text(_) => "string",
            Value::Bytes(_) => "[]uint8",
            Value::Time(_) => "time.Time",
            Value::List(_) => "[]types.Any",
            Value::Dict(_) => "*ordereddict.Dict",
            Value::Query(_) => "*vfilter._StoredQuery",
            Value::Rows(_) => "types.StoredQuery",
            Value::Expr(_) => "*vfilter.StoredExpression",
            Value::Path(_) => "*accessors.OSPath",
            Value::Object(o) => o.type_name(),
        }
    }

    /// A rough figure of the memory held, to decide when to spill.
    pub fn weight(&self) -> usize {
        self.weigh(0, &mut 100_000)
    }

    /// Looks at so many nested values only: values may hold themselves, or each other many times over.
    fn weigh(&self, depth: usize, budget: &mut usize) -> usize {
        const CELL: usize = size_of::<Value>();
        CELL + match self {
            Value::Text(t) | Value::Bytes(t) => t.len(),
            Value::List(items) => weigh_all(items, depth, budget),
            Value::Dict(d) => 64 + d.with(|row| weigh_all(&row.cells, depth, budget)),
            Value::Path(_) | Value::Object(_) => 256,
            _ => 0,
        }
    }
}

fn weigh_all(items: &[Value], depth: usize, budget: &mut usize) -> usize {
    let looked_at = if depth < MAX_WEIGHED { items.len().min(*budget) } else { 0 };
    *budget -= looked_at;
    let rest = (items.len() - looked_at) * size_of::<Value>();
    items[..looked_at].iter().map(|v| v.weigh(depth + 1, budget)).sum::<usize>() + rest
}

/// How deep [`Value::weight`] looks.
const MAX_WEIGHED: usize = 100;

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Value::Int(i)
    }
}

impl From<f64> for Value {
    fn from(f: f64) -> Self {
        Value::Float(f)
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Value::Text(s.into())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Value::Text(s.into())
    }
}

impl From<Text> for Value {
    fn from(t: Text) -> Self {
        Value::Text(t)
    }
}

impl From<Row> for Value {
    fn from(row: Row) -> Self {
        Value::Dict(row.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Value::Null, Into::into)
    }
}

/// A row in flight: cells under a shared schema. `cells.len()` equals `schema.len()`.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub schema: Arc<Schema>,
    pub cells: Vec<Value>,
}

impl Row {
    /// A row of that schema, to be filled; capacity is reserved.
    pub fn new(schema: Arc<Schema>) -> Self {
        let cells = Vec::with_capacity(schema.len());
        Row { schema, cells }
    }

    pub fn get(&self, name: &Name) -> Option<&Value> {
        self.schema.find(name).map(|i| &self.cells[i])
    }

    pub fn get_str(&self, name: &str) -> Option<&Value> {
        self.schema.find_str(name).map(|i| &self.cells[i])
    }

    /// Sets a cell; an existing name moves to the end.
    pub fn set(&mut self, name: &Name, value: Value) {
        let schema = Arc::make_mut(&mut self.schema);
        if let Err(at) = schema.add(name.clone()) {
            if at + 1 == self.cells.len() {
                self.cells[at] = value;
                return;
            }
            schema.remove(at);
            self.cells.remove(at);
            let _ = schema.add(name.clone());
        }
        self.cells.push(value);
    }

    /// Sets a cell; an existing name keeps its place.
    pub fn replace(&mut self, name: &Name, value: Value) {
        match Arc::make_mut(&mut self.schema).add(name.clone()) {
            Ok(_) => self.cells.push(value),
            Err(at) => self.cells[at] = value,
        }
    }

    /// Name and value of each cell.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Value)> {
        self.schema.names().iter().zip(&self.cells)
    }

    /// A rough figure of the memory held.
    pub fn weight(&self) -> usize {
        self.cells.iter().map(Value::weight).sum::<usize>() + 48
    }
}
