//! Memory of the processes that live when the time of a run is over (`procmemdump=yes`).

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::guest::Agent;

/// Processes, and bytes of one and of all.
const MAX_PROCESSES: usize = 64;
const MAX_BYTES: u64 = 512 << 20;
const MAX_TOTAL: u64 = 2 << 30;

/// Writes `memory/PID-1.dmp` for each, and gives lines for the log.
pub async fn dump(agent: &Agent, folder: &Path, pids: &[u32]) -> Vec<String> {
    let (mut lines, mut total) = (Vec::new(), 0);
    for (at, pid) in pids.iter().enumerate() {
        if at == MAX_PROCESSES || total >= MAX_TOTAL {
            lines.push(format!("the memory of {} further processes was left out", pids.len() - at));
            break;
        }
        match one(agent, folder, *pid, MAX_BYTES.min(MAX_TOTAL - total)).await {
            Ok((written, is_cut)) => {
                total += written;
                let cut = if is_cut { ", cut" } else { "" };
                lines.push(format!("the memory of process {pid} was written ({written} bytes{cut})"));
            }
            Err(error) => lines.push(format!("the memory of process {pid} was not written: {error}")),
        }
    }
    lines
}

async fn one(agent: &Agent, folder: &Path, pid: u32, most: u64) -> Result<(u64, bool), String> {
    let mut content = agent.dump_process(pid, most).await.map_err(|error| error.to_string())?;
    // A process that is gone leaves no empty file.
    let Some(first) = content.next().await.map_err(|error| error.to_string())? else {
        return Err("it is gone".into());
    };
    let path = folder.join(format!("memory/{pid}-1.dmp"));
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = tokio::fs::File::from_std(file.map_err(|error| error.to_string())?);
    tokio::io::AsyncWriteExt::write_all(&mut file, &first).await.map_err(|error| error.to_string())?;
    let written = content.write_to(&mut file).await.map_err(|error| error.to_string())?;
    Ok((written + first.len() as u64, content.is_cut()))
}
