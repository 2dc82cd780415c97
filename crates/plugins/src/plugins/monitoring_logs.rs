//! `FROM monitoring_logs(client_id=, artifact=, …)`: what event artifacts logged.

use store::flow::SERVER;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::collection::read::Part;
use crate::events::{each_stored, period};
use crate::monitoring::LOGS;

const CLIENT_ID: usize = 0;
const ARTIFACT: usize = 1;
const START_TIME: usize = 3;
const END_TIME: usize = 4;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "monitoring_logs",
        doc: "The log lines of an event artifact, oldest first.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "Only \"server\" runs event artifacts."),
            Arg::required("artifact", Type::Str, "The artifact."),
            Arg::optional("source", Type::Str, "Accepted; lines are kept for the whole artifact."),
            Arg::optional("start_time", Type::Any, "Lines from then on."),
            Arg::optional("end_time", Type::Any, "Lines before then."),
        ],
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    columns: &["artifact", "level", "message", "_ts"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let client = args.string(CLIENT_ID)?;
    if !matches!(client.as_str(), "" | SERVER) {
        return Err(Error::new(format!("client {client} runs no event artifacts")).into());
    }
    let artifact = Value::Text(args.text(ARTIFACT)?);
    each_stored(args, LOGS, period(args, START_TIME, END_TIME)?, Part::ALL, |row| {
        let is_wanted = row.get_str("artifact").is_some_and(|name| is_same(name, &artifact));
        if is_wanted { sink.row(row) } else { Ok(()) }
    })
}

fn is_same(name: &Value, wanted: &Value) -> bool {
    matches!((name, wanted), (Value::Text(a), Value::Text(b)) if a == b)
}
