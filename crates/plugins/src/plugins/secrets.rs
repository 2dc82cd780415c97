//! `FROM secrets()`: the managed secrets there are, without what they hold.

use vql::args::Args;
use vql::call::{Category, Error, Flow, Plugin, Signature, Sink};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::net::secrets;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "secrets",
        doc: "The managed secrets there are, a row each: their names and who may use them.",
        category: Category::Server,
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    columns: &["type", "name", "creator", "users", "orgs", "visible_to_all_orgs"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let list = |names: &[String]| Value::list(names.iter().map(|n| Value::from(n.as_str())).collect());
    for secret in secrets::place(args.scope)?.list().map_err(Error::new)? {
        let cells = vec![
            Value::from(secret.kind),
            Value::from(secret.name),
            Value::from(secret.creator),
            list(&secret.users),
            list(&secret.orgs),
            Value::Bool(secret.visible_to_all_orgs),
        ];
        sink.row(&mut Row { schema: args.columns(), cells })?;
    }
    Ok(())
}
