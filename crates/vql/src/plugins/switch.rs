//! `switch(a={…}, b={…})`: the first query that yields rows (reference, section 10.4).

use crate::args::Args;
use crate::call::{Category, Example, Flow, Plugin, Signature, Sink};
use crate::value::{Row, Value};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "switch",
        doc: "Runs queries in the order written; the first that yields a row is emitted, the others are not run.",
        category: Category::Language,
        free_form: true,
        examples: &[Example::new(
            "The first has no rows",
            "SELECT * FROM switch(a={ SELECT * FROM range(end=0) }, b={ SELECT 2 AS X FROM scope() })",
            r#"[{"X":2}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    for i in 0..args.rest_len() {
        let mut counted = Counted { sink, any: false };
        args.scope.push_rows(&args.rest_value(i), &mut counted)?;
        if counted.any {
            return Ok(());
        }
    }
    Ok(())
}

/// Passes rows on and remembers whether there were any.
struct Counted<'a> {
    sink: &'a mut dyn Sink,
    any: bool,
}

impl Sink for Counted<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.any = true;
        self.sink.row(row)
    }

    fn value(&mut self, value: Value) -> Flow {
        self.any = true;
        self.sink.value(value)
    }
}
