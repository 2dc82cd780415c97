//! `-` (reference, section 7.4).

use crate::call::Error;
use crate::value::convert::Number;
use crate::value::{Row, Value};

/// The difference. NULL where the operands have none.
pub fn subtract(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Value::Dict(a), Value::Dict(b)) = (left, right) {
        return Ok(without(&a.snapshot(), &b.snapshot()).into());
    }
    Ok(match (Number::or_bool(left), Number::or_bool(right)) {
        (Some(Number::Int(a)), Some(Number::Int(b))) => Value::Int(a.wrapping_sub(b)),
        (Some(a), Some(b)) => Value::Float(a.as_float() - b.as_float()),
        _ => Value::Null,
    })
}

fn without(left: &Row, right: &Row) -> Row {
    let mut rest = Row::default();
    for (name, value) in left.iter().filter(|(name, _)| right.get(name).is_none()) {
        rest.replace(name, value.clone());
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value::{Bool, Float, Int, Null};

    #[test]
    fn truth_table() {
        for (left, right, wanted) in [
            (Int(5), Int(3), "2"),
            (Int(5), Float(0.5), "4.5"),
            (Float(0.5), Bool(true), "-0.5"),
            (Bool(true), Bool(true), "0"),
            (Int(i64::MIN), Int(1), "9223372036854775807"),
            (Null, Int(1), "Null"),
            (Int(1), Null, "Null"),
            (Value::text("a"), Value::text("a"), "Null"),
            (Value::Time(crate::time::ZERO), Value::Time(crate::time::ZERO), "Null"),
            (
                Value::dict([("a", Int(1)), ("b", Int(2)), ("c", Int(3))]),
                Value::dict([("b", Null)]),
                r#"{"a":1,"c":3}"#,
            ),
        ] {
            let got = subtract(&left, &right).unwrap();
            assert_eq!(crate::value::convert::to_text(&got).to_str_lossy(), wanted, "{left:?} - {right:?}");
        }
    }
}
