//! `IN` (reference, section 7.8).

use crate::value::Value;
use crate::value::convert::as_text;
use crate::value::equal::equal;

/// Whether `needle IN haystack`. Queries, paths and all other types contain nothing.
pub fn contains(needle: &Value, haystack: &Value) -> bool {
    match haystack {
        Value::List(items) => items.iter().any(|item| equal(needle, item)),
        Value::Text(text) | Value::Bytes(text) => {
            as_text(needle).is_some_and(|n| memchr::memmem::find(text, n).is_some())
        }
        Value::Dict(dict) => as_text(needle).is_some_and(|n| dict.get_str(&n.to_str_lossy()).is_some()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value::{Float, Int, Null};

    #[test]
    fn truth_table() {
        let list = Value::list(vec![Int(1), Value::text("b"), Null]);
        let dict = Value::dict([("k", Null)]);
        for (needle, haystack, wanted) in [
            (Int(1), list.clone(), true),
            (Float(1.0), list.clone(), true),
            (Int(2), list.clone(), false),
            (Null, list.clone(), true),
            (Value::text("b"), list, true),
            (Value::text("k"), dict.clone(), true),
            (Value::text("K"), dict.clone(), false),
            (Int(1), dict, false),
            (Value::text("ell"), Value::text("hello"), true),
            (Value::text(""), Value::text("hello"), true),
            (Value::text("ELL"), Value::text("hello"), false),
            (Int(1), Value::text("1"), false),
            (Int(1), Null, false),
            (Int(1), Int(1), false),
        ] {
            assert_eq!(contains(&needle, &haystack), wanted, "{needle:?} IN {haystack:?}");
        }
    }
}
