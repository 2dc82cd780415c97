//! `+` (reference, section 7.3).

use std::sync::Arc;

use crate::call::Error;
use crate::path::OsPath;
use crate::text::Text;
use crate::value::convert::{MAX_TEXT, Number, as_text};
use crate::value::{Row, Value};

/// The sum; an error is logged by the caller and gives NULL. Queries have been run before.
pub fn add(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(a), Some(b)) = (as_text(left), as_text(right)) {
        return join(a, b);
    }
    Ok(match (left, right) {
        (Value::Null, _) => Value::Null,
        (Value::Dict(a), Value::Dict(b)) => Value::from(merge(a.snapshot(), &b.snapshot())),
        (Value::Path(a), Value::Path(b)) => path(a.append_components(&b.components)),
        (Value::Path(a), Value::Text(b)) => path(a.append_components(&split(b))),
        (Value::Path(a), Value::List(b)) => {
            path(a.append_components(&b.iter().filter_map(|v| as_text(v).cloned()).collect::<Vec<_>>()))
        }
        (Value::List(_) | Value::Rows(_), _) | (_, Value::List(_) | Value::Rows(_)) => concat(left, right)?,
        _ => numbers(left, right).unwrap_or_default(),
    })
}

fn join(a: &Text, b: &Text) -> Result<Value, Error> {
    if a.len() + b.len() > MAX_TEXT {
        return Err("string is too long".into());
    }
    Ok(Value::Text([&**a, &**b].concat().into()))
}

/// Right values win, left order is kept, new keys go to the end.
fn merge(mut left: Row, right: &Row) -> Row {
    for (name, value) in right.iter() {
        left.replace(name, value.clone());
    }
    left
}

fn path(p: OsPath) -> Value {
    Value::Path(Arc::new(p))
}

fn split(text: &Text) -> Vec<Text> {
    text.split(|c| *c == b'/').filter(|part| !part.is_empty()).map(Text::from).collect()
}

/// The most elements of a list made by `+`: the reference has no limit, but a few doublings would fill any memory.
const MAX_ELEMENTS: usize = 10_000_000;

fn concat(left: &Value, right: &Value) -> Result<Value, Error> {
    let count = |v: &Value| match v {
        Value::List(items) => items.len(),
        Value::Rows(rows) => rows.len(),
        _ => 1,
    };
    if count(left) + count(right) > MAX_ELEMENTS {
        return Err("list is too long".into());
    }
    let mut all = Vec::new();
    push_elements(left, &mut all);
    push_elements(right, &mut all);
    Ok(Value::list(all))
}

fn push_elements(value: &Value, all: &mut Vec<Value>) {
    match value {
        Value::List(items) => all.extend_from_slice(items),
        Value::Rows(rows) => {
            let _ = rows.each(|row| {
                all.push(row);
                Ok(())
            });
        }
        v => all.push(v.clone()),
    }
}

/// A bool counts as a number only beside a float on the left.
fn numbers(left: &Value, right: &Value) -> Option<Value> {
    match (Number::of(left)?, right) {
        (Number::Float(a), b) => Some(Value::Float(a + Number::or_bool(b)?.as_float())),
        (Number::Int(a), b) => Some(match Number::of(b)? {
            Number::Int(b) => Value::Int(a.wrapping_add(b)),
            Number::Float(b) => Value::Float(a as f64 + b),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[i64]) -> Value {
        Value::list(items.iter().map(|i| Value::Int(*i)).collect())
    }

    #[test]
    fn truth_table() {
        use Value::{Bool, Float, Int, Null};
        let text = |s: &str| Value::text(s);
        for (left, right, wanted) in [
            (text("a"), text("b"), "ab"),
            (Null, Int(1), "Null"),
            (Int(1), Null, "Null"),
            (Int(1), Int(2), "3"),
            (Int(i64::MAX), Int(1), "-9223372036854775808"),
            (Int(1), Float(0.5), "1.5"),
            (Float(0.5), Int(1), "1.5"),
            (Float(0.5), Bool(true), "1.5"),
            (Int(1), Bool(true), "Null"),
            (Bool(true), Int(1), "Null"),
            (text("a"), Int(1), "Null"),
            (list(&[1]), list(&[2, 3]), "[1 2 3]"),
            (list(&[1]), Int(2), "[1 2]"),
            (Int(0), list(&[1]), "[0 1]"),
            (list(&[1]), Null, "[1 Null]"),
            (Null, list(&[1]), "Null"),
            (list(&[]), list(&[]), "[]"),
            (
                Value::dict([("a", Int(1)), ("b", Int(2))]),
                Value::dict([("c", Int(4)), ("a", Int(3))]),
                r#"{"a":3,"b":2,"c":4}"#,
            ),
            (Value::dict([("a", Int(1))]), Int(1), "Null"),
        ] {
            let got = add(&left, &right).unwrap();
            let shown = crate::value::convert::to_text(&got);
            assert_eq!(shown.to_str_lossy(), wanted, "{left:?} + {right:?}");
        }
    }

    #[test]
    fn paths_grow() {
        let base = Value::Path(Arc::new(OsPath::parse(crate::path::PathKind::Generic, b"/a")));
        let got = add(&base, &Value::text("b/c")).unwrap();
        assert_eq!(crate::value::convert::to_text(&got).to_str_lossy(), "/a/b/c");
    }

    #[test]
    fn long_strings_are_refused() {
        let long = Value::Text(vec![b'a'; MAX_TEXT / 2 + 1].into());
        assert!(add(&long, &long).is_err());
    }
}
