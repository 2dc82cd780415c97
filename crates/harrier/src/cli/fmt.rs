//! `harrier fmt`: the VQL formatter.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::Outcome;

/// Format VQL files in place.
#[derive(clap::Args)]
pub struct Args {
    /// Files to format.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Change nothing; exit with 1 when a file is not formatted.
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args) -> Outcome {
    let mut is_clean = true;
    for path in &args.files {
        is_clean &= one(path, args.check)?;
    }
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Formats one file; false if it could not be, or with `--check` if it would change.
fn one(path: &Path, check: bool) -> anyhow::Result<bool> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let formatted = match vql::format::format(&text) {
        Ok(formatted) => formatted,
        Err(error) => {
            eprint!("{}", error.render(&text, &path.display().to_string()));
            return Ok(false);
        }
    };
    if formatted == text {
        return Ok(true);
    }
    if check {
        println!("{} is not formatted", path.display());
        return Ok(false);
    }
    fs::write(path, formatted).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} formatted", path.display());
    Ok(true)
}
