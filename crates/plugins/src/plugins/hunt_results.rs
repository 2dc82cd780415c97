//! `FROM hunt_results(hunt_id=, artifact=, source=, brief=)`: the rows that a hunt brought.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use crate::collection::read::{Part, push_hunt};
use crate::server::{Server, check_org, strings};

const ARTIFACT: usize = 0;
const SOURCE: usize = 1;
const HUNT_ID: usize = 2;
const BRIEF: usize = 3;
const ORGS: usize = 4;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "hunt_results",
        doc: "The rows of all collections of a hunt, each with the columns FlowId, ClientId, _OrgId and Fqdn.",
        category: Category::Server,
        args: &[
            Arg::optional("artifact", Type::Str, "The artifact, or Artifact/Source; all by default."),
            Arg::optional("source", Type::Str, "The source of the artifact; all by default."),
            Arg::required("hunt_id", Type::Str, "The id of the hunt."),
            Arg::optional("brief", Type::Bool, "Without the columns that are added."),
            Arg::optional("orgs", Type::StrList, "Only the present org is known."),
        ],
        permissions: &[Permission::ReadResults],
        version: 2,
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    strings(args, ORGS)?.iter().try_for_each(|org| check_org(org))?;
    let server = Server::of(args.scope)?;
    let wanted = (&*args.string(ARTIFACT)?, &*args.string(SOURCE)?);
    push_hunt(args, server, &args.string(HUNT_ID)?, wanted, Part::ALL, args.bool(BRIEF), sink)
}
