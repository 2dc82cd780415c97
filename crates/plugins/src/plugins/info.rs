//! `FROM info()`: facts of the host.

use vql::args::Args;
use vql::call::{Category, Example, Flow, Plugin, Signature, Sink};
use vql::permission::Permission;

use crate::machine::facts;
use crate::world::World;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "info",
        doc: "Facts of the host, one row.",
        category: Category::Host,
        permissions: &[Permission::MachineState],
        examples: &[Example::new(
            "The system Harrier runs on",
            "SELECT OS, Uptime > 0 AS Runs FROM info()",
            r#"[{"OS":"linux","Runs":true}]"#,
        )],
        ..Signature::NEW
    },
    columns: facts::COLUMNS,
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    sink.row(&mut facts::row(World::of(args.scope)?, args.scope.host().now(), args.columns()))
}
