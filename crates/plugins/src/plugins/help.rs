//! `FROM help()`: every function and plugin, as they describe themselves.

use vql::args::Args;
use vql::call::{Category, Example, Flow, Plugin, Signature, Sink};
use vql::value::{Row, Value};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "help",
        doc: "Describes every function and plugin.",
        category: Category::Language,
        examples: &[Example::new(
            "The arguments of a function",
            "SELECT type, args.name AS Args FROM help() WHERE name = 'read_file' AND type = 'Function'",
            r#"[{"type":"Function","Args":["length","offset","filename","accessor"]}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[
        "name",
        "type",
        "description",
        "args",
        "permissions",
        "category",
        "version",
        "platforms",
        "columns",
        "examples",
    ],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let registry = &args.scope.context().registry;
    let schema = args.columns();
    let mut emit = |kind: &str, signature: &Signature, columns: &[&str]| {
        sink.row(&mut Row { schema: schema.clone(), cells: cells(kind, signature, columns) })
    };
    for function in registry.functions() {
        emit("Function", &function.signature, &[])?;
    }
    for plugin in registry.plugins() {
        emit("Plugin", &plugin.signature, plugin.columns)?;
    }
    Ok(())
}

fn cells(kind: &str, signature: &Signature, columns: &[&str]) -> Vec<Value> {
    let permissions = signature.needs().into_iter().map(Value::from).collect();
    vec![
        Value::from(signature.name),
        Value::from(kind),
        Value::from(signature.doc),
        arguments(signature),
        Value::list(permissions),
        Value::from(format!("{:?}", signature.category).to_lowercase()),
        Value::Int(signature.version),
        Value::from(format!("{:?}", signature.platforms).to_lowercase()),
        Value::list(columns.iter().map(|c| Value::from(*c)).collect()),
        examples(signature),
    ]
}

fn arguments(signature: &Signature) -> Value {
    let argument = |arg: &vql::call::Arg| {
        Value::dict([
            ("name", Value::from(arg.name)),
            ("type", Value::from(arg.ty.name())),
            ("required", Value::Bool(arg.required)),
            ("description", Value::from(arg.doc)),
            ("default", if arg.default.is_empty() { Value::Null } else { Value::from(arg.default) }),
        ])
    };
    Value::list(signature.args.iter().map(argument).collect())
}

fn examples(signature: &Signature) -> Value {
    let example = |e: &Example| {
        let members = [("title", e.title), ("vql", e.vql), ("result", e.result)];
        Value::dict(members.map(|(name, text)| (name, Value::from(text))))
    };
    Value::list(signature.examples.iter().map(example).collect())
}
