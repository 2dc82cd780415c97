//! A machine that Harrier runs from an image of the owner's: from its start to what it leaves, around a run that is like any other.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::agent::Agent;
use super::capture::Own;
use super::http::Line;
use super::machine::Machine;
use crate::analysis::network::{self, Wish};
use crate::internet::{Beyond, Internet, Program, Route, Settings};
use crate::machine::{Brought, Qemu, Start, Vm};
use crate::result_server::Registration;
use crate::results::{CAPTURE, MEMORY};
use crate::scheduler::Run;

/// What runs such machines.
#[derive(Clone)]
pub struct Host {
    pub qemu: Qemu,
    /// The networks of guests.
    pub internet: Program,
}

/// A machine that runs.
pub(super) struct Hosted {
    pub vm: Arc<Vm>,
    internet: Internet,
    machine: Machine,
    /// Whether it went on from a saved state.
    pub is_restored: bool,
}

impl Hosted {
    /// Starts one for a run, in the network that the task wishes for.
    pub async fn start(
        host: &Host,
        machine: &Machine,
        run: &Run,
        wish: &Wish,
        registration: &Registration,
        clock: Option<Timestamp>,
    ) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the machine cannot be started: {error}");
        let (mut settings, mut beyond) = wish.settings();
        // Without a cable nobody could reach the agent: there is one, and nothing at its end but this host's two ports.
        settings.addresses = machine.addresses();
        settings.results = Some(machine.resultserver_port.unwrap_or(crate::result_server::PORT));
        beyond.results = Some(registration.taker());
        let authority = host.qemu.authority().map_err(|error| failed(&error))?;
        settings.authority = Some(network::authority(authority).map_err(|error| failed(&error))?);
        if let Some(clock) = clock {
            settings.clock_offset = clock.duration_since(Timestamp::now()).as_secs();
        }
        let brought = brought(machine)?;
        let (vm, is_restored) =
            host.qemu.begin(&brought, Start::Usual, clock).await.map_err(|error| failed(&error))?;
        let folder = run.folder.path();
        let internet = network::open((&host.qemu, &host.internet), &vm, &settings, beyond, folder).await?;
        vm.resume().await.map_err(|error| failed(&error))?;
        Ok(Self { vm: Arc::new(vm), internet, machine: machine.clone(), is_restored })
    }

    /// The agent inside.
    pub fn agent(&self) -> Agent {
        Agent::new(Line::Machine(self.internet.switchboard(), self.machine.agent()))
    }

    /// The memory, if it is wanted and there is any.
    pub async fn dump_memory(&self, folder: &Path) -> Result<(), String> {
        let dumped = self.vm.dump_memory(&folder.join(MEMORY)).await;
        dumped.map_err(|error| format!("the memory was not written: {error}"))
    }

    /// Switches it off and takes what it leaves. Gives what went wrong.
    pub async fn end(self, results: std::net::SocketAddr, folder: &Path, incoming: &Path) -> Vec<String> {
        let mut errors = Vec::new();
        if let Err(error) = self.vm.stop().await {
            errors.push(format!("the machine was not stopped cleanly: {error}"));
        }
        let own = Own { agent: self.machine.agent(), results };
        let vm = self.vm.clone();
        let (target, incoming) = (folder.join(CAPTURE), incoming.to_owned());
        let captured = tokio::task::spawn_blocking(move || -> Result<(), String> {
            let whole = tempfile::NamedTempFile::new_in(incoming).map_err(|error| error.to_string())?;
            vm.take_capture(whole.path()).map_err(|error| error.to_string())?;
            let whole = whole.reopen().map_err(|error| error.to_string())?;
            own.leave_out(whole, &target).map_err(|error| error.to_string())
        });
        if let Err(error) = captured.await.unwrap_or_else(|error| Err(error.to_string())) {
            errors.push(format!("the capture was not kept: {error}"));
        }
        if let Some(Err(error)) = network::finish(Some(self.internet)).await {
            errors.push(error);
        }
        errors
    }
}

fn brought(machine: &Machine) -> Result<Brought, String> {
    machine.brought().ok_or_else(|| format!("the machine {} is none that Harrier runs", machine.name))
}

/// What was found out about a machine.
#[derive(Debug)]
pub struct Found {
    pub version: String,
    pub took: Duration,
    pub is_restored: bool,
}

/// Starts a machine without any network but the way to its agent, and waits for that.
pub async fn check(host: &Host, machine: &Machine) -> Result<Found, String> {
    let begun = Instant::now();
    let (vm, _internet, is_restored, version) = wake(host, machine, Start::Usual).await?;
    vm.stop().await.map_err(|error| error.to_string())?;
    Ok(Found { version, took: begun.elapsed(), is_restored })
}

/// Boots a machine, waits for its agent and `settle` longer, and saves its state for later runs.
pub async fn snapshot(
    host: &Host,
    machine: &Machine,
    settle: Duration,
) -> Result<std::path::PathBuf, String> {
    let (vm, internet, ..) = wake(host, machine, Start::ForSnapshot).await?;
    tokio::time::sleep(settle).await;
    if let Some(end) = vm.end() {
        return Err(format!("the machine ended before its state was saved: {end}"));
    }
    let kept = host.qemu.keep(&brought(machine)?, vm).await;
    drop(internet);
    kept.map_err(|error| format!("the state was not saved: {error}"))
}

async fn wake(host: &Host, machine: &Machine, start: Start) -> Result<(Vm, Internet, bool, String), String> {
    let failed = |error: &dyn std::fmt::Display| format!("the machine cannot be started: {error}");
    let mut settings = Settings::new(Route::Drop);
    settings.addresses = machine.addresses();
    let (vm, is_restored) =
        host.qemu.begin(&brought(machine)?, start, None).await.map_err(|error| failed(&error))?;
    let log = tempfile::tempfile().map_err(|error| failed(&error))?;
    let internet =
        Internet::connect(&host.qemu, &vm, &host.internet, &settings, Beyond::default(), log).await;
    let internet = internet.map_err(|error| failed(&error))?;
    vm.resume().await.map_err(|error| failed(&error))?;
    let agent = Agent::new(Line::Machine(internet.switchboard(), machine.agent()));
    let limit = Duration::from_secs(machine.boot_timeout);
    let greeting = agent.awaited(limit, || vm.end().map(|end| end.to_string())).await?;
    Ok((vm, internet, is_restored, greeting.version))
}
