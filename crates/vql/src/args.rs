//! The arguments of one call: evaluated on first use, converted as declared (reference, section 11).

use std::any::Any;
use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::call::{Error, Signature};
use crate::dict::Dict;
use crate::lambda::Lambda;
use crate::path::OsPath;
use crate::plan::{CallArgs, Expr, StoredExpr};
use crate::schema::{Name, Schema};
use crate::scope::Scope;
use crate::text::Text;
use crate::value::items::Items;
use crate::value::{Row, Time, Value, convert};

/// The arguments of a call, with the scope they are evaluated in.
pub struct Args<'a> {
    pub scope: &'a Scope<'a>,
    pub signature: &'static Signature,
    given: Given<'a>,
    member: &'a str,
    memo: &'a Memo,
}

enum Given<'a> {
    Plan {
        args: &'a CallArgs,
        /// Array literals, evaluated when the call started; by place, slots first, then the rest.
        early: SmallVec<[(usize, Value); 0]>,
    },
    /// From a `**` dict; what `lazy_dict()` left unevaluated is evaluated when asked for.
    Values { slots: Vec<Option<Value>>, rest: Vec<(Name, Value)> },
}

impl<'a> Args<'a> {
    /// Arguments as compiled; a `**` dict among them is checked here.
    pub fn new(
        scope: &'a Scope<'a>,
        signature: &'static Signature,
        args: &'a CallArgs,
    ) -> Result<Self, Error> {
        if let Some(message) = &args.broken {
            return Err(Error(message.clone()));
        }
        let given = match &args.splat {
            Some(splat) => Self::spread(signature, &scope.eval(splat))?,
            None => Given::Plan { args, early: Self::early(scope, args) },
        };
        Ok(Args { scope, signature, given, member: &args.member, memo: &args.memo })
    }

    fn early(scope: &Scope<'_>, args: &CallArgs) -> SmallVec<[(usize, Value); 0]> {
        if !args.has_early {
            return SmallVec::new();
        }
        let slots = args.slots.iter().map(Option::as_ref);
        let rest = args.rest.iter().map(|(_, e)| Some(e));
        let lists = slots.chain(rest).enumerate().filter(|(_, e)| matches!(e, Some(Expr::List(_))));
        lists.map(|(i, e)| (i, e.map_or(Value::Null, |e| scope.eval(e)))).collect()
    }

