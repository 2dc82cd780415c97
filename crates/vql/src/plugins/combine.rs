//! `combine(a={…}, b={…})`: queries at the same time (reference, section 10.4).

use crate::args::Args;
use crate::call::{Category, Example, Flow, Plugin, Signature, Sink};
use crate::eval::parallel;
use crate::value::Value;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "combine",
        doc: "Runs queries at the same time; their rows interleave.",
        category: Category::Language,
        free_form: true,
        examples: &[Example::new(
            "Rows of both",
            "SELECT count() AS N FROM combine(a={ SELECT * FROM range(end=2) }, b={ SELECT * FROM range(end=3) }) GROUP BY 1",
            r#"[{"N":5}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let queries: Vec<Value> = (0..args.rest_len()).map(|i| args.rest_value(i)).collect();
    parallel::run_all(args.scope, "combine", &queries, sink)
}
