//! Machines that the owner brings: an image of any system, on hardware that the configuration describes. The image is only read;
//! each machine writes to an overlay of its own.
//!
//! Whether a guest is ready, its agent says, over the network. So a machine is handed out before it runs: its network is connected
//! first, then [`Vm::resume`].

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::arguments::{CONSOLE_BYTES, IMAGE, OWN, TEMPLATE, Use};
use super::hardware::Rtc;
use super::process::{Order, Process, own};
use super::template::{Template, finish, make_disk, read, save};
use super::{Hardware, Inner, Qemu, Vm, restore};
use crate::error::{Error, Result};
use crate::guest::build::{authority, make_folder, output};

/// The image, as machines see it.
const DISK: &str = "disk.qcow2";

/// A machine of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Brought {
    /// Letters, digits, dots, dashes and underscores.
    pub name: String,
    /// A qcow2 image that stands for itself.
    pub image: PathBuf,
    pub hardware: Hardware,
    pub is_windows: bool,
}

/// How a machine begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// In its saved state where there is one that fits, else by booting.
    Usual,
    /// By booting, with memory that can be saved.
    ForSnapshot,
}

/// What `qemu-img info` says of an image.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct About {
    format: String,
    virtual_size: u64,
    #[serde(default)]
    backing_filename: Option<String>,
    #[serde(default)]
    format_specific: serde_json::Value,
}

impl Qemu {
    /// A machine that stands still, and whether it goes on from a saved state.
    pub async fn begin(
        &self,
        machine: &Brought,
        start: Start,
        clock: Option<jiff::Timestamp>,
    ) -> Result<(Vm, bool)> {
        let inner = &*self.inner;
        let about = examine(inner, &machine.image)?;
        let template = match start {
            Start::Usual => usable(inner, machine)?,
            Start::ForSnapshot => None,
        };
        let purpose = match (&template, start) {
            (Some(_), _) => Use::Restore,
            (None, Start::Usual) => Use::Boot,
            (None, Start::ForSnapshot) => Use::Template,
        };
        let folder = Process::folder(inner)?;
        let prepared = prepare(inner, machine, &folder, template.as_ref(), about.virtual_size);
        let arguments =
            prepared.and_then(|()| arguments(inner, machine, purpose, clock)).inspect_err(|_| {
                let _ = fs::remove_dir_all(&folder);
            })?;
        let order = Order {
            image: parent(&machine.image),
            files: vec![(file_name(&machine.image), DISK)],
            template: template.as_ref().map(|template| template.folder.as_path()),
            memory_mib: machine.hardware.memory,
            arguments,
        };
        let process = Process::start(inner, folder, &order).await?;
        if let Some(template) = &template {
            restore::load(&process, &template.folder).await?;
        }
        let is_restored = template.is_some();
        Ok((Vm::new(process, template), is_restored))
    }

    /// Keeps the state of a machine that was begun for that; the machine ends.
    pub async fn keep(&self, machine: &Brought, mut vm: Vm) -> Result<PathBuf> {
        let inner = &*self.inner;
        let about = examine(inner, &machine.image)?;
        let (parent, target) = places(inner, machine)?;
        save(&vm.process, &vm.process.path().join("state")).await?;
        vm.process.kill().await;
        let built = vm.process.keep_folder();
        drop(vm);
        let kept = keep(inner, &parent, &built, &target, about.virtual_size);
        if kept.is_err() {
            let _ = fs::remove_dir_all(&built);
        }
        kept.map(|()| target)
    }

