//! Process 1: from the kernel's hand-over to a guest in which samples can run.

mod modules;
mod mounts;
mod supervise;

use std::fs;
use std::io;

use guest_protocol::Network;

use crate::network;

/// Brings the guest up and never returns: when process 1 ends, the kernel panics and the host sees that.
pub fn run() -> ! {
    if let Err(error) = bring_up() {
        say(&format!("cannot bring the guest up: {error}"));
    }
    supervise::forever()
}

fn bring_up() -> io::Result<()> {
    mounts::early()?;
    modules::load()?;
    mounts::switch_root()?;
    mounts::late()?;
    settle();
    // A guest without a network card is fine.
    if let Err(error) = network::set(&Network::default()) {
        say(&format!("no network: {error}"));
    }
    Ok(())
}

/// Settings that make a sample's life harder or a run more alike the last one.
fn settle() {
    const SETTINGS: &[(&str, &str)] = &[
        // The last line of defence against a root sample that wants to hide from us.
        ("/proc/sys/kernel/modules_disabled", "1"),
        ("/proc/sys/kernel/kexec_load_disabled", "1"),
        ("/proc/sys/kernel/sysrq", "0"),
        // A panic ends the machine at once instead of leaving the host to its time limit.
        ("/proc/sys/kernel/panic", "-1"),
        ("/proc/sys/kernel/panic_on_oops", "1"),
    ];
    for (file, value) in SETTINGS {
        if let Err(error) = fs::write(file, value) {
            say(&format!("cannot set {file}: {error}"));
        }
    }
    let name = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let _ = rustix::system::sethostname(name.trim().as_bytes());
}

/// To the console, which the host keeps.
pub fn say(text: &str) {
    let _ = fs::write("/dev/kmsg", format!("<4>agent: {text}\n"));
}
