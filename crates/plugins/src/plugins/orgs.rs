//! `FROM orgs()`: the orgs.

use vql::args::Args;
use vql::call::{Category, Flow, Plugin, Signature, Sink};
use vql::value::{Row, Value};

use crate::server::{ROOT_ORG, Server};
use crate::user::ROOT_NAME;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "orgs",
        doc: "The orgs: there is one.",
        category: Category::Server,
        ..Signature::NEW
    },
    columns: &["Name", "OrgId", "_client_config"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let config = Server::of(args.scope)?.client_config.clone();
    let cells = vec![Value::from(ROOT_NAME), Value::from(ROOT_ORG), config];
    sink.row(&mut Row { schema: args.columns(), cells })
}
