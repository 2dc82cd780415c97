//! `harrier check`: finds mistakes in VQL files and artifact definitions without running anything.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plugins::artifact::definition::Definition;
use vql::lint::{Problem, Severity};

use super::Outcome;

/// Check VQL files and artifact YAML. Nothing is run; one line a problem, exit status 1 on errors.
#[derive(clap::Args)]
pub struct Args {
    /// Files to check: `.yaml` and `.yml` are artifacts, everything else is VQL.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Look at the syntax only, not at the names of functions, plugins and arguments.
    #[arg(long)]
    parse_only: bool,
}

pub fn run(args: &Args) -> Outcome {
    let registry = (!args.parse_only).then(plugins::registry);
    let mut has_errors = false;
    for path in &args.files {
        for problem in problems(path, registry.as_ref()) {
            has_errors |= problem.severity == Severity::Error;
            println!("{}:{problem}", path.display());
        }
    }
    Ok(if has_errors { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn problems(path: &Path, registry: Option<&vql::registry::Registry>) -> Vec<Problem> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return vec![Problem::error(1, 1, format!("cannot read the file: {error}"))],
    };
    let is_yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    if is_yaml { Definition::problems(&text, registry) } else { vql::lint::lint(&text, registry) }
}