    fn spread(signature: &Signature, splat: &Value) -> Result<Given<'a>, Error> {
        let Value::Dict(dict) = splat else {
            return Err(Error::new(format!("** should be a dict not {}.", splat.type_name())));
        };
        let mut slots = vec![None; signature.args.len()];
        let mut rest = Vec::new();
        for (name, value) in dict.snapshot().iter() {
            let value = value.clone();
            match signature.args.iter().position(|a| a.name == name.as_str()) {
                Some(i) => slots[i] = Some(value),
                None if signature.free_form => rest.push((name.clone(), value)),
                None => return Err(Error::new(format!("Unexpected arg {name}"))),
            }
        }
        for (arg, slot) in signature.args.iter().zip(&slots) {
            if arg.required && slot.is_none() {
                return Err(Error::new(format!("Field {} is required", arg.name)));
            }
        }
        Ok(Given::Values { slots, rest })
    }

    /// The member of a family that was called (`A.B` of `Artifact.A.B()`), else empty.
    pub fn member(&self) -> &str {
        self.member
    }

    /// Whether the argument was written.
    pub fn has(&self, slot: usize) -> bool {
        match &self.given {
            Given::Plan { args, .. } => args.slots[slot].is_some(),
            Given::Values { slots, .. } => slots[slot].is_some(),
        }
    }

    /// The evaluated argument, NULL when absent. Evaluates anew at each call: ask once.
    pub fn value(&self, slot: usize) -> Value {
        match &self.given {
            Given::Plan { args, early } => match &args.slots[slot] {
                None => Value::Null,
                Some(Expr::Const(v)) => v.clone(),
                Some(expr) => match early.iter().find(|(i, _)| *i == slot) {
                    Some((_, v)) => v.clone(),
                    None => self.scope.eval(expr),
                },
            },
            Given::Values { slots, .. } => self.scope.settle(slots[slot].clone().unwrap_or_default()),
        }
    }

    /// The evaluated argument, or `None` when it was not written.
    pub fn optional(&self, slot: usize) -> Option<Value> {
        self.has(slot).then(|| self.value(slot))
    }

    fn ill_typed(&self, slot: usize, wanted: &str, got: &Value) -> Error {
        let article = if wanted.starts_with(['a', 'i']) { "an" } else { "a" };
        let name = self.signature.args[slot].name;
        Error::new(format!("Field {name} should be {article} {wanted} not {}.", got.type_name()))
    }

    /// Text; empty when absent or NULL.
    pub fn text(&self, slot: usize) -> Result<Text, Error> {
        Ok(convert::to_text_arg(&self.scope.listed(self.value(slot))))
    }

    /// Text, `None` when absent or NULL.
    pub fn optional_text(&self, slot: usize) -> Result<Option<Text>, Error> {
        match self.value(slot) {
            Value::Null => Ok(None),
            v => Ok(Some(convert::to_text_arg(&self.scope.listed(v)))),
        }
    }

    /// Text as a Rust string, invalid bytes replaced.
    pub fn string(&self, slot: usize) -> Result<String, Error> {
        Ok(self.text(slot)?.to_str_lossy().into_owned())
    }

    /// An integer; the default when absent. NULL is an error, as the reference has it.
    pub fn int(&self, slot: usize, default: i64) -> Result<i64, Error> {
        match self.optional(slot) {
            None => Ok(default),
            Some(v) => convert::to_int_arg(&v).ok_or_else(|| self.ill_typed(slot, "int", &v)),
        }
    }

    /// A non-negative integer; the default when absent. Negative numbers become 0.
    pub fn uint(&self, slot: usize, default: u64) -> Result<u64, Error> {
        match self.optional(slot) {
            None => Ok(default),
            Some(Value::UInt(u)) => Ok(u),
            Some(v) => convert::to_int_arg(&v)
                .map(|i| i.max(0) as u64)
                .ok_or_else(|| self.ill_typed(slot, "int", &v)),
        }
    }

    /// A float; the default when absent.
    pub fn float(&self, slot: usize, default: f64) -> Result<f64, Error> {
        match self.optional(slot) {
            None => Ok(default),
            Some(v) => convert::to_float_arg(&v).ok_or_else(|| self.ill_typed(slot, "float", &v)),
        }
    }

    /// Truth of the argument; false when absent.
    pub fn bool(&self, slot: usize) -> bool {
        let v = self.value(slot);
        self.scope.truth(&v)
    }

    /// A list: an array as it is, a query's rows, a scalar as a list of one, NULL or absent as an empty one.
    pub fn list(&self, slot: usize) -> Result<Arc<Items>, Error> {
        Ok(match self.scope.listed(self.value(slot)) {
            Value::List(items) => items,
            Value::Null => Arc::default(),
            v => Arc::new(vec![v].into()),
        })
    }

    /// A list of text.
    pub fn text_list(&self, slot: usize) -> Result<Vec<Text>, Error> {
        Ok(self.list(slot)?.iter().map(convert::to_list_text).collect())
    }

    /// A dict, `None` when absent.
    pub fn dict(&self, slot: usize) -> Result<Option<Dict>, Error> {
        match self.value(slot) {
            Value::Dict(d) => Ok(Some(d)),
            Value::Null if !self.has(slot) => Ok(None),
            Value::Object(o) => match o.to_json() {
                Value::Dict(d) => Ok(Some(d)),
                _ => Err(self.ill_typed(slot, "dict", &Value::Object(o))),
            },
            v => Err(self.ill_typed(slot, "dict", &v)),
        }
    }

    /// A path; strings are parsed with the rules of `generic` paths. `None` when absent or NULL.
    pub fn path(&self, slot: usize) -> Result<Option<Arc<OsPath>>, Error> {
        match self.scope.listed(self.value(slot)) {
            Value::Null => Ok(None),
            v => convert::to_path_arg(&v).map(Some).ok_or_else(|| self.ill_typed(slot, "OSPath", &v)),
        }
    }

    /// A list of paths.
    pub fn path_list(&self, slot: usize) -> Result<Vec<Arc<OsPath>>, Error> {
        let list = self.list(slot)?;
        list.iter()
            .map(|v| convert::to_path_arg(v).ok_or_else(|| self.ill_typed(slot, "OSPath", v)))
            .collect()
    }

    /// A time, as `timestamp(epoch=x)` reads it. `None` when absent, NULL or unreadable.
    pub fn time(&self, slot: usize) -> Result<Option<Time>, Error> {
        let value = self.value(slot);
        Ok(crate::time::from_value(&value, &self.scope.zones()))
    }

    /// A lambda, compiled once per text. `None` when absent.
    pub fn lambda(&self, slot: usize) -> Result<Option<Arc<Lambda>>, Error> {
        match self.value(slot) {
            Value::Null => Ok(None),
            Value::Text(text) => {
                let registry = &self.scope.context().registry;
                self.memo(slot, &text, |text| Lambda::compile(&text.to_str_lossy(), registry)).map(Some)
            }
            v => Err(self.ill_typed(slot, "lambda", &v)),
        }
    }

    /// Something made from `key` (a compiled regex, a format…), kept at this call site while the key stays the
    /// same. `slot` tells several apart. A failure is kept as well.
    pub fn memo<T: Send + Sync + 'static>(
        &self,
        slot: usize,
        key: &Text,
        make: impl FnOnce(&Text) -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        self.memo.get(slot, key, make)
    }

    /// How many free-form arguments were written.
    pub fn rest_len(&self) -> usize {
        match &self.given {
            Given::Plan { args, .. } => args.rest.len(),
            Given::Values { rest, .. } => rest.len(),
        }
    }

    /// The name of a free-form argument.
    pub fn rest_name(&self, i: usize) -> &Name {
        match &self.given {
            Given::Plan { args, .. } => &args.rest[i].0,
            Given::Values { rest, .. } => &rest[i].0,
        }
    }

    /// A free-form argument, evaluated.
    pub fn rest_value(&self, i: usize) -> Value {
        match &self.given {
            Given::Plan { args, early } => match early.iter().find(|(at, _)| *at == args.slots.len() + i) {
                Some((_, v)) => v.clone(),
                None => self.scope.eval(&args.rest[i].1),
            },
            Given::Values { rest, .. } => self.scope.settle(rest[i].1.clone()),
        }
    }

    /// A free-form argument unevaluated: a value that is evaluated where it is looked up.
    pub fn rest_lazy(&self, i: usize) -> Value {
        match &self.given {
            Given::Plan { args, .. } => {
                let (name, expr) = &args.rest[i];
                let (params, schema, body) = (Box::default(), Schema::empty(), expr.clone());
                Value::Expr(Arc::new(StoredExpr { name: name.clone(), params, schema, body }))
            }
            Given::Values { rest, .. } => rest[i].1.clone(),
        }
    }

    /// All free-form arguments as a row, evaluated in order.
    pub fn rest_row(&self) -> Row {
        let mut row = Row::default();
        for i in 0..self.rest_len() {
            row.set(self.rest_name(i), self.rest_value(i));
        }
        row
    }

    /// The columns a plugin declares, as the shared schema of its rows.
    pub fn columns(&self) -> Arc<Schema> {
        self.scope.context().registry.columns(self.signature.name)
    }
}

