//! How many analyses a host does: `throughput DATA-DIR GUEST WORKERS SECONDS`. Each restores a guest, puts a sample of one second
//! into it, runs that, reads a file back and stops.

use std::path::Path;
use std::time::{Duration, Instant};

use sandbox::machine::{Qemu, Settings, Spec};
use sandbox::protocol::{Owner, Run};

/// What an installation of two cores is to manage.
const BUDGET: u64 = 60;

#[tokio::main]
async fn main() -> sandbox::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [dir, guest, workers, seconds] = &words[..] else {
        eprintln!("usage: throughput DATA-DIR GUEST WORKERS SECONDS");
        return Ok(());
    };
    let qemu = Qemu::open(Path::new(dir), &Settings::default())?;
    qemu.template(guest).await?;
    let end = Instant::now() + Duration::from_secs(seconds.parse().unwrap_or(30));
    let start = Instant::now();
    let workers =
        (0..workers.parse().unwrap_or(2)).map(|_| tokio::spawn(work(qemu.clone(), guest.clone(), end)));
    let mut restores = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        restores.extend(worker.await.expect("a worker does not panic")?);
    }
    restores.sort();
    let per_minute = restores.len() as f64 * 60.0 / start.elapsed().as_secs_f64();
    let at = |part: usize| {
        restores.get(part * restores.len().saturating_sub(1) / 100).copied().unwrap_or_default()
    };
    println!("restore to agent: {:?} / {:?} / {:?} (least, median, most)", at(0), at(50), at(100));
    println!("BENCH sandbox_analyses {per_minute:.1} per minute budget {BUDGET}");
    Ok(())
}

async fn work(qemu: Qemu, guest: String, end: Instant) -> sandbox::Result<Vec<Duration>> {
    let mut restores = Vec::new();
    while Instant::now() < end {
        let machine = qemu.restore(&Spec::new(&guest)).await?;
        let sample = b"#!/bin/sh\nsleep 1; echo done >/tmp/result\n";
        let agent = machine.agent();
        agent.put("/home/guest/sample", 0o755, Owner::Guest, sample.len() as u64, &sample[..]).await?;
        let mut events =
            agent.run(Run { command: vec!["/home/guest/sample".into()], ..Run::shell("") }).await?;
        while events.next().await?.is_some() {}
        agent.get("/tmp/result", 1 << 20).await?.write_to(tokio::io::sink()).await?;
        machine.stop().await?;
        restores.push(machine.timings().answered);
    }
    Ok(restores)
}
