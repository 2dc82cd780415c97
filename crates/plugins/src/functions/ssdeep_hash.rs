//! `ssdeep_hash(path=, accessor=)`: the fuzzy hash of a file.

use forensics::hash::ssdeep::Ssdeep;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor;
use crate::evidence::in_pieces;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "ssdeep_hash",
        doc: "The ssdeep hash of a file: alike files have alike hashes.",
        category: Category::Encoding,
        args: &[
            Arg::required("path", Type::Path, "The file to hash."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[Example::new(
            "A short text",
            "ssdeep_hash(path='The quick brown fox jumps over the lazy dog', accessor='data')",
            r#""3:FJKKIUKact:FHIGi""#,
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, 0, 1)?;
    let mut hash = Ssdeep::default();
    in_pieces(args, &target, |piece| hash.update(piece))?;
    Ok(Value::from(hash.finish()))
}
