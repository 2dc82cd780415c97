//! `serialize()`: encodes a value as text (builtins page, section 1.4).

use std::sync::Arc;

use crate::args::Args;
use crate::base64;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::csv;
use crate::json::{self, JsonOptions};
use crate::schema::{Name, Schema};
use crate::value::convert::{as_text, to_text};
use crate::value::{Row, Value};
use crate::yaml;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "serialize",
        doc: "Encodes a value as text.",
        category: Category::Encoding,
        args: &[
            Arg::required("item", Type::Any, "The value; a query is the list of its rows."),
            Arg::optional("format", Type::Str, "json, yaml, csv, hex, base64 (without padding) or string.")
                .with_default(r#""json""#),
        ],
        examples: &[
            Example::new(
                "Indented JSON",
                "serialize(item=dict(a=(1, 2)))",
                r#""{\n \"a\": [\n  1,\n  2\n ]\n}""#,
            ),
            Example::new(
                "CSV of rows",
                "serialize(item={ SELECT _value AS A, 'x' AS B FROM range(end=2) }, format='csv')",
                r#""A,B\n0,x\n1,x\n""#,
            ),
            Example::new(
                "YAML",
                "serialize(item=dict(a=1, b=('x', 'true')), format='yaml')",
                r#""a: 1\nb:\n- x\n- \"true\"\n""#,
            ),
            Example::new("Hexadecimal", "serialize(item='Hi', format='hex')", r#""4869""#),
            Example::new("Unknown formats", "serialize(item=1, format='pdf')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let format = args.optional_text(1)?.unwrap_or_else(|| "json".into());
    encode(args, 0, &format)
}

/// What `serialize()` and `encode()` do.
pub(super) fn encode(args: &Args<'_>, slot: usize, format: &[u8]) -> Result<Value, Error> {
    let value = args.scope.listed(args.value(slot));
    let mut out = Vec::new();
    match format.to_ascii_lowercase().as_slice() {
        b"json" | b"" => {
            json::write_indented(&value, &mut out, &JsonOptions { zone: args.scope.zones().print })
        }
        b"yaml" => yaml::write(&value, &mut out),
        b"csv" => write_csv(&value, &mut out),
        b"hex" => to_text(&value).iter().for_each(|c| out.extend_from_slice(format!("{c:02x}").as_bytes())),
        b"base64" => {
            let text = as_text(&value).ok_or("base64 encodes strings only")?;
            base64::encode(text, false, &mut out);
        }
        b"string" => return Ok(Value::Text(to_text(&value))),
        other => return Err(Error::new(format!("Unknown format {}", String::from_utf8_lossy(other)))),
    }
    Ok(Value::Text(out.into()))
}

/// Rows as CSV; the first one gives the header.
fn write_csv(value: &Value, out: &mut Vec<u8>) {
    let one;
    let rows = match value {
        Value::List(items) => &items[..],
        v => {
            one = [v.clone()];
            &one
        }
    };
    let mut header: Option<Arc<Schema>> = None;
    for row in rows {
        let row = match row {
            Value::Dict(dict) => dict.snapshot(),
            v => Row { schema: Schema::value().clone(), cells: vec![v.clone()] },
        };
        let header = header.get_or_insert_with(|| {
            write_line(row.schema.names(), |name, out| csv::write_field(name.as_str().as_bytes(), out), out);
            row.schema.clone()
        });
        let cell = |name: &Name, out: &mut Vec<u8>| {
            if let Some(value) = row.get(name) {
                csv::write_cell(value, out);
            }
        };
        write_line(header.names(), cell, out);
    }
}

fn write_line(names: &[Name], write: impl Fn(&Name, &mut Vec<u8>), out: &mut Vec<u8>) {
    for (i, name) in names.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(name, out);
    }
    out.push(b'\n');
}
