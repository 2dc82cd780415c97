//! Programs that a build calls.

use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// How much of what a failed program said is shown.
const SHOWN: usize = 2000;

/// Refuses to begin without a program.
pub fn needed(program: &'static str, package: &'static str) -> Result<()> {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok() { Ok(()) } else { Err(Error::Missing { program, package }) }
}

/// Runs to the end and gives what was printed; a failure shows the end of what went to standard error.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let call = command.get_program().to_string_lossy().into_owned();
    let failed = |text: String| Error::Program { call: call.clone(), text };
    let output = command.stdin(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let text = &output.stderr[output.stderr.len().saturating_sub(SHOWN)..];
    Err(failed(format!("{}\n{}", output.status, String::from_utf8_lossy(text).trim())))
}
