//! `patch()`: applies a JSON patch or a merge patch to a value (builtins page, section 4.1).

use serde_json::{Map, Value as Json};

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::json::{self, JsonOptions};
use crate::value::Value;

const ITEM: usize = 0;
const PATCH: usize = 1;
const MERGE: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "patch",
        doc: "Applies a JSON patch or a merge patch to a value.",
        category: Category::Data,
        args: &[
            Arg::required("item", Type::Any, "The value."),
            Arg::optional("patch", Type::Any, "A list of operations (RFC 6902), or one."),
            Arg::optional("merge", Type::Any, "A merge patch (RFC 7396)."),
        ],
        examples: &[
            Example::new(
                "Operations",
                "patch(item=dict(a=1), patch=[dict(op='add', path='/b', value=2), dict(op='remove', path='/a')])",
                r#"{"b":2}"#,
            ),
            Example::new(
                "One operation",
                "patch(item=dict(a=(1, 2)), patch=dict(op='replace', path='/a/0', value=9))",
                r#"{"a":[9,2]}"#,
            ),
            Example::new(
                "A merge",
                "patch(item=dict(a=dict(b=1, c=2)), merge=dict(a=dict(b=NULL), d=3))",
                r#"{"a":{"c":2},"d":3}"#,
            ),
            Example::new(
                "A test that fails",
                "patch(item=dict(a=1), patch=dict(op='test', path='/a', value=2))",
                "null",
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let mut item = to_json(&args.scope.listed(args.value(ITEM)))?;
    let merged = args.value(MERGE);
    if !merged.is_null() {
        merge(&mut item, to_json(&args.scope.listed(merged))?);
        return from_json(&item);
    }
    let operations = match to_json(&args.scope.listed(args.value(PATCH)))? {
        Json::Array(list) => list,
        Json::Null => return Err("either patch or merge is required".into()),
        one => vec![one],
    };
    for operation in &operations {
        apply(&mut item, operation)?;
    }
    from_json(&item)
}

fn to_json(value: &Value) -> Result<Json, Error> {
    let mut text = Vec::new();
    json::write_value(value, &mut text, &JsonOptions::default());
    serde_json::from_slice(&text).map_err(|e| Error::new(e.to_string()))
}

fn from_json(value: &Json) -> Result<Value, Error> {
    json::parse(value.to_string().as_bytes())
}

/// RFC 7396: NULL removes, objects merge, all else replaces.
fn merge(target: &mut Json, patch: Json) {
    let Json::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Json::Object(Map::new());
    }
    let Json::Object(object) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            object.shift_remove(&key);
        } else {
            merge(object.entry(key).or_insert(Json::Null), value);
        }
    }
}

/// One operation of RFC 6902.
fn apply(document: &mut Json, operation: &Json) -> Result<(), Error> {
    let text = |name: &str| operation.get(name).and_then(Json::as_str);
    let path = text("path").ok_or("an operation has no path")?;
    let value = || operation.get("value").cloned().ok_or("an operation has no value");
    let from = || text("from").ok_or("an operation has no from");
    match text("op").ok_or("an operation has no op")? {
        "add" => add(document, path, value()?),
        "remove" => remove(document, path).map(drop),
        "replace" => {
            *document.pointer_mut(path).ok_or_else(|| missing(path))? = value()?;
            Ok(())
        }
        "move" => {
            let from = from()?;
            if path.starts_with(&format!("{from}/")) {
                return Err("a value cannot be moved into itself".into());
            }
            let moved = remove(document, from)?;
            add(document, path, moved)
        }
        "copy" => {
            let from = from()?;
            let copy = document.pointer(from).cloned().ok_or_else(|| missing(from))?;
            add(document, path, copy)
        }
        "test" if document.pointer(path) == Some(&value()?) => Ok(()),
        "test" => Err(Error::new(format!("testing value {path} failed"))),
        op => Err(Error::new(format!("unknown operation {op}"))),
    }
}

fn missing(path: &str) -> Error {
    Error::new(format!("there is nothing at {path}"))
}

/// The container that a path points into, and the last step.
fn parent<'d>(document: &'d mut Json, path: &str) -> Result<(&'d mut Json, String), Error> {
    let (parent, last) = path.rsplit_once('/').ok_or_else(|| missing(path))?;
    let container = document.pointer_mut(parent).ok_or_else(|| missing(path))?;
    Ok((container, last.replace("~1", "/").replace("~0", "~")))
}

fn add(document: &mut Json, path: &str, value: Json) -> Result<(), Error> {
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    match parent(document, path)? {
        (Json::Object(object), key) => {
            object.insert(key, value);
        }
        (Json::Array(list), key) if key == "-" => list.push(value),
        (Json::Array(list), key) => {
            let at = place(&key).filter(|at| *at <= list.len()).ok_or_else(|| missing(path))?;
            list.insert(at, value);
        }
        _ => return Err(missing(path)),
    }
    Ok(())
}

fn remove(document: &mut Json, path: &str) -> Result<Json, Error> {
    if path.is_empty() {
        return Ok(document.take());
    }
    let removed = match parent(document, path)? {
        (Json::Object(object), key) => object.shift_remove(&key),
        (Json::Array(list), key) => place(&key).filter(|at| *at < list.len()).map(|at| list.remove(at)),
        _ => None,
    };
    removed.ok_or_else(|| missing(path))
}

/// A place in a list: digits without leading zeros.
fn place(key: &str) -> Option<usize> {
    let is_number = key == "0" || (!key.starts_with('0') && key.bytes().all(|c| c.is_ascii_digit()));
    key.parse().ok().filter(|_| is_number)
}
