//! The virtio-serial port.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use guest_protocol::PORT_NAME;

const PORTS: &str = "/sys/class/virtio-ports";
/// A worker that was started again may have to wait until the port of the one before is closed.
const TRIES: u32 = 200;

pub fn open() -> io::Result<File> {
    let path = find()?;
    for _ in 0..TRIES {
        match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error()) => {
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
    Err(io::Error::other(format!("{} stays busy", path.display())))
}

/// A Unix socket in place of the port: for tests on the host.
pub fn connect(path: &OsStr) -> io::Result<File> {
    Ok(File::from(OwnedFd::from(UnixStream::connect(path)?)))
}

/// The device of our port; there is no udev that would make a link.
fn find() -> io::Result<PathBuf> {
    for entry in fs::read_dir(PORTS)? {
        let entry = entry?;
        let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if name.trim() == PORT_NAME {
            return Ok(PathBuf::from("/dev").join(entry.file_name()));
        }
    }
    Err(io::Error::other(format!("no port in {PORTS} is named {PORT_NAME}")))
}
