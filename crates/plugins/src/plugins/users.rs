//! `FROM users()`: the accounts of the host.

use vql::args::Args;
use vql::call::{Category, Example, Flow, Platforms, Plugin, Signature, Sink};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::machine::passwd;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "users",
        doc: "The accounts in /etc/passwd: name, numbers, description, home directory and shell.",
        category: Category::Host,
        permissions: &[Permission::MachineState],
        platforms: Platforms::Linux,
        examples: &[Example::new(
            "The administrator",
            "SELECT Name, Gid FROM users() WHERE Uid = 0 LIMIT 1",
            r#"[{"Name":"root","Gid":0}]"#,
        )],
        ..Signature::NEW
    },
    columns: &["Name", "Uid", "Gid", "Description", "HomeDirectory", "Shell"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    for account in passwd::accounts() {
        let cells = vec![
            Value::from(account.name),
            Value::Int(i64::from(account.uid)),
            Value::Int(i64::from(account.gid)),
            Value::from(account.description),
            Value::from(account.home),
            Value::from(account.shell),
        ];
        sink.row(&mut Row { schema: args.columns(), cells })?;
    }
    Ok(())
}
