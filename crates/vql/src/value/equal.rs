//! `=` (reference, section 7.7).

use std::cmp::Ordering;
use std::sync::Arc;

use crate::dict::Dict;
use crate::value::convert::{MAX_DEPTH, Number, as_text};
use crate::value::{Time, Value};

/// Whether two values are equal. Not symmetric in a few cases, which the table in the reference lists.
pub fn equal(left: &Value, right: &Value) -> bool {
    Comparison { budget: 10_000_000 }.equal(left, right, 0)
}

/// One comparison; the budget bounds the work on values that contain each other many times over.
struct Comparison {
    budget: u32,
}

impl Comparison {
    fn equal(&mut self, left: &Value, right: &Value, depth: usize) -> bool {
        match (left, right) {
            (Value::Null, b) => b.is_null(),
            (_, Value::Null) => false,
            (Value::Text(a) | Value::Bytes(a), b) => as_text(b).is_some_and(|b| a.same(b) || a == b),
            (Value::Bool(a), b) => bool_equals(*a, b),
            (Value::Int(_) | Value::UInt(_) | Value::Float(_), b) => {
                let numbers = Number::of(left).zip(Number::or_bool(b));
                numbers.is_some_and(|(a, b)| a.compare(b) == Ordering::Equal && !a.as_float().is_nan())
            }
            (Value::Time(a), b) => time_equals(*a, b),
            (Value::List(a), Value::List(b)) => {
                Arc::ptr_eq(a, b)
                    || a.len() == b.len()
                        && self.may_descend(depth)
                        && a.iter().zip(b.iter()).all(|(a, b)| self.equal(a, b, depth + 1))
            }
            (Value::Dict(a), Value::Dict(b)) => self.dicts(a, b, depth),
            (Value::Path(a), Value::Path(b)) => {
                Arc::ptr_eq(a, b) || a.components == b.components && a.text() == b.text()
            }
            (Value::Object(a), b) => a.compare(b) == Some(Ordering::Equal) || same_object(left, b),
            _ => false,
        }
    }

    fn may_descend(&mut self, depth: usize) -> bool {
        self.budget = self.budget.saturating_sub(1);
        depth < MAX_DEPTH && self.budget > 0
    }

    fn dicts(&mut self, a: &Dict, b: &Dict, depth: usize) -> bool {
        if a.same(b) {
            return true;
        }
        if a.len() != b.len() || !self.may_descend(depth) {
            return false;
        }
        let (a, b) = (a.snapshot(), b.snapshot());
        a.iter().all(|(name, value)| b.get(name).is_some_and(|other| self.equal(value, other, depth + 1)))
    }
}

fn bool_equals(a: bool, b: &Value) -> bool {
    match b {
        Value::Bool(b) => a == *b,
        Value::Text(t) => a == matches!(&**t, b"Y" | b"y" | b"TRUE" | b"True"),
        b => Number::of(b).is_some_and(|n| n.as_int() == i64::from(a)),
    }
}

fn time_equals(a: Time, b: &Value) -> bool {
    match b {
        Value::Time(b) => a == *b,
        Value::Int(_) | Value::UInt(_) => Number::of(b).is_some_and(|n| n.as_int() == crate::time::unix(a)),
        Value::Float(f) => crate::time::from_seconds(*f) == Some(a),
        _ => false,
    }
}

fn same_object(a: &Value, b: &Value) -> bool {
    matches!((a, b), (Value::Object(a), Value::Object(b)) if Arc::ptr_eq(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value::{Bool, Float, Int, Null};

    #[test]
    fn truth_table() {
        let text = |s: &str| Value::text(s);
        let time = |s: i64| Value::Time(Time::from_second(s).unwrap());
        let list = |items: &[Value]| Value::list(items.to_vec());
        let dict = |pairs: &[(&'static str, i64)]| Value::dict(pairs.iter().map(|(k, v)| (*k, Int(*v))));
        for (left, right, wanted) in [
            (Null, Null, true),
            (Int(0), Null, false),
            (Null, Int(0), false),
            (text("a"), text("a"), true),
            (text("a"), text("A"), false),
            (Int(1), Int(1), true),
            (Int(1), Float(1.0), true),
            (Int(1), Bool(true), true),
            (Int(2), Bool(true), false),
            (Float(1.0), Bool(true), true),
            (Float(1.5), Bool(true), false),
            (Float(f64::NAN), Float(f64::NAN), false),
            (Bool(true), Float(1.5), true),
            (Bool(false), Bool(false), true),
            (Bool(true), text("Y"), true),
            (Bool(true), text("true"), false),
            (Bool(false), text("anything else"), true),
            (text("Y"), Bool(true), false),
            (Int(1), text("1"), false),
            (text("1"), Int(1), false),
            (time(10), time(10), true),
            (time(10), Int(10), true),
            (time(10), Float(10.0), true),
            (Int(10), time(10), false),
            (list(&[Int(1), text("a")]), list(&[Float(1.0), text("a")]), true),
            (list(&[Int(1)]), list(&[Int(1), Int(1)]), false),
            (dict(&[("a", 1), ("b", 2)]), dict(&[("b", 2), ("a", 1)]), true),
            (dict(&[("a", 1)]), dict(&[("a", 2)]), false),
            (dict(&[("a", 1)]), dict(&[("b", 1)]), false),
        ] {
            assert_eq!(equal(&left, &right), wanted, "{left:?} = {right:?}");
        }
    }

    #[test]
    fn dicts_that_contain_themselves_do_not_hang() {
        let cycle = || {
            let d = Dict::new();
            d.set("a", Value::Dict(d.clone()));
            d.set("b", Value::Dict(d.clone()));
            Value::Dict(d)
        };
        let one = cycle();
        assert!(equal(&one, &one));
        assert!(!equal(&one, &cycle()));
    }
}
