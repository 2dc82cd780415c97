//! `/` (reference, section 7.5): always a float.

use crate::call::Error;
use crate::value::Value;
use crate::value::convert::Number;

/// The quotient. NULL for a division by zero and for what is not a number.
pub fn divide(left: &Value, right: &Value) -> Result<Value, Error> {
    let (Some(a), Some(b)) = (Number::or_bool(left), Number::or_bool(right)) else { return Ok(Value::Null) };
    // The integer 0 divided by a float is NULL as well; programs may have come to rely on it.
    if b.as_float() == 0.0 || matches!((a, b), (Number::Int(0), Number::Float(_))) {
        return Ok(Value::Null);
    }
    Ok(Value::Float(a.as_float() / b.as_float()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value::{Bool, Float, Int, Null};

    #[test]
    fn truth_table() {
        for (left, right, wanted) in [
            (Int(6), Int(3), "2"),
            (Int(1), Int(4), "0.25"),
            (Float(1.0), Bool(true), "1"),
            (Int(1), Int(0), "Null"),
            (Int(1), Float(-0.0), "Null"),
            (Int(1), Bool(false), "Null"),
            (Int(0), Int(5), "0"),
            (Int(0), Float(5.0), "Null"),
            (Null, Int(1), "Null"),
            (Int(1), Null, "Null"),
            (Value::text("6"), Int(3), "Null"),
        ] {
            let got = divide(&left, &right).unwrap();
            assert_eq!(crate::value::convert::to_text(&got).to_str_lossy(), wanted, "{left:?} / {right:?}");
        }
    }
}
