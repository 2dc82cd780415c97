//! Templates: a guest that has booted, saved once and continued many times.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use guest_protocol::{Limits, Run};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::arguments::{IMAGE, TEMPLATE, Use, arguments};
use super::process::{Order, Process, own};
use super::{Inner, Qemu, restore};
use crate::error::{Error, Result};
use crate::guest::build::{make_folder, output, write_synced};
use crate::guest::{Agent, Image, Lock};

/// Of the folder's layout.
const FORMAT: u32 = 1;
/// An emulated guest boots in 3 s on an idle host.
pub const BOOT: Duration = Duration::from_secs(120);
const SAVE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A template on disk.
#[derive(Clone, Debug)]
pub struct Template {
    pub folder: PathBuf,
    pub facts: Facts,
    /// How long making it took; zero when it was there.
    pub built_in: Duration,
}

/// `template.json`, written last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    format: u32,
    pub qemu: String,
    pub accelerator: String,
    pub built_on: String,
    /// Of the memory file: nobody writes to it after this.
    memory: Untouched,
}

/// What changes when a file is written to, whoever tries to hide it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Untouched {
    inode: u64,
    size: u64,
    changed: i64,
}

impl Untouched {
    fn of(path: &Path) -> Result<Self> {
        let about = fs::symlink_metadata(path).map_err(Error::io("look at", path))?;
        let changed = about.ctime().saturating_mul(1_000_000_000).saturating_add(about.ctime_nsec());
        Ok(Self { inode: about.ino(), size: about.size(), changed })
    }
}

impl Template {
    /// Whether nobody wrote to the memory that guests continue. QEMU before 8.2 insists on being able to.
    pub fn is_untouched(&self) -> bool {
        Untouched::of(&self.folder.join("ram")).is_ok_and(|now| now == self.facts.memory)
    }
}

/// The one that fits, made if there is none.
pub async fn ensure(qemu: &Qemu, image: &Image) -> Result<Template> {
    image.manifest.check_protocol()?;
    if let Some(template) = usable(qemu, image) {
        return Ok(template);
    }
    let _lock = lock(image).await?;
    // Another task may have made it meanwhile.
    match usable(qemu, image) {
        Some(template) => Ok(template),
        None => make_somehow(qemu, image).await,
    }
}

/// A guest that does not boot on hardware which passed the probe is emulated.
async fn make_somehow(qemu: &Qemu, image: &Image) -> Result<Template> {
    match make(qemu, image).await {
        Err(error) if qemu.inner.fall_back() => {
            tracing::warn!(%error, "the guest does not boot with hardware virtualisation; it is emulated from now on");
            make(qemu, image).await
        }
        other => other,
    }
}

/// Made anew whatever is there.
pub async fn rebuild(qemu: &Qemu, image: &Image) -> Result<Template> {
    image.manifest.check_protocol()?;
    let _lock = lock(image).await?;
    make_somehow(qemu, image).await
}

fn usable(qemu: &Qemu, image: &Image) -> Option<Template> {
    let template = read(&folder(qemu, image))?;
    if template.is_untouched() {
        return Some(template);
    }
    tracing::error!(guest = image.manifest.name, "{}", Error::TemplateChanged);
    None
}

pub fn read(folder: &Path) -> Option<Template> {
    let text = fs::read(folder.join("template.json")).ok()?;
    let facts: Facts = serde_json::from_slice(&text).ok()?;
    (facts.format == FORMAT).then(|| Template {
        folder: folder.to_path_buf(),
        facts,
        built_in: Duration::ZERO,
    })
}

/// Whatever a saved state depends on is in the folder's name.
fn folder(qemu: &Qemu, image: &Image) -> PathBuf {
    let inner = &*qemu.inner;
    let call = arguments(inner.accelerator(), image.manifest.memory_mib, Use::Restore, false);
    let key = json!([
        FORMAT,
        inner.version,
        inner.accelerator(),
        call,
        image.manifest.files,
        guest_protocol::VERSION
    ]);
    let sum = Sha256::digest(key.to_string());
    let name: String = sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    image.folder.join("templates").join(name)
}

async fn lock(image: &Image) -> Result<Lock> {
    let folder = image.folder.join("templates");
    make_folder(&folder, 0o711)?;
    let path = folder.join(".lock");
    let waiting = tokio::task::spawn_blocking(move || Lock::wait(&path));
    waiting.await.map_err(|error| Error::Protocol(error.to_string()))?
}

