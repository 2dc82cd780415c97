//! `alert(name=, dedup=7200, condition=, …)`: an alert in the query log (builtins page, section 4.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::host::Level;
use crate::json::{self, JsonOptions};
use crate::text::Text;
use crate::value::Value;

const NAME: usize = 0;
const DEDUP: usize = 1;
const CONDITION: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "alert",
        doc: "Writes an alert to the query log: a JSON object of its name, the time and the other arguments. Repeats of a \
              name are of level INFO for a while.",
        category: Category::Language,
        args: &[
            Arg::required("name", Type::Str, "The name of the alert."),
            Arg::optional("dedup", Type::Int, "Seconds for which repeats are INFO; -1: never.")
                .with_default("7200"),
            Arg::optional("condition", Type::Any, "When given and not true, there is no alert."),
        ],
        free_form: true,
        version: 2,
        examples: &[
            Example::new("It returns TRUE", "alert(name='disk full', volume='/')", "true"),
            Example::new("No reason for one", "alert(name='disk full', condition=2 < 1)", "false"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let scope = args.scope;
    if args.has(CONDITION) && !scope.truth(&args.value(CONDITION)) {
        return Ok(Value::Bool(false));
    }
    let name = args.text(NAME)?;
    let dedup = args.int(DEDUP, 7200)?;
    let now = scope.host().now();
    // No line of `log()` has this key.
    let key = Text::from([b"alert\0", name.as_bytes()].concat());
    let is_due = dedup < 0 || scope.context().log_once.is_due(&key, dedup, now);
    let mut details = args.rest_row();
    for cell in &mut details.cells {
        *cell = scope.listed(std::mem::take(cell));
    }
    let record = Value::dict([
        ("name", Value::Text(name)),
        ("timestamp", Value::Time(now)),
        ("event_data", details.into()),
    ]);
    let mut line = Vec::new();
    json::write_value(&record, &mut line, &JsonOptions::default());
    scope.log(if is_due { Level::Alert } else { Level::Info }, String::from_utf8_lossy(&line));
    Ok(Value::Bool(true))
}
