//! `parse_yaml(filename=, accessor=, schema=)`: YAML to values.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor;
use crate::text::read_whole;
use crate::yaml;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "parse_yaml",
        doc: "Parses the first document of a YAML file; keys that are not text are dropped.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::Path, "The file to read."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::optional("schema", Type::StrList, "JSON schemas; accepted and ignored."),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        examples: &[
            Example::new(
                "A mapping, in its order",
                r#"parse_yaml(filename="b: [1, 2.5, x]\na: {c: true, 5: dropped}", accessor="data")"#,
                r#"{"b":[1,2.5,"x"],"a":{"c":true}}"#,
            ),
            Example::new("No YAML", r#"parse_yaml(filename="a: [1", accessor="data")"#, "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, FILENAME, ACCESSOR)?;
    let text = read_whole(args, &target)?;
    yaml::parse(&text)
}