async fn make(qemu: &Qemu, image: &Image) -> Result<Template> {
    let start = Instant::now();
    let inner = &*qemu.inner;
    let target = folder(qemu, image);
    let parent = image.folder.join("templates");
    // Those that were made for another QEMU or agent, and a build that broke off. Guests that run keep their open files.
    for entry in fs::read_dir(&parent).map_err(Error::io("list", &parent))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            fs::remove_dir_all(entry.path()).map_err(Error::io("remove", entry.path()))?;
        }
    }
    tracing::info!(guest = image.manifest.name, "making a template");
    let own_folder = Process::folder(inner)?;
    make_disk(
        inner,
        &own_folder.join("disk.qcow2"),
        &format!("{IMAGE}/root.qcow2"),
        image.manifest.disk_bytes,
    )?;
    let order = Order::of_guest(inner, image, None, Use::Template, false);
    let mut process = Process::start(inner, own_folder, &order).await?;
    let agent = Agent::new(process.connect("agent").await?, Some(process.ended()))?;
    restore::greet(&agent, &image.manifest.name, BOOT).await?;
    warm_up(&agent).await?;
    let state = process.path().join("state");
    save(&process, &state).await?;
    process.kill().await;
    let built = process.keep_folder();
    drop(process);
    finish(inner, &built, image.manifest.disk_bytes)?;
    fs::rename(&built, &target).map_err(Error::io("make", &target))?;
    File::open(&parent).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", &parent))?;
    let template =
        read(&target).ok_or_else(|| Error::Manifest { path: target, why: "just written".into() })?;
    Ok(Template { built_in: start.elapsed(), ..template })
}

/// A disk that begins as another one, which QEMU sees under `backing`.
pub fn make_disk(inner: &Inner, path: &Path, backing: &str, bytes: u64) -> Result<()> {
    let mut call = Command::new("qemu-img");
    // "Unsafe": the other disk is not looked at, as its path is one inside the jail.
    call.args(["create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", backing])
        .arg(path)
        .arg(bytes.to_string());
    output(&mut call)?;
    own(inner, path)
}

/// What samples will need is in the guest's page cache before it is saved.
const WARM: &str = "python3 -c 'import ssl, urllib.request, subprocess, json' ; perl -e 1; curl --version; openssl version; \
                    file /bin/sh; sleep 0; ls /usr/bin /tmp; cat /etc/passwd; id; true";

async fn warm_up(agent: &Agent) -> Result<()> {
    let run = Run { limits: Limits { milliseconds: 60_000, ..Limits::default() }, ..Run::shell(WARM) };
    let mut events = agent.run(run).await?;
    while events.next().await?.is_some() {}
    // Nothing is on its way any more when the guest stops.
    agent.ping().await
}

pub async fn save(process: &Process, state: &Path) -> Result<()> {
    process.ask("stop", json!({})).await?;
    let capability = json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": true }] });
    process.ask("migrate-set-capabilities", capability).await?;
    let file = File::create(state).map_err(Error::io("write", state))?;
    process.monitor.give_file("state", file.as_fd(), super::process::ANSWER).await?;
    process.ask("migrate", json!({ "uri": "fd:state" })).await?;
    let saving = async {
        loop {
            let status = process.ask("query-migrate", json!({})).await?;
            match status.get("status").and_then(serde_json::Value::as_str).unwrap_or_default() {
                "completed" => return Ok(()),
                "failed" | "cancelled" => {
                    let text = status
                        .get("error-desc")
                        .and_then(serde_json::Value::as_str)
                        .unwrap_or("no reason given");
                    return Err(Error::Refused { command: "migrate", text: text.into() });
                }
                _ => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    };
    tokio::time::timeout(SAVE, saving)
        .await
        .unwrap_or(Err(Error::TimedOut { what: "saving the template", limit: SAVE }))
}

/// Leaves only what a template is, all of it on disk.
pub fn finish(inner: &Inner, folder: &Path, disk_bytes: u64) -> Result<()> {
    // Copied for each guest: quicker than calling the program that makes it.
    make_disk(inner, &folder.join("overlay.qcow2"), &format!("{TEMPLATE}/disk.qcow2"), disk_bytes)?;
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))?.flatten() {
        let path = entry.path();
        if ["ram", "state", "disk.qcow2", "overlay.qcow2"].iter().any(|name| path.ends_with(name)) {
            File::open(&path).and_then(|file| file.sync_all()).map_err(Error::io("sync", &path))?;
        } else {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    if inner.account.is_some() {
        std::os::unix::fs::chown(folder, Some(0), Some(0)).map_err(Error::io("take back", folder))?;
    }
    make_folder(folder, 0o711)?;
    let facts = Facts {
        format: FORMAT,
        qemu: inner.version.clone(),
        accelerator: inner.accelerator().to_string(),
        built_on: jiff::Timestamp::now().to_string(),
        memory: Untouched::of(&folder.join("ram"))?,
    };
    write_synced(&folder.join("template.json"), &serde_json::to_vec_pretty(&facts).unwrap_or_default())
}
