//! `<` and `>` (reference, section 7.6), and the total order of ORDER BY.
//!
//! Pairs that the reference marks as oddities are false here, except "a string is less than a number", which puts
//! strings first when a column holds both.

use std::cmp::Ordering;

use crate::time::{self, Zones};
use crate::value::convert::{MAX_DEPTH, Number, as_text};
use crate::value::{Time, Value};

/// Whether `left < right`. `zones` is asked only when text must be read as a time.
pub fn less(left: &Value, right: &Value, zones: &dyn Fn() -> Zones) -> bool {
    less_nested(left, right, zones, 0)
}

fn less_nested(left: &Value, right: &Value, zones: &dyn Fn() -> Zones, depth: usize) -> bool {
    if let Some(order) = ordered(left, right, zones) {
        return order == Ordering::Less;
    }
    match (left, right) {
        (Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_), b) => {
            is_less(Number::or_bool(left), Number::or_bool(b))
        }
        (Value::Text(_) | Value::Bytes(_), Value::Int(_) | Value::UInt(_) | Value::Float(_)) => true,
        (Value::List(a), Value::List(b)) => match (a.first(), b.first()) {
            (None, b) => b.is_some(),
            (_, None) => false,
            (Some(a), Some(b)) => depth < MAX_DEPTH && less_nested(a, b, zones, depth + 1),
        },
        (Value::Dict(a), Value::Dict(b)) => a.len() < b.len(),
        (Value::Text(_) | Value::Bytes(_) | Value::List(_), Value::Dict(_)) => true,
        (Value::Path(a), Value::Path(b)) => a.text() < b.text(),
        _ => false,
    }
}

/// Whether `left > right`. Not the mirror image of `<` for lists, dicts, paths and bools.
pub fn greater(left: &Value, right: &Value, zones: &dyn Fn() -> Zones) -> bool {
    if let Some(order) = ordered(left, right, zones) {
        return order == Ordering::Greater;
    }
    match (left, right) {
        (Value::Float(_), _) => is_less(Number::or_bool(right), Number::of(left)),
        (Value::Int(_) | Value::UInt(_), _) => is_less(Number::of(right), Number::of(left)),
        (Value::Bool(a), Value::Bool(b)) => a > b,
        _ => false,
    }
}

fn is_less(a: Option<Number>, b: Option<Number>) -> bool {
    matches!((a, b), (Some(a), Some(b))
        if !a.as_float().is_nan() && !b.as_float().is_nan() && a.compare(b) == Ordering::Less)
}

/// The order of pairs for which `<` and `>` agree.
fn ordered(left: &Value, right: &Value, zones: &dyn Fn() -> Zones) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(a) | Value::Bytes(a), Value::Text(b) | Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Text(b)) => Some(a.cmp(&read_time(b, zones)?)),
        (Value::Text(a), Value::Time(b)) => Some(read_time(a, zones)?.cmp(b)),
        (Value::Time(a), b) => Some(compare_time(*a, Number::of(b)?)),
        (a, Value::Time(b)) => Some(compare_time(*b, Number::of(a)?).reverse()),
        (Value::Object(a), b) => a.compare(b),
        (a, Value::Object(b)) => b.compare(a).map(Ordering::reverse),
        _ => None,
    }
}

fn read_time(text: &[u8], zones: &dyn Fn() -> Zones) -> Option<Time> {
    time::parse_text(std::str::from_utf8(text).ok()?, &zones())
}

/// A time against epoch seconds.
fn compare_time(a: Time, b: Number) -> Ordering {
    match b {
        Number::Int(seconds) => a.as_nanosecond().cmp(&(i128::from(seconds) * 1_000_000_000)),
        Number::Float(seconds) => compare_seconds(a.as_nanosecond(), seconds),
    }
}

/// Nanoseconds against seconds, exactly.
fn compare_seconds(nanos: i128, seconds: f64) -> Ordering {
    if seconds.is_nan() || seconds.abs() > 1e15 {
        return if seconds < 0.0 { Ordering::Greater } else { Ordering::Less };
    }
    let whole = seconds.floor();
    let fraction = seconds - whole;
    let second = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    // The fraction times 2^60 is an integer unless it is so small that it vanishes beside a nanosecond.
    let scaled = (fraction * (1u64 << 60) as f64) as i128 * 1_000_000_000;
    let below = nanos.rem_euclid(1_000_000_000) << 60;
    second.cmp(&(whole as i64)).then(below.cmp(&scaled))
}

/// The order of ORDER BY: total, and agreeing with `<` wherever that says anything. NULL sorts as the empty
/// string; then text, numbers and times, lists, dicts, objects.
pub fn sort_order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => return a.cmp(b),
        (Value::Int(a), Value::Int(b)) => return a.cmp(b),
        _ => {}
    }
    let (mut left, mut right) = (left, right);
    // Lists compare by their first elements; a loop, because lists may be nested deeply.
    while let (Value::List(a), Value::List(b)) = (left, right) {
        match (a.first(), b.first()) {
            (Some(a), Some(b)) => (left, right) = (a, b),
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
    rank(left).cmp(&rank(right)).then_with(|| within_rank(left, right))
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null | Value::Text(_) | Value::Bytes(_) | Value::Path(_) => 0,
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Time(_) => 1,
        Value::List(_) | Value::Rows(_) => 2,
        Value::Dict(_) => 3,
        Value::Object(_) => 4,
        Value::Query(_) | Value::Expr(_) => 5,
    }
}

