//! The moment between the agent and the sample: `--launch VERDICT CGROUP UID GID FILE-BYTES TRACED ENDS FOLDER
//! COMMAND…`.
//!
//! A fresh process without threads gives up rights step by step and then becomes the sample. What goes wrong is written to the
//! file VERDICT, which stays open until the sample takes over.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use guest_protocol::{FailureKind, Reply};
use rustix::process::{Gid, Resource, Rlimit, Uid, setrlimit, setsid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::{cgroup, ends, filter, stops};
use crate::failure::failed;

/// Where the files lie in which a launch says what went wrong. Only root looks inside, and the name tells a sample nothing.
pub const VERDICTS: &str = "/run/init";

/// Whether the sample is traced by stops. Without, ENDS names the socket of who keeps memory of processes that end, or nothing.
pub const TRACED: &str = "traced";
pub const UNTRACED: &str = "untraced";

/// Never returns when it works.
pub fn launch(words: &[OsString]) -> io::Result<()> {
    let [verdict, rest @ ..] = words else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut verdict = OpenOptions::new().write(true).open(verdict)?;
    let error = become_sample(rest);
    write!(verdict, "{} {error}", error.raw_os_error().unwrap_or(0))
}

fn become_sample(words: &[OsString]) -> io::Error {
    let [cgroup, uid, gid, file_bytes, traced, socket, folder, program, arguments @ ..] = words else {
        return io::ErrorKind::InvalidInput.into();
    };
    let number =
        |word: &OsString| word.to_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or(u64::MAX);
    let steps = || -> io::Result<()> {
        let mut group = cgroup::entrance(Path::new(cgroup))?;
        setsid()?;
        let limit = |value| Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(Resource::Core, limit(0))?;
        setrlimit(Resource::Fsize, limit(number(file_bytes)))?;
        if traced == TRACED {
            stops::await_tracer()?;
            filter::stop_at_recorded()?;
        } else if !socket.is_empty() {
            ends::hand_over(Path::new(socket))?;
        } else {
            filter::refuse_io_uring()?;
        }
        let (uid, gid) = (Uid::from_raw(number(uid) as u32), Gid::from_raw(number(gid) as u32));
        set_thread_groups(&[gid])?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        std::env::set_current_dir(folder)
            .map_err(|error| io::Error::other(format!("{}: {error}", folder.to_string_lossy())))?;
        group.write_all(b"0")
    };
    match steps() {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(error) => error,
    }
}

/// The failure that a launch wrote down.
pub fn refusal(verdict: &str) -> Reply {
    let (code, text) = verdict.split_once(' ').unwrap_or(("0", verdict));
    let kind = match io::Error::from_raw_os_error(code.parse().unwrap_or(0)).kind() {
        io::ErrorKind::NotFound => FailureKind::NotFound,
        io::ErrorKind::PermissionDenied => FailureKind::Denied,
        _ if code == NO_PROGRAM => FailureKind::Invalid,
        _ => FailureKind::Other,
    };
    failed(kind, format_args!("the program cannot be started: {text}"))
}

/// ENOEXEC.
const NO_PROGRAM: &str = "8";