    /// The certificate authority with which encrypted connections of such machines are answered, and its key: made once. Images that
    /// trust the certificate take the answers for real.
    pub fn authority(&self) -> Result<(PathBuf, PathBuf)> {
        let inner = &*self.inner;
        let folder = inner.snapshots.with_file_name("authority");
        let files = (folder.join("ca.pem"), folder.join("ca.key"));
        if folder.exists() {
            return Ok(files);
        }
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).map_err(|error| Error::Protocol(error.to_string()))?;
        let new = folder.with_extension(format!("new-{:08x}", u32::from_ne_bytes(bytes)));
        make_folder(&new, 0o700)?;
        authority::make(&new, "sandbox")?;
        // Another task may have been quicker, with one of its own.
        if let Err(error) = fs::rename(&new, &folder) {
            let _ = fs::remove_dir_all(&new);
            if !folder.exists() {
                return Err(Error::io("make", &folder)(error));
            }
        }
        Ok(files)
    }

    /// Whether a saved state fits the machine as it is configured now.
    pub fn has_snapshot(&self, machine: &Brought) -> bool {
        usable(&self.inner, machine).is_ok_and(|template| template.is_some())
    }
}

impl Vm {
    /// Lets it run.
    pub async fn resume(&self) -> Result<()> {
        self.process.ask("cont", json!({})).await.map(drop)
    }
}

/// Whether the image can be used, and what it is.
fn examine(inner: &Inner, image: &Path) -> Result<About> {
    let wrong = |text: String| Error::Image { path: image.to_path_buf(), text };
    let file = fs::metadata(image).map_err(|error| wrong(error.to_string()))?;
    if let Some(account) = &inner.account {
        let bit = match (file.uid() == account.uid, file.gid() == account.gid) {
            (true, _) => 0o400,
            (_, true) => 0o040,
            _ => 0o004,
        };
        if file.mode() & bit == 0 {
            let path = image.display();
            return Err(wrong(format!(
                "the user {} of machines may not read it (chmod o+r {path})",
                account.name
            )));
        }
    }
    // Shared: machines that run hold it as well.
    let text = output(Command::new("qemu-img").args(["info", "--force-share", "--output=json"]).arg(image))?;
    let about: About = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let format = &about.format;
    if format != "qcow2" {
        return Err(wrong(format!(
            "it is of the format {format}; `qemu-img convert -O qcow2` makes one that can be used"
        )));
    }
    let data = about.format_specific.pointer("/data/data-file").and_then(serde_json::Value::as_str);
    match about.backing_filename.as_deref().or(data) {
        None => Ok(about),
        Some(other) => Err(wrong(format!(
            "it needs another file, {other}, which machines do not see; `qemu-img convert -O qcow2` makes one that stands for itself"
        ))),
    }
}

/// The disk and what the firmware remembers, for one machine.
fn prepare(
    inner: &Inner,
    machine: &Brought,
    folder: &Path,
    template: Option<&Template>,
    bytes: u64,
) -> Result<()> {
    let disk = folder.join(DISK);
    match template {
        Some(template) => copy(inner, &template.folder.join("overlay.qcow2"), &disk)?,
        None => make_disk(inner, &disk, &format!("{IMAGE}/{DISK}"), bytes)?,
    }
    let variables = machine.hardware.variables().map_err(|text| image_error(machine, text))?;
    match variables {
        Some(variables) => copy(inner, &variables, &folder.join("vars.fd")),
        None => Ok(()),
    }
}

fn copy(inner: &Inner, from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map_err(Error::io("copy", from))?;
    // The one that it is copied from may be for reading only.
    fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .map_err(Error::io("open", to))?;
    own(inner, to)
}

