//! Truth (reference, section 7.1).

use crate::value::Value;

/// Whether a value counts as true; `None` for a query, which must be run to know.
pub fn truth(value: &Value) -> Option<bool> {
    Some(match value {
        Value::Query(_) => return None,
        Value::Null | Value::Expr(_) => false,
        Value::Bool(b) => *b,
        Value::Int(i) => *i > 0,
        Value::UInt(u) => *u > 0,
        Value::Float(f) => *f > 0.0,
        Value::Text(t) | Value::Bytes(t) => !t.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Dict(d) => !d.is_empty(),
        Value::Rows(rows) => !rows.is_empty(),
        Value::Time(t) => t.as_nanosecond() > 0,
        Value::Path(p) => !p.components.is_empty() || p.delegate.is_some(),
        Value::Object(o) => o.truth(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_table() {
        for (value, wanted) in [
            (Value::Null, false),
            (Value::Bool(true), true),
            (Value::Bool(false), false),
            (Value::Int(1), true),
            (Value::Int(0), false),
            (Value::Int(-1), false),
            (Value::UInt(u64::MAX), true),
            (Value::Float(0.1), true),
            (Value::Float(-0.1), false),
            (Value::Float(f64::NAN), false),
            (Value::text(""), false),
            (Value::text("N"), true),
            (Value::list(vec![]), false),
            (Value::list(vec![Value::Null]), true),
            (Value::dict([]), false),
            (Value::dict([("a", Value::Null)]), true),
            (Value::Time(crate::time::ZERO), false),
            (Value::Time(crate::value::Time::from_second(1).unwrap()), true),
        ] {
            assert_eq!(truth(&value), Some(wanted), "{value:?}");
        }
    }
}
