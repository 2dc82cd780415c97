//! `harrier artifacts`: shows, checks and collects artifacts, without a server.

use std::io::{self, BufWriter, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use plugins::artifact::definition::Definition;
use plugins::artifact::repository::Repository;
use plugins::world::World;
use store::definition::Definitions;
use vql::lint::{Problem, Severity};
use vql::schema::Name;
use vql::value::{Row, Value};

use super::Outcome;
use super::local::Local;
use super::output::{Format, Printer};
use super::query::key_value;

/// Show, check and collect artifacts: named queries for triage and server work.
#[derive(clap::Subcommand)]
pub enum Command {
    List(ListArgs),
    Show(ShowArgs),
    Collect(CollectArgs),
    Verify(VerifyArgs),
}

/// List the artifacts that are known, with the first line of what they are for.
#[derive(clap::Args)]
pub struct ListArgs {
    /// Only artifacts whose name contains this, in either case.
    #[arg(default_value = "", value_name = "WORD")]
    word: String,
    #[command(flatten)]
    more: More,
    /// How to print; a table on a terminal, else JSON.
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// Print the definition of an artifact.
#[derive(clap::Args)]
pub struct ShowArgs {
    name: String,
    #[command(flatten)]
    more: More,
}

/// Collect artifacts on this machine, with your own rights, and print the rows.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  harrier artifacts collect Linux.Sys.Users
  harrier artifacts collect Generic.Files.Find --arg 'Globs=Glob
/etc/*.conf' --arg WithHash=Y --format jsonl
  harrier artifacts collect Linux.Sys.Crontab Linux.Sys.SystemdUnits --output triage.zip")]
pub struct CollectArgs {
    /// Names of artifacts, or Artifact/Source.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// A parameter, for each of the artifacts that has it.
    #[arg(long = "arg", value_name = "NAME=VALUE", value_parser = key_value)]
    args: Vec<(String, String)>,
    /// Write rows, log lines and uploaded files to this ZIP file instead of printing rows.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Encrypt what is inside the ZIP file.
    #[arg(
        long,
        value_name = "WORD",
        requires = "output",
        env = "HARRIER_ZIP_PASSWORD",
        hide_env_values = true
    )]
    password: Option<String>,
    /// Stop after so many seconds.
    #[arg(long, value_name = "S", default_value_t = 600)]
    timeout: u64,
    #[command(flatten)]
    more: More,
    /// How to print rows; a table on a terminal, else JSON.
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// Check files of definitions: one line a problem, exit status 1 on errors.
#[derive(clap::Args)]
pub struct VerifyArgs {
    /// YAML files; the built-in artifacts when there are none.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(clap::Args)]
struct More {
    /// A directory with further definitions (*.yaml).
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
}

impl More {
    fn repository(&self) -> anyhow::Result<Repository> {
        let Some(dir) = &self.definitions else { return Ok(Repository::built_in()) };
        if !dir.is_dir() {
            bail!("{} is not a directory", dir.display());
        }
        Ok(Repository::with(Definitions::open(dir.clone())?))
    }
}

pub fn run(command: Command) -> Outcome {
    match command {
        Command::List(args) => list(&args),
        Command::Show(args) => show(&args),
        Command::Collect(args) => collect(args),
        Command::Verify(args) => verify(&args),
    }
}

fn printer(format: Option<Format>) -> super::local::Out {
    let is_terminal = io::stdout().is_terminal();
    let format = format.unwrap_or(if is_terminal { Format::Table } else { Format::Json });
    Printer::new(BufWriter::new(io::stdout()), format, if is_terminal { None } else { Some(120) })
}

fn list(args: &ListArgs) -> Outcome {
    let word = args.word.to_lowercase();
    let mut printer = printer(args.format);
    printer.begin()?;
    for definition in args.more.repository()?.all() {
        if !definition.name.to_lowercase().contains(&word) {
            continue;
        }
        let row = serde_json::json!({
            "Name": definition.name,
            "Type": definition.kind.name(),
            "Description": definition.description.lines().next().unwrap_or_default(),
        });
        printer.row(&row.to_string())?;
    }
    printer.end()?;
    Ok(ExitCode::SUCCESS)
}

fn known(repository: &Repository, name: &str) -> anyhow::Result<Arc<Definition>> {
    repository.find(name).with_context(|| {
        let last = name.rsplit('.').next().unwrap_or(name).to_lowercase();
        let all = repository.all();
        let alike: Vec<&str> =
            all.iter().map(|d| d.name.as_str()).filter(|n| n.to_lowercase().contains(&last)).collect();
        match alike[..] {
            [] => format!("no artifact is named {name}; `harrier artifacts list` shows all"),
            _ => format!("no artifact is named {name}; did you mean {}?", alike.join(" or ")),
        }
    })
}

fn show(args: &ShowArgs) -> Outcome {
    print!("{}", known(&args.more.repository()?, &args.name)?.raw);
    Ok(ExitCode::SUCCESS)
}

fn collect(args: CollectArgs) -> Outcome {
    let repository = args.more.repository()?;
    let spec = spec(&repository, &args)?;
    let mut env = Row::default();
    let mut set = |name: &str, value: Value| env.set(&Name::new(name), value);
    set("Artifacts", Value::list(args.names.iter().map(|n| Value::from(n.as_str())).collect()));
    set("Spec", spec);
    set("Seconds", Value::Int(i64::try_from(args.timeout).unwrap_or(i64::MAX)));
    let mut query = "SELECT * FROM collect(artifacts=Artifacts, args=Spec, timeout=Seconds".to_owned();
    if let Some(output) = &args.output {
        let output = std::path::absolute(output)?;
        set("Output", Value::from(output.to_string_lossy().as_ref()));
        set("Password", Value::from(args.password.as_deref().unwrap_or_default()));
        query += ", output=Output, password=Password";
    }
    let world = World { artifacts: Arc::new(repository), ..World::of_process() };
    let local = Local { world, env, timeout: 0, explain: false };
    local.run(std::iter::once((query + ")").as_str()), printer(args.format))
}

/// The parameters of each artifact; one that no artifact has is a mistake.
fn spec(repository: &Repository, args: &CollectArgs) -> anyhow::Result<Value> {
    let mut used = vec![false; args.args.len()];
    let mut spec = Row::default();
    for name in &args.names {
        let definition = known(repository, name.split('/').next().unwrap_or(name))?;
        let mut own = Row::default();
        for ((key, value), used) in args.args.iter().zip(&mut used) {
            if definition.parameters.iter().any(|p| p.name == *key) {
                own.set(&Name::new(key), Value::from(value.as_str()));
                *used = true;
            }
        }
        spec.set(&Name::new(name), own.into());
    }
    match args.args.iter().zip(used).find(|(_, used)| !used) {
        None => Ok(spec.into()),
        Some(((key, _), _)) => bail!("none of these artifacts has a parameter {key}"),
    }
}

fn verify(args: &VerifyArgs) -> Outcome {
    let registry = plugins::registry();
    let mut has_errors = false;
    let mut report = |origin: &str, problems: &[Problem]| {
        for problem in problems {
            has_errors |= problem.severity == Severity::Error;
            println!("{origin}:{problem}");
        }
    };
    for path in &args.files {
        report(&path.display().to_string(), &file_problems(path, &registry));
    }
    if args.files.is_empty() {
        for definition in Repository::built_in().all() {
            report(&definition.name, &Definition::problems(&definition.raw, Some(&registry)));
        }
    }
    Ok(if has_errors { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn file_problems(path: &Path, registry: &vql::registry::Registry) -> Vec<Problem> {
    match std::fs::read_to_string(path) {
        Ok(yaml) => Definition::problems(&yaml, Some(registry)),
        Err(error) => vec![Problem::error(1, 1, format!("cannot read the file: {error}"))],
    }
}
