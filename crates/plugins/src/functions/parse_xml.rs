//! `parse_xml(file=, accessor=)`: XML to nested dicts.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor;
use crate::text::read_whole;
use crate::xml;

const FILE: usize = 0;
const ACCESSOR: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "parse_xml",
        doc: "Parses XML to nested dicts, whose members are found in any case.",
        category: Category::Parsers,
        args: &[
            Arg::required("file", Type::Path, "The file to read."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        examples: &[
            Example::new(
                "Repeated elements are a list, attributes start with Attr",
                r#"parse_xml(file='<a id="1"><b>x</b><b>y</b><c k="v">z</c></a>', accessor='data')"#,
                r##"{"a":{"Attrid":"1","b":["x","y"],"c":{"#text":"z","Attrk":"v"}}}"##,
            ),
            Example::new(
                "Names in any case",
                r#"parse_xml(file='<A><B>x</B></A>', accessor='data').a.b"#,
                "\"x\"",
            ),
            Example::new("No XML", r#"parse_xml(file='<a>', accessor='data')"#, "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, FILE, ACCESSOR)?;
    let text = read_whole(args, &target)?;
    xml::parse(&text, args.scope.cancel())
}
