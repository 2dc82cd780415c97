//! How the sandbox and its machine are (the Cuckoo reference, section 5.18).

use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value as Json, json};
use store::sandbox::{Status, task};

use crate::api::Result;
use crate::api::reply::Reply;
use crate::server::Sandbox;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new().route("/cuckoo/status", get(status))
}

/// Bytes.
#[derive(Serialize)]
struct Space {
    total: u64,
    free: u64,
    used: u64,
}

/// Kilobytes, as the kernel counts them.
#[derive(Clone, Copy, Default)]
struct Memory {
    total: u64,
    available: u64,
}

async fn status(State(sandbox): State<Arc<Sandbox>>) -> Result<Reply<Json>> {
    let counts = sandbox.db.read(task::counts).await?;
    let (total, available) = sandbox.pool.counts();
    let (binaries, incoming) = sandbox.samples.folders();
    let memory = memory();
    let used = memory.total.saturating_sub(memory.available) as f64 / memory.total.max(1) as f64 * 100.0;
    Ok(Reply(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "protocol_version": 1,
        "hostname": rustix::system::uname().nodename().to_string_lossy(),
        "machines": {"total": total, "available": available},
        "tasks": {
            "total": counts.total,
            "pending": counts.of(Status::Pending),
            "running": counts.of(Status::Running),
            "completed": counts.of(Status::Completed),
            "reported": counts.of(Status::Reported),
        },
        "diskspace": {
            "analyses": space(sandbox.analyses.dir())?,
            "binaries": space(binaries)?,
            "temporary": space(incoming)?,
        },
        "cpuload": load(),
        "memory": used,
        "memtotal": memory.total,
        "memavail": memory.available,
        "cpu_count": std::thread::available_parallelism().map_or(1, usize::from),
        "processes": {"harrier": std::process::id()},
    })))
}

fn space(dir: &Path) -> std::io::Result<Space> {
    let of = rustix::fs::statvfs(dir)?;
    let (total, free) = (of.f_blocks * of.f_frsize, of.f_bavail * of.f_frsize);
    Ok(Space { total, free, used: total.saturating_sub(free) })
}

/// Over 1, 5 and 15 minutes.
fn load() -> Option<Vec<f64>> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').take(3).map(|number| number.parse().ok()).collect()
}

fn memory() -> Memory {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().split(' ').next()?.parse().ok()
    };
    Memory { total: of("MemTotal").unwrap_or_default(), available: of("MemAvailable").unwrap_or_default() }
}
