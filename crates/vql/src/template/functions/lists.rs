//! Lists, and what is counted and indexed.

use super::{Call, Function, MANY, Made, function, numbers, strings};
use crate::template::print;
use crate::value::convert::as_text;
use crate::value::equal::equal;
use crate::value::{Value, index};

pub const FUNCTIONS: &[Function] = &[
    function("len", 1, 1, len),
    function("index", 1, MANY, indexed),
    function("slice", 1, 4, sliced),
    function("list", 0, MANY, |call| {
        let items = std::mem::take(&mut call.args);
        call.made_list(items)
    }),
    function("first", 1, 1, |call| Ok(call.list(0)?.first().cloned().unwrap_or_default())),
    function("last", 1, 1, |call| Ok(call.list(0)?.last().cloned().unwrap_or_default())),
    function("rest", 1, 1, |call| {
        let list = call.list(0)?;
        call.made_list(list.iter().skip(1).cloned().collect())
    }),
    function("initial", 1, 1, |call| {
        let list = call.list(0)?;
        call.made_list(list[..list.len().saturating_sub(1)].to_vec())
    }),
    function("append", 2, 2, |call| {
        let list = call.list(0)?;
        let items = list.iter().chain([&call.args[1]]).cloned().collect();
        call.made_list(items)
    }),
    function("prepend", 2, 2, |call| {
        let list = call.list(0)?;
        let items = [&call.args[1]].into_iter().chain(list.iter()).cloned().collect();
        call.made_list(items)
    }),
    function("concat", 0, MANY, concat),
    function("reverse", 1, 1, |call| {
        let list = call.list(0)?;
        call.made_list(list.iter().rev().cloned().collect())
    }),
    function("uniq", 1, 1, uniq),
    function("without", 1, MANY, without),
    function("has", 2, 2, has),
    function("compact", 1, 1, |call| {
        let list = call.list(0)?;
        call.made_list(list.iter().filter(|item| print::is_true(item)).cloned().collect())
    }),
    function("sortAlpha", 1, 1, sort_alpha),
    function("until", 1, 1, |call| {
        let end = call.int(0)?;
        counted(call, 0, end, end.signum())
    }),
    function("untilStep", 3, 3, |call| {
        let (start, end, step) = (call.int(0)?, call.int(1)?, call.int(2)?);
        counted(call, start, end, step)
    }),
    function("seq", 0, 3, seq),
];

fn len(call: &mut Call<'_, '_>) -> Made {
    let count = match &call.args[0] {
        Value::List(items) => items.len(),
        Value::Dict(dict) => dict.len(),
        Value::Null => return Err("len of nil pointer".to_owned()),
        other => match as_text(other) {
            Some(text) => text.len(),
            None => return Err(format!("len of type {}", other.type_name())),
        },
    };
    Ok(Value::Int(count as i64))
}

fn indexed(call: &mut Call<'_, '_>) -> Made {
    let mut value = call.args[0].clone();
    for key in &call.args[1..] {
        value = match (&value, key) {
            (Value::Null, _) => return Err("index of untyped nil".to_owned()),
            (Value::List(items), Value::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| items.get(at));
                found.cloned().ok_or_else(|| format!("index out of range: {at}"))?
            }
            (Value::Dict(dict), key) => match as_text(key) {
                Some(name) => dict.get_str(&name.to_str_lossy()).unwrap_or_default(),
                None => {
                    return Err(format!("value has type {}; should be string", key.type_name()));
                }
            },
            (Value::Text(text) | Value::Bytes(text), Value::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| text.get(at));
                found.map(|c| Value::Int(i64::from(*c))).ok_or_else(|| format!("index out of range: {at}"))?
            }
            (Value::List(_) | Value::Text(_) | Value::Bytes(_), key) => {
                return Err(format!("cannot index slice/array with type {}", key.type_name()));
            }
            (other, _) => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(value)
}

/// `slice x from to`
fn sliced(call: &mut Call<'_, '_>) -> Made {
    let length = match &call.args[0] {
        Value::List(items) => items.len(),
        Value::Text(text) | Value::Bytes(text) => text.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let bound = |i: usize, absent: usize| match call.args.get(i) {
        None => Ok(absent),
        Some(_) => {
            let at = call.int(i)?;
            let at = usize::try_from(at).ok().filter(|at| *at <= length);
            at.ok_or_else(|| format!("index out of range: {}", call.args[i].type_name()))
        }
    };
    let (from, to) = (bound(1, 0)?, bound(2, length)?);
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    let bound = |at: usize| Value::Int(at as i64);
    call.budget.charge(to - from)?;
    Ok(index::range(&call.args[0], Some(&bound(from)), Some(&bound(to))))
}

fn concat(call: &mut Call<'_, '_>) -> Made {
    let lists = (0..call.args.len()).map(|i| call.list(i)).collect::<Result<Vec<_>, _>>()?;
    call.budget.charge(lists.iter().map(|list| list.len()).sum())?;
    Ok(Value::list(lists.iter().flat_map(|list| list.iter().cloned()).collect()))
}

fn uniq(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let mut kept: Vec<Value> = Vec::new();
    for item in list.iter() {
        call.budget.charge(kept.len() + 1)?;
        if !kept.iter().any(|known| same(known, item)) {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn without(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    call.budget.charge(list.len().saturating_mul(call.args.len()))?;
    let dropped = &call.args[1..];
    let kept = list.iter().filter(|item| !dropped.iter().any(|other| same(item, other)));
    Ok(Value::list(kept.cloned().collect()))
}

fn has(call: &mut Call<'_, '_>) -> Made {
    if call.args[1].is_null() {
        return Ok(Value::Bool(false));
    }
    let list = call.list(1)?;
    call.budget.charge(list.len())?;
    Ok(Value::Bool(list.iter().any(|item| same(item, &call.args[0]))))
}

/// Equal and of one type.
fn same(a: &Value, b: &Value) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b) && equal(a, b)
}

fn sort_alpha(call: &mut Call<'_, '_>) -> Made {
    let mut texts = strings::texts(call, 0)?;
    texts.sort();
    call.made_list(texts.into_iter().map(Value::Text).collect())
}

/// The numbers from one up or down to another, which is left out.
fn counted(call: &mut Call<'_, '_>, start: i64, end: i64, step: i64) -> Made {
    let distance = i128::from(end) - i128::from(start);
    if step == 0 || distance.signum() != i128::from(step.signum()) {
        return Ok(Value::list(Vec::new()));
    }
    let count = (distance.abs() + i128::from(step).abs() - 1) / i128::from(step).abs();
    call.budget.charge(usize::try_from(count).unwrap_or(usize::MAX))?;
    Ok(Value::list((0..count as i64).map(|i| Value::Int(start + i * step)).collect()))
}

/// The numbers between two, both included, as text.
fn seq(call: &mut Call<'_, '_>) -> Made {
    let number = |i: usize| numbers::int(&call.args[i]);
    let towards = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, step, end) = match call.args.len() {
        0 => return Ok(Value::from("")),
        1 => (1, towards(1, number(0)), number(0)),
        2 => (number(0), towards(number(0), number(1)), number(1)),
        _ => (number(0), number(1), number(2)),
    };
    let Value::List(items) = counted(call, start, end.saturating_add(step.signum()), step)? else {
        return Ok(Value::Null);
    };
    let texts: Vec<String> = items.iter().map(|item| numbers::int(item).to_string()).collect();
    call.made(texts.join(" "))
}
