//! `for(var=, foreach=, query=)`: a query that starts anew with each event (builtins page, section 4.2).

use crate::args::Args;
use crate::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Stop, Type};
use crate::cancel::Cancel;
use crate::eval::parallel::{Shared, Threads, report};
use crate::schema::{Name, Schema};
use crate::scope::{Layer, Scope};
use crate::value::{Row, Value};

const VAR: usize = 0;
const FOREACH: usize = 1;
const QUERY: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "for",
        doc: "Runs a query for each row of another, and stops the run before when the next row comes.",
        category: Category::Events,
        args: &[
            Arg::required("var", Type::Str, "The variable that holds the row."),
            Arg::required("foreach", Type::Query, "Where rows come from, usually events."),
            Arg::optional("query", Type::Query, "What to run; without it the rows are emitted."),
        ],
        examples: &[Example::new(
            "The last run goes on to its end",
            "SELECT * FROM for(var='Event', foreach={ SELECT 5 AS X FROM scope() }, query={ SELECT Event.X + _value AS Y FROM range(end=2) })",
            r#"[{"Y":5},{"Y":6}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let name = Name::new(&args.string(VAR)?);
    let source = args.value(FOREACH);
    let Some(query) = args.optional(QUERY) else { return args.scope.push_rows(&source, sink) };
    restart(args.scope, &name, &source, &query, sink)
}

/// A run, and how to stop it.
struct Running<'t> {
    cancel: Cancel,
    thread: std::thread::ScopedJoinHandle<'t, ()>,
}

impl Running<'_> {
    fn stop(self) {
        self.cancel.cancel();
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

fn restart(scope: &Scope<'_>, name: &Name, source: &Value, query: &Value, sink: &mut dyn Sink) -> Flow {
    let permit = Threads::take(scope, 1);
    if permit.count == 0 {
        return Err("the query has too many threads".into());
    }
    let shared = &Shared::new(scope, sink);
    let schema = Schema::of([name.clone()]);
    std::thread::scope(|threads| {
        let mut running: Option<Running<'_>> = None;
        let flow = scope.with_cancel(shared.cancel()).each(source, &mut |row| {
            if let Some(before) = running.take() {
                before.stop();
            }
            if shared.cancel().is_cancelled() {
                return Err(Stop::Done);
            }
            let vars = Row { schema: schema.clone(), cells: vec![row] };
            let cancel = shared.cancel().child();
            let own = cancel.clone();
            let thread = threads.spawn(move || {
                let scope = scope.with_cancel(&own);
                let scope = scope.with(Layer::Row(&vars));
                report(&scope, "for", scope.push_rows(query, &mut { shared }));
            });
            running = Some(Running { cancel, thread });
            Ok(())
        });
        report(scope, "for", flow);
    });
    shared.flow()
}
