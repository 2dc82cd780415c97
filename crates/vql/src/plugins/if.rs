//! `FROM if(condition=, then=, else=)`: one of two queries (reference, section 10.3).

use crate::args::Args;
use crate::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use crate::eval::push_elements;
use crate::value::Value;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "if",
        doc: "Runs one of two queries, depending on a condition.",
        category: Category::Language,
        args: &[
            Arg::required("condition", Type::Any, "A value, or a query: true if it yields a row."),
            Arg::required("then", Type::Query, "Run when the condition is true."),
            Arg::optional("else", Type::Query, "Run when it is not."),
        ],
        examples: &[
            Example::new(
                "A branch",
                "SELECT * FROM if(condition=1, then={ SELECT 2 AS X FROM scope() })",
                r#"[{"X":2}]"#,
            ),
            Example::new(
                "A list instead of a query",
                "SELECT * FROM if(condition=0, then=1, else=(5, 6))",
                r#"[{"_value":5},{"_value":6}]"#,
            ),
            Example::new(
                "No branch, no rows",
                "SELECT * FROM if(condition=FALSE, then={ SELECT 2 AS X FROM scope() })",
                "[]",
            ),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let branch = if args.bool(0) { args.value(1) } else { args.value(2) };
    match branch {
        Value::Null => Ok(()),
        query if query.is_source() => args.scope.push_rows(&query, sink),
        Value::List(items) => push_elements(&items, sink),
        value => push_elements(&[value], sink),
    }
}
