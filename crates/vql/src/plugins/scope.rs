//! `scope()`: one row, the scope itself (reference, section 10.1).

use crate::args::Args;
use crate::call::{Category, Example, Flow, Plugin, Signature, Sink};
use crate::value::Row;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "scope",
        doc: "One row: the current scope, so that any variable can be a column. `*` expands to nothing.",
        category: Category::Language,
        examples: &[
            Example::new("Evaluate expressions", "SELECT 1 + 1 AS Two FROM scope()", r#"[{"Two":2}]"#),
            Example::new("No columns of its own", "SELECT * FROM scope()", "[{}]"),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(_args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    sink.row(&mut Row::default())
}
