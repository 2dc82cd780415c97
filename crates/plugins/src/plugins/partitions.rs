//! `FROM partitions()`: mounted file systems that live on a device.

use vql::args::Args;
use vql::call::{Category, Example, Flow, Plugin, Signature, Sink};
use vql::value::{Row, convert};

use crate::machine::mounts;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "partitions",
        doc: "What is mounted from a device.",
        category: Category::Host,
        examples: &[Example::new(
            "File systems without a device are left out",
            "SELECT * FROM partitions() WHERE fstype IN ('proc', 'sysfs', 'tmpfs')",
            "[]",
        )],
        ..Signature::NEW
    },
    columns: mounts::COLUMNS,
    run,
};

const FSTYPE: usize = 2;

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let schema = args.columns();
    let kinds = mounts::device_kinds();
    for cells in mounts::mounts() {
        if kinds.contains(&*convert::to_text(&cells[FSTYPE]).to_str_lossy()) {
            sink.row(&mut Row { schema: schema.clone(), cells })?;
        }
    }
    Ok(())
}
