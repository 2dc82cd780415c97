//! A machine that runs, as seen from outside: its end, its screen, its memory, its packets.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::process::{Process, console};
use super::template::Template;
use crate::error::{End, Error, Result};

/// Files that QEMU writes for us are read within limits: it may be in a sample's hands.
const PICTURE_BYTES: u64 = 64 << 20;
const CAPTURE_BYTES: u64 = 4 << 30;
const DUMP: Duration = Duration::from_secs(300);

/// Dropped, the machine is killed and its folder removed.
pub struct Vm {
    pub(super) process: Process,
    template: Option<Template>,
}

impl Vm {
    pub(super) fn new(process: Process, template: Option<Template>) -> Self {
        Self { process, template }
    }

    /// The Unix socket on which QEMU listens for the guest's network. Frames of Ethernet both ways, each after its length (four
    /// bytes, big-endian). One connection at a time; none: the guest's cable is unplugged.
    pub fn network_socket(&self) -> PathBuf {
        self.process.path().join("net")
    }

    /// A connection to [`Vm::network_socket`], however long that path is.
    pub async fn network(&self) -> Result<std::os::unix::net::UnixStream> {
        let stream = self.process.connect("net").await?.into_std();
        stream.map_err(Error::io("connect to", self.network_socket()))
    }

    /// Waits until the machine ends by itself, and says why.
    pub async fn ended(&self) -> End {
        let mut ended = self.process.ended();
        match ended.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(End::Closed),
            Err(_) => End::Stopped,
        }
    }

    /// Why the machine ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.process.ended().borrow().clone()
    }

    /// The last of what the guest's kernel wrote to its serial console since the call before.
    pub async fn console(&self) -> Result<String> {
        console(&self.process.monitor).await
    }

    /// What is on the screen, as a PNG file.
    pub async fn screenshot(&self, target: &Path) -> Result<()> {
        self.process.ask("screendump", json!({ "filename": "/vm/screen.png", "format": "png" })).await?;
        copy(&self.process.path().join("screen.png"), target, PICTURE_BYTES)
    }

    /// All memory as an ELF core file. The guest stands still meanwhile.
    pub async fn dump_memory(&self, target: &Path) -> Result<()> {
        let file = File::create(target).map_err(Error::io("write", target))?;
        self.process.monitor.give_file("dump", file.as_fd(), super::process::ANSWER).await?;
        let arguments = json!({ "paging": false, "protocol": "fd:dump" });
        self.process.monitor.ask("dump-guest-memory", arguments, DUMP).await?;
        Ok(())
    }

    /// Hard power-off. What was captured can still be taken.
    pub async fn stop(&self) -> Result<()> {
        self.process.kill().await;
        match &self.template {
            // Whatever ran here may have changed what others continue: no further guest starts from it.
            Some(template) if template.folder.exists() && !template.is_untouched() => {
                let _ = fs::remove_file(template.folder.join("template.json"));
                Err(Error::TemplateChanged)
            }
            _ => Ok(()),
        }
    }

    /// All frames of the network card so far, as a pcap file; whole after [`Vm::stop`].
    pub fn take_capture(&self, target: &Path) -> Result<()> {
        copy(&self.process.path().join("dump.pcap"), target, CAPTURE_BYTES)
    }
}

/// Copies what QEMU wrote, if that is a file, and no more than a limit.
fn copy(from: &Path, to: &Path, most: u64) -> Result<()> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let source =
        OpenOptions::new().read(true).custom_flags(flags).open(from).map_err(Error::io("read", from))?;
    let about = source.metadata().map_err(Error::io("read", from))?;
    if !about.is_file() {
        return Err(Error::io("read", from)(io::Error::other("it is no file")));
    }
    let mut target = File::create(to).map_err(Error::io("write", to))?;
    io::copy(&mut io::Read::take(source, most), &mut target).map_err(Error::io("write", to))?;
    Ok(())
}
