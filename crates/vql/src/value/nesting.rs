//! How deep values may nest. `set()` changes dicts in place, so without a limit a loop could build a value that
//! holds itself, or one too deep to be dropped.

use crate::call::Error;
use crate::dict::Dict;
use crate::value::Value;

/// Levels of dicts and lists that `set()` may build.
const MAX_DEPTH: usize = 200;

/// Refuses a value that holds `owner`, or is nested too deep, to be put into it.
pub fn check(owner: &Dict, value: &Value) -> Result<(), Error> {
    visit(owner, value, 0, &mut 1_000_000)
}

/// `budget` bounds how many values are looked at: they may hold each other many times over.
fn visit(owner: &Dict, value: &Value, depth: usize, budget: &mut u32) -> Result<(), Error> {
    *budget = budget.checked_sub(1).ok_or("the value holds too many others")?;
    if depth > MAX_DEPTH {
        return Err(Error::new(format!("values nest more than {MAX_DEPTH} levels deep")));
    }
    match value {
        Value::Dict(dict) if dict.same(owner) => Err("a dict cannot be put into itself".into()),
        Value::Dict(dict) => {
            dict.with(|row| row.cells.iter().try_for_each(|v| visit(owner, v, depth + 1, budget)))
        }
        Value::List(items) => items.iter().try_for_each(|v| visit(owner, v, depth + 1, budget)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dict_cannot_hold_itself() {
        let dict = Dict::new();
        let inner = Value::list(vec![Value::dict([("d", Value::Dict(dict.clone()))])]);
        assert!(check(&dict, &inner).is_err());
        assert!(check(&Dict::new(), &inner).is_ok());
    }

    #[test]
    fn depth_is_limited() {
        let deep = |n| (0..n).fold(Value::Null, |v, _| Value::list(vec![v]));
        assert!(check(&Dict::new(), &deep(MAX_DEPTH)).is_ok());
        assert!(check(&Dict::new(), &deep(MAX_DEPTH + 1)).is_err());
    }
}
