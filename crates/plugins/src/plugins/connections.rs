//! `FROM connections()`: open sockets.

use vql::args::Args;
use vql::call::{Category, Example, Flow, Platforms, Plugin, Signature, Sink};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::machine::sockets::{self, address_value};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "connections",
        doc: "Open TCP and UDP sockets with numbers for family and type, and who has them open.",
        category: Category::Host,
        permissions: &[Permission::MachineState],
        platforms: Platforms::Linux,
        examples: &[Example::new(
            "Nobody listens on port 0",
            "SELECT * FROM connections() WHERE Laddr.Port = 0 AND Status = 'LISTEN'",
            "[]",
        )],
        ..Signature::NEW
    },
    columns: &["FD", "Family", "Type", "Laddr", "Raddr", "Status", "Pid", "Uids"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let schema = args.columns();
    sockets::each(args.scope, &mut |found| {
        let socket = found.socket;
        let cells = vec![
            Value::Int(found.fd),
            Value::Int(found.family),
            Value::Int(found.kind),
            address_value(socket.local),
            address_value(socket.remote),
            Value::from(socket.status),
            Value::Int(found.pid),
            Value::list(vec![Value::Int(i64::from(socket.uid))]),
        ];
        sink.row(&mut Row { schema: schema.clone(), cells })
    })
}
