//! Queries as values: running them, and turning them into lists (reference, sections 4, 7.11 and 8).

use crate::call::{Error, Flow, Sink, Stop};
use crate::host::Level;
use crate::plan::Select;
use crate::rows::{Collector, Rows};
use crate::schema::Name;
use crate::scope::Scope;
use crate::value::{Row, Value};

/// A closure as a sink: rows that are not dicts come as they are.
struct Rowwise<F>(F);

impl<F: FnMut(Value) -> Flow + Send> Sink for Rowwise<F> {
    fn row(&mut self, row: &mut Row) -> Flow {
        // The next row needs fresh cells in any case, so these are taken rather than copied.
        let cells = std::mem::take(&mut row.cells);
        (self.0)(Value::Dict(Row { schema: row.schema.clone(), cells }.into()))
    }

    fn value(&mut self, value: Value) -> Flow {
        (self.0)(value)
    }
}

/// What an iteration hands out for one element (section 10.2).
pub enum Flattened {
    Row(Value),
    /// A scalar, to be wrapped as `_value`.
    Scalar(Value),
}

impl Scope<'_> {
    /// Runs anything that may stand for rows, calling `each` for every row. Scalars that are not rows are one row.
    pub fn each(&self, source: &Value, each: &mut (dyn FnMut(Value) -> Flow + Send)) -> Flow {
        self.push_rows(source, &mut Rowwise(each))
    }

    /// All rows of a query, or the elements of a list. Stops with a log line when they exceed the memory limit.
    pub fn rows_of(&self, source: &Value) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        let limit = self.context().limits.list_bytes;
        let flow = self.each(source, &mut |row| {
            bytes += row.weight();
            if bytes > limit {
                return Err(Stop::Failed(too_large(limit)));
            }
            rows.push(row);
            Ok(())
        });
        if let Err(Stop::Failed(e)) = flow {
            self.log(Level::Error, e.to_string());
        }
        rows
    }

    /// A query as the list of its rows; any other value as it is.
    pub fn listed(&self, value: Value) -> Value {
        if value.is_source() { Value::list(self.rows_of(&value)) } else { value }
    }

    /// Whether a query yields at least one row; it is stopped after the first.
    pub(crate) fn has_rows(&self, query: &Value) -> bool {
        let mut found = false;
        let cancel = self.cancel().child();
        let _ = self.with_cancel(&cancel).each(query, &mut |_| {
            found = true;
            Err(Stop::Done)
        });
        found
    }

    /// The list of one column of a query's rows, NULL where a row lacks it.
    pub(crate) fn column_of(&self, query: &Value, name: &Name) -> Value {
        let mut cells = Vec::new();
        let _ = self.each(query, &mut |row| {
            cells.push(crate::value::member::member(&row, name).unwrap_or_default());
            Ok(())
        });
        Value::list(cells)
    }

    /// A `{ SELECT … }` column: one column is reduced to its value, one row to that row (section 6.2).
    pub(crate) fn eval_cell_select(&self, select: &Select) -> Value {
        let mut cells = Vec::new();
        let mut bytes = 0;
        let limit = self.context().limits.list_bytes;
        let flow = self.run_select(
            select,
            &mut Rowwise(|row: Value| {
                bytes += row.weight();
                if bytes > limit {
                    return Err(Stop::Failed(too_large(limit)));
                }
                cells.push(reduce(row));
                Ok(())
            }),
        );
        if let Err(Stop::Failed(e)) = flow {
            self.log(Level::Error, e.to_string());
        }
        match cells.len() {
            0 => Value::Null,
            1 => cells.remove(0),
            _ => Value::list(cells),
        }
    }

    /// Runs a query to its end and keeps the rows, for `LET name <=`.
    pub(crate) fn materialize(&self, name: &Name, query: &Value) -> Value {
        let limit = match self.variable("VQL_MATERIALIZE_ROW_LIMIT") {
            Some(v) => crate::value::convert::to_text(&v).to_str_lossy().trim().parse().unwrap_or(1000),
            None => self.context().limits.materialize_rows,
        };
        let mut collector = Collector::new(self.host(), limit, self.context().limits.operator_bytes);
        let flow = self.each(query, &mut |row| {
            if collector.push(row).map_err(Stop::Failed)? {
                self.log(
                    Level::Warn,
                    format!(
                        "Materialize of LET {name}: Expand larger than {limit} rows, VQL will switch to tempfile \
                         backing on a temporary file which will be much slower."
                    ),
                );
            }
            Ok(())
        });
        if let Err(Stop::Failed(e)) = flow {
            self.log(Level::Error, e.to_string());
        }
        match collector.finish() {
            Ok(rows) => Value::Rows(rows.into()),
            Err(e) => {
                self.log(Level::Error, e.to_string());
                Value::Rows(Rows::in_memory(Vec::new()).into())
            }
        }
    }

    /// Iterates as `foreach` and `flatten` do (section 10.2): NULL elements are skipped.
    pub fn elements(&self, source: &Value, each: &mut (dyn FnMut(Flattened) -> Flow + Send)) -> Flow {
        let mut one = |v: Value| match v {
            Value::Null => Ok(()),
            row @ (Value::Dict(_) | Value::Object(_) | Value::Time(_)) => each(Flattened::Row(row)),
            scalar => each(Flattened::Scalar(scalar)),
        };
        match source {
            Value::Null => Ok(()),
            Value::List(items) => items.iter().try_for_each(|v| one(v.clone())),
            source if source.is_source() => self.each(source, &mut one),
            v => one(v.clone()),
        }
    }
}

fn too_large(limit: usize) -> Error {
    Error::new(format!(
        "a list of rows exceeds {} MiB and was cut; use the query after FROM to stream it",
        limit >> 20
    ))
}

/// A row of exactly one column is that column's value.
fn reduce(row: Value) -> Value {
    match &row {
        Value::Dict(dict) if dict.len() == 1 => dict.with(|r| r.cells[0].clone()),
        _ => row,
    }
}
