//! `process_tracker_tree(id=, data_callback=, max_items=1000)`: processes below one another.

use std::collections::HashSet;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::lambda::Lambda;
use vql::permission::Permission;
use vql::scope::Scope;
use vql::value::Value;

use crate::process_tracker::{Entries, Entry, Tracker};

const ID: usize = 0;
const DATA_CALLBACK: usize = 1;
const MAX_ITEMS: usize = 2;

/// How deep the tree may be.
const MAX_DEPTH: usize = 100;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "process_tracker_tree",
        doc: "A process that the tracker knows, with those below it: name, id, start_time, data and children.",
        category: Category::Host,
        args: &[
            Arg::optional(
                "id",
                Type::Str,
                "The topmost process; by default all without a parent that is known.",
            ),
            Arg::optional("data_callback", Type::Lambda, "Is given a process and says what its data is."),
            Arg::optional("max_items", Type::Int, "How many processes at most.").with_default("1000"),
        ],
        permissions: &[Permission::MachineState],
        version: 2,
        examples: &[Example::new(
            "One process",
            "process_tracker_tree(id=getpid(), data_callback='x=>1').data",
            "1",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

/// A process and those below it, taken from the tracker before anything is evaluated.
struct Node {
    entry: Entry,
    children: Vec<Node>,
}

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let id = args.string(ID)?;
    let callback = args.lambda(DATA_CALLBACK)?;
    let mut left = match args.int(MAX_ITEMS, 1000)? {
        n if n > 0 => n as usize,
        _ => 1000,
    };
    let nodes: Vec<Node> = Tracker::of(args.scope)?.look(|entries| {
        let mut seen = HashSet::new();
        let is_top = |entry: &&Entry| match id.is_empty() {
            true => entries.get(&entry.parent).is_none() || entry.parent == entry.id,
            false => entry.id == id,
        };
        let tops: Vec<&Entry> = entries.all().filter(is_top).collect();
        tops.into_iter().filter_map(|top| node(entries, top, 0, &mut left, &mut seen)).collect()
    });
    let mut values: Vec<Value> =
        nodes.iter().map(|node| value(args.scope, node, callback.as_deref())).collect();
    Ok(match (id.is_empty(), values.len()) {
        (false, 0) => Value::Null,
        (false, _) => values.remove(0),
        (true, _) => Value::dict([
            ("name", Value::from("Root")),
            ("id", Value::from("")),
            ("children", Value::list(values)),
        ]),
    })
}

fn node(
    entries: &Entries,
    entry: &Entry,
    depth: usize,
    left: &mut usize,
    seen: &mut HashSet<String>,
) -> Option<Node> {
    if *left == 0 || depth > MAX_DEPTH || !seen.insert(entry.id.clone()) {
        return None;
    }
    *left -= 1;
    let children = entries.children(&entry.id);
    let children = children.filter_map(|child| node(entries, child, depth + 1, left, seen)).collect();
    Some(Node { entry: entry.clone(), children })
}

fn value(scope: &Scope<'_>, node: &Node, callback: Option<&Lambda>) -> Value {
    let data = match callback {
        Some(lambda) => scope.listed(lambda.call(scope, &[node.entry.value()])),
        None => Value::from(node.entry.data.clone()),
    };
    let children = node.children.iter().map(|child| value(scope, child, callback)).collect();
    Value::dict([
        ("name", node.entry.name()),
        ("id", Value::from(&*node.entry.id)),
        ("start_time", node.entry.started.map_or(Value::Null, Value::Time)),
        ("end_time", node.entry.ended.map_or(Value::Null, Value::Time)),
        ("data", data),
        ("children", Value::list(children)),
    ])
}
