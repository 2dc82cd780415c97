//! `FROM filesystems()`: mounted file systems.

use vql::args::Args;
use vql::call::{Category, Example, Flow, Plugin, Signature, Sink};
use vql::value::Row;

use crate::machine::mounts;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "filesystems",
        doc: "Everything that is mounted, file systems without a device included.",
        category: Category::Host,
        examples: &[Example::new(
            "Processes",
            "SELECT fstype FROM filesystems() WHERE mountpoint = '/proc' LIMIT 1",
            r#"[{"fstype":"proc"}]"#,
        )],
        ..Signature::NEW
    },
    columns: mounts::COLUMNS,
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let schema = args.columns();
    mounts::mounts().into_iter().try_for_each(|cells| sink.row(&mut Row { schema: schema.clone(), cells }))
}
