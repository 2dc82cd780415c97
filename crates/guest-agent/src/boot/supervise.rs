//! Process 1 after the boot: buries orphans and keeps a worker alive. It stays this small because nothing may end it.

use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, WaitStatus, wait};

use super::say;
use crate::OWN_PROGRAM;

/// A worker that dies at once is not started in a tight loop.
const PAUSE: Duration = Duration::from_millis(100);

pub fn forever() -> ! {
    let mut why = String::new();
    for times in 1_u64.. {
        match Command::new(OWN_PROGRAM).arg("--worker").arg(format!("{times} {why}")).spawn() {
            Ok(worker) => why = bury_until(&worker),
            Err(error) => why = format!("could not be started: {error}"),
        }
        say(&format!("the worker {why}"));
        std::thread::sleep(PAUSE);
    }
    unreachable!("nobody starts that many workers")
}

/// Waits for all children, own and orphaned, until the worker is among the dead. Says what ended it.
fn bury_until(worker: &Child) -> String {
    let worker = i32::try_from(worker.id()).ok().and_then(Pid::from_raw);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if Some(pid) == worker => return text(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return format!("is lost: {error}"),
        }
    }
}

fn text(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("ended with code {code}"),
        (_, Some(signal)) => format!("was killed by signal {signal}"),
        _ => "ended".into(),
    }
}
