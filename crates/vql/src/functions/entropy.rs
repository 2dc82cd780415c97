//! `entropy()`: the Shannon entropy of a string in bits per byte, cut to two decimals (builtins page, section 4.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "entropy",
        doc: "The Shannon entropy of a string in bits per byte, cut to two decimals.",
        category: Category::Encoding,
        args: &[Arg::required("string", Type::Str, "The bytes.")],
        examples: &[
            Example::new("One value", "entropy(string='aaaa')", "0"),
            Example::new("Two values", "entropy(string='abab')", "1"),
            Example::new("Three values", "entropy(string='abc')", "1.58"),
            Example::new("Empty", "entropy(string='')", "0"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    let mut counts = [0u32; 256];
    text.iter().for_each(|c| counts[usize::from(*c)] += 1);
    let share = |count: &u32| f64::from(*count) / text.len() as f64;
    let bits: f64 = counts.iter().filter(|c| **c > 0).map(|c| -share(c) * share(c).log2()).sum();
    // Adding zero turns the negative zero of a sum without terms into a plain one.
    Ok(Value::Float((bits * 100.0).floor() / 100.0 + 0.0))
}
