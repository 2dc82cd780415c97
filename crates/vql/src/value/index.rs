//! `value[key]` and `value[from:to]` (reference, section 7.11). Queries are answered by the evaluator.

use std::sync::Arc;

use crate::schema::Name;
use crate::text::Text;
use crate::value::Value;
use crate::value::convert::{self, Number, as_text};
use crate::value::member::member;

/// The element, byte, component or member that a key picks; NULL when there is none.
pub fn index(value: &Value, key: &Value) -> Value {
    match (value, place(value, key)) {
        (Value::Text(t) | Value::Bytes(t), Some(at)) => {
            from_end(at, t.len()).map_or(Value::Null, |at| Value::Int(i64::from(t[at])))
        }
        (Value::List(items), Some(at)) => {
            wrapped(at, items.len()).map(|at| items[at].clone()).unwrap_or_default()
        }
        (Value::Rows(rows), Some(at)) => {
            wrapped(at, rows.len()).and_then(|at| rows.get(at)).unwrap_or_default()
        }
        (Value::Path(p), Some(at)) => {
            from_end(at, p.components.len()).map_or(Value::Null, |at| Value::Text(p.components[at].clone()))
        }
        // Objects are asked by text: those that are maps have keys that were numbers.
        (Value::Object(o), Some(_)) => o.member(&convert::to_text(key).to_str_lossy()).unwrap_or_default(),
        (_, Some(_)) => Value::Null,
        (_, None) => match as_text(key) {
            Some(name) => member(value, &Name::new(&name.to_str_lossy())).unwrap_or_default(),
            None => Value::Null,
        },
    }
}

/// The number a key stands for. For lists a string of digits is one too.
fn place(value: &Value, key: &Value) -> Option<i64> {
    match key {
        Value::Text(t) if matches!(value, Value::List(_) | Value::Rows(_)) => {
            let digits = t.strip_prefix(b"-").unwrap_or(t);
            let numeric = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            numeric.then(|| std::str::from_utf8(t).ok()?.parse().ok()).flatten()
        }
        k => Number::of(k).map(Number::as_int),
    }
}

fn from_end(at: i64, len: usize) -> Option<usize> {
    let at = if at < 0 { at.checked_add(len as i64)? } else { at };
    usize::try_from(at).ok().filter(|at| *at < len)
}

fn wrapped(at: i64, len: usize) -> Option<usize> {
    (len > 0).then(|| at.rem_euclid(len as i64) as usize)
}

/// The part of a value between two places. Bounds are clamped; negative ones count from the end; one that is not
/// a number makes the result NULL.
pub fn range(value: &Value, from: Option<&Value>, to: Option<&Value>) -> Value {
    let bound = |b: Option<&Value>| match b {
        None => Some(None),
        Some(v) => Number::of(v).map(|n| Some(n.as_int())),
    };
    let (Some(from), Some(to)) = (bound(from), bound(to)) else { return Value::Null };
    match value {
        Value::Text(t) | Value::Bytes(t) => Value::Text(Text::from(cut(t, from, to))),
        Value::List(items) => Value::list(cut(items, from, to).to_vec()),
        Value::Rows(rows) => {
            let (start, end) = clamp(rows.len(), from, to);
            Value::list((start..end).filter_map(|at| rows.get(at)).collect())
        }
        Value::Path(p) => Value::Path(Arc::new(p.with_components(cut(&p.components, from, to).to_vec()))),
        Value::Query(_) => Value::list(Vec::new()),
        _ => Value::Null,
    }
}

fn cut<T>(items: &[T], from: Option<i64>, to: Option<i64>) -> &[T] {
    let (start, end) = clamp(items.len(), from, to);
    &items[start..end]
}

fn clamp(len: usize, from: Option<i64>, to: Option<i64>) -> (usize, usize) {
    let place = |at: i64| {
        let at = if at < 0 { at.saturating_add(len as i64).max(0) } else { at };
        usize::try_from(at).unwrap_or(len).min(len)
    };
    let start = from.map_or(0, place);
    (start, to.map_or(len, place).max(start))
}

