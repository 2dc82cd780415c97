//! `FROM environ(vars=)`: environment variables, one row.

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::schema::{Name, Schema};
use vql::value::{Row, Value};

use crate::world::World;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "environ",
        doc: "Environment variables as one row, whose columns are found in any case; those not set are NULL.",
        category: Category::Host,
        args: &[Arg::optional("vars", Type::StrList, "The names of the variables; all by default.")],
        examples: &[Example::new(
            "Not set",
            "SELECT * FROM environ(vars='NO_SUCH_VARIABLE')",
            r#"[{"NO_SUCH_VARIABLE":null}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let world = World::of(args.scope)?;
    let mut row = Row { schema: Schema::new().ignoring_case().into(), cells: Vec::new() };
    if args.has(0) {
        for name in args.text_list(0)? {
            let name = name.to_str_lossy();
            row.set(&Name::new(&name), world.variable(&name).map_or(Value::Null, Value::from));
        }
    } else {
        for (name, value) in &world.environment {
            row.set(&Name::new(name), Value::from(value.as_str()));
        }
    }
    sink.row(&mut row)
}
