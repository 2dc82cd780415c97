//! `ssdeep_compare(a=, b=)`: how alike the files of two fuzzy hashes are.

use forensics::hash::ssdeep;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "ssdeep_compare",
        doc: "How alike the files of two ssdeep hashes are: 0 (nothing in common found) to 100.",
        category: Category::Encoding,
        args: &[Arg::required("a", Type::Str, "One hash."), Arg::required("b", Type::Str, "The other hash.")],
        examples: &[
            Example::new(
                "One end differs",
                "ssdeep_compare(a='96:fevJiO5x8t0ypxT7BYSpqfvF8VobZ4p358pOQcvYNzNpdf:f9O5x8p/T7Bs2g4icvCrdf', \
                 b='96:fevJiO5x8t0ypxT7BYSpqfvF8VobZ4p358pOQcvYNzNpd1:f9O5x8p/T7Bs2g4icvCrd1')",
                "99",
            ),
            Example::new("Nothing in common", "ssdeep_compare(a='3:FJKKIUKact:FHIGi', b='3::')", "0"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (a, b) = (args.string(0)?, args.string(1)?);
    let score = ssdeep::compare(&a, &b).ok_or("not an ssdeep hash")?;
    Ok(Value::Int(i64::from(score)))
}
