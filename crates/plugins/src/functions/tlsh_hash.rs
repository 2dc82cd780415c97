//! `tlsh_hash(path=, accessor=)`: the locality sensitive hash of a file.

use forensics::hash::tlsh::Tlsh;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor;
use crate::evidence::in_pieces;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "tlsh_hash",
        doc: "The TLSH of a file: alike files have alike hashes; NULL for less than 50 bytes or too uniform ones.",
        category: Category::Encoding,
        args: &[
            Arg::required("path", Type::Path, "The file to hash."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[
            Example::new("Too short", "tlsh_hash(path='hello', accessor='data')", "null"),
            Example::new(
                "A sentence",
                "tlsh_hash(path='The quick brown fox jumps over the lazy dog. Sphinx of black quartz, judge my vow.', accessor='data')",
                r#""d5a01245312921801089144503596571c1ec80009327591014307023040c2214cf4469""#,
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, 0, 1)?;
    let mut hash = Tlsh::default();
    in_pieces(args, &target, |piece| hash.update(piece))?;
    Ok(hash.finish().map_or(Value::Null, Value::from))
}
