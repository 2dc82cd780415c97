//! A guest for tests: built once from Debian's packages into the target folder, and found there as long as nothing changed.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sandbox::guest::build::{Plan, build, renew_agent, requested, sum};
use sandbox::guest::{Event, Events, Guests};
use sandbox::machine::{Qemu, Settings};
use sandbox::protocol::{Counts, Exit, Owner, ProcessEvent, Run, Syscall};

pub const GUEST: &str = "test";
/// Of the usual guests, in MiB.
const MEMORY: u32 = 256;

/// Where guests of tests lie, or why there are none on this machine.
pub fn data_dir() -> Option<&'static Path> {
    static DIR: OnceLock<Option<PathBuf>> = OnceLock::new();
    DIR.get_or_init(|| {
        let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
        for program in ["qemu-system-x86_64", "qemu-img", "bwrap", "mmdebstrap"] {
            if !has(program) {
                eprintln!("skipped: {program} is not installed; `cargo xtask setup` does that");
                return None;
            }
        }
        let is_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
        if !is_root && !target().join("sandbox-tests/guests").join(GUEST).exists() {
            eprintln!("skipped: building the guest for these tests takes root's rights");
            return None;
        }
        Some(prepare())
    })
    .as_deref()
}

fn prepare() -> PathBuf {
    let dir = target().join("sandbox-tests");
    std::fs::create_dir_all(&dir).unwrap();
    static ALONE: OnceLock<File> = OnceLock::new();
    ALONE.get_or_init(|| alone(&dir.join(".tests")));
    ready(&dir, GUEST, &[], MEMORY);
    dir
}

/// Waits until no other test command uses the folder of the lock, and says so: guests are built and machines run by one at a time.
pub fn alone(lock: &Path) -> File {
    let file = File::options().create(true).append(true).open(lock).unwrap();
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        // Tests that wait show nothing that is printed.
        let line = format!("waiting for another test command that holds {}\n", lock.display());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        file.lock().unwrap();
    }
    file
}

/// Another guest, with more packages. None when this machine has none of ours.
#[allow(dead_code)] // not every file has one
pub fn guest(name: &str, packages: &[&str]) -> Option<()> {
    guest_with(name, packages, MEMORY)
}

/// The same, with as much memory as the packages take.
#[allow(dead_code)] // not every file has one
pub fn guest_with(name: &str, packages: &[&str], memory_mib: u32) -> Option<()> {
    ready(data_dir()?, name, packages, memory_mib);
    Some(())
}

/// Sees to it that a guest is there and has today's agent.
fn ready(dir: &Path, name: &str, packages: &[&str], memory_mib: u32) {
    let guests = Guests::open(dir).unwrap();
    let agent = agent();
    let wanted = Plan {
        packages: packages.iter().map(|package| (*package).to_owned()).collect(),
        memory_mib,
        ..Plan::new(name, agent.clone())
    };
    match guests.get(name) {
        // Packages are those of the day on which it was built; another set of them is another guest.
        Ok(image) if requested(&wanted) == image.manifest.requested => {
            if image.manifest.files.get("harrier-guest-agent") != Some(&sum(&agent).unwrap()) {
                renew_agent(&guests, name, &agent).unwrap();
            }
        }
        _ => {
            eprintln!("building the guest {name} for the tests, which takes a minute or more");
            build(&guests, &wanted, |line| eprintln!("  {line}")).unwrap();
        }
    }
}

fn target() -> PathBuf {
    // target/debug/deps/TEST
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(3).unwrap().to_path_buf()
}

/// The agent, built as `cargo xtask guest-agent` does.
fn agent() -> PathBuf {
    if let Some(path) = std::env::var_os("HARRIER_GUEST_AGENT") {
        return path.into();
    }
    const TRIPLE: &str = "x86_64-unknown-linux-gnu";
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "guest-agent",
            "--profile",
            "guest-agent",
            "--target",
            TRIPLE,
        ])
        .env("CARGO_TARGET_DIR", target())
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success());
    target().join(TRIPLE).join("guest-agent/harrier-guest-agent")
}

/// The machines of one test binary.
pub fn qemu() -> Option<Qemu> {
    static QEMU: OnceLock<Option<Qemu>> = OnceLock::new();
    QEMU.get_or_init(|| Some(Qemu::open(data_dir()?, &Settings::default()).unwrap())).clone()
}

#[allow(dead_code)] // not every file runs commands
/// A shell's command line, run as the guest's ordinary user.
pub fn sh(line: &str) -> Run {
    Run::shell(line)
}

#[allow(dead_code)] // not every file runs commands
pub fn root_sh(line: &str) -> Run {
    Run { user: Owner::Root, ..sh(line) }
}

#[allow(dead_code)] // not every file runs commands
/// All that a run gave.
#[derive(Debug, Default)]
pub struct Outcome {
    pub output: String,
    pub exit: Option<Exit>,
    pub files: Vec<(String, Vec<u8>)>,
    pub processes: Vec<ProcessEvent>,
    pub syscalls: Vec<Syscall>,
    pub counts: Counts,
}

#[allow(dead_code)] // not every file runs commands
pub async fn collect(events: &mut Events) -> sandbox::Result<Outcome> {
    let mut outcome = Outcome::default();
    while let Some(event) = events.next().await? {
        match event {
            Event::Started { .. }
            | Event::FileEnd { .. }
            | Event::Memory { .. }
            | Event::MemoryData(_)
            | Event::MemoryEnd { .. } => {}
            Event::Output { bytes, .. } => outcome.output.push_str(&bytes.to_text()),
            Event::Syscalls(calls) => outcome.syscalls.extend(calls),
            Event::Process(event) => outcome.processes.push(event),
            Event::Exited(exit) => outcome.exit = Some(exit),
            Event::File(facts) => outcome.files.push((facts.path.to_text().into_owned(), Vec::new())),
            Event::FileData(bytes) => outcome.files.last_mut().unwrap().1.extend_from_slice(&bytes),
            Event::Finished(counts) => outcome.counts = counts,
        }
    }
    Ok(outcome)
}

/// What the networks of guests are: the test `internet_process` of the same file.
#[allow(dead_code)] // not every file has one
pub fn internet_program() -> sandbox::internet::Program {
    let arguments = ["--ignored", "--exact", "internet_process", "--nocapture"].map(Into::into).to_vec();
    sandbox::internet::Program { path: std::env::current_exe().unwrap(), arguments }
}
