//! `FROM parse_json_array(data=)`: the elements of a JSON array as rows.

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use crate::eval::push_elements;
use crate::json;
use crate::value::Value;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_json_array",
        doc: "Parses a JSON array and emits its elements as rows.",
        category: Category::Parsers,
        args: &[
            Arg::required("data", Type::Str, "The JSON text."),
            Arg::optional("schema", Type::StrList, "JSON schemas; accepted and ignored."),
        ],
        version: 2,
        examples: &[Example::new(
            "Objects and scalars",
            r#"SELECT * FROM parse_json_array(data='[{"a":1},{"a":2}]')"#,
            r#"[{"a":1},{"a":2}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let data = args.text(0)?;
    if data.is_empty() {
        return Ok(());
    }
    match json::parse(&data)? {
        Value::List(items) => push_elements(&items, sink),
        _ => Err(Error::from("data should be a JSON array").into()),
    }
}