fn within_rank(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Dict(a), Value::Dict(b)) => a.len().cmp(&b.len()),
        (Value::Object(a), Value::Object(b)) => {
            a.type_name().cmp(b.type_name()).then_with(|| a.compare(right).unwrap_or(Ordering::Equal))
        }
        (Value::Time(a), Value::Time(b)) => a.cmp(b),
        (Value::Time(a), b) => Number::or_bool(b).map_or(Ordering::Equal, |b| compare_time(*a, b)),
        (a, Value::Time(b)) => Number::or_bool(a).map_or(Ordering::Equal, |a| compare_time(*b, a).reverse()),
        _ => match (Number::or_bool(left), Number::or_bool(right)) {
            (Some(a), Some(b)) => a.compare(b),
            _ => as_sort_text(left).cmp(&as_sort_text(right)),
        },
    }
}

fn as_sort_text(value: &Value) -> crate::text::Text {
    match value {
        Value::Path(p) => p.text(),
        v => as_text(v).cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value::{Bool, Float, Int, Null};

    fn text(s: &str) -> Value {
        Value::text(s)
    }

    fn time(seconds: i64) -> Value {
        Value::Time(Time::from_second(seconds).unwrap())
    }

    fn list(items: &[Value]) -> Value {
        Value::list(items.to_vec())
    }

    #[test]
    fn truth_table() {
        let dict = |n: i64| Value::dict(["a", "b", "c"].into_iter().take(n as usize).map(|k| (k, Int(1))));
        for (left, right, is_less, is_greater) in [
            (Null, Int(1), false, false),
            (Int(1), Null, false, false),
            (Null, Null, false, false),
            (text("a"), text("b"), true, false),
            (text("b"), text("a"), false, true),
            (text("a"), text("a"), false, false),
            (Int(1), Int(2), true, false),
            (Int(2), Int(1), false, true),
            (Int(1), Float(1.5), true, false),
            (Int(0), Bool(true), true, false),
            (Int(2), Bool(true), false, false),
            (Float(1.5), Int(1), false, true),
            (Float(1.5), Bool(true), false, true),
            (Float(f64::NAN), Int(1), false, false),
            (Bool(false), Int(1), true, false),
            (Bool(true), Int(0), false, false),
            (Bool(false), Bool(true), true, false),
            (time(5), time(6), true, false),
            (time(5), Int(4), false, true),
            (time(5), Float(5.5), true, false),
            (Int(4), time(5), true, false),
            (Float(5.5), time(5), false, true),
            (time(0), text("1970-01-01T00:00:01Z"), true, false),
            (text("1970-01-01T00:00:01Z"), time(0), false, true),
            (text("no date"), time(0), false, false),
            (list(&[Int(1)]), list(&[Int(2)]), true, false),
            (list(&[Int(2)]), list(&[Int(1)]), false, false),
            (list(&[]), list(&[Int(1)]), true, false),
            (list(&[Int(1)]), list(&[]), false, false),
            (dict(1), dict(2), true, false),
            (dict(2), dict(1), false, false),
            (text("a"), dict(1), true, false),
            (Int(1), dict(1), false, false),
            (Int(1), text("a"), false, false),
            (text("a"), Int(1), true, false),
        ] {
            let zones = || Zones::default();
            assert_eq!(less(&left, &right, &zones), is_less, "{left:?} < {right:?}");
            assert_eq!(greater(&left, &right, &zones), is_greater, "{left:?} > {right:?}");
        }
    }

    #[test]
    fn sorting_is_total_and_agrees_with_less() {
        let values = [
            Null,
            text(""),
            text("a"),
            text("b"),
            Bool(false),
            Int(0),
            Float(0.5),
            Bool(true),
            Int(1),
            time(1),
            Float(1.5),
            Int(7),
            time(8),
            Float(f64::NAN),
            list(&[]),
            list(&[Int(1)]),
            list(&[Int(2)]),
            Value::dict([]),
            Value::dict([("a", Null)]),
        ];
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                let order = sort_order(a, b);
                assert_eq!(order, sort_order(b, a).reverse(), "{a:?} {b:?}");
                if less(a, b, &|| Zones::default()) {
                    assert_eq!(order, Ordering::Less, "{a:?} {b:?}");
                }
                if order == Ordering::Less {
                    assert!(i < j, "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn times_compare_with_fractions_exactly() {
        for (nanos, seconds, wanted) in [
            (1_500_000_000, 1.5, Ordering::Equal),
            (1_500_000_001, 1.5, Ordering::Greater),
            (-500_000_000, -0.5, Ordering::Equal),
            (-500_000_001, -0.5, Ordering::Less),
            (0, 1e300, Ordering::Less),
            (0, -1e300, Ordering::Greater),
            (0, 1e-12, Ordering::Less),
        ] {
            assert_eq!(compare_seconds(nanos, seconds), wanted, "{nanos} {seconds}");
        }
    }
}