/// A dotted path of members and indexes, as `get(member="a.b.0")` takes it.
pub fn dotted(value: &Value, path: &[u8]) -> Option<Value> {
    let mut value = value.clone();
    for part in path.split(|c| *c == b'.') {
        let key = Value::Text(Text::from(part));
        value = match &value {
            Value::List(items) => match place(&value, &key) {
                Some(at) => wrapped(at, items.len()).map(|at| items[at].clone())?,
                None => member(&value, &Name::new(&key_text(part)))?,
            },
            v => member(v, &Name::new(&key_text(part)))?,
        };
    }
    Some(value)
}

fn key_text(part: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value::{Bool, Int, Null};

    fn shown(v: &Value) -> String {
        convert::to_text(v).to_str_lossy().into_owned()
    }

    #[test]
    fn index_table() {
        let list = Value::list(vec![Int(1), Int(2), Int(3)]);
        let dict = Value::dict([("a", Int(1)), ("0", Int(9))]);
        for (value, key, wanted) in [
            (Null, Int(0), "Null"),
            (list.clone(), Int(0), "1"),
            (list.clone(), Int(5), "3"),
            (list.clone(), Int(-1), "3"),
            (list.clone(), Int(-4), "3"),
            (list.clone(), Value::text("1"), "2"),
            (list.clone(), Value::text("x"), "[]"),
            (list.clone(), Null, "Null"),
            (list.clone(), Int(i64::MIN), "2"),
            (Value::list(vec![]), Int(0), "Null"),
            (Value::list(vec![dict.clone(), Int(1)]), Value::text("a"), "[1]"),
            (dict.clone(), Value::text("a"), "1"),
            (dict.clone(), Value::text("b"), "Null"),
            (dict.clone(), Int(0), "Null"),
            (dict, Value::text("0"), "9"),
            (Value::text("AB"), Int(0), "65"),
            (Value::text("AB"), Int(-1), "66"),
            (Value::text("AB"), Int(2), "Null"),
            (Value::text("AB"), Int(i64::MIN), "Null"),
            (Value::text("AB"), Value::text("x"), "Null"),
            (Int(5), Int(0), "Null"),
            (Value::Time(crate::time::ZERO), Value::text("Month"), "January"),
        ] {
            assert_eq!(shown(&index(&value, &key)), wanted, "{value:?}[{key:?}]");
        }
    }

    #[test]
    fn range_table() {
        let list = Value::list((1..=4).map(Int).collect());
        for (value, from, to, wanted) in [
            (list.clone(), None, None, "[1 2 3 4]"),
            (list.clone(), Some(Int(1)), Some(Int(3)), "[2 3]"),
            (list.clone(), Some(Int(-2)), None, "[3 4]"),
            (list.clone(), None, Some(Int(-1)), "[1 2 3]"),
            (list.clone(), Some(Int(3)), Some(Int(1)), "[]"),
            (list.clone(), Some(Int(0)), Some(Int(99)), "[1 2 3 4]"),
            (list.clone(), Some(Int(-99)), Some(Int(1)), "[1]"),
            (list.clone(), Some(Value::text("x")), None, "Null"),
            (list, Some(Bool(true)), None, "Null"),
            (Value::text("hello"), Some(Int(1)), Some(Int(3)), "el"),
            (Value::text("hello"), Some(Int(4)), Some(Int(2)), ""),
            (Null, None, None, "Null"),
            (Int(5), None, None, "Null"),
        ] {
            let got = range(&value, from.as_ref(), to.as_ref());
            assert_eq!(shown(&got), wanted, "{value:?}[{from:?}:{to:?}]");
        }
    }

    #[test]
    fn dotted_paths() {
        let value = Value::dict([("a", Value::dict([("b", Value::list(vec![Int(7), Int(8)]))]))]);
        assert_eq!(dotted(&value, b"a.b.1").map(|v| shown(&v)).as_deref(), Some("8"));
        assert!(dotted(&value, b"a.c").is_none());
        assert!(dotted(&value, b"").is_none());
    }
}
