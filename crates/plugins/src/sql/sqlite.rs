//! The rows of a query of an SQLite file.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Statement, ToSql};
use vql::args::Args;
use vql::call::{Error, Flow, Sink};
use vql::schema::Schema;
use vql::scope::Scope;
use vql::value::{Row, Time, Value, convert};

use super::database::{Database, failed};
use super::schema_of;
use crate::accessor::Target;

/// Runs a query and pushes its rows; a file that is no database gives none.
pub fn query(args: &Args<'_>, target: &Target, sql: &str, values: &Value, sink: &mut dyn Sink) -> Flow {
    let scope = args.scope;
    let Some(database) = Database::open(scope, target)? else { return Ok(()) };
    let mut statement = database.connection.prepare(sql).map_err(failed)?;
    bind(scope, &mut statement, values)?;
    let columns = Columns::of(&statement);
    let mut rows = statement.raw_query();
    loop {
        scope.tick()?;
        match rows.next() {
            Ok(Some(row)) => {
                let cells = (0..columns.kinds.len())
                    .map(|i| row.get_ref(i).map(|v| columns.kinds[i].value(v)))
                    .collect::<Result<_, _>>();
                sink.row(&mut Row { schema: columns.schema.clone(), cells: cells.map_err(failed)? })?;
            }
            Ok(None) => return Ok(()),
            // Interrupted.
            Err(_) if scope.cancel().is_cancelled() => return scope.tick(),
            Err(e) => return Err(failed(e).into()),
        }
    }
}

/// The parameters: a list in order, a dict by name, or a single one.
fn bind(scope: &Scope<'_>, statement: &mut Statement<'_>, values: &Value) -> Result<(), Error> {
    match scope.listed(values.clone()) {
        Value::Null => Ok(()),
        Value::Dict(dict) => {
            for (name, value) in dict.snapshot().iter() {
                for mark in [':', '$', '@'] {
                    if let Ok(Some(index)) = statement.parameter_index(&format!("{mark}{name}")) {
                        statement.raw_bind_parameter(index, Parameter(value)).map_err(failed)?;
                    }
                }
            }
            Ok(())
        }
        Value::List(items) => bind_in_order(statement, &items),
        one => bind_in_order(statement, &[one]),
    }
}

fn bind_in_order(statement: &mut Statement<'_>, values: &[Value]) -> Result<(), Error> {
    let count = statement.parameter_count();
    if values.len() != count {
        return Err(Error::new(format!("the query has {count} parameters, but args {}", values.len())));
    }
    for (i, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(i + 1, Parameter(value)).map_err(failed)?;
    }
    Ok(())
}

struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Bool(b) => ToSqlOutput::from(i64::from(*b)),
            Value::Int(i) => ToSqlOutput::from(*i),
            Value::UInt(u) => ToSqlOutput::from(*u as i64),
            Value::Float(f) => ToSqlOutput::from(*f),
            Value::Bytes(b) => ToSqlOutput::Borrowed(ValueRef::Blob(b)),
            Value::Text(t) => ToSqlOutput::Borrowed(ValueRef::Text(t)),
            other => ToSqlOutput::from(convert::to_text(other).to_str_lossy().into_owned()),
        })
    }
}

/// What the declared type of a column makes of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Bool,
    Time,
}

struct Columns {
    schema: Arc<Schema>,
    kinds: Vec<Kind>,
}

impl Columns {
    fn of(statement: &Statement<'_>) -> Columns {
        let columns = statement.columns();
        let kinds = columns.map(|c| Kind::of(c.decl_type().unwrap_or_default())).collect();
        Columns { schema: schema_of(statement.column_names()), kinds }
    }
}

impl Kind {
    fn of(declared: &str) -> Kind {
        match declared.to_ascii_lowercase().as_str() {
            "boolean" | "bool" => Kind::Bool,
            "date" | "datetime" | "timestamp" => Kind::Time,
            _ => Kind::Plain,
        }
    }

    fn value(self, value: ValueRef<'_>) -> Value {
        match (value, self) {
            (ValueRef::Null, _) => Value::Null,
            (ValueRef::Integer(i), Kind::Bool) => Value::Bool(i > 0),
            (ValueRef::Integer(i), Kind::Time) => epoch(i).map_or(Value::Int(i), Value::Time),
            (ValueRef::Integer(i), Kind::Plain) => Value::Int(i),
            (ValueRef::Real(f), _) => Value::Float(f),
            (ValueRef::Text(t) | ValueRef::Blob(t), Kind::Time) => {
                time(t).map_or_else(|| Value::text(t), Value::Time)
            }
            (ValueRef::Text(t) | ValueRef::Blob(t), _) => Value::text(t),
        }
    }
}

/// Seconds, or milliseconds when the number is that large.
fn epoch(number: i64) -> Option<Time> {
    if number.unsigned_abs() > 1_000_000_000_000 {
        Time::from_millisecond(number).ok()
    } else {
        Time::from_second(number).ok()
    }
}

/// A date, with or without a time and an offset; UTC without one.
fn time(text: &[u8]) -> Option<Time> {
    let text = str::from_utf8(text).ok()?.trim();
    let utc = |date: jiff::civil::DateTime| {
        date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    text.parse::<Time>().ok().or_else(|| utc(text.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_times_are_read() {
        let at = |s| Some(Time::from_second(s).unwrap());
        for (text, wanted) in [
            ("2024-05-01 10:00:00", at(1_714_557_600)),
            ("2024-05-01T10:00:00Z", at(1_714_557_600)),
            ("2024-05-01 12:00:00+02:00", at(1_714_557_600)),
            ("2024-05-01", at(1_714_521_600)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(time(text.as_bytes()), wanted, "{text}");
        }
        assert_eq!(epoch(1_714_557_600), at(1_714_557_600));
        assert_eq!(epoch(1_714_557_600_000), at(1_714_557_600));
    }
}
