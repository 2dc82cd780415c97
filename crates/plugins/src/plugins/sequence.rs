//! `sequence(query=, max_age=30, a={…}, b={…})`: events in the light of those before (builtins page, section 4.2).

use std::sync::Arc;
use std::time::Instant;

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::eval::parallel;
use vql::schema::Schema;
use vql::scope::{Layer, Scope};
use vql::value::{Row, Value};

use crate::period::seconds;
use crate::relay::emit;
use crate::row_window::RowWindow;

const QUERY: usize = 0;
const MAX_AGE: usize = 1;

/// The most events that one window holds: the query looks at all of them after each event.
const MAX_ROWS: usize = 100_000;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "sequence",
        doc: "Collects the rows of several event queries in a window, `SEQUENCE`, and runs a query over it after each; rows \
              that it gives are emitted and clear the window.",
        category: Category::Events,
        args: &[
            Arg::required("query", Type::Query, "What to run; it sees the window as SEQUENCE."),
            Arg::optional("max_age", Type::Int, "Seconds that an event stays in the window.")
                .with_default("30"),
        ],
        free_form: true,
        examples: &[Example::new(
            "Two in a row",
            "SELECT * FROM sequence(a={ SELECT * FROM range(end=5) }, query={ SELECT _value, SEQUENCE[0]._value AS First FROM SEQUENCE WHERE _value > First })",
            r#"[{"_value":1,"First":0},{"_value":3,"First":2}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let max_age = seconds(args.int(MAX_AGE, 30)?);
    let window = RowWindow::new(MAX_ROWS, max_age, args.scope.context().limits.operator_bytes);
    let query = args.value(QUERY);
    let events: Vec<Value> = (0..args.rest_len()).map(|i| args.rest_value(i)).collect();
    let mut collector =
        Collector { scope: args.scope, query, sink, window, schema: Schema::of(["SEQUENCE"]) };
    parallel::run_all(args.scope, "sequence", &events, &mut collector)
}

/// Takes the events of all queries, one at a time.
struct Collector<'a> {
    scope: &'a Scope<'a>,
    query: Value,
    sink: &'a mut dyn Sink,
    window: RowWindow,
    schema: Arc<Schema>,
}

impl Sink for Collector<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        let cells = std::mem::take(&mut row.cells);
        self.value(Value::Dict(Row { schema: row.schema.clone(), cells }.into()))
    }

    fn value(&mut self, event: Value) -> Flow {
        let now = Instant::now();
        self.window.push(event, now);
        let vars = Row { schema: self.schema.clone(), cells: vec![Value::list(self.window.rows(now))] };
        let mut any = false;
        let sink = &mut *self.sink;
        self.scope.with(Layer::Row(&vars)).each(&self.query, &mut |row| {
            any = true;
            emit(row, sink)
        })?;
        if any {
            self.window.clear();
        }
        Ok(())
    }
}
