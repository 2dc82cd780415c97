//! `tidy`: rules of the repository that the compiler does not know. Also run by `cargo test`.

mod arrows;
mod licences;
mod links;
mod pairing;
mod sources;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Task;
use crate::shell::{Result, cargo, command, output, root};

pub const TASK: Task = Task {
    name: "tidy",
    usage: "tidy",
    summary: "Check the rules that the compiler does not know.",
    help: "
  arrows    a crate depends only on crates of lower levels, as the table in ARCHITECTURE.md draws them
  pairing   in a folder with a list: its files, the `mod` lines and the list name the same things, in order
  sources   each .rs file opens with a module doc and has at most 800 lines; no trailing spaces; no unfinished
            code; the pure crates name no file, network or clock; no path of somebody's machine
  licences  every dependency's licence is on the list of allowed ones
  links     a link from one document to another leads somewhere

`cargo test -p xtask` runs the same rules.",
    run: |_| {
        let problems = check(root())?;
        for problem in &problems {
            eprintln!("{problem}");
        }
        match problems.len() {
            0 => Ok(()),
            n => Err(format!("tidy found {n} problem{}", if n == 1 { "" } else { "s" })),
        }
    },
};

/// A broken rule; line 0 stands for the whole file.
#[derive(Debug, PartialEq)]
struct Problem {
    file: String,
    line: usize,
    message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

fn problem(file: impl Into<String>, line: usize, message: impl Into<String>) -> Problem {
    Problem { file: file.into(), line, message: message.into() }
}

/// A text file of the repository.
struct File {
    /// Relative to the root, with `/`.
    path: String,
    text: String,
}

impl File {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_generated(&self) -> bool {
        self.text.lines().take(3).any(|line| line.contains("@generated"))
    }
}

fn check(root: &Path) -> Result<Vec<Problem>> {
    let files = files(root)?;
    let mut problems = arrows::check(&files, &metadata(root, &["--no-deps"])?);
    problems.extend(pairing::check(&files));
    problems.extend(sources::check(&files));
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    problems.extend(licences::check(&metadata(root, &["--filter-platform", &triple])?));
    problems.extend(links::check(root, &files));
    Ok(problems)
}

/// Every text file that is or could be committed.
fn files(root: &Path) -> Result<Vec<File>> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let names = output(command("git", &list).current_dir(root))?;
    let mut files: Vec<File> = Vec::new();
    for path in names.split('\0').filter(|path| !path.is_empty()) {
        let full: PathBuf = root.join(path);
        // Deleted files are still listed, and binary ones have no lines to check.
        if let Ok(text) = std::fs::read_to_string(&full) {
            files.push(File { path: path.into(), text });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn metadata(root: &Path, args: &[&str]) -> Result<Value> {
    let mut call = cargo(&["metadata", "--format-version", "1", "--locked"]);
    let text = output(call.args(args).current_dir(root))?;
    serde_json::from_str(&text).map_err(|error| format!("cargo metadata printed no JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let problems = check(root()).unwrap();
        let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
    }
}
