//! One QEMU process with its folder, from start to end.

use std::fs;
use std::io::Read;
use std::os::unix::fs::chown;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Mutex;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

use super::arguments::{CONSOLE_BYTES, Use, arguments};
use super::cgroup::Groups;
use super::qmp::{Event, Qmp};
use super::{Inner, jail, orphans};
use crate::error::{End, Error, Result};
use crate::guest::Image;
use crate::guest::build::make_folder;

/// Until QEMU listens, on a busy host.
const START: Duration = Duration::from_secs(30);
pub const ANSWER: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// What QEMU says before it dies.
const LAST_WORDS: usize = 4096;

/// Dropped, the process is killed and the folder removed.
pub struct Process {
    folder: PathBuf,
    keep_folder: bool,
    handle: OwnedFd,
    pub monitor: std::sync::Arc<Qmp>,
    ended: watch::Receiver<Option<End>>,
    why: std::sync::Arc<Mutex<Option<End>>>,
    groups: Option<Groups>,
}

/// What a process is started with.
pub struct Order<'a> {
    /// A folder, and which of its files the machine sees, each with its name inside.
    pub image: &'a Path,
    pub files: Vec<(&'a str, &'static str)>,
    pub template: Option<&'a Path>,
    pub memory_mib: u32,
    pub arguments: Vec<String>,
}

impl<'a> Order<'a> {
    /// For a guest that Harrier built.
    pub fn of_guest(
        inner: &Inner,
        image: &'a Image,
        template: Option<&'a Path>,
        purpose: Use,
        capture: bool,
    ) -> Self {
        let memory_mib = image.manifest.memory_mib;
        let arguments = arguments(inner.accelerator(), memory_mib, purpose, capture);
        let files = ["root.qcow2", "vmlinuz", "initramfs.gz"].map(|name| (name, name)).to_vec();
        Self { image: &image.folder, files, template, memory_mib, arguments }
    }
}

impl Process {
    /// A folder of its own for the next machine, with QEMU's user as its owner.
    pub fn folder(inner: &Inner) -> Result<PathBuf> {
        let mut bytes = [0; 6];
        getrandom::fill(&mut bytes).map_err(|error| Error::Protocol(error.to_string()))?;
        let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = inner.machines.join(name);
        fs::create_dir(&folder).map_err(Error::io("make", &folder))?;
        make_folder(&folder, 0o700)?;
        own(inner, &folder)?;
        Ok(folder)
    }

    /// Starts QEMU in a folder that holds its disk already, and waits until its monitor answers.
    pub async fn start(inner: &Inner, folder: PathBuf, order: &Order<'_>) -> Result<Self> {
        let view = jail::View {
            image: order.image,
            files: &order.files,
            template: order.template,
            own: &folder,
            is_hidden: inner.is_hidden || is_out_of_reach(inner, order.image),
        };
        let call = jail::command(&view, inner.account.as_ref(), inner.accelerator(), &order.arguments);
        let mut folder = RemovedUnlessTaken(Some(folder));
        let mut child = jail::spawn(call)?;
        let pid = child.id();
        let handle = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
            .ok_or_else(|| Error::Program { call: "bwrap".into(), text: "it ended at once".into() })
            .inspect_err(|_| {
                let _ = child.kill();
            })?;
        orphans::note(folder.path(), pid).inspect_err(|_| {
            let _ = child.kill();
        })?;
        let (end, ended) = watch::channel(None);
        let why = std::sync::Arc::new(Mutex::new(None));
        let reason = std::sync::Arc::clone(&why);
        let sender = end.clone();
        std::thread::spawn(move || bury(child, &sender, &reason));
        let connected = connect(folder.path(), &ended).await;
        let (monitor, events) = connected.inspect_err(|_| {
            let _ = pidfd_send_signal(&handle, Signal::KILL);
        })?;
        let monitor = std::sync::Arc::new(monitor);
        tokio::spawn(watch_events(events, std::sync::Arc::clone(&monitor), end));
        // No instruction of the guest has run yet, so none escapes the limits.
        let name = folder.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let groups = Groups::limit(&name, &family(pid), order.memory_mib);
        let folder = folder.take();
        Ok(Self { folder, keep_folder: false, handle, monitor, ended, why, groups: Some(groups) })
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Told when and why it ended.
    pub fn ended(&self) -> watch::Receiver<Option<End>> {
        self.ended.clone()
    }

    pub async fn ask(&self, command: &'static str, arguments: Value) -> Result<Value> {
        self.monitor.ask(command, arguments, ANSWER).await
    }

    /// A socket of the machine.
    pub async fn connect(&self, name: &str) -> Result<UnixStream> {
        let (_handle, near) = short(&self.folder)?;
        UnixStream::connect(near.join(name)).await.map_err(Error::io("connect to", self.folder.join(name)))
    }

    /// Kills it and waits until it is dead.
    pub async fn kill(&self) {
        self.signal();
        let mut ended = self.ended.clone();
        // The sender is dropped with the thread that buries it, at the latest.
        while ended.changed().await.is_ok() {
            if matches!(*ended.borrow(), Some(End::Exited(_) | End::Stopped)) {
                break;
            }
        }
    }

    /// The folder stays, for who built something in it.
    pub fn keep_folder(&mut self) -> PathBuf {
        self.keep_folder = true;
        self.folder.clone()
    }

    fn signal(&self) {
        self.why.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(End::Stopped);
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal();
        let (groups, folder) = (self.groups.take(), (!self.keep_folder).then(|| self.folder.clone()));
        let clean_up = move || {
            drop(groups);
            if let Some(folder) = folder {
                let _ = fs::remove_dir_all(&folder);
            }
        };
        // Groups are busy until the process is dead; nobody's runtime waits for that. What is left when this process ends first, the
        // next one removes.
        match *self.ended.borrow() {
            Some(End::Exited(_) | End::Stopped) => clean_up(),
            _ => drop(std::thread::spawn(clean_up)),
        }
    }
}

/// Whether QEMU's user cannot pass to a folder of the owner's, and root can put it where that user can.
fn is_out_of_reach(inner: &Inner, folder: &Path) -> bool {
    let reach = |account| jail::check_reachable(account, folder);
    inner.account.as_ref().is_some_and(|account| reach(account).is_err()) && jail::can_mount()
}

struct RemovedUnlessTaken(Option<PathBuf>);

impl RemovedUnlessTaken {
    fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    fn take(&mut self) -> PathBuf {
        self.0.take().unwrap_or_default()
    }
}

impl Drop for RemovedUnlessTaken {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Gives a file to QEMU's user.
pub fn own(inner: &Inner, path: &Path) -> Result<()> {
    match &inner.account {
        Some(account) => {
            chown(path, Some(account.uid), Some(account.gid)).map_err(Error::io("give away", path))
        }
        None => Ok(()),
    }
}

/// Addresses of sockets are at most 107 bytes long, folders are not: the way leads through an open folder.
fn short(folder: &Path) -> Result<(OwnedFd, PathBuf)> {
    use rustix::fd::AsRawFd as _;
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle =
        open(folder, flags, Mode::empty()).map_err(|error| Error::io("open", folder)(error.into()))?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
    Ok((handle, path))
}

/// Reads what QEMU says and waits for its end.
fn bury(mut child: Child, end: &watch::Sender<Option<End>>, why: &Mutex<Option<End>>) {
    let mut words = Vec::new();
    if let Some(mut output) = child.stderr.take() {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = output.read(&mut buffer) {
            words.extend_from_slice(&buffer[..length]);
            words.drain(..words.len().saturating_sub(LAST_WORDS));
        }
    }
    let status = child.wait();
    let text = match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("code {code}"),
            (_, signal) => format!("signal {}", signal.unwrap_or_default()),
        },
        Err(error) => error.to_string(),
    };
    let words = String::from_utf8_lossy(&words).trim().to_string();
    let exited = if words.is_empty() { text } else { format!("{text}: {words}") };
    let stopped = why.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    end.send_replace(Some(stopped.unwrap_or(End::Exited(exited))));
}

