//! Starts the process and hands it what it works with.

use std::fs::File;
use std::io::{IoSlice, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

use super::process::READY;
use super::settings::Settings;
use super::switchboard::{Beyond, Switchboard};
use crate::error::{Error, Result};
use crate::machine::qemu::{Account, Groups, Qemu, Vm, family, jail};

/// Until the process is ready, on a busy host; and until it ends by itself.
const START: Duration = Duration::from_secs(30);
const END: Duration = Duration::from_secs(10);

/// Above the log's own limit: a process in foreign hands does not fill the disk.
const FILE_BYTES: u64 = 96 << 20;
/// What is kept of what it says before it dies.
const LAST_WORDS: usize = 4096;
/// Where the program is inside.
const INSIDE: &str = "/harrier";

/// What runs [`super::run`].
#[derive(Clone, Debug)]
pub struct Program {
    pub path: PathBuf,
    pub arguments: Vec<String>,
}

impl Program {
    /// This very binary, by its hidden command. Where it is not found, starting says so.
    pub fn own() -> Self {
        let path = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
        Self { path, arguments: vec!["internet".into()] }
    }
}

/// A guest's internet. Dropped, it is gone.
pub struct Internet {
    switchboard: Arc<Switchboard>,
    pid: u32,
    handle: OwnedFd,
    /// The process ends when this closes, even if nobody kills it.
    _control: tokio::net::UnixStream,
    ended: watch::Receiver<Option<Result<(), String>>>,
    _groups: Groups,
}

impl Internet {
    /// Connects a machine. What its guest does is told in `log`; connections that lead on end `beyond`.
    pub async fn connect(
        qemu: &Qemu,
        vm: &Vm,
        program: &Program,
        settings: &Settings,
        beyond: Beyond,
        log: File,
    ) -> Result<Self> {
        Self::start(qemu.account(), vm.network().await?, program, settings, beyond, log).await
    }

    /// Starts the process on a stream of frames.
    pub async fn start(
        account: Option<&Account>,
        network: UnixStream,
        program: &Program,
        settings: &Settings,
        beyond: Beyond,
        log: File,
    ) -> Result<Self> {
        let failed = |text: String| Error::Network { text };
        let failed_io = |error: std::io::Error| Error::Network { text: error.to_string() };
        let (ours, theirs) = UnixStream::pair().map_err(failed_io)?;
        let (switchboard, board) = Switchboard::new(beyond).map_err(failed_io)?;
        let mut call = jail::confined(account, &program.path, INSIDE, FILE_BYTES);
        call.args(&program.arguments);
        call.stdin(Stdio::from(OwnedFd::from(theirs)));
        let child = jail::spawn(call)?;
        let pid = child.id();
        let handle = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
            .ok_or_else(|| failed("it ended at once".into()))?;
        let (sender, ended) = watch::channel(None);
        std::thread::spawn(move || sender.send_replace(Some(bury(child))));
        // From here on it is killed when this fails.
        hand_over(&ours, settings, [network.as_fd(), log.as_fd(), board.as_fd()]).map_err(failed_io)?;
        ours.set_nonblocking(true).map_err(failed_io)?;
        let control = tokio::net::UnixStream::from_std(ours).map_err(failed_io)?;
        drop(board);
        let switchboard = Arc::new(switchboard);
        let mut internet =
            Self { switchboard, pid, handle, _control: control, ended, _groups: Groups::default() };
        internet.ready().await?;
        // No frame of the guest was read before it was ready, or only by now: limits hold for what it may become.
        internet._groups = Groups::limit(&format!("internet-{pid}"), &family(pid), 0);
        Ok(internet)
    }

    async fn ready(&mut self) -> Result<()> {
        let mut said = [0];
        match tokio::time::timeout(START, self._control.read_exact(&mut said)).await {
            Err(_) => Err(Error::TimedOut { what: "the start of the guest's network", limit: START }),
            Ok(Ok(_)) if said == [READY] => Ok(()),
            Ok(_) => {
                let ended = tokio::time::timeout(END, self.ended.wait_for(Option::is_some)).await;
                let text = ended.ok().and_then(|end| end.ok()?.clone()?.err());
                Err(Error::Network { text: text.unwrap_or_else(|| "it ended at once".into()) })
            }
        }
    }

    /// The way to ports of the guest.
    pub fn switchboard(&self) -> Arc<Switchboard> {
        self.switchboard.clone()
    }

    /// The process on this host; what runs inside is below it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it ended before it was asked to.
    pub fn is_gone(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Waits until it has told everything, which it does when the machine is gone. An error when it ended in another way.
    pub async fn finish(mut self) -> Result<()> {
        match tokio::time::timeout(END, self.ended.wait_for(Option::is_some)).await {
            Ok(Ok(end)) => match &*end {
                Some(Err(text)) => Err(Error::Network { text: text.clone() }),
                _ => Ok(()),
            },
            Ok(Err(_)) => Err(Error::Network { text: "nobody knows how it ended".into() }),
            Err(_) => Err(Error::TimedOut { what: "the end of the guest's network", limit: END }),
        }
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        // It dies with all below it (bubblewrap's --die-with-parent).
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
    }
}

/// Open files travel beside the first bytes. All of it fits the socket's buffer, so that nothing waits.
fn hand_over(control: &UnixStream, settings: &Settings, files: [BorrowedFd<'_>; 3]) -> std::io::Result<()> {
    let text = serde_json::to_vec(settings)?;
    let length = u32::try_from(text.len()).map_err(std::io::Error::other)?;
    let bytes = [&length.to_be_bytes()[..], &text].concat();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&files));
    let sent = sendmsg(control, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    if sent == bytes.len() { Ok(()) } else { Err(std::io::Error::other("the settings are too long")) }
}

/// Reads its last words and waits for its end.
fn bury(mut child: Child) -> Result<(), String> {
    let mut words = Vec::new();
    if let Some(mut output) = child.stderr.take() {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = output.read(&mut buffer) {
            words.extend_from_slice(&buffer[..length]);
            words.drain(..words.len().saturating_sub(LAST_WORDS));
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(());
    }
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("code {code}"),
        (_, signal) => format!("signal {}", signal.unwrap_or_default()),
    };
    let words = crate::processing::shown(words.trim_ascii());
    Err(if words.is_empty() {
        format!("it ended with {how}")
    } else {
        format!("it ended with {how}: {words}")
    })
}
