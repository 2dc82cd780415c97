//! `value.name` (reference, section 7.11). Queries are answered by the evaluator.

use crate::dict::Dict;
use crate::schema::Name;
use crate::time;
use crate::value::convert::MAX_DEPTH;
use crate::value::{Row, Value};

/// The member of that name, `None` when there is none.
pub fn member(value: &Value, name: &Name) -> Option<Value> {
    nested(value, name, 0, &mut 1_000_000)
}

/// `budget` bounds how many lists are looked into: they may hold each other many times over.
fn nested(value: &Value, name: &Name, depth: usize, budget: &mut u32) -> Option<Value> {
    match value {
        Value::Dict(dict) => dict.get(name).or_else(|| special(dict, name.as_str())),
        Value::List(items) => {
            *budget = budget.saturating_sub(1);
            if depth >= MAX_DEPTH || *budget == 0 {
                return None;
            }
            Some(Value::list(items.iter().filter_map(|item| nested(item, name, depth + 1, budget)).collect()))
        }
        Value::Rows(rows) => {
            let mut cells = Vec::with_capacity(rows.len());
            let _ = rows.each(|row| {
                cells.push(nested(&row, name, depth + 1, budget).unwrap_or_default());
                Ok(())
            });
            Some(Value::list(cells))
        }
        Value::Time(t) => time::member(*t, name.as_str()),
        Value::Path(p) => p.member(name.as_str()),
        Value::Object(o) => o.member(name.as_str()),
        _ => None,
    }
}

/// Members every dict has: `@Keys`, `@Values`, `@Len`, `@Items`, `@String`, `@ToMap`.
fn special(dict: &Dict, name: &str) -> Option<Value> {
    let keys = |row: &Row| row.schema.names().iter().map(|n| Value::from(n.as_str())).collect();
    match name.strip_prefix('@')? {
        "Keys" => Some(Value::list(dict.with(keys))),
        "Values" => Some(Value::list(dict.with(|row| row.cells.clone()))),
        "Len" => Some(Value::Int(dict.len() as i64)),
        "Items" => Some(Value::list(dict.with(items))),
        "String" => Some(Value::Text(super::convert::to_text(&Value::Dict(dict.clone())))),
        "ToMap" => Some(dict.snapshot().into()),
        _ => None,
    }
}

fn items(row: &Row) -> Vec<Value> {
    let pair = |(name, value): (&Name, &Value)| {
        Value::dict([("Key", Value::from(name.as_str())), ("Value", value.clone())])
    };
    row.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value::{Int, Null};

    #[test]
    fn truth_table() {
        let dict = Value::dict([("a", Int(1)), ("b", Int(2))]);
        for (value, name, wanted) in [
            (dict.clone(), "a", Some("1")),
            (dict.clone(), "A", None),
            (dict.clone(), "@Keys", Some("[a b]")),
            (dict.clone(), "@Values", Some("[1 2]")),
            (dict.clone(), "@Len", Some("2")),
            (dict.clone(), "@Items", Some(r#"[{"Key":"a","Value":1} {"Key":"b","Value":2}]"#)),
            (dict.clone(), "@String", Some(r#"{"a":1,"b":2}"#)),
            (dict.clone(), "@Other", None),
            (Value::list(vec![dict.clone(), Int(3), dict.clone()]), "b", Some("[2 2]")),
            (Value::list(vec![]), "b", Some("[]")),
            (Value::list(vec![Value::list(vec![dict])]), "a", Some("[[1]]")),
            (Null, "a", None),
            (Value::text("x"), "a", None),
            (Value::Time(time::ZERO), "Year", Some("1")),
        ] {
            let got = member(&value, &Name::new(name));
            let shown = got.map(|v| crate::value::convert::to_text(&v).to_str_lossy().into_owned());
            assert_eq!(shown.as_deref(), wanted, "{value:?}.{name}");
        }
    }
}
