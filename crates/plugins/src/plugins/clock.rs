//! `clock(start=, period=1, ms=)`: a row a period, for ever.

use std::time::{Duration, Instant};

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::value::Value;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "clock",
        doc: "Emits the time, once a period, for ever; first after one period, or at `start`.",
        category: Category::Events,
        args: &[
            Arg::optional("start", Type::Time, "When to emit the first row; at once if that is in the past."),
            Arg::optional("period", Type::Int, "Seconds between rows.").with_default("1"),
            Arg::optional("ms", Type::Int, "Milliseconds between rows, instead of period."),
        ],
        examples: &[Example::new(
            "Two ticks",
            "SELECT Unix > 1700000000 AS Now FROM clock(ms=1) LIMIT 2",
            r#"[{"Now":true},{"Now":true}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let millis = match args.int(2, 0)? {
        ms if ms > 0 => ms,
        _ => args.int(1, 1)?.max(1).saturating_mul(1000),
    };
    let period = Duration::from_millis(millis as u64);
    let scope = args.scope;
    let first = match args.time(0)? {
        None => period,
        Some(start) => Duration::try_from(start.duration_since(scope.host().now())).unwrap_or(Duration::ZERO),
    };
    // Measured against a steady clock, so that slow consumers do not make the rows drift.
    let mut next = Instant::now() + first;
    loop {
        if scope.cancel().wait(next.saturating_duration_since(Instant::now())) {
            return Err(Stop::Done);
        }
        sink.value(Value::Time(scope.host().now()))?;
        next = (next + period).max(Instant::now());
    }
}
