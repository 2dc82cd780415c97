//! `encode()`: encodes a value as text; serialize() with other argument names (builtins page, section 1.4).

use super::serialize::encode;
use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "encode",
        doc: "Encodes a value as text; serialize() with other argument names.",
        category: Category::Encoding,
        args: &[
            Arg::required("string", Type::Any, "The value; a query is the list of its rows."),
            Arg::required("type", Type::Str, "json, yaml, csv, hex, base64 (without padding) or string."),
        ],
        version: 3,
        examples: &[
            Example::new("Hexadecimal", "encode(string='Hi', type='hex')", r#""4869""#),
            Example::new("Base64 without padding", "encode(string='a', type='base64')", r#""YQ""#),
            Example::new("Text", "encode(string=(1, 2), type='string')", r#""[1 2]""#),
            Example::new("Unknown formats", "encode(string=1, type='pdf')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    encode(args, 0, &args.text(1)?)
}
