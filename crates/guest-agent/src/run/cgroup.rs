//! A cgroup (version 2) for one run. A process cannot leave it by forking, and everything in it dies at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use guest_protocol::Limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{UnshareFlags, unshare_unsafe};

const ROOT: &str = "/sys/fs/cgroup";
/// The kernel says when a group empties; asking now and then costs little and needs no trust in that.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Makes a cgroup, known by its file of members, the root of all that this process and its children will see of cgroups. As the
/// hierarchy is mounted with `nsdelegate`, not even root moves one of them out of it, to be watched, limited and killed no more.
/// Who writes 0 to what this gives is a member: what comes before that is no part of the run.
#[allow(unsafe_code)]
pub fn entrance(members: &Path) -> io::Result<File> {
    let open = |path: &Path| OpenOptions::new().write(true).open(path);
    // Opened from outside, both lead in and out.
    let (mut group, mut outside) = (open(members)?, open(&Path::new(ROOT).join("cgroup.procs"))?);
    group.write_all(b"0")?;
    // SAFETY: of all that can be unshared, only open files (CLONE_FILES) would break what the library relies on.
    match unsafe { unshare_unsafe(UnshareFlags::NEWCGROUP) } {
        // A kernel without such namespaces.
        Ok(()) | Err(rustix::io::Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    outside.write_all(b"0")?;
    Ok(group)
}

/// The path of a process's cgroup as the agent sees it.
pub fn of(pid: u32) -> io::Result<String> {
    let text = crate::file::read_small(format!("/proc/{pid}/cgroup"))?;
    Ok(text.trim().strip_prefix("0::").unwrap_or_default().to_owned())
}

/// The run that a cgroup belongs to; a sample may have made it below the run's own.
pub fn run(path: &str) -> Option<u32> {
    path.strip_prefix("/run-")?.split('/').next()?.parse().ok()
}

pub struct Cgroup {
    path: PathBuf,
    /// Set before all of it is killed.
    is_over: Arc<AtomicBool>,
}

impl Cgroup {
    pub fn make(number: u32, limits: &Limits) -> io::Result<Self> {
        let path = PathBuf::from(format!("{ROOT}/run-{number}"));
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let group = Self { path, is_over: Arc::default() };
        // Groups are there without these controllers too.
        let _ = group.write("pids.max", &limits.processes.to_string());
        if limits.memory_bytes != u64::MAX {
            let _ = group.write("memory.max", &limits.memory_bytes.to_string());
        }
        Ok(group)
    }

    /// The file that takes members.
    pub fn members(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// As the kernel's programs know it; 0 is nobody's.
    pub fn number(&self) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(&self.path).map_or(0, |about| about.ino())
    }

    pub fn kill(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.write("cgroup.kill", "1");
    }

    /// Whether it was killed, also for those who watch it.
    pub fn is_over(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_over)
    }

    pub fn processes(&self) -> u32 {
        let members = fs::read_to_string(self.members()).unwrap_or_default();
        u32::try_from(members.lines().count()).unwrap_or(u32::MAX)
    }

    /// Waits until no process is left. False when the time was over first.
    pub fn await_empty(&self, until: Option<Instant>) -> bool {
        let Ok(events) = File::open(self.path.join("cgroup.events")) else { return true };
        loop {
            let now = fs::read_to_string(self.path.join("cgroup.events")).unwrap_or_default();
            if !now.contains("populated 1") {
                return true;
            }
            let left = until.map_or(ASK_AGAIN, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            let pause = Timespec::try_from(left.min(ASK_AGAIN)).ok();
            let _ = poll(&mut [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::PRI)], pause.as_ref());
        }
    }

    /// How often the limits of processes and of memory struck.
    pub fn refusals(&self) -> (u64, u64) {
        let count = |file: &str, name: &str| {
            let text = fs::read_to_string(self.path.join(file)).unwrap_or_default();
            text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0)
        };
        (count("pids.events", "max "), count("memory.events", "oom_kill "))
    }

    pub fn remove(&self) {
        self.await_empty(Some(Instant::now() + Duration::from_secs(2)));
        let _ = fs::remove_dir(&self.path);
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        fs::write(self.path.join(file), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_its_cgroup_and_those_below() {
        assert_eq!((run("/run-7"), run("/run-12/x/y")), (Some(7), Some(12)));
        assert_eq!((run("/"), run("/run-x"), run("/other/run-7"), run("")), (None, None, None, None));
    }
}
