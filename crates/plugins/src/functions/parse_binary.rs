//! `parse_binary(filename=, accessor=, profile=, struct=, offset=, env=)`: a structure in a file.

use std::sync::Arc;

use forensics::binary::{Image, Item, Machine, Profile};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::session::Session;
use vql::value::Value;

use crate::accessor;
use crate::binary::{Evaluator, value_of};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const PROFILE: usize = 2;
const STRUCT: usize = 3;
const OFFSET: usize = 4;
const ENV: usize = 5;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "parse_binary",
        doc: "Parses a structure out of a file, as a profile describes it; fields are parsed when they are asked for.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::Path, "The file to read."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::optional(
                "profile",
                Type::Str,
                "The structures as JSON: [[name, size, [[field, offset, type, options]…]]…].",
            ),
            Arg::required("struct", Type::Str, "The structure to parse."),
            Arg::optional("offset", Type::Int, "Where it starts.").with_default("0"),
            Arg::optional("env", Type::Dict, "Variables for the lambdas of the profile."),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        examples: &[
            Example::new(
                "Text with its length before it",
                r#"parse_binary(accessor='data', filename='\x05hello', struct='S', profile='[["S", 0, [["n", 0, "uint8"], ["text", 1, "String", {"length": "x=>x.n"}]]]]')"#,
                r#"{"n":5,"text":"hello"}"#,
            ),
            Example::new(
                "An array, and where it ends",
                r#"parse_binary(accessor='data', filename='abcd', struct='S', profile='[["S", 0, [["l", 0, "Array", {"type": "uint16b", "count": 2}]]]]').l.EndOf"#,
                "4",
            ),
            Example::new(
                "Beyond the end",
                r#"parse_binary(accessor='data', filename='a', struct='S', profile='[["S", 4, [["n", 0, "uint32"]]]]')"#,
                r#"{"n":null}"#,
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, FILENAME, ACCESSOR)?;
    let text = args.text(PROFILE)?;
    let profile =
        args.memo(PROFILE, &text, |text| Profile::parse(&text.to_str_lossy()).map_err(Error::new))?;
    let name = args.string(STRUCT)?;
    let offset = u64::try_from(args.int(OFFSET, 0)?).map_err(|_| "offset should not be negative")?;
    let file = target.open(args.scope).map_err(|e| target.failure(&e))?;
    let machine = Machine::new(profile, Image::new(file), evaluator(args)?);
    let found = machine.parse(&name, offset);
    found
        .map(|s| value_of(Item::Struct(s)))
        .ok_or_else(|| Error::new(format!("the profile has no struct {name}")))
}

/// Lambdas see the variables of now: the structure may outlive the scope it was made in.
fn evaluator(args: &Args<'_>) -> Result<Evaluator, Error> {
    let scope = args.scope;
    let mut vars = scope.snapshot().snapshot();
    if let Some(env) = args.dict(ENV)? {
        for (name, value) in env.snapshot().iter() {
            vars.set(name, value.clone());
        }
    }
    let context = Arc::new(scope.context().clone());
    Ok(Evaluator::new(Session::new(context, vars, scope.root_cancel().clone()).at_depth(scope.depth())))
}
