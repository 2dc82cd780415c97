//! Scopes: layers of names, newest first (reference, section 5).
//!
//! A scope lives on the stack and borrows its parents, so pushing a layer costs no allocation. Nothing captures
//! a scope: a stored query runs in the scope where it is used (dynamic scoping), and what must outlive its
//! scope takes a [`Scope::snapshot`].

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::call::{Flow, Stop};
use crate::cancel::Cancel;
use crate::dict::Dict;
use crate::eval::lazy::LazyRow;
use crate::host::{Host, Level};
use crate::permission::Permissions;
use crate::registry::Registry;
use crate::schema::Name;
use crate::text::Text;
use crate::time::Zones;
use crate::value::{Row, Time, Value};

/// How far a query may go.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nested scopes (section 5.3).
    pub depth: u32,
    /// Memory that one ORDER BY or GROUP BY holds before it uses temporary files, in bytes.
    pub operator_bytes: usize,
    /// Rows that `LET <=` keeps in memory, when `VQL_MATERIALIZE_ROW_LIMIT` is not set.
    pub materialize_rows: usize,
    /// The largest list of rows that one cell or argument may hold, in bytes.
    pub list_bytes: usize,
    /// Threads that one query may have at a time.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 1000,
            operator_bytes: 128 << 20,
            materialize_rows: 1000,
            list_bytes: 512 << 20,
            threads: 256,
        }
    }
}

/// What all scopes of a program share.
#[derive(Clone)]
pub struct Context {
    pub registry: Arc<Registry>,
    pub host: Arc<dyn Host>,
    /// The rights of the caller.
    pub permissions: Permissions,
    pub limits: Limits,
    /// Whether the host wants to be asked to throttle.
    pub throttled: bool,
    /// Threads running for this program.
    pub threads: Arc<std::sync::atomic::AtomicUsize>,
    /// Which messages were logged lately.
    pub log_once: Arc<LogOnce>,
    /// What callables keep for the length of the program.
    pub kept: Arc<Kept>,
}

/// What callables keep for the length of a program, one thing of each type: connections, caches, named generators.
#[derive(Default)]
pub struct Kept(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Kept {
    /// The one thing of this type; made when first asked for.
    pub fn get<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut things = self.0.lock();
        let thing = things.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default())).clone();
        drop(things);
        // The key is the type, so the cast succeeds.
        thing.downcast::<T>().unwrap_or_default()
    }

    /// Forgets everything. What is kept may refer to the program, so the program does this at its end.
    fn clear(&self) {
        // Dropped without the lock: dropping runs code of callables.
        let things = std::mem::take(&mut *self.0.lock());
        drop(things);
    }
}

/// The end of a program, when it is dropped.
pub struct Ending(Arc<Kept>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Remembers messages, so that `log()` writes each once in a while.
#[derive(Default)]
pub struct LogOnce(Mutex<HashMap<Text, Time>>);

impl LogOnce {
    /// How many messages are remembered; beyond, all are forgotten.
    const LIMIT: usize = 10_000;

    /// Whether this message was not written in the last so many seconds; counts it as written if so.
    pub fn is_due(&self, message: &Text, seconds: i64, now: Time) -> bool {
        let mut seen = self.0.lock();
        if let Some(last) = seen.get(message)
            && now.as_second().saturating_sub(last.as_second()) < seconds
        {
            return false;
        }
        if seen.len() >= Self::LIMIT {
            seen.clear();
        }
        seen.insert(message.clone(), now);
        true
    }
}

impl Context {
    pub fn new(registry: Arc<Registry>, host: Arc<dyn Host>, permissions: Permissions) -> Self {
        Context {
            registry,
            host,
            permissions,
            limits: Limits::default(),
            throttled: false,
            threads: Arc::default(),
            log_once: Arc::default(),
            kept: Arc::default(),
        }
    }

    /// Ends the program when what this gives is dropped: what callables kept for its length goes, even after a panic.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending(self.kept.clone())
    }
}

/// Aggregate state: one value per call site (section 9).
#[derive(Default)]
pub struct Aggregates(pub(crate) Mutex<SmallVec<[(u64, Value); 1]>>);

type Destructor = Box<dyn FnOnce() + Send>;

/// Things to do when a scope ends, last registered first.
#[derive(Default)]
pub struct Cleanup {
    destructors: Mutex<Vec<Destructor>>,
    /// Whether there is any: asked after every row, so it takes no lock.
    pending: AtomicBool,
}

impl Cleanup {
    pub fn push(&self, destructor: impl FnOnce() + Send + 'static) {
        self.destructors.lock().push(Box::new(destructor));
        self.pending.store(true, Ordering::Release);
    }

