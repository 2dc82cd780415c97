//! `similarity()`: the share of equal entries of two dicts, from 0 to 1 (builtins page, section 4.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;
use crate::value::equal::equal;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "similarity",
        doc: "The share of equal entries of two dicts, from 0 to 1.",
        category: Category::Data,
        args: &[
            Arg::required("set1", Type::Dict, "One dict."),
            Arg::required("set2", Type::Dict, "The other."),
        ],
        examples: &[
            Example::new("Half", "similarity(set1=dict(a=1, b=2), set2=dict(a=1, b=3))", "0.5"),
            Example::new("The same", "similarity(set1=dict(a=1), set2=dict(a=1))", "1"),
            Example::new("Nothing at all", "similarity(set1=dict(), set2=dict())", "0"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let one = args.dict(0)?.unwrap_or_default().snapshot();
    let two = args.dict(1)?.unwrap_or_default().snapshot();
    let common = one.iter().filter(|(name, _)| two.get(name).is_some()).count();
    let same =
        one.iter().filter(|(name, value)| two.get(name).is_some_and(|other| equal(value, other))).count();
    let all = one.cells.len() + two.cells.len() - common;
    Ok(Value::Float(if all == 0 { 0.0 } else { same as f64 / all as f64 }))
}
