//! The kernel's word on files that were closed after writing. An event comes with the open file, which is readable also when it has
//! lost its name meanwhile.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use guest_protocol::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub const DELETED: &[u8] = b" (deleted)";
/// `struct fanotify_event_metadata`.
const EVENT: usize = 24;

pub struct Closings(File);

/// A file that a process closed after writing.
pub struct Closing {
    pub pid: u32,
    pub file: File,
}

impl Closings {
    /// Of the file systems on which these folders lie.
    pub fn watch(folders: &[Bytes]) -> io::Result<Self> {
        let flags = libc::FAN_CLASS_NOTIF | libc::FAN_CLOEXEC | libc::FAN_NONBLOCK;
        let opened =
            libc::O_RDONLY | libc::O_LARGEFILE | libc::O_CLOEXEC | libc::O_NOATIME | libc::O_NONBLOCK;
        // SAFETY: takes numbers only.
        let number = unsafe { libc::fanotify_init(flags, opened as u32) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it, for us alone.
        let group = File::from(unsafe { OwnedFd::from_raw_fd(number) });
        for folder in folders {
            let Ok(path) = std::ffi::CString::new(folder.to_vec()) else { continue };
            let how = libc::FAN_MARK_ADD | libc::FAN_MARK_FILESYSTEM;
            // A folder that is not there has no files either.
            // SAFETY: the path outlives the call.
            unsafe {
                libc::fanotify_mark(
                    group.as_raw_fd(),
                    how,
                    libc::FAN_CLOSE_WRITE,
                    libc::AT_FDCWD,
                    path.as_ptr(),
                );
            }
        }
        Ok(Self(group))
    }

    /// Waits a moment for events, and hands over those that are there. Gives how many times some were lost.
    pub fn read(&mut self, mut take: impl FnMut(Closing)) -> u32 {
        const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        let _ = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&MOMENT));
        let (mut buffer, mut lost) = ([0_u8; 4096], 0);
        while let Ok(length @ EVENT..) = self.0.read(&mut buffer) {
            for event in buffer[..length].chunks_exact(EVENT) {
                let word =
                    |at: usize| i32::from_ne_bytes([event[at], event[at + 1], event[at + 2], event[at + 3]]);
                match word(16) {
                    descriptor @ 0.. => {
                        // SAFETY: opened by the kernel for this event, for us alone.
                        let file = File::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
                        take(Closing { pid: word(20) as u32, file });
                    }
                    _ => lost += 1,
                }
            }
        }
        lost
    }
}

/// Where an open file is, or was.
pub fn path(file: &File) -> io::Result<Vec<u8>> {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    Ok(without_mark(path.as_os_str().as_bytes()).to_vec())
}

/// A path without what the kernel puts behind those of deleted files.
pub fn without_mark(path: &[u8]) -> &[u8] {
    path.strip_suffix(DELETED).unwrap_or(path)
}
