//! FROM: whatever stands there, as a stream of rows (reference, section 6.4).

use std::sync::Arc;

use crate::args::Args;
use crate::call::{Flow, Sink, Stop};
use crate::host::Level;
use crate::plan::{CallSymbol, From, PluginCall, StoredQuery};
use crate::scope::{Aggregates, Layer, Scope};
use crate::value::{Row, Value};

impl Scope<'_> {
    /// Pushes the rows of a FROM clause.
    pub(crate) fn push_from(&self, from: &From, sink: &mut dyn Sink) -> Flow {
        match from {
            From::Plugin(call) => self.push_plugin(call, sink),
            From::Name(call) => self.push_name(call, sink),
        }
    }

    /// Runs a plugin. A failure is logged and ends the rows, not the query.
    fn push_plugin(&self, call: &PluginCall, sink: &mut dyn Sink) -> Flow {
        let signature = &call.plugin.signature;
        let flow = self
            .check_rights(signature)
            .and_then(|()| Args::new(self, signature, &call.args))
            .map_err(Stop::Failed)
            .and_then(|args| (call.plugin.run)(&args, sink));
        match flow {
            Err(Stop::Failed(e)) => {
                self.log(Level::Default, format!("{}: {e}", signature.name));
                Ok(())
            }
            flow => flow,
        }
    }

    fn push_name(&self, call: &CallSymbol, sink: &mut dyn Sink) -> Flow {
        let Some(found) = self.find_path(&call.symbol) else {
            self.report_no_plugin(call);
            return Ok(());
        };
        let args = call.args.as_deref();
        match (&found, args) {
            (Value::Query(query), Some(args)) => {
                let bound = self.bind_query(query, args);
                let aggregates = Aggregates::default();
                self.with_aggregates(&aggregates).push_query(&bound, sink)
            }
            (Value::Expr(stored), Some(args)) => {
                let v = self.call_stored(stored, args);
                self.push_rows(&v, sink)
            }
            (Value::Expr(stored), None) => {
                let v = self.eval_stored(stored);
                self.push_rows(&v, sink)
            }
            (Value::Rows(_) | Value::List(_), Some([])) | (_, None) => self.push_rows(&found, sink),
            (_, Some(_)) => {
                let name = super::symbol::dotted(&call.symbol.path);
                self.log(Level::Error, format!("Symbol {name} is not callable as a plugin"));
                Ok(())
            }
        }
    }

    /// Section 5.1: two lines, the second with names that are alike.
    fn report_no_plugin(&self, call: &CallSymbol) {
        let name = super::symbol::dotted(&call.symbol.path);
        self.log(Level::Error, format!("Plugin {name} not found. Current Scope is {}", self.describe()));
        let registry = &self.context().registry;
        let start: String = name.chars().take(3).collect();
        let alike: Vec<&str> =
            registry.plugins().iter().map(|p| p.signature.name).filter(|n| n.starts_with(&start)).collect();
        let mut line = format!("Plugin {name} not found. ");
        if !alike.is_empty() {
            line += &format!("Did you mean {}? ", alike.join(" "));
        }
        if registry.function(&name).is_some() {
            line += &format!(
                "There is a VQL function called \"{name}\", call it in a column: SELECT {name}(…) FROM scope()"
            );
        }
        self.log(Level::Error, line.trim_end());
    }

    /// Runs a stored query in this scope, with its captured arguments if it has any.
    pub(crate) fn push_query(&self, query: &StoredQuery, sink: &mut dyn Sink) -> Flow {
        match &query.bound {
            None => self.run_select(&query.select, sink),
            Some(args) => {
                if !self.may_nest() {
                    return Ok(());
                }
                self.with(Layer::Row(args)).run_select(&query.select, sink)
            }
        }
    }

    /// The rows of a value after FROM: lists give their elements, anything else one row.
    pub fn push_rows(&self, source: &Value, sink: &mut dyn Sink) -> Flow {
        match source {
            Value::Query(query) => self.push_query(query, sink),
            Value::Rows(rows) => rows.each(|row| {
                self.tick()?;
                push_value(row, sink)
            }),
            Value::List(items) => items.iter().try_for_each(|v| {
                self.tick()?;
                push_value(v.clone(), sink)
            }),
            Value::Object(object) if object.is_source() => object.push_rows(self, sink),
            v => push_value(v.clone(), sink),
        }
    }
}

fn push_value(value: Value, sink: &mut dyn Sink) -> Flow {
    match value {
        Value::Dict(dict) => sink.row(&mut dict.snapshot()),
        v => sink.value(v),
    }
}

/// Pushes a list's elements as rows: dicts as they are, scalars as `_value` (for plugins that emit lists).
pub fn push_elements(items: &[Value], sink: &mut dyn Sink) -> Flow {
    let mut row = Row::default();
    for item in items {
        match item {
            Value::Dict(dict) => sink.row(&mut dict.snapshot())?,
            v => {
                row.schema = Arc::clone(crate::schema::Schema::value());
                row.cells.clear();
                row.cells.push(v.clone());
                sink.row(&mut row)?;
            }
        }
    }
    Ok(())
}
