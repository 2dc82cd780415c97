//! `harrier-guest-agent`: runs inside a guest of the sandbox and does what the host asks over a virtio-serial port.
//!
//! One static file with three uses:
//!
//! - as `/init` of an initial file system (process 1): brings the guest up, see [`boot`], then keeps a worker alive;
//! - as an ordinary program, `harrier-guest-agent [--socket FILE]`, for guests with an init of their own: serves the port
//!   named [`guest_protocol::PORT_NAME`], or a Unix socket;
//! - `--launch`, started by itself: becomes the sample's first process.
//!
//! It trusts its host and nothing else in the guest. What it says is not trusted by the host.

mod boot;
mod channel;
mod clock;
mod dropped;
mod dump;
mod failure;
mod file;
mod network;
mod port;
mod random;
mod run;
mod serve;

use std::ffi::OsString;
use std::process::ExitCode;

/// This program, also after its file is out of sight.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

fn main() -> ExitCode {
    if std::process::id() == 1 {
        boot::run();
    }
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let text = |at: usize| words.get(at).and_then(|word| word.to_str());
    let outcome = match text(0) {
        Some("--launch") => run::launch(&words[1..]),
        Some("--worker") => worker(text(1)),
        Some("--socket") if words.len() == 2 => port::connect(&words[1]).map(|port| serve::run(port, 1, "")),
        None => port::open().map(|port| serve::run(port, 1, "")),
        Some(_) => {
            eprintln!("usage: harrier-guest-agent [--socket FILE]");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("harrier-guest-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What process 1 starts. `born` is `TIMES REASON`: the how manyth worker this is and what ended the one before.
fn worker(born: Option<&str>) -> std::io::Result<()> {
    let (times, why) = born.and_then(|text| text.split_once(' ')).unwrap_or(("1", ""));
    serve::run(port::open()?, times.parse().unwrap_or(1), why);
    Ok(())
}