    /// Runs and forgets the destructors.
    pub fn run(&self) {
        if !self.pending.load(Ordering::Relaxed) {
            return;
        }
        while self.pending.swap(false, Ordering::Acquire) {
            loop {
                let Some(last) = self.destructors.lock().pop() else { break };
                last();
            }
        }
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        self.run();
    }
}

/// The newest layer of a scope.
#[derive(Clone, Copy)]
pub enum Layer<'a> {
    Empty,
    Row(&'a Row),
    Value(&'a Value),
    /// The columns of a row that WHERE and GROUP BY look at, evaluated on demand.
    Lazy(&'a LazyRow<'a>),
    Dict(&'a Dict),
}

/// A stack of layers, with what else depends on the place of evaluation.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub(crate) context: &'a Context,
    pub(crate) parent: Option<&'a Scope<'a>>,
    pub(crate) layer: Layer<'a>,
    pub(crate) aggregates: &'a Aggregates,
    pub(crate) cleanup: &'a Cleanup,
    /// The clean-up of the whole program, for `remove_last`.
    pub(crate) root_cleanup: &'a Cleanup,
    pub(crate) cancel: &'a Cancel,
    /// The flag of the whole program, for what goes on beside the query that started it.
    pub(crate) root_cancel: &'a Cancel,
    /// The text of the running query.
    pub(crate) query: &'a str,
    pub(crate) depth: u32,
}

impl<'a> Scope<'a> {
    /// The outermost scope, holding the given variables.
    pub fn root(context: &'a Context, vars: &'a Dict, state: &'a RootState) -> Self {
        Scope {
            context,
            parent: None,
            layer: Layer::Dict(vars),
            aggregates: &state.aggregates,
            cleanup: &state.cleanup,
            root_cleanup: &state.cleanup,
            cancel: &state.cancel,
            root_cancel: &state.cancel,
            query: "",
            depth: state.depth,
        }
    }

    /// This scope with one more layer on top.
    pub fn with<'b>(&'b self, layer: Layer<'b>) -> Scope<'b> {
        Scope { parent: Some(self), layer, depth: self.depth + 1, ..*self }
    }

    /// This scope with aggregates of its own.
    pub fn with_aggregates<'b>(&'b self, aggregates: &'b Aggregates) -> Scope<'b> {
        Scope { aggregates, ..*self }
    }

    /// The scope of one row: a layer on top, and clean-up of its own.
    pub(crate) fn with_row<'b>(&'b self, layer: Layer<'b>, cleanup: &'b Cleanup) -> Scope<'b> {
        Scope { parent: Some(self), layer, cleanup, depth: self.depth + 1, ..*self }
    }

    /// This scope with clean-up of its own.
    pub fn with_cleanup<'b>(&'b self, cleanup: &'b Cleanup) -> Scope<'b> {
        Scope { cleanup, ..*self }
    }

    /// This scope under another flag of cancellation (a child of the present one).
    pub fn with_cancel<'b>(&'b self, cancel: &'b Cancel) -> Scope<'b> {
        Scope { cancel, ..*self }
    }

    /// This scope for running a query: one level deeper, without a layer.
    pub(crate) fn with_query<'b>(&'b self, query: &'b str) -> Scope<'b> {
        Scope { query, depth: self.depth + 1, ..*self }
    }

    pub fn context(&self) -> &'a Context {
        self.context
    }

    pub fn host(&self) -> &'a dyn Host {
        &*self.context.host
    }

    pub fn cancel(&self) -> &'a Cancel {
        self.cancel
    }

    /// The flag that stops the whole program.
    pub fn root_cancel(&self) -> &'a Cancel {
        self.root_cancel
    }

    /// What callables keep for the length of the program, one thing of each type.
    pub fn kept<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        self.context.kept.get()
    }

    /// The host's own state, if it is of type `T`.
    pub fn world<T: 'static>(&self) -> Option<&'a T> {
        self.context.host.world().downcast_ref()
    }

    /// Registers something to do when this scope ends, or with `last` when the whole program does.
    pub fn at_end(&self, last: bool, destructor: impl FnOnce() + Send + 'static) {
        if last { self.root_cleanup } else { self.cleanup }.push(destructor);
    }

    /// How many levels deep the evaluation is.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    pub fn log(&self, level: Level, message: impl AsRef<str>) {
        self.context.host.log(level, message.as_ref());
    }

    /// Ends the source when the query was cancelled.
    pub(crate) fn live(&self) -> Flow {
        if self.cancel.is_cancelled() { Err(Stop::Done) } else { Ok(()) }
    }

    /// Charges one operation; ends the source when the query was cancelled.
    pub fn tick(&self) -> Flow {
        self.live()?;
        if self.context.throttled {
            self.context.host.throttle();
        }
        Ok(())
    }

    /// Whether a further level of nesting is allowed; says so in the log when not. A cancelled query nests no further: recursion
    /// that branches would go on for ever below any limit of depth.
    pub(crate) fn may_nest(&self) -> bool {
        if self.tick().is_err() {
            return false;
        }
        if self.depth < self.context.limits.depth {
            return true;
        }
        // Recursion that branches overflows at each of its many leaves; one line in a while tells enough.
        let line = Text::from(format!("Stack Overflow: {}", self.query.trim()));
        if self.context.log_once.is_due(&line, 60, self.host().now()) {
            self.log(Level::Default, line.to_str_lossy());
        }
        false
    }

    /// Finds a variable as it is stored: a stored expression is not evaluated.
    pub fn find(&self, name: &Name) -> Option<Value> {
        let mut scope = self;
        loop {
            let found = match scope.layer {
                Layer::Empty => None,
                Layer::Row(row) => row.get(name).cloned(),
                Layer::Value(value) => self.own_member(value, name),
                Layer::Lazy(row) => row.get(name),
                Layer::Dict(dict) => dict.get(name),
            };
            if found.is_some() {
                return found;
            }
            scope = scope.parent?;
        }
    }

    /// A member that a value has as a layer: of dicts and objects only.
    fn own_member(&self, value: &Value, name: &Name) -> Option<Value> {
        match value {
            Value::Dict(dict) => dict.get(name),
            Value::Object(_) | Value::Time(_) | Value::Path(_) => crate::value::member::member(value, name),
            _ => None,
        }
    }

    /// The value of a variable, evaluated; `None` when there is no such name. Logs nothing.
    pub fn variable(&self, name: &str) -> Option<Value> {
        self.find(&Name::new(name)).map(|v| self.settle(v))
    }

    /// A stored expression evaluated here; any other value as it is.
    pub fn settle(&self, value: Value) -> Value {
        match value {
            Value::Expr(stored) => self.eval_stored(&stored),
            v => v,
        }
    }

    /// The time zones that `TZ` and `PARSE_TZ` set.
    pub fn zones(&self) -> Zones {
        let name = |n: &str| match self.variable(n) {
            Some(Value::Text(t)) => Some(t.to_str_lossy().into_owned()),
            _ => None,
        };
        Zones::named(name("TZ").as_deref(), name("PARSE_TZ").as_deref())
    }

    /// All visible variables, as they are stored, oldest first.
    pub fn snapshot(&self) -> Dict {
        let mut chain: SmallVec<[&Scope<'_>; 16]> = SmallVec::new();
        let mut next = Some(self);
        while let Some(scope) = next {
            chain.push(scope);
            next = scope.parent;
        }
        let mut all = Row::default();
        for scope in chain.into_iter().rev() {
            for (name, value) in scope.own_variables().iter() {
                all.set(name, value.clone());
            }
        }
        all.into()
    }

    fn own_variables(&self) -> Row {
        match self.layer {
            Layer::Empty => Row::default(),
            Layer::Row(row) => row.clone(),
            Layer::Dict(dict) => dict.snapshot(),
            Layer::Lazy(row) => row.force(),
            Layer::Value(Value::Dict(dict)) => dict.snapshot(),
            Layer::Value(Value::Object(o)) => match o.to_json() {
                Value::Dict(d) => d.snapshot(),
                _ => Row::default(),
            },
            Layer::Value(_) => Row::default(),
        }
    }

    /// The names of each layer, oldest first, as messages show them: `[a, b], [c]`.
    pub(crate) fn describe(&self) -> String {
        let mut layers = Vec::new();
        let mut next = Some(self);
        while let Some(scope) = next {
            if let Some(names) = scope.own_names() {
                layers.push(format!("[{}]", names.join(", ")));
            }
            next = scope.parent;
        }
        layers.reverse();
        layers.join(", ")
    }

    fn own_names(&self) -> Option<Vec<String>> {
        let names = |s: &crate::schema::Schema| s.names().iter().map(|n| n.to_string()).collect();
        Some(match self.layer {
            Layer::Empty => return None,
            Layer::Row(row) => names(&row.schema),
            Layer::Dict(dict) => names(&dict.schema()),
            Layer::Lazy(row) => names(&row.select.aliases),
            Layer::Value(Value::Dict(dict)) => names(&dict.schema()),
            Layer::Value(Value::Object(o)) => o.members().iter().map(|n| n.to_string()).collect(),
            Layer::Value(_) => return None,
        })
    }
}

/// What the root scope of a program owns.
#[derive(Default)]
pub struct RootState {
    pub aggregates: Aggregates,
    pub cleanup: Cleanup,
    pub cancel: Cancel,
    /// The level of the scope it was made in.
    pub depth: u32,
}
