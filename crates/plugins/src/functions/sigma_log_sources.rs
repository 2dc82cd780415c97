//! `sigma_log_sources(…={…})`: where `sigma()` gets the events of each kind from.

use vql::args::Args;
use vql::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use vql::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "sigma_log_sources",
        doc: "The queries that give `sigma()` its events, by `category/product/service`, with a star for what is not said.",
        category: Category::Events,
        free_form: true,
        version: 2,
        examples: &[Example::new(
            "What it holds",
            "items(item=sigma_log_sources(`process_creation/windows/*`={ SELECT 1 AS X FROM scope() }))._key",
            r#"["process_creation/windows/*"]"#,
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    Ok(args.rest_row().into())
}
