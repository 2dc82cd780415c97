//! `gunzip()`: decompresses gzip data (builtins page, section 4.1).

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;
use crate::value::convert::MAX_TEXT;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "gunzip",
        doc: "Decompresses gzip data.",
        category: Category::Encoding,
        args: &[
            Arg::required("string", Type::Str, "The compressed bytes."),
            Arg::optional("max_bytes", Type::Int, "The most bytes to give; the rest is cut off.")
                .with_default("100000000"),
        ],
        version: 2,
        examples: &[
            Example::new(
                "A small file",
                "gunzip(string=base64decode(string='H4sIAAAAAAAC/8tIzcnJBwCGphA2BQAAAA=='))",
                r#""hello""#,
            ),
            Example::new(
                "Cut off",
                "gunzip(string=base64decode(string='H4sIAAAAAAAC/8tIzcnJBwCGphA2BQAAAA=='), max_bytes=2)",
                r#""he""#,
            ),
            Example::new("Not gzip data", "gunzip(string='hello')", "false"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let limit = args.int(1, 0)?;
    let limit = if limit > 0 { limit.min(MAX_TEXT as i64) } else { MAX_TEXT as i64 };
    let text = args.text(0)?;
    let mut out = Vec::new();
    let read = MultiGzDecoder::new(&*text).take(limit as u64).read_to_end(&mut out);
    // What was read before a fault is kept.
    match read {
        Err(e) if out.is_empty() => Err(Error::new(e.to_string())),
        _ => Ok(Value::Text(out.into())),
    }
}
