//! `FROM hunt_flows(hunt_id=, start_row=, limit=, basic_info=)`: the collections of a hunt.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::hunt;
use crate::server::{Server, shown};

const HUNT_ID: usize = 0;
const START_ROW: usize = 1;
const LIMIT: usize = 2;
const BASIC_INFO: usize = 3;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "hunt_flows",
        doc: "The collections of a hunt, oldest first.",
        category: Category::Server,
        args: &[
            Arg::required("hunt_id", Type::Str, "The id of the hunt."),
            Arg::optional("start_row", Type::Int, "Rows to leave out at the start.").with_default("0"),
            Arg::optional("limit", Type::Int, "Rows to give at most; all by default."),
            Arg::optional("basic_info", Type::Bool, "Without the records of the collections."),
        ],
        permissions: &[Permission::ReadResults],
        version: 2,
        ..Signature::NEW
    },
    columns: &["HuntId", "ClientId", "FlowId", "Flow"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let id = args.string(HUNT_ID)?;
    let is_basic = args.bool(BASIC_INFO);
    let start = usize::try_from(args.int(START_ROW, 0)?).unwrap_or_default();
    let limit = match usize::try_from(args.int(LIMIT, 0)?) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    for part in hunt::parts(server, &id)?.skip(start).take(limit) {
        args.scope.tick()?;
        let part = part?;
        let flow = match &part.flow {
            Some(flow) if !is_basic => shown(flow)?,
            _ => Value::Null,
        };
        let cells =
            vec![Value::from(id.as_str()), Value::from(part.client_id), Value::from(part.flow_id), flow];
        sink.row(&mut Row { schema: args.columns(), cells })?;
    }
    Ok(())
}
