//! Machines that outlived the process that started them. They should not: QEMU dies with its parent. Should one have, the
//! next start ends it, and removes what any of them left.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::cgroup::Groups;
use crate::error::{Error, Result};

/// In each machine's folder.
const FILE: &str = "process.json";
const PATIENCE: Duration = Duration::from_secs(5);
/// How often, and after how long, processes without an environment are looked at: some have none.
const LOOKS: usize = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Which process a machine is. The number alone may have been given to another one since.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Identity {
    pid: u32,
    /// Clock ticks since this boot.
    started: u64,
    boot: String,
}

/// Notes a machine's process.
pub fn note(folder: &Path, pid: u32) -> Result<()> {
    let path = folder.join(FILE);
    let identity = Identity { pid, started: started(pid).unwrap_or(0), boot: boot() };
    fs::write(&path, serde_json::to_vec(&identity).unwrap_or_default()).map_err(Error::io("write", &path))
}

/// What every process of a machine has in its environment, besides the folder: a server may be killed before it notes whom it
/// started, and that process may not have learnt yet to die with it.
pub const MARK: &str = "HARRIER_MACHINE";

/// Ends all that were noted or are marked and still run; removes all folders of machines.
pub fn end_all(machines: &Path) -> Result<()> {
    end_marked(machines);
    for entry in fs::read_dir(machines).map_err(Error::io("list", machines))?.flatten() {
        let folder = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let noted = fs::read(folder.join(FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(identity) = noted {
            end(&identity);
        }
        drop(Groups::of_orphan(&entry.file_name().to_string_lossy()));
        fs::remove_dir_all(&folder).map_err(Error::io("remove", &folder))?;
    }
    Ok(())
}

/// Ends processes whose environment names a folder of these machines.
fn end_marked(machines: &Path) {
    let mark = [MARK.as_bytes(), b"=", machines.as_os_str().as_bytes(), b"/"].concat();
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut unread: Vec<u32> =
        numbers.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    for _ in 0..LOOKS {
        unread.retain(|pid| !end_if_marked(*pid, &mark));
        if unread.is_empty() {
            return;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Whether it could be told what the process is.
fn end_if_marked(pid: u32, mark: &[u8]) -> bool {
    // Before the environment is read: should the number be given to another one meanwhile, that one began later.
    let Some(started) = started(pid) else { return true };
    let folder = Path::new("/proc").join(pid.to_string());
    let environment = fs::read(folder.join("environ")).unwrap_or_default();
    if environment.split(|byte| *byte == 0).any(|pair| pair.starts_with(mark)) {
        end(&Identity { pid, started, boot: boot() });
    }
    // None is seen while a program is being loaded; threads of the kernel have no program.
    !environment.is_empty() || fs::read_link(folder.join("exe")).is_err()
}

fn end(identity: &Identity) {
    let Some(pid) = i32::try_from(identity.pid).ok().and_then(Pid::from_raw) else { return };
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    // Asked after the process is held, so that the answer is about that one.
    if identity.boot != boot() || started(identity.pid) != Some(identity.started) {
        return;
    }
    tracing::warn!(pid = identity.pid, "ending a machine that its server left running");
    let _ = pidfd_send_signal(&process, Signal::KILL);
    let until = Instant::now() + PATIENCE;
    while started(identity.pid) == Some(identity.started) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// When a process started; none when there is no such process, or only its remains.
fn started(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    if *fields.first()? == "Z" { None } else { fields.get(19)?.parse().ok() }
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().into()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_that_was_noted_is_ended_and_its_folder_removed() {
        let machines = tempfile::tempdir().unwrap();
        let folder = machines.path().join("one");
        fs::create_dir(&folder).unwrap();
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        note(&folder, child.id()).unwrap();
        end_all(machines.path()).unwrap();
        assert!(!folder.exists());
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_process_that_nobody_came_to_note_is_ended_by_its_mark() {
        let machines = tempfile::tempdir().unwrap();
        let start = |folder: &Path| Command::new("sleep").arg("1000").env(MARK, folder).spawn().unwrap();
        let mut other = start(Path::new("/elsewhere/one"));
        // Often, as a process that is just being started shows nothing yet.
        for _ in 0..20 {
            let mut own = start(&machines.path().join("one"));
            end_all(machines.path()).unwrap();
            let is_ended = own.try_wait().unwrap().is_some();
            let _ = own.kill();
            own.wait().unwrap();
            assert!(is_ended);
        }
        assert_eq!(other.try_wait().unwrap(), None);
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn another_process_of_the_same_number_is_left_alone() {
        let machines = tempfile::tempdir().unwrap();
        let folder = machines.path().join("one");
        fs::create_dir(&folder).unwrap();
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let other = Identity { pid: child.id(), started: 1, boot: boot() };
        fs::write(folder.join(FILE), serde_json::to_vec(&other).unwrap()).unwrap();
        end_all(machines.path()).unwrap();
        assert!(!folder.exists());
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
