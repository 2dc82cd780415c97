//! Ends that a filter makes wait (`seccomp_unotify(2)`). The launch installs it and hands the listener over through a socket that
//! only root can reach; from then on each call that ends something waits for an answer, which is always that it may.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use guest_protocol::syscalls::{self, Abi};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

use super::Keeper;
use crate::run::filter::{self, I386};

/// Between two looks whether the run is over.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// All processes are killed before the end is awaited.
const LAST: Duration = Duration::from_secs(2);
/// Set in numbers of x32.
const X32: u32 = 0x4000_0000;

/// Keeps memory while a run lasts.
pub struct Watch {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    ended: Receiver<()>,
}

impl Watch {
    /// The launch finds it by this path.
    pub fn start(path: PathBuf, keeper: Keeper) -> io::Result<Self> {
        let _ = std::fs::remove_file(&path);
        let socket = UnixListener::bind(&path)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (end, ended) = channel();
        let stopped = Arc::clone(&stop);
        std::thread::Builder::new().spawn(move || {
            let mut keeper = keeper;
            match taken_over(&socket) {
                Ok(Some(listener)) => serve(&listener, &stopped, &mut keeper),
                // The launch failed, which is told of elsewhere.
                Ok(None) => {}
                Err(error) => {
                    keeper.channel.log(format!("the memory of processes that end is not kept: {error}"));
                }
            }
            drop(end);
        })?;
        Ok(Self { path, stop, ended })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// After all processes are dead. One that got away from its run is not waited for.
    pub fn finish(self) {
        self.stop.store(true, Ordering::Release);
        // Whoever still waits for a launch waits no more.
        let _ = UnixStream::connect(&self.path);
        let _ = std::fs::remove_file(&self.path);
        let _ = self.ended.recv_timeout(LAST);
    }
}

/// In the launch: makes all that comes of this process wait at its ends. Where the kernel cannot do that, it only refuses io_uring.
pub fn hand_over(path: &Path) -> io::Result<()> {
    let socket = UnixStream::connect(path)?;
    let listener = match filter::wait_at_ends() {
        Ok(listener) => listener,
        Err(error) => {
            rustix::net::send(&socket, &error.raw_os_error().unwrap_or(0).to_ne_bytes(), SendFlags::empty())?;
            return filter::refuse_io_uring();
        }
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    let listeners = [listener.as_fd()];
    rights.push(SendAncillaryMessage::ScmRights(&listeners));
    sendmsg(&socket, &[io::IoSlice::new(&[0; 4])], &mut rights, SendFlags::empty())?;
    Ok(())
}

/// The listener; none when there is no launch.
fn taken_over(socket: &UnixListener) -> io::Result<Option<OwnedFd>> {
    let (stream, _) = socket.accept()?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut code = [0; 4];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let length = recvmsg(&stream, &mut [io::IoSliceMut::new(&mut code)], &mut rights, flags)?.bytes;
    for message in rights.drain() {
        if let RecvAncillaryMessage::ScmRights(mut listeners) = message {
            return Ok(listeners.next());
        }
    }
    match i32::from_ne_bytes(code) {
        _ if length == 0 => Ok(None),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

fn serve(listener: &OwnedFd, stop: &AtomicBool, keeper: &mut Keeper) {
    while !stop.load(Ordering::Acquire) {
        let mut about = [PollFd::new(listener, PollFlags::IN)];
        if poll(&mut about, Some(&LOOK)).is_err() {
            continue;
        }
        let told = about[0].revents();
        if told.contains(PollFlags::IN) {
            // One that was killed meanwhile is gone.
            let Some(notice) = receive(listener) else { continue };
            take(&notice, keeper);
            let_go(listener, notice.id);
        } else if told.intersects(PollFlags::HUP | PollFlags::ERR) {
            // No process is left.
            return;
        }
    }
}

fn take(notice: &libc::seccomp_notif, keeper: &mut Keeper) {
    let abi = Abi::of(notice.data.arch == I386);
    let number = u32::try_from(notice.data.nr).unwrap_or(u32::MAX) & !X32;
    match syscalls::row(abi, number).map(|row| row.names[0]) {
        Some("exit_group") => keeper.process_ends(notice.pid),
        Some("exit") => keeper.thread_ends(notice.pid),
        Some("execve" | "execveat") => keeper.program_ends(notice.pid),
        _ => {}
    }
}

fn receive(listener: &OwnedFd) -> Option<libc::seccomp_notif> {
    let mut notice = MaybeUninit::<libc::seccomp_notif>::zeroed();
    // SAFETY: writes one notice, to ours, which has to be zeros before.
    let answer =
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, notice.as_mut_ptr()) };
    // SAFETY: all of it is numbers, for which zeros are values too.
    (answer == 0).then(|| unsafe { notice.assume_init() })
}

/// The call is made as if nobody had asked.
fn let_go(listener: &OwnedFd, id: u64) {
    let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
    let mut answer = libc::seccomp_notif_resp { id, val: 0, error: 0, flags };
    // SAFETY: reads one answer, from ours. Of a call that is gone it fails.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
}