fn arguments(
    inner: &Inner,
    machine: &Brought,
    purpose: Use,
    clock: Option<jiff::Timestamp>,
) -> Result<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| all.extend(words.iter().map(|word| (*word).to_string()));
    // It runs once its network is there. One that starts itself anew does so: what a sample installed may wait for that. One that
    // switches itself off can still be looked at.
    add(&["-nodefaults", "-no-user-config", "-display", "none", "-S", "-action", "shutdown=pause"]);
    let memory = machine.hardware.memory;
    let backend = match purpose {
        Use::Template => format!("memory-backend-file,id=ram0,size={memory}M,mem-path={OWN}/ram,share=on"),
        Use::Restore => {
            format!("memory-backend-file,id=ram0,size={memory}M,mem-path={TEMPLATE}/ram,share=off")
        }
        Use::Boot => format!("memory-backend-ram,id=ram0,size={memory}M"),
    };
    add(&["-m", &memory.to_string(), "-object", &backend, "-machine", "memory-backend=ram0"]);
    add(&["-chardev", &format!("ringbuf,id=console,size={CONSOLE_BYTES}"), "-serial", "chardev:console"]);
    add(&["-qmp", &format!("unix:{OWN}/qmp,server=on,wait=off")]);
    add(&["-rtc", &format!("base={}", rtc(machine, clock))]);
    all.extend(machine.hardware.arguments(inner.accelerator()).map_err(|text| image_error(machine, text))?);
    let mut add = |words: &[&str]| all.extend(words.iter().map(|word| (*word).to_string()));
    if purpose == Use::Restore {
        add(&["-incoming", "defer"]);
    }
    if purpose != Use::Template {
        add(&["-object", &format!("filter-dump,id=f0,netdev=n0,file={OWN}/dump.pcap")]);
    }
    add(&["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]);
    Ok(all)
}

/// What the hardware clock shows at the start.
fn rtc(machine: &Brought, clock: Option<jiff::Timestamp>) -> String {
    let usual = if machine.is_windows { Rtc::Localtime } else { Rtc::Utc };
    match (clock, machine.hardware.rtc.unwrap_or(usual)) {
        (Some(clock), _) => clock.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        (None, Rtc::Localtime) => "localtime".into(),
        (None, Rtc::Utc) => "utc".into(),
    }
}

/// Where the states of a machine are, and the one that fits it as it is now.
fn places(inner: &Inner, machine: &Brought) -> Result<(PathBuf, PathBuf)> {
    let about = fs::metadata(&machine.image).map_err(Error::io("read", &machine.image))?;
    let hardware =
        machine.hardware.arguments(inner.accelerator()).map_err(|text| image_error(machine, text))?;
    let key = json!([
        inner.version,
        inner.accelerator(),
        hardware,
        machine.hardware.memory,
        machine.image,
        [about.ino(), about.size(), about.mtime() as u64, about.mtime_nsec() as u64],
    ]);
    let sum = Sha256::digest(key.to_string());
    let key: String = sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    // A name of nothing but dots is no way up.
    let parent = inner.snapshots.join(format!("machine-{}", machine.name));
    let target = parent.join(key);
    Ok((parent, target))
}

fn usable(inner: &Inner, machine: &Brought) -> Result<Option<Template>> {
    let (parent, target) = places(inner, machine)?;
    match read(&target) {
        Some(template) if template.is_untouched() => Ok(Some(template)),
        Some(_) => {
            tracing::error!(machine = machine.name, "{}", Error::TemplateChanged);
            Ok(None)
        }
        None => {
            if fs::read_dir(&parent).is_ok_and(|mut all| all.next().is_some()) {
                tracing::warn!(
                    machine = machine.name,
                    "the saved state is of another image, hardware or QEMU: the machine boots; `harrier guest snapshot` saves it anew"
                );
            }
            Ok(None)
        }
    }
}

fn keep(inner: &Inner, parent: &Path, built: &Path, target: &Path, bytes: u64) -> Result<()> {
    make_folder(&inner.snapshots, 0o711)?;
    make_folder(parent, 0o711)?;
    finish(inner, built, bytes)?;
    // Those that fit no more, and the one that is replaced. Machines that run keep their open files.
    for entry in fs::read_dir(parent).map_err(Error::io("list", parent))?.flatten() {
        fs::remove_dir_all(entry.path()).map_err(Error::io("remove", entry.path()))?;
    }
    fs::rename(built, target).map_err(Error::io("make", target))?;
    fs::File::open(parent).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", parent))
}

fn image_error(machine: &Brought, text: String) -> Error {
    Error::Image { path: machine.image.clone(), text }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
