//! File systems of the guest.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, mount, mount_move};

/// The disk with the root file system.
const ROOT: &str = "/dev/vda";
/// Disks of an emulated machine can take a while under load.
const PATIENCE: Duration = Duration::from_secs(60);

const HARD: MountFlags = MountFlags::NOSUID.union(MountFlags::NOEXEC).union(MountFlags::NODEV);

/// What loading drivers takes.
pub fn early() -> io::Result<()> {
    put("proc", "/proc", "proc", HARD, c"")?;
    put("sysfs", "/sys", "sysfs", HARD, c"")?;
    put("devtmpfs", "/dev", "devtmpfs", MountFlags::NOSUID, c"mode=0755")
}

/// Makes the disk the root, and what was mounted before part of it.
pub fn switch_root() -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !Path::new(ROOT).exists() {
        if Instant::now() > until {
            return Err(io::Error::other(format!("there is no {ROOT}")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    put(ROOT, "/root", "ext4", MountFlags::NOATIME, c"")?;
    for kept in ["proc", "sys", "dev"] {
        mount_move(format!("/{kept}"), format!("/root/{kept}"))?;
    }
    std::env::set_current_dir("/root")?;
    mount_move(".", "/")?;
    rustix::process::chroot(".")?;
    std::env::set_current_dir("/")
}

/// What programs expect beside the disk.
pub fn late() -> io::Result<()> {
    put(
        "devpts",
        "/dev/pts",
        "devpts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        c"gid=5,mode=620,ptmxmode=666",
    )?;
    put("shm", "/dev/shm", "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=1777")?;
    put("run", "/run", "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0755,size=16m")?;
    // Nobody moves a process out of the cgroup namespace that it is in (see `run/launch`).
    put("cgroup2", "/sys/fs/cgroup", "cgroup2", HARD, c"nsdelegate")?;
    // Each on its own: a kernel may lack one, and limits that cannot be set are no reason not to run.
    for controller in ["+pids", "+memory"] {
        let _ = fs::write("/sys/fs/cgroup/cgroup.subtree_control", controller);
    }
    Ok(())
}

fn put(source: &str, target: &str, kind: &str, flags: MountFlags, data: &CStr) -> io::Result<()> {
    fs::create_dir_all(target)?;
    match mount(source, target, kind, flags, data) {
        // The kernel may have mounted it already.
        Ok(()) | Err(rustix::io::Errno::BUSY) => Ok(()),
        Err(error) => Err(io::Error::other(format!("cannot mount {source} on {target}: {error}"))),
    }
}
