//! `harrier check`: finds mistakes in VQL files and artifact definitions without running anything.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Deserialize;
use serde_saphyr::Spanned;
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
    if is_yaml { artifact(&text, registry) } else { vql::lint::lint(&text, registry) }
}

/// The parts of an artifact that hold VQL.
#[derive(Deserialize)]
struct Artifact {
    name: Spanned<String>,
    #[serde(default)]
    precondition: Option<Spanned<String>>,
    #[serde(default)]
    export: Option<Spanned<String>>,
    #[serde(default)]
    sources: Vec<Source>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    precondition: Option<Spanned<String>>,
    #[serde(default)]
    query: Option<Spanned<String>>,
    #[serde(default)]
    queries: Vec<Spanned<String>>,
}

fn artifact(text: &str, registry: Option<&vql::registry::Registry>) -> Vec<Problem> {
    let options = serde_saphyr::Options::default();
    let artifact: Artifact = match serde_saphyr::from_str_with_options(text, options) {
        Ok(artifact) => artifact,
        Err(error) => {
            let (line, column) =
                error.location().map_or((1, 1), |l| (l.line() as usize, l.column() as usize));
            let message = error.without_snippet().to_string();
            return vec![Problem::error(line, column, message.lines().next().unwrap_or_default())];
        }
    };
    let mut problems = Vec::new();
    if artifact.name.value.trim().is_empty() {
        let at = &artifact.name.referenced;
        problems.push(Problem::error(at.line() as usize, at.column() as usize, "an artifact needs a name"));
    }
    let sources = artifact.sources.iter();
    let texts = sources.flat_map(|s| s.precondition.iter().chain(&s.query).chain(&s.queries));
    for vql_text in artifact.precondition.iter().chain(&artifact.export).chain(texts) {
        problems.extend(inside(text, vql_text, registry));
    }
    problems
}

/// The problems of VQL inside YAML, at their places in the file.
fn inside(yaml: &str, text: &Spanned<String>, registry: Option<&vql::registry::Registry>) -> Vec<Problem> {
    let (line, column) = (text.referenced.line() as usize, text.referenced.column() as usize);
    let (first_line, indent) = block_start(yaml, line, column);
    let mut found = vql::lint::lint(&text.value, registry);
    for problem in &mut found {
        problem.line += first_line - 1;
        problem.column += indent;
    }
    found
}

/// Where the content of a scalar starts: its first line and what to add to columns.
fn block_start(yaml: &str, line: usize, column: usize) -> (usize, usize) {
    let lines: Vec<&str> = yaml.lines().collect();
    let indent_of = |l: &str| l.len() - l.trim_start().len();
    let is_block = |l: &str| {
        let head = l.trim_end().trim_end_matches(['+', '-', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        head.ends_with('|') || head.ends_with('>')
    };
    // The place is that of the indicator, or of the content itself, depending on how the scalar is written.
    match lines.get(line - 1) {
        Some(text) if is_block(text) => (line + 1, lines.get(line).map_or(0, |l| indent_of(l))),
        Some(_) if line >= 2 && is_block(lines[line - 2]) => (line, indent_of(lines[line - 1])),
        _ => (line, column.saturating_sub(1)),
    }
}