/// What a call site keeps between calls.
#[derive(Default)]
pub struct Memo(Mutex<SmallVec<[Entry; 1]>>);

struct Entry {
    slot: usize,
    key: Text,
    made: Result<Arc<dyn Any + Send + Sync>, Error>,
}

impl Clone for Memo {
    /// A copy of a call site starts with nothing kept.
    fn clone(&self) -> Self {
        Memo::default()
    }
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memo")
    }
}

impl Memo {
    /// The thing kept for `slot` if it was made from the same key and is of type `T`; else makes it.
    pub fn get<T: Send + Sync + 'static>(
        &self,
        slot: usize,
        key: &Text,
        make: impl FnOnce(&Text) -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        let mut entries = self.0.lock();
        if let Some(entry) = entries.iter().find(|e| e.slot == slot && (e.key.same(key) || e.key == *key)) {
            match &entry.made {
                Err(e) => return Err(e.clone()),
                Ok(any) => {
                    if let Ok(made) = any.clone().downcast::<T>() {
                        return Ok(made);
                    }
                }
            }
        }
        let made = make(key).map(Arc::new);
        let kept = made.clone().map(|m| m as Arc<dyn Any + Send + Sync>);
        entries.retain(|e| e.slot != slot);
        entries.push(Entry { slot, key: key.clone(), made: kept });
        made
    }
}
