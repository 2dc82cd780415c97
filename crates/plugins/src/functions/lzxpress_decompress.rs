//! `lzxpress_decompress(data=)`: data that Windows compressed.

use forensics::lzxpress;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "lzxpress_decompress",
        doc: "Unpacks data compressed with LZXPRESS, plain or with Huffman codes, as long as the result is no more than 64 MiB.",
        category: Category::Encoding,
        args: &[Arg::required("data", Type::Str, "The compressed data.")],
        examples: &[Example::new(
            "The first example of MS-XCA",
            "lzxpress_decompress(data=unhex(string='3f0000006162636465666768696a6b6c6d6e6f707172737475767778797a'))",
            "\"abcdefghijklmnopqrstuvwxyz\"",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let unpacked = lzxpress::decompress(&args.text(0)?).map_err(|e| Error::new(e.to_string()))?;
    Ok(Value::text(unpacked))
}
