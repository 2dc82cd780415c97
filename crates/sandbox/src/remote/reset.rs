//! The command of a machine's owner that brings it back to its clean state before a run.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::processing::shown;

/// Of what it says.
const MAX_OUTPUT: u64 = 4096;

/// Runs the command until its end, within a limit.
pub(super) async fn run(words: &[String], limit: Duration) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child =
        command.spawn().map_err(|error| format!("the reset command {program} cannot be started: {error}"))?;
    match tokio::time::timeout(limit, wait(&mut child)).await {
        Ok(Ok((status, _))) if status.success() => Ok(()),
        Ok(Ok((status, said))) => Err(format!("the reset command {program} ended with {status}: {said}")),
        Ok(Err(error)) => Err(format!("the reset command {program} failed: {error}")),
        Err(_) => Err(format!("the reset command {program} took longer than {} s", limit.as_secs())),
    }
}

async fn wait(child: &mut Child) -> std::io::Result<(std::process::ExitStatus, String)> {
    let mut said = Vec::new();
    if let Some(mut output) = child.stderr.take() {
        (&mut output).take(MAX_OUTPUT).read_to_end(&mut said).await?;
        // What is more is taken from it and left, so that it can end.
        tokio::io::copy(&mut output, &mut tokio::io::sink()).await?;
    }
    Ok((child.wait().await?, shown(&said).trim().replace('\n', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str, limit: Duration) -> Result<(), String> {
        run(&["sh", "-c", script].map(String::from), limit).await
    }

    #[tokio::test]
    async fn what_it_says_is_told_when_it_fails() {
        let long = Duration::from_secs(60);
        assert_eq!(sh("true", long).await, Ok(()));
        let failed = sh("head -c 1000000 /dev/zero >&2; exit 3", long).await.unwrap_err();
        assert!(failed.contains("exit status: 3") && failed.len() < 5000);
        let told = sh("echo no such disk >&2; exit 1", long).await.unwrap_err();
        assert!(told.ends_with("no such disk"), "{told}");
        assert!(sh("sleep 60", Duration::from_millis(50)).await.unwrap_err().contains("took longer"));
        let missing = run(&["/nonexistent/reset".to_owned()], long).await;
        assert!(missing.unwrap_err().contains("cannot be started"));
    }
}