/// Waits for the monitor's socket.
async fn connect(
    folder: &Path,
    ended: &watch::Receiver<Option<End>>,
) -> Result<(Qmp, mpsc::Receiver<Event>)> {
    let (_handle, near) = short(folder)?;
    let (socket, mut ended) = (near.join("qmp"), ended.clone());
    let connecting = async {
        while !socket.exists() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        loop {
            match Qmp::connect(&socket).await {
                // Bound, and not listening yet.
                Err(Error::Io { .. }) => tokio::time::sleep(LOOK_AGAIN).await,
                other => return other,
            }
        }
    };
    tokio::select! {
        connected = tokio::time::timeout(START, connecting) => {
            connected.unwrap_or(Err(Error::TimedOut { what: "the start of QEMU", limit: START }))
        }
        end = ended.wait_for(Option::is_some) => {
            Err(Error::Ended(end.ok().and_then(|end| end.clone()).unwrap_or(End::Closed)))
        }
    }
}

/// Learns from the monitor that the guest ended, and from its console why.
async fn watch_events(
    mut events: mpsc::Receiver<Event>,
    monitor: std::sync::Arc<Qmp>,
    end: watch::Sender<Option<End>>,
) {
    while let Some(event) = events.recv().await {
        if event.name != "SHUTDOWN" {
            continue;
        }
        let reason = match event.data.get("reason").and_then(Value::as_str).unwrap_or_default() {
            "guest-shutdown" => End::PoweredOff,
            "guest-reset" | "guest-panic" => panic_text(&monitor).await.map_or(End::Rebooted, End::Panic),
            _ => continue,
        };
        end.send_if_modified(|end| {
            let is_news = end.is_none();
            if is_news {
                *end = Some(reason.clone());
            }
            is_news
        });
    }
}

/// The kernel's line about its end.
async fn panic_text(monitor: &Qmp) -> Option<String> {
    let console = console(monitor).await.ok()?;
    let line = console.lines().find(|line| line.contains("Kernel panic"))?;
    let text = line.split_once("Kernel panic").map_or(line, |(_, text)| text);
    Some(text.trim_start_matches(" - not syncing: ").chars().filter(|c| !c.is_control()).take(200).collect())
}

/// The last bytes of the guest's serial console.
pub async fn console(monitor: &Qmp) -> Result<String> {
    let arguments = json!({ "device": "console", "size": CONSOLE_BYTES });
    let text = monitor.ask("ringbuf-read", arguments, ANSWER).await?;
    Ok(text.as_str().unwrap_or_default().to_string())
}

/// A process and all below it.
pub fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(pid) = all.get(at) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        at += 1;
    }
    all
}
