//! `*` (reference, section 7.5).

use crate::call::Error;
use crate::text::Text;
use crate::value::convert::{MAX_TEXT, Number};
use crate::value::{Row, Value};

/// The product; an error is logged by the caller and gives NULL.
pub fn multiply(left: &Value, right: &Value) -> Result<Value, Error> {
    Ok(match (left, right) {
        (Value::Text(text), Value::Int(_) | Value::UInt(_)) => {
            repeat(text, Number::of(right).map_or(0, Number::as_int))?
        }
        (Value::Dict(a), Value::Dict(b)) => common(&a.snapshot(), &b.snapshot()).into(),
        _ => match (Number::or_bool(left), Number::or_bool(right)) {
            (Some(Number::Int(a)), Some(Number::Int(b))) => Value::Int(a.wrapping_mul(b)),
            (Some(a), Some(b)) => Value::Float(a.as_float() * b.as_float()),
            _ => Value::Null,
        },
    })
}

fn repeat(text: &Text, count: i64) -> Result<Value, Error> {
    let Ok(count) = usize::try_from(count) else { return Ok(Value::Null) };
    if text.len().checked_mul(count).is_none_or(|size| size > MAX_TEXT) {
        return Err("string is too long".into());
    }
    Ok(Value::Text(text.repeat(count).into()))
}

fn common(left: &Row, right: &Row) -> Row {
    let mut both = Row::default();
    for (name, value) in left.iter().filter(|(name, _)| right.get(name).is_some()) {
        both.replace(name, value.clone());
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value::{Bool, Float, Int, Null};

    #[test]
    fn truth_table() {
        for (left, right, wanted) in [
            (Int(5), Int(3), "15"),
            (Int(5), Float(0.5), "2.5"),
            (Bool(true), Int(4), "4"),
            (Int(i64::MAX), Int(2), "-2"),
            (Null, Int(1), "Null"),
            (Value::text("ab"), Int(3), "ababab"),
            (Value::text("ab"), Int(0), ""),
            (Value::text("ab"), Int(-1), "Null"),
            (Value::text(""), Int(i64::MAX), ""),
            (Int(3), Value::text("ab"), "Null"),
            (Value::dict([("a", Int(1)), ("b", Int(2))]), Value::dict([("b", Null)]), r#"{"b":2}"#),
        ] {
            let got = multiply(&left, &right).unwrap();
            assert_eq!(crate::value::convert::to_text(&got).to_str_lossy(), wanted, "{left:?} * {right:?}");
        }
        assert!(multiply(&Value::text("ab"), &Int(i64::MAX)).is_err());
        assert!(multiply(&Value::text("ab"), &Int(50_000_001)).is_err());
    }
}
