//! `sample(query=, n=)`: every n-th row (builtins page, section 4.2).

use crate::args::Args;
use crate::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use crate::value::{Row, Value};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "sample",
        doc: "The first row of a query, and every n-th row after it.",
        category: Category::Language,
        args: &[
            Arg::required("query", Type::Query, "Where rows come from."),
            Arg::required("n", Type::Int, "One row of so many is passed on; 1 and less: all."),
        ],
        examples: &[Example::new(
            "Every third",
            "SELECT * FROM sample(query={ SELECT * FROM range(end=7) }, n=3)",
            r#"[{"_value":0},{"_value":3},{"_value":6}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let n = args.int(1, 1)?.max(1);
    args.scope.push_rows(&args.value(0), &mut Sample { sink, n, skip: 0 })
}

struct Sample<'a> {
    sink: &'a mut dyn Sink,
    n: i64,
    /// Rows to leave out before the next is passed on.
    skip: i64,
}

impl Sample<'_> {
    fn is_due(&mut self) -> bool {
        let is_due = self.skip == 0;
        self.skip = if is_due { self.n - 1 } else { self.skip - 1 };
        is_due
    }
}

impl Sink for Sample<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        if self.is_due() { self.sink.row(row) } else { Ok(()) }
    }

    fn value(&mut self, value: Value) -> Flow {
        if self.is_due() { self.sink.value(value) } else { Ok(()) }
    }
}
