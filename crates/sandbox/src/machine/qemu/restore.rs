//! From a template to a guest that answers.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::arguments::{IMAGE, Use};
use super::process::{ANSWER, Order, Process, own};
use super::template::{BOOT, Template, ensure, make_disk};
use super::{Guest, Qemu, Spec, Vm};
use crate::error::{End, Error, Result};
use crate::guest::{Agent, Image};

/// A guest that continues answers in a tenth of a second on an idle host.
const WAKE: Duration = Duration::from_secs(60);
const LOAD: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Where the time to a usable guest went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Until QEMU's monitor answered.
    pub process: Duration,
    /// Until the saved state was loaded.
    pub loaded: Duration,
    /// Until the agent answered.
    pub answered: Duration,
    /// Until randomness and clock were set.
    pub ready: Duration,
}

pub async fn restore(qemu: &Qemu, spec: &Spec) -> Result<Guest> {
    let image = qemu.inner.guests.get(&spec.guest)?;
    image.manifest.check_protocol()?;
    let template = ensure(qemu, &image).await?;
    match restore_from(qemu, spec, &image, template.clone()).await {
        // Somebody made it anew in between.
        Err(_) if !template.folder.join("ram").exists() => {
            let template = ensure(qemu, &image).await?;
            restore_from(qemu, spec, &image, template).await
        }
        other => other,
    }
}

async fn restore_from(qemu: &Qemu, spec: &Spec, image: &Image, template: Template) -> Result<Guest> {
    let inner = &*qemu.inner;
    let start = Instant::now();
    let mut timings = Timings::default();
    let folder = Process::folder(inner)?;
    let (overlay, disk) = (template.folder.join("overlay.qcow2"), folder.join("disk.qcow2"));
    let copied =
        fs::copy(&overlay, &disk).map_err(Error::io("copy", &overlay)).and_then(|_| own(inner, &disk));
    if let Err(error) = copied {
        let _ = fs::remove_dir_all(&folder);
        return Err(error);
    }
    let order = Order::of_guest(inner, image, Some(&template.folder), Use::Restore, spec.capture);
    let process = Process::start(inner, folder, &order).await?;
    timings.process = start.elapsed();
    load(&process, &template.folder).await?;
    timings.loaded = start.elapsed();
    wake(process, Some(template), spec, start, timings, WAKE).await
}

pub async fn boot(qemu: &Qemu, image: &Image, spec: &Spec) -> Result<Guest> {
    image.manifest.check_protocol()?;
    let inner = &*qemu.inner;
    let start = Instant::now();
    let folder = Process::folder(inner)?;
    let made = make_disk(
        inner,
        &folder.join("disk.qcow2"),
        &format!("{IMAGE}/root.qcow2"),
        image.manifest.disk_bytes,
    );
    if let Err(error) = made {
        let _ = fs::remove_dir_all(&folder);
        return Err(error);
    }
    let order = Order::of_guest(inner, image, None, Use::Boot, spec.capture);
    let process = Process::start(inner, folder, &order).await?;
    let timings = Timings { process: start.elapsed(), loaded: start.elapsed(), ..Timings::default() };
    wake(process, None, spec, start, timings, BOOT).await
}

pub async fn load(process: &Process, folder: &Path) -> Result<()> {
    let capability = json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": true }] });
    process.ask("migrate-set-capabilities", capability).await?;
    let path = folder.join("state");
    let state = File::open(&path).map_err(Error::io("read", &path))?;
    process.monitor.give_file("state", state.as_fd(), ANSWER).await?;
    process.ask("migrate-incoming", json!({ "uri": "fd:state" })).await?;
    let loading = async {
        loop {
            let status = process.ask("query-status", json!({})).await?;
            match status.get("status").and_then(Value::as_str).unwrap_or_default() {
                "inmigrate" => tokio::time::sleep(LOOK_AGAIN).await,
                "internal-error" => return Err(Error::Ended(End::Exited("internal error".into()))),
                _ => return Ok(()),
            }
        }
    };
    tokio::time::timeout(LOAD, loading)
        .await
        .unwrap_or(Err(Error::TimedOut { what: "loading the template", limit: LOAD }))
}

/// Waits for the agent, and says what to do about one that is not understood.
pub async fn greet(agent: &Agent, guest: &str, limit: Duration) -> Result<()> {
    agent.hello(limit).await.map(drop).map_err(|error| match error {
        Error::TimedOut { limit, .. } => Error::SilentAgent { guest: guest.to_owned(), limit },
        error => error,
    })
}

/// Lets it run, and makes it unlike every other clone before anybody gets hold of it.
async fn wake(
    process: Process,
    template: Option<Template>,
    spec: &Spec,
    start: Instant,
    mut timings: Timings,
    limit: Duration,
) -> Result<Guest> {
    let agent = Agent::new(process.connect("agent").await?, Some(process.ended()))?;
    process.ask("cont", json!({})).await?;
    greet(&agent, &spec.guest, limit).await?;
    timings.answered = start.elapsed();
    agent.reseed().await?;
    agent.set_clock(spec.clock.unwrap_or_else(jiff::Timestamp::now)).await?;
    timings.ready = start.elapsed();
    Ok(Guest::new(Vm::new(process, template), agent, timings))
}
