//! Comparisons and choices.

use std::cmp::Ordering;

use super::{Call, Function, MANY, Made, function};
use crate::template::print::is_true;
use crate::value::Value;
use crate::value::convert::{Number, as_text};

pub const FUNCTIONS: &[Function] = &[
    // What `and` and `or` look at is up to them: they never get here.
    function("and", 1, MANY, |_| Ok(Value::Null)),
    function("or", 1, MANY, |_| Ok(Value::Null)),
    function("not", 1, 1, |call| Ok(Value::Bool(!is_true(&call.args[0])))),
    function("eq", 1, MANY, eq),
    function("ne", 2, 2, |call| Ok(Value::Bool(!are_equal(&call.args[0], &call.args[1])?))),
    function("lt", 2, 2, |call| ordered(call, Ordering::is_lt)),
    function("le", 2, 2, |call| ordered(call, Ordering::is_le)),
    function("gt", 2, 2, |call| ordered(call, Ordering::is_gt)),
    function("ge", 2, 2, |call| ordered(call, Ordering::is_ge)),
    function("default", 1, 2, default),
    function("empty", 1, 1, |call| Ok(Value::Bool(!is_true(&call.args[0])))),
    function("coalesce", 0, MANY, |call| {
        Ok(call.args.iter().find(|value| is_true(value)).cloned().unwrap_or_default())
    }),
    function("all", 0, MANY, |call| Ok(Value::Bool(call.args.iter().all(is_true)))),
    function("any", 0, MANY, |call| Ok(Value::Bool(call.args.iter().any(is_true)))),
    function("ternary", 3, 3, ternary),
    function("fail", 1, 1, |call| Err(call.text(0)?.into_owned())),
    function("kindOf", 1, 1, |call| Ok(Value::from(kind(&call.args[0])))),
    function("typeOf", 1, 1, |call| Ok(Value::from(kind_of_type(&call.args[0])))),
    function("kindIs", 2, 2, |call| Ok(Value::Bool(call.text(0)? == kind(&call.args[1])))),
];

/// Whether the first is equal to one of the others.
fn eq(call: &mut Call<'_, '_>) -> Made {
    let [first, others @ ..] = &call.args[..] else { return Err("missing argument for comparison".into()) };
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in others {
        if are_equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn are_equal(a: &Value, b: &Value) -> Result<bool, String> {
    if let (Value::Time(a), Value::Time(b)) = (a, b) {
        return Ok(a == b);
    }
    Ok(match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::List(_) | Value::Dict(_), Value::Null) | (Value::Null, Value::List(_) | Value::Dict(_)) => {
            false
        }
        (Value::List(_) | Value::Dict(_), _) | (_, Value::List(_) | Value::Dict(_)) => {
            return Err("non-comparable type".to_owned());
        }
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Float(_), _) | (_, Value::Float(_)) | (Value::Bool(_), _) | (_, Value::Bool(_)) => {
            return Err("incompatible types for comparison".to_owned());
        }
        (a, b) => compared(a, b)? == Ordering::Equal,
    })
}

/// Compares what is of one kind: numbers without a fraction, those with one, text.
fn compared(a: &Value, b: &Value) -> Result<Ordering, String> {
    if let (Some(a), Some(b)) = (as_text(a), as_text(b)) {
        return Ok(a.cmp(b));
    }
    let is_float = |value: &Value| matches!(value, Value::Float(_));
    match (a, b) {
        (Value::Time(a), Value::Time(b)) => Ok(a.cmp(b)),
        (Value::Bool(_) | Value::Null | Value::List(_) | Value::Dict(_), _) => {
            Err("invalid type for comparison".to_owned())
        }
        (a, b) => match (Number::of(a), Number::of(b)) {
            (Some(left), Some(right)) if is_float(a) == is_float(b) => Ok(left.compare(right)),
            _ => Err("incompatible types for comparison".to_owned()),
        },
    }
}

fn ordered(call: &mut Call<'_, '_>, holds: fn(Ordering) -> bool) -> Made {
    if let [Value::Float(a), Value::Float(b)] = call.args[..]
        && (a.is_nan() || b.is_nan())
    {
        return Ok(Value::Bool(false));
    }
    Ok(Value::Bool(holds(compared(&call.args[0], &call.args[1])?)))
}

fn default(call: &mut Call<'_, '_>) -> Made {
    let given = call.args.get(1).filter(|value| is_true(value));
    Ok(given.unwrap_or(&call.args[0]).clone())
}

fn ternary(call: &mut Call<'_, '_>) -> Made {
    match call.args[2] {
        Value::Bool(choice) => Ok(call.args[if choice { 0 } else { 1 }].clone()),
        _ => call.ill_typed(2, "bool"),
    }
}

/// The kind that Go has for a value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::UInt(_) => "uint64",
        Value::Float(_) => "float64",
        Value::List(_) => "slice",
        Value::Dict(_) => "map",
        Value::Time(_) | Value::Object(_) => "struct",
        _ => "string",
    }
}

fn kind_of_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::List(_) => "[]interface {}",
        Value::Dict(_) => "map[string]interface {}",
        Value::Time(_) => "time.Time",
        other => kind(other),
    }
}
