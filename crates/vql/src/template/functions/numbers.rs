//! Calculations. Text that is a number counts as one, everything else as 0.

use super::{Call, Function, MANY, Made, function};
use crate::value::Value;
use crate::value::convert::as_text;

pub const FUNCTIONS: &[Function] = &[
    function("int", 1, 1, |call| Ok(Value::Int(int(&call.args[0])))),
    function("int64", 1, 1, |call| Ok(Value::Int(int(&call.args[0])))),
    function("atoi", 1, 1, |call| Ok(Value::Int(call.text(0)?.parse().unwrap_or(0)))),
    function("float64", 1, 1, |call| Ok(Value::Float(float(&call.args[0])))),
    function("add", 0, MANY, |call| Ok(Value::Int(ints(call).fold(0, i64::wrapping_add)))),
    function("add1", 1, 1, |call| Ok(Value::Int(int(&call.args[0]).wrapping_add(1)))),
    function("sub", 2, 2, |call| Ok(Value::Int(int(&call.args[0]).wrapping_sub(int(&call.args[1]))))),
    function("mul", 1, MANY, |call| Ok(Value::Int(ints(call).fold(1, i64::wrapping_mul)))),
    function("div", 2, 2, |call| divided(call, i64::wrapping_div)),
    function("mod", 2, 2, |call| divided(call, i64::wrapping_rem)),
    function("max", 1, MANY, |call| Ok(Value::from(ints(call).max()))),
    function("min", 1, MANY, |call| Ok(Value::from(ints(call).min()))),
    function("floor", 1, 1, |call| Ok(Value::Float(float(&call.args[0]).floor()))),
    function("ceil", 1, 1, |call| Ok(Value::Float(float(&call.args[0]).ceil()))),
    function("round", 2, 3, round),
];

fn ints<'c>(call: &'c Call<'_, '_>) -> impl Iterator<Item = i64> + 'c {
    call.args.iter().map(int)
}

pub fn int(value: &Value) -> i64 {
    match value {
        Value::Bool(b) => i64::from(*b),
        Value::Int(i) => *i,
        Value::UInt(u) => *u as i64,
        Value::Float(f) => *f as i64,
        other => as_text(other).and_then(|text| whole(&text.to_str_lossy())).unwrap_or(0),
    }
}

/// A number as Go reads it: the base by its prefix; a fraction of zeros is none.
fn whole(text: &str) -> Option<i64> {
    let text = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|c| c == b'0') => whole,
        _ => text,
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let bases = [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2), ("0o", 8), ("0O", 8), ("0", 8), ("", 10)];
    let is_prefix = |prefix: &str| digits.len() > prefix.len() && digits.starts_with(prefix);
    let (prefix, base) = bases.into_iter().find(|(prefix, _)| is_prefix(prefix))?;
    let digits = digits[prefix.len()..].replace('_', "");
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = i128::from_str_radix(&digits, base).ok()?;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

fn float(value: &Value) -> f64 {
    match value {
        Value::Float(f) => *f,
        Value::UInt(u) => *u as f64,
        Value::Bool(_) | Value::Int(_) => int(value) as f64,
        other => as_text(other).and_then(|text| text.to_str_lossy().parse().ok()).unwrap_or(0.0),
    }
}

fn divided(call: &mut Call<'_, '_>, divide: fn(i64, i64) -> i64) -> Made {
    let (left, right) = (int(&call.args[0]), int(&call.args[1]));
    if right == 0 {
        return Err("runtime error: integer divide by zero".to_owned());
    }
    Ok(Value::Int(divide(left, right)))
}

/// To so many places; from the given fraction on (0.5 if none) upwards.
fn round(call: &mut Call<'_, '_>) -> Made {
    let (value, places) = (float(&call.args[0]), call.int(1)?.clamp(-308, 308) as i32);
    let up_from = call.args.get(2).map_or(0.5, float);
    let scale = 10f64.powi(places);
    let scaled = value * scale;
    let fraction = scaled % 1.0;
    let rounded = if fraction >= up_from { scaled.ceil() } else { scaled.floor() };
    Ok(Value::Float(rounded / scale))
}
