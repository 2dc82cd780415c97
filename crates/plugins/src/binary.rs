//! Structures in files as objects of the language: fields are members, parsed when they are asked for.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use forensics::binary::{Array, Item, Lambdas, Struct};
use parking_lot::Mutex;
use vql::call::{Flow, Sink};
use vql::host::Level;
use vql::lambda::Lambda;
use vql::schema::Name;
use vql::scope::Scope;
use vql::session::Session;
use vql::value::{Object, Time, Value, convert};

/// Evaluates the lambdas of a profile, with the variables of where the file was opened.
pub struct Evaluator {
    session: Session,
    /// Those compiled so far; nothing for one that is wrong.
    compiled: Mutex<HashMap<String, Option<Arc<Lambda>>>>,
}

impl Evaluator {
    pub fn new(session: Session) -> Self {
        Evaluator { session, compiled: Mutex::default() }
    }

    fn compiled(&self, source: &str) -> Option<Arc<Lambda>> {
        if let Some(known) = self.compiled.lock().get(source) {
            return known.clone();
        }
        let scope = self.session.scope();
        let lambda = Lambda::compile(source, &scope.context().registry)
            .map_err(|e| scope.log(Level::Default, format!("parse_binary: {source}: {e}")));
        let lambda = lambda.ok().map(Arc::new);
        self.compiled.lock().insert(source.to_owned(), lambda.clone());
        lambda
    }
}

impl Lambdas for Evaluator {
    type Value = Value;

    fn call(&self, lambda: &str, argument: Item<Self>) -> Value {
        let argument = value_of(argument);
        self.compiled(lambda).map_or(Value::Null, |l| l.call(&self.session.scope(), &[argument]))
    }

    fn number(&self, value: &Value) -> Option<i64> {
        convert::to_int_arg(value)
    }

    fn text(&self, value: &Value) -> String {
        convert::to_text(value).to_str_lossy().into_owned()
    }

    fn truth(&self, value: &Value) -> bool {
        self.session.scope().truth(value)
    }
}

/// An item as a value.
pub fn value_of(item: Item<Evaluator>) -> Value {
    match item {
        Item::Null => Value::Null,
        Item::Int(i) => Value::Int(i),
        Item::UInt(u) => Value::UInt(u),
        Item::Float(f) => Value::Float(f),
        Item::Text(text) => Value::text(text),
        Item::Time(seconds, nanos) => Time::new(seconds, nanos as i32).map_or(Value::Null, Value::Time),
        Item::Names(names) => Value::list(names.into_iter().map(Value::from).collect()),
        Item::List(list) => Value::Object(Arc::new(ArrayObject(list))),
        Item::Struct(found) => Value::Object(Arc::new(StructObject(found))),
        Item::Other(value) => value,
    }
}

/// A structure in a file.
struct StructObject(Arc<Struct<Evaluator>>);

/// An array in a file.
struct ArrayObject(Arc<Array<Evaluator>>);

/// A place in a file.
fn place(offset: u64) -> Option<Value> {
    Some(Value::Int(i64::try_from(offset).unwrap_or(i64::MAX)))
}

impl Object for StructObject {
    fn type_name(&self) -> &'static str {
        "*vtypes.StructObject"
    }

    fn member(&self, name: &str) -> Option<Value> {
        if let Some(item) = self.0.field(name) {
            return Some(value_of(item));
        }
        match name {
            "StartOf" | "OffsetOf" => place(self.0.start()),
            "EndOf" => place(self.0.end()),
            "SizeOf" => place(self.0.size()),
            "ParentOf" => Some(self.0.parent().map_or(Value::Null, |p| value_of(Item::Struct(p)))),
            _ => None,
        }
    }

    /// The fields but those that only serve others.
    fn members(&self) -> Vec<Name> {
        self.0.field_names().filter(|name| !name.starts_with("__")).map(Name::new).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl ArrayObject {
    fn values(&self) -> impl Iterator<Item = Value> {
        self.0.items.iter().cloned().map(value_of)
    }
}

impl Object for ArrayObject {
    fn type_name(&self) -> &'static str {
        "*vtypes.ArrayObject"
    }

    /// An element by its number, and a member of all elements by its name.
    fn member(&self, name: &str) -> Option<Value> {
        match name {
            "StartOf" => return place(self.0.start()),
            "EndOf" => return place(self.0.end()),
            "SizeOf" => return place(self.0.size()),
            "@Len" => return place(self.0.items.len() as u64),
            "Value" => return Some(self.to_json()),
            _ => {}
        }
        if let Ok(at) = name.parse::<i64>() {
            let at = if at < 0 { at.checked_add(self.0.items.len() as i64)? } else { at };
            return self.0.items.get(usize::try_from(at).ok()?).cloned().map(value_of);
        }
        let name = Name::new(name);
        Some(Value::list(self.values().filter_map(|v| vql::value::member::member(&v, &name)).collect()))
    }

    fn members(&self) -> Vec<Name> {
        Vec::new()
    }

    fn to_json(&self) -> Value {
        Value::list(self.values().collect())
    }

    fn to_text(&self) -> Option<String> {
        Some(convert::to_text(&self.to_json()).to_str_lossy().into_owned())
    }

    fn truth(&self) -> bool {
        !self.0.items.is_empty()
    }

    fn is_source(&self) -> bool {
        true
    }

    fn push_rows(&self, scope: &Scope<'_>, sink: &mut dyn Sink) -> Flow {
        for value in self.values() {
            scope.tick()?;
            sink.value(value)?;
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for StructObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.0.name(), self.0.start())
    }
}

impl fmt::Debug for ArrayObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "array at {}", self.0.start())
    }
}
