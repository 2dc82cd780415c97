//! `FROM Artifact.Name.Of.It(param=…)`: the rows of another artifact.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;

use crate::artifact::prepared::PreparedArtifacts;
use crate::artifact::run::{Runner, Tagged, check_rights, environment};
use crate::world::World;

const SOURCE: usize = 0;
const PRECONDITIONS: usize = 1;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "Artifact",
        doc: "Runs the sources of an artifact one after another, in a scope of their own.",
        category: Category::Server,
        args: &[
            Arg::optional("source", Type::Str, "The only source to run; all by default."),
            Arg::optional("preconditions", Type::Bool, "Leave out sources whose precondition gives no row."),
        ],
        free_form: true,
        is_family: true,
        examples: &[Example::new(
            "With a parameter",
            "SELECT Name FROM Artifact.Generic.Server.Artifacts(NameRegex='^Generic.Client.Info$')",
            r#"[{"Name":"Generic.Client.Info"}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let scope = args.scope;
    let name = args.member();
    let repository = &World::of(scope)?.artifacts;
    let definition =
        repository.find(name).ok_or_else(|| Error::new(format!("artifact {name} is not known")))?;
    check_rights(&definition, scope.context())?;
    let only = args.string(SOURCE)?;
    if !only.is_empty() && definition.source(&only).is_none() {
        return Err(Error::new(format!("{name} has no source {only}")).into());
    }
    let unknown = |parameter: &str| scope.log(Level::Warn, format!("{name} has no parameter {parameter}"));
    // A query is run here: inside, the names it uses mean something else.
    let mut given = args.rest_row();
    for cell in &mut given.cells {
        *cell = scope.listed(std::mem::take(cell));
    }
    let server = World::of(scope)?.server.as_deref();
    let env = environment(&definition, given, server, unknown)?;
    let registry = &scope.context().registry;
    let prepared = scope.kept::<PreparedArtifacts>().get(definition, repository, registry)?;
    let runner = Runner {
        prepared: &prepared,
        context: scope.context().clone().into(),
        env,
        cancel: scope.cancel().clone(),
        obey_preconditions: args.bool(PRECONDITIONS),
        caller: Some(scope),
    };
    runner.run(&only, |source, _session, run| run(&mut Tagged::new(sink, &source.full_name)))
}
