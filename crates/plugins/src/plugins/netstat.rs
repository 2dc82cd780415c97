//! `FROM netstat()`: open sockets, in words.

use vql::args::Args;
use vql::call::{Category, Example, Flow, Plugin, Signature, Sink};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::machine::sockets::{self, address_value};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "netstat",
        doc: "Open TCP and UDP sockets with names for family, type and status.",
        category: Category::Host,
        permissions: &[Permission::MachineState],
        examples: &[Example::new(
            "Two families",
            "SELECT * FROM netstat() WHERE NOT FamilyString IN ('IPv4', 'IPv6')",
            "[]",
        )],
        ..Signature::NEW
    },
    columns: &["Pid", "FamilyString", "TypeString", "Status", "Laddr", "Raddr", "Timestamp"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let schema = args.columns();
    sockets::each(args.scope, &mut |found| {
        let socket = found.socket;
        let cells = vec![
            Value::Int(found.pid),
            Value::from(if found.family == 2 { "IPv4" } else { "IPv6" }),
            Value::from(if found.kind == 1 { "TCP" } else { "UDP" }),
            Value::from(if socket.status == "LISTEN" { "LISTENING" } else { socket.status }),
            address_value(socket.local),
            address_value(socket.remote),
            // The kernel does not tell when a socket was made.
            Value::Null,
        ];
        sink.row(&mut Row { schema: schema.clone(), cells })
    })
}
