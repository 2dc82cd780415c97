//! `chain(a={…}, b={…}, async=)`: queries one after the other (reference, section 10.4).

use crate::args::Args;
use crate::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use crate::eval::parallel;
use crate::value::Value;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "chain",
        doc: "Runs queries in the order written and emits all their rows.",
        category: Category::Language,
        args: &[Arg::optional("async", Type::Bool, "Run them at the same time; rows interleave.")],
        free_form: true,
        examples: &[Example::new(
            "Two queries",
            "SELECT * FROM chain(b={ SELECT 1 AS X FROM scope() }, a={ SELECT 2 AS X FROM scope() })",
            r#"[{"X":1},{"X":2}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    if args.bool(0) {
        let queries: Vec<Value> = (0..args.rest_len()).map(|i| args.rest_value(i)).collect();
        return parallel::run_all(args.scope, "chain", &queries, sink);
    }
    (0..args.rest_len()).try_for_each(|i| args.scope.push_rows(&args.rest_value(i), sink))
}
