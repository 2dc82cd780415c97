//! Whether a guest works on this host, and how fast.

use std::time::{Duration, Instant};

use guest_protocol::Run;

use super::{Qemu, Spec, Timings};
use crate::error::{Error, Result};
use crate::guest::Event;

/// What a check found.
#[derive(Clone, Debug)]
pub struct Report {
    pub qemu: String,
    pub accelerator: String,
    /// Zero when the template was there.
    pub template: Duration,
    pub restore: Timings,
    /// A command of the shell, from asking to its last event.
    pub run: Duration,
    /// What that command printed: the kernel and the user.
    pub output: String,
}

/// Restores a guest, runs a command in it and stops it.
pub async fn check(qemu: &Qemu, guest: &str) -> Result<Report> {
    let template = qemu.template(guest).await?.built_in;
    let machine = qemu.restore(&Spec::new(guest)).await?;
    let start = Instant::now();
    let mut events = machine.agent().run(Run::shell("uname -sr; id; date -u")).await?;
    let mut output = String::new();
    while let Some(event) = events.next().await? {
        match event {
            Event::Output { bytes, .. } => output.push_str(&bytes.to_text()),
            Event::Exited(exit) if exit != guest_protocol::Exit::Code(0) => {
                return Err(Error::Protocol(format!("a shell ended with {exit:?}: {output}")));
            }
            _ => {}
        }
    }
    let run = start.elapsed();
    machine.stop().await?;
    Ok(Report {
        qemu: qemu.version().into(),
        accelerator: qemu.accelerator().to_string(),
        template,
        restore: machine.timings(),
        run,
        output,
    })
}
