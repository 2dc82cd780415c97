//! Dicts. Those of the query are never changed: a template that changes dicts works on a copy.

use super::{Budget, Call, Function, MANY, Made, function};
use crate::dict::Dict;
use crate::schema::Name;
use crate::template::print::by_name;
use crate::value::{Row, Value};

pub const FUNCTIONS: &[Function] = &[
    function("dict", 0, MANY, dict),
    function("get", 2, 2, |call| {
        let found = call.dict(0)?.get_str(&call.text(1)?);
        Ok(found.unwrap_or_else(|| Value::from("")))
    }),
    function("set", 3, 3, set),
    function("unset", 2, 2, unset),
    function("hasKey", 2, 2, |call| Ok(Value::Bool(call.dict(0)?.get_str(&call.text(1)?).is_some()))),
    function("keys", 0, MANY, keys),
    function("values", 1, 1, values),
    function("pluck", 1, MANY, pluck),
    function("pick", 1, MANY, |call| chosen(call, true)),
    function("omit", 1, MANY, |call| chosen(call, false)),
    function("merge", 1, MANY, merge),
    function("dig", 3, MANY, dig),
];

fn dict(call: &mut Call<'_, '_>) -> Made {
    let mut row = Row::default();
    let args = std::mem::take(&mut call.args);
    call.budget.charge(args.len())?;
    for pair in args.chunks(2) {
        let name = Name::new(&call.show(&pair[0])?.to_str_lossy());
        row.replace(&name, pair.get(1).cloned().unwrap_or_else(|| Value::from("")));
    }
    Ok(row.into())
}

/// Changes a dict in place. A dict that is put into another is copied, so that none ends up within itself.
fn set(call: &mut Call<'_, '_>) -> Made {
    let dict = call.dict(0)?;
    let name = Name::new(&call.text(1)?);
    let value = std::mem::take(&mut call.args[2]);
    let value = copied(call.budget, &value, 0)?;
    change(call, &dict, |row| row.replace(&name, value))
}

fn unset(call: &mut Call<'_, '_>) -> Made {
    let dict = call.dict(0)?;
    let name = Name::new(&call.text(1)?);
    change(call, &dict, |row| {
        *row = row.iter().filter(|(known, _)| **known != name).fold(Row::default(), |mut row, (n, v)| {
            row.replace(n, v.clone());
            row
        });
    })
}

fn change(call: &mut Call<'_, '_>, dict: &Dict, change: impl FnOnce(&mut Row)) -> Made {
    call.budget.charge(dict.len())?;
    dict.update(change);
    Ok(Value::Dict(dict.clone()))
}

/// How deep values are copied.
const MAX_DEPTH: usize = 100;

pub fn copied(budget: &mut Budget<'_>, value: &Value, depth: usize) -> Made {
    budget.charge(4)?;
    if depth > MAX_DEPTH {
        return Err("the value is nested too deeply".to_owned());
    }
    Ok(match value {
        Value::List(items) => {
            let items = items.iter().map(|item| copied(budget, item, depth + 1));
            Value::list(items.collect::<Result<_, _>>()?)
        }
        Value::Dict(dict) => {
            let mut row = dict.snapshot();
            for cell in &mut row.cells {
                *cell = copied(budget, cell, depth + 1)?;
            }
            row.into()
        }
        other => other.clone(),
    })
}

fn keys(call: &mut Call<'_, '_>) -> Made {
    let mut keys = Vec::new();
    for i in 0..call.args.len() {
        let row = call.dict(i)?.snapshot();
        keys.extend(row.schema.names().iter().map(|name| Value::from(name.as_str())));
    }
    call.made_list(keys)
}

fn values(call: &mut Call<'_, '_>) -> Made {
    let row = call.dict(0)?.snapshot();
    call.made_list(row.cells)
}

fn pluck(call: &mut Call<'_, '_>) -> Made {
    let name = Name::new(&call.text(0)?);
    let mut found = Vec::new();
    for i in 1..call.args.len() {
        found.extend(call.dict(i)?.get(&name));
    }
    call.made_list(found)
}

fn chosen(call: &mut Call<'_, '_>, named: bool) -> Made {
    let row = call.dict(0)?.snapshot();
    call.budget.charge(row.cells.len() * call.args.len())?;
    let names = (1..call.args.len()).map(|i| call.text(i)).collect::<Result<Vec<_>, _>>()?;
    let mut kept = Row::default();
    for (name, value) in row.iter() {
        if names.iter().any(|n| n == name.as_str()) == named {
            kept.replace(name, value.clone());
        }
    }
    Ok(kept.into())
}

/// The first dict with what it lacks of the others, in place.
fn merge(call: &mut Call<'_, '_>) -> Made {
    let first = call.dict(0)?;
    for i in 1..call.args.len() {
        let source = call.dict(i)?.snapshot();
        for (name, value) in source.iter() {
            if first.get(name).is_none_or(|known| !crate::template::print::is_true(&known)) {
                let value = copied(call.budget, value, 0)?;
                change(call, &first, |row| row.replace(name, value))?;
            }
        }
    }
    Ok(Value::Dict(first))
}

/// `dig "a" "b" DEFAULT dict`
fn dig(call: &mut Call<'_, '_>) -> Made {
    let last = call.args.len() - 1;
    let mut value = Value::Dict(call.dict(last)?);
    for i in 0..last - 1 {
        let found = match &value {
            Value::Dict(dict) => dict.get_str(&call.text(i)?),
            _ => None,
        };
        match found {
            Some(found) => value = found,
            None => return Ok(call.args[last - 1].clone()),
        }
    }
    Ok(value)
}

/// A copy whose dicts are in the order of their keys, as Go writes them.
pub fn sorted(call: &mut Call<'_, '_>, value: &Value, depth: usize) -> Made {
    call.budget.charge(4)?;
    if depth > MAX_DEPTH {
        return Err("the value is nested too deeply".to_owned());
    }
    Ok(match value {
        Value::List(items) => {
            let items = items.iter().map(|item| sorted(call, item, depth + 1));
            Value::list(items.collect::<Result<_, _>>()?)
        }
        Value::Dict(dict) => {
            let row = dict.snapshot();
            let mut pairs: Vec<_> = row.iter().collect();
            pairs.sort_by(by_name);
            let mut copy = Row::default();
            for (name, value) in pairs {
                copy.replace(name, sorted(call, value, depth + 1)?);
            }
            copy.into()
        }
        other => other.clone(),
    })
}
