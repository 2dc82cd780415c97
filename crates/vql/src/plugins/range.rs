//! `range(start=0, end=, step=1)`: counts.

use crate::args::Args;
use crate::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use crate::schema::Schema;
use crate::value::{Row, Value};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "range",
        doc: "Counts from start to end (exclusive).",
        category: Category::Language,
        args: &[
            Arg::optional("start", Type::Int, "The first number.").with_default("0"),
            Arg::required("end", Type::Int, "Where to stop; not included."),
            Arg::optional("step", Type::Int, "How far apart; 0 means 1.").with_default("1"),
        ],
        examples: &[
            Example::new(
                "Three rows",
                "SELECT _value FROM range(end=3)",
                r#"[{"_value":0},{"_value":1},{"_value":2}]"#,
            ),
            Example::new(
                "Steps",
                "SELECT * FROM range(start=1, end=6, step=2)",
                r#"[{"_value":1},{"_value":3},{"_value":5}]"#,
            ),
            Example::new("A negative step gives nothing", "SELECT * FROM range(end=3, step=-1)", "[]"),
        ],
        ..Signature::NEW
    },
    columns: &["_value"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let start = args.int(0, 0)?;
    // A float such as 1e18 is a common way to write a large end.
    let end = args.int(1, 0)?;
    let step = match args.int(2, 1)? {
        0 => 1,
        step => step,
    };
    if step < 0 {
        return Ok(());
    }
    let mut row = Row::new(Schema::value().clone());
    let mut i = start;
    while i < end {
        if row.schema.is_empty() {
            // The consumer took the row as it was.
            row.schema.clone_from(Schema::value());
        }
        row.cells.clear();
        row.cells.push(Value::Int(i));
        sink.row(&mut row)?;
        i = match i.checked_add(step) {
            Some(next) => next,
            None => return Ok(()),
        };
    }
    Ok(())
}
