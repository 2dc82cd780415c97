//! A small part of JSON Schema: `type`, `required`, `properties`, `items` and `enum`. Other words are not looked at.

use crate::call::Error;
use crate::schema::Name;
use crate::value::equal::equal;
use crate::value::{Row, Value};

/// How deep a schema and a value are followed.
const MAX_DEPTH: usize = 64;

/// Whether a value fits a schema; tells where it does not.
pub fn check(value: &Value, schema: &Value) -> Result<(), Error> {
    inner(value, schema, "", MAX_DEPTH).map_err(Error::new)
}

fn inner(value: &Value, schema: &Value, place: &str, depth: usize) -> Result<(), String> {
    let rules = match schema {
        Value::Bool(true) => return Ok(()),
        Value::Bool(false) => return Err(format!("{} is not allowed by the schema", shown(place))),
        Value::Dict(dict) => dict.snapshot(),
        _ => return Err("a schema is a JSON object".to_owned()),
    };
    let depth = depth.checked_sub(1).ok_or_else(|| format!("{} is nested too deeply", shown(place)))?;
    if let Some(wanted) = rules.get_str("type") {
        has_type(value, wanted, place)?;
    }
    if let Some(Value::List(choices)) = rules.get_str("enum")
        && !choices.iter().any(|choice| equal(value, choice))
    {
        return Err(format!("{} is none of the values of the schema", shown(place)));
    }
    match value {
        Value::Dict(dict) => members(&dict.snapshot(), &rules, place, depth),
        Value::List(list) => match rules.get_str("items") {
            None => Ok(()),
            Some(schema) => list
                .iter()
                .enumerate()
                .try_for_each(|(at, item)| inner(item, schema, &format!("{place}[{at}]"), depth)),
        },
        _ => Ok(()),
    }
}

fn members(row: &Row, rules: &Row, place: &str, depth: usize) -> Result<(), String> {
    if let Some(Value::List(required)) = rules.get_str("required") {
        for name in required.iter() {
            let Value::Text(name) = name else { continue };
            let name = name.to_str_lossy();
            if row.get(&Name::new(&name)).is_none() {
                return Err(format!("{} lacks {name}", shown(place)));
            }
        }
    }
    let Some(Value::Dict(properties)) = rules.get_str("properties") else { return Ok(()) };
    for (name, schema) in properties.snapshot().iter() {
        if let Some(member) = row.get(name) {
            inner(member, schema, &format!("{place}.{}", name.as_str()), depth)?;
        }
    }
    Ok(())
}

fn has_type(value: &Value, wanted: &Value, place: &str) -> Result<(), String> {
    let names = match wanted {
        Value::List(names) => names.iter().cloned().collect(),
        one => vec![one.clone()],
    };
    let names: Vec<String> = names
        .iter()
        .filter_map(|name| match name {
            Value::Text(name) => Some(name.to_str_lossy().into_owned()),
            _ => None,
        })
        .collect();
    if names.iter().any(|name| is_of_type(value, name)) {
        return Ok(());
    }
    Err(format!("{} is no {}", shown(place), names.join(" or ")))
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => matches!(value, Value::Bool(_)),
        "integer" => match value {
            Value::Int(_) | Value::UInt(_) => true,
            Value::Float(number) => number.fract() == 0.0,
            _ => false,
        },
        "number" => matches!(value, Value::Int(_) | Value::UInt(_) | Value::Float(_)),
        "string" => matches!(value, Value::Text(_)),
        "array" => matches!(value, Value::List(_)),
        "object" => matches!(value, Value::Dict(_)),
        _ => false,
    }
}

fn shown(place: &str) -> &str {
    match place.trim_start_matches('.') {
        "" => "the value",
        place => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn values_fit_or_the_place_is_told() {
        let schema = r#"{"type": "object", "required": ["id"], "additionalProperties": false, "properties": {
            "id": {"type": "integer"}, "state": {"enum": ["on", "off"]},
            "list": {"type": ["array", "null"], "items": {"type": "string"}}, "never": false}}"#;
        for (value, wanted) in [
            (r#"{"id": 1, "state": "on", "list": ["a"], "more": 1}"#, ""),
            (r#"{"id": 2.0, "list": null}"#, ""),
            ("[1]", "the value is no object"),
            (r#"{"state": "on"}"#, "the value lacks id"),
            (r#"{"id": "1"}"#, "id is no integer"),
            (r#"{"id": 1, "state": "maybe"}"#, "state is none of the values of the schema"),
            (r#"{"id": 1, "list": ["a", 2]}"#, "list[1] is no string"),
            (r#"{"id": 1, "list": 3}"#, "list is no array or null"),
            (r#"{"id": 1, "never": 3}"#, "never is not allowed by the schema"),
        ] {
            let value = parse(value.as_bytes()).unwrap();
            let found = check(&value, &parse(schema.as_bytes()).unwrap());
            assert_eq!(found.map_or_else(|e| e.to_string(), |()| String::new()), wanted);
        }
    }

    #[test]
    fn a_bottomless_schema_ends() {
        let mut schema = Value::dict([]);
        let mut value = Value::Null;
        for _ in 0..1000 {
            schema = Value::dict([("items", schema)]);
            value = Value::list(vec![value]);
        }
        assert!(check(&value, &schema).unwrap_err().to_string().ends_with("is nested too deeply"));
    }
}
