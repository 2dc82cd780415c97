//! Symbols and calls (reference, section 5).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::args::Args;
use crate::call::{Error, FunctionBody, OnError, Signature};
use crate::host::Level;
use crate::plan::{CallSymbol, FunctionCall, Param, StoredExpr, StoredQuery, Symbol};
use crate::schema::{Name, Schema};
use crate::scope::{Aggregates, Layer, Scope};
use crate::value::{self, Row, Value};

impl Scope<'_> {
    /// A symbol that is not called.
    pub(crate) fn eval_symbol(&self, symbol: &Symbol) -> Value {
        let known = symbol.alias.and_then(|i| self.alias(i as usize, &symbol.path[0]));
        let Some(found) = known.or_else(|| self.find(&symbol.path[0])) else {
            self.report_unknown(symbol);
            return Value::Null;
        };
        let mut v = self.settle(found);
        for name in &symbol.path[1..] {
            v = self.member(&v, name);
        }
        v
    }

    /// A column of the row being filtered or grouped, by its place. The name is compared, as an expression may have
    /// been carried elsewhere (`lazy_dict()`).
    fn alias(&self, i: usize, name: &Name) -> Option<Value> {
        match self.layer {
            Layer::Lazy(row) if row.select.aliases.names().get(i) == Some(name) => Some(row.cell(i)),
            _ => None,
        }
    }

    /// A member of any value; of a query, the list of that column.
    pub(crate) fn member(&self, base: &Value, name: &Name) -> Value {
        match base {
            Value::Query(_) | Value::Rows(_) => self.column_of(base, name),
            v => match value::member::member(v, name) {
                Some(v) => self.settle(v),
                None => Value::Null,
            },
        }
    }

    /// Section 5, point 3 and the first row of the table. One line for each place in the program.
    fn report_unknown(&self, symbol: &Symbol) {
        if symbol.quiet || symbol.reported.swap(true, Ordering::Relaxed) {
            return;
        }
        let first = &symbol.path[0];
        if self.context().registry.function(first.as_str()).is_some() && symbol.path.len() == 1 {
            let line = format!("Symbol {first} is a function but it is not being called.");
            return self.log(Level::Error, line);
        }
        let place = match symbol.path.len() {
            1 => String::new(),
            _ => format!("While resolving {} ", dotted(&symbol.path)),
        };
        let line = format!("{place}Symbol {first} not found. Current Scope is {}", self.describe());
        self.log(Level::Error, line);
    }

    /// A call of something that is no built-in function.
    pub(crate) fn eval_call_symbol(&self, call: &CallSymbol) -> Value {
        let args = call.args.as_deref().unwrap_or_default();
        let Some(found) = self.find_path(&call.symbol) else {
            self.report_unknown(&call.symbol);
            return Value::Null;
        };
        match found {
            Value::Expr(stored) => self.call_stored(&stored, args),
            Value::Query(query) if !args.is_empty() => Value::Query(Arc::new(self.bind_query(&query, args))),
            Value::Null => Value::Null,
            _ => {
                let name = dotted(&call.symbol.path);
                self.log(Level::Error, format!("Symbol {name} is not a function but it is being called."));
                Value::Null
            }
        }
    }

    /// What a path stands for, as stored; `None` if its first name is unknown.
    pub(crate) fn find_path(&self, symbol: &Symbol) -> Option<Value> {
        let mut v = self.find(&symbol.path[0])?;
        for name in &symbol.path[1..] {
            let base = self.settle(v);
            v = match &base {
                Value::Query(_) | Value::Rows(_) => self.column_of(&base, name),
                base => value::member::member(base, name).unwrap_or_default(),
            };
        }
        Some(v)
    }

    /// `x` where `LET x = expr`: evaluated in the present scope.
    pub(crate) fn eval_stored(&self, stored: &Arc<StoredExpr>) -> Value {
        if !self.may_nest() {
            return Value::Null;
        }
        super::with_stack(|| self.with(Layer::Empty).eval(&stored.body))
    }

    /// `f(a=1)` where `LET f(a) = expr`: a sub-scope with the arguments and fresh aggregates.
    pub(crate) fn call_stored(&self, stored: &Arc<StoredExpr>, args: &[(Name, crate::plan::Expr)]) -> Value {
        if !self.may_nest() {
            return Value::Null;
        }
        let row = self.bind(&stored.name, &stored.params, &stored.schema, args, false);
        let aggregates = Aggregates::default();
        let scope = self.with_aggregates(&aggregates);
        super::with_stack(|| scope.with(Layer::Row(&row)).eval(&stored.body))
    }

    /// Evaluates arguments for a LET with parameters. `strict` reports unknown and missing ones.
    fn bind(
        &self,
        name: &Name,
        params: &[Param],
        schema: &Arc<Schema>,
        args: &[(Name, crate::plan::Expr)],
        strict: bool,
    ) -> Row {
        if let Some((_, splat)) = args.iter().find(|(name, _)| name.as_str() == "**") {
            return self.bind_values(name, params, &self.eval(splat), strict);
        }
        if strict {
            self.report_arguments(name, params, &args.iter().map(|(n, _)| n).collect::<Vec<_>>());
        }
        // The usual call names every parameter, in order: the row can share the schema of the LET.
        if args.len() == params.len() && args.iter().zip(schema.names()).all(|(a, n)| a.0 == *n) {
            let cells = args.iter().map(|(_, e)| self.eval(e)).collect();
            return Row { schema: schema.clone(), cells };
        }
        let mut row = Row::default();
        for (name, value) in args {
            row.set(name, self.eval(value));
        }
        self.add_defaults(params, &mut row);
        row
    }

    /// Arguments from a `**` dict (section 10.7).
    fn bind_values(&self, name: &Name, params: &[Param], values: &Value, strict: bool) -> Row {
        let mut row = match values {
            Value::Dict(dict) => dict.snapshot(),
            v => {
                self.log(Level::Error, format!("{name}: ** should be a dict not {}.", v.type_name()));
                Row::default()
            }
        };
        if strict {
            self.report_arguments(name, params, &row.schema.names().iter().collect::<Vec<_>>());
        }
        for cell in &mut row.cells {
            *cell = self.settle(std::mem::take(cell));
        }
        self.add_defaults(params, &mut row);
        row
    }

    fn add_defaults(&self, params: &[Param], row: &mut Row) {
        for param in params {
            if let (None, Some(default)) = (row.get(&param.name), &param.default) {
                row.set(&param.name, self.eval(default));
            }
        }
    }

    fn report_arguments(&self, name: &Name, params: &[Param], args: &[&Name]) {
        for arg in args {
            if !params.iter().any(|p| p.name == **arg) {
                self.log(Level::Error, format!("Extra unrecognized arg {arg} when calling {name}"));
            }
        }
        for param in params {
            if param.default.is_none() && !args.iter().any(|a| **a == param.name) {
                self.log(Level::Error, format!("Missing arg {} when calling {name}", param.name));
            }
        }
    }

    /// `q(a=1)`: the query with its arguments captured. Queries among them become lists of rows (section 8.4).
    pub(crate) fn bind_query(&self, query: &StoredQuery, args: &[(Name, crate::plan::Expr)]) -> StoredQuery {
        let unnamed = || Name::new("query");
        let name = query.name.clone().unwrap_or_else(unnamed);
        let mut row = self.bind(&name, &query.params, &query.schema, args, true);
        for cell in &mut row.cells {
            if matches!(cell, Value::Query(_)) {
                *cell = self.listed(std::mem::take(cell));
            }
        }
        query.bind(row)
    }

    /// A call of a built-in function.
    pub(crate) fn eval_call(&self, call: &FunctionCall) -> Value {
        let function = call.function;
        let result = self.check_rights(&function.signature).and_then(|()| {
            let args = Args::new(self, &function.signature, &call.args)?;
            super::with_stack(|| match function.run {
                FunctionBody::Plain(run) => run(&args),
                FunctionBody::Aggregate(update) => {
                    let inputs: Vec<Value> =
                        (0..function.signature.args.len()).map(|i| args.value(i)).collect();
                    self.aggregate(call.site, |state| update(self, state, &inputs))
                }
            })
        });
        match result {
            Ok(v) => v,
            Err(Error(message)) => {
                self.log(Level::Default, format!("{}: {message}", function.signature.name));
                match function.on_error {
                    OnError::Null => Value::Null,
                    OnError::False => Value::Bool(false),
                }
            }
        }
    }

    fn aggregate<T>(&self, site: u64, update: impl FnOnce(&mut Value) -> T) -> T {
        let mut states = self.aggregates.0.lock();
        let at = states.iter().position(|(s, _)| *s == site).unwrap_or_else(|| {
            states.push((site, Value::Null));
            states.len() - 1
        });
        update(&mut states[at].1)
    }

    /// Whether the caller holds what a callable needs.
    pub(crate) fn check_rights(&self, signature: &Signature) -> Result<(), Error> {
        signature.check(self.context().permissions)
    }
}

pub(crate) fn dotted(path: &[Name]) -> String {
    path.iter().map(Name::as_str).collect::<Vec<_>>().join(".")
}
