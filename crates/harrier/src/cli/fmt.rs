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
    replace(path, &formatted).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} formatted", path.display());
    Ok(true)
}

/// Puts new text in a file's place: whole or not at all, with the permissions it had.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let target = fs::canonicalize(path)?;
    let mut name = target.clone().into_os_string();
    name.push(".new");
    fs::write(&name, text)?;
    fs::set_permissions(&name, fs::metadata(&target)?.permissions())?;
    fs::rename(&name, &target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn formatting_keeps_permissions_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.vql");
        fs::write(&path, "select 1 from scope()").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(one(&path, false).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap().trim_end(), "SELECT 1 FROM scope()");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
