//! One analysis in a machine that somebody else runs: reset, wait for the agent, upload, start, wait for its end (the sandbox
//! reference, sections 5 and 7.2).
//!
//! Hitting the time limit is not a failure: analyzers that hang, and guests that a sample stopped, are what happens.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use store::sandbox::{GuestStatus, guest, task};
use tokio::time::Instant;

use super::agent::Agent;
use super::hosted::{Host, Hosted};
use super::http::{Fault, Line};
use super::machine::{Configuration, Kind, Machine};
use super::reset;
use crate::analysis::Log;
use crate::analysis::network::Wish;
use crate::analysis::screen;
use crate::api::options;
use crate::error::End;
use crate::pool;
use crate::result_server::{Registration, ResultServer};
use crate::scheduler::{Analyst, Run};

mod upload;

/// How often the agent is asked.
const EVERY: Duration = Duration::from_secs(1);
/// What consumers of reports look for, to the letter.
const LOST: &str = "Virtual Machine /status failed. This can indicate the guest losing network connectivity";

/// Runs tasks in the machines of the configuration.
pub struct Remote {
    configuration: Configuration,
    results: Arc<ResultServer>,
    host: Result<Host, String>,
}

impl Remote {
    /// `host` runs machines of the kind `qemu`; else it says why there are none.
    pub fn new(
        configuration: Configuration,
        results: Arc<ResultServer>,
        host: Result<Host, String>,
    ) -> Arc<Self> {
        Arc::new(Self { configuration, results, host })
    }
}

impl Analyst for Remote {
    fn manager(&self, machine: &pool::Machine) -> &'static str {
        let known = self.configuration.machines.iter().find(|known| known.name == machine.name);
        match known.map(|known| known.kind) {
            Some(Kind::Physical) => "Physical",
            Some(Kind::Qemu) => "QEMU",
            _ => "Remote",
        }
    }

    fn analyse(&self, run: Run) -> BoxFuture<'static, Vec<String>> {
        let known = self.configuration.machines.iter().find(|known| known.name == run.machine.name).cloned();
        let Some(machine) = known else {
            let text = format!("the machine {} is not in the configuration", run.machine.name);
            return Box::pin(async move { vec![text] });
        };
        let (configuration, results) = (self.configuration.clone(), self.results.clone());
        let host = self.host.clone();
        Box::pin(async move {
            let log = match Log::of_host(&run.folder) {
                Ok(log) => log,
                Err(error) => return vec![format!("the log of the analysis cannot be written: {error}")],
            };
            let agent = Agent::new(Line::Network(machine.agent()));
            let (errors, hosted) = (Vec::new(), None);
            let analysis = Analysis { run, machine, configuration, agent, log, errors, host, hosted };
            analysis.whole(&results).await
        })
    }
}

/// One run, and what went wrong so far.
struct Analysis {
    run: Run,
    machine: Machine,
    configuration: Configuration,
    agent: Agent,
    log: Log,
    errors: Vec<String>,
    host: Result<Host, String>,
    /// The machine, if Harrier runs it.
    hosted: Option<Hosted>,
}

impl Analysis {
    async fn whole(mut self, results: &Arc<ResultServer>) -> Vec<String> {
        let (task, folder) = (self.run.task.id, &self.run.folder);
        let registered = match self.machine.ip {
            Some(ip) if self.machine.kind != Kind::Qemu => results.register(ip, task, folder),
            _ => results.begin(task, folder),
        };
        let registration = match registered {
            Ok(registration) => registration,
            Err(error) => {
                self.fail(format!("results cannot be taken: {error}"));
                return self.errors;
            }
        };
        let stop = self.run.stop.clone();
        let done = tokio::select! {
            done = self.attempt(&registration) => done,
            () = stop.cancelled() => Err("the analysis was stopped: another task takes its place, or the server ends".into()),
        };
        if let Err(text) = done {
            self.fail(text);
        }
        self.end(registration).await;
        self.errors
    }

    async fn attempt(&mut self, registration: &Registration) -> Result<(), String> {
        let wish = self.wish()?;
        let (task, route) = (self.run.task.id, wish.as_ref().map_or_else(|| "none".to_owned(), Wish::name));
        let routed = self.run.sandbox.db.write(move |tx| task::set_route(tx, task, &route)).await;
        routed.map_err(|error| format!("the route cannot be noted: {error}"))?;
        let critical = self.timeout() + u64::from(self.run.sandbox.settings.critical_timeout);
        // Once for the machine to come up, once for the files, once for the run.
        let limit = Duration::from_secs(critical);
        let mut boot = limit;
        match &wish {
            Some(wish) => {
                self.set_guest(GuestStatus::Starting).await;
                self.start(wish, registration).await?;
                boot = Duration::from_secs(self.machine.boot_timeout);
            }
            None => {
                self.reset().await?;
                self.set_guest(GuestStatus::Starting).await;
            }
        }
        self.connect(boot).await?;
        self.run.sandbox.pool.set_status(&self.machine.name, "running");
        tokio::time::timeout(limit, self.upload())
            .await
            .unwrap_or_else(|_| Err(format!("the guest took longer than {critical} s to take its files")))?;
        self.set_guest(GuestStatus::Running).await;
        self.tell("running", "the analyzer runs");
        let until = Instant::now() + limit;
        let Some(vm) = self.hosted.as_ref().map(|hosted| hosted.vm.clone()) else {
            return self.watch(until).await;
        };
        let screen = screen::Watch::new(&self.run);
        let watched = tokio::select! {
            watched = self.watch(until) => watched,
            end = vm.ended() => Err(format!("the machine ended before the analyzer did: {end}")),
            never = screen.watch(&vm) => match never {},
        };
        screen.shoot(&vm).await;
        watched
    }

    /// Starts a machine that Harrier runs.
    async fn start(&mut self, wish: &Wish, registration: &Registration) -> Result<(), String> {
        let host = self.host.clone()?;
        self.tell("restoring", &format!("starting the machine {}", self.machine.name));
        let clock = self.clock();
        let hosted = Hosted::start(&host, &self.machine, &self.run, wish, registration, clock).await?;
        self.log.info(if hosted.is_restored {
            "the machine goes on from its saved state"
        } else {
            "the machine boots"
        });
        self.log.info(&format!("the network is {}", wish.name()));
        self.agent = hosted.agent();
        self.hosted = Some(hosted);
        Ok(())
    }

    /// Seconds that the sample may run.
    fn timeout(&self) -> u64 {
        let asked = self.run.task.timeout;
        u64::from(if asked == 0 { self.run.sandbox.settings.default_timeout } else { asked })
    }

    /// Which network a machine of ours gets. What cannot be done as asked is not done in another way: it may be a matter of safety.
    fn wish(&self) -> Result<Option<Wish>, String> {
        if self.machine.kind == Kind::Qemu {
            return Wish::of(&self.run).map(Some);
        }
        let options = self.run.task.options.as_deref().unwrap_or_default();
        match options::pairs(options).find(|(name, _)| *name == "route").map(|(_, value)| value) {
            None | Some("none") => Ok(None),
            Some(other) => Err(format!(
                "the network {other:?} is not there: the network of the machine {} is its owner's matter",
                self.machine.name
            )),
        }
    }

    async fn reset(&mut self) -> Result<(), String> {
        if !self.machine.is_reset() {
            self.log.info(
                "nobody resets this machine: what earlier samples left in it may show in these results",
            );
            return Ok(());
        }
        self.tell("restoring", "resetting the machine");
        let limit = Duration::from_secs(self.machine.reset_timeout);
        reset::run(&self.machine.reset_command, limit).await?;
        self.log.info("the machine was reset");
        Ok(())
    }

    /// Waits until the agent answers.
    async fn connect(&mut self, limit: Duration) -> Result<(), String> {
        self.tell("starting", &format!("waiting for the agent at {}", self.machine.agent()));
        let ended = || self.hosted.as_ref()?.vm.end().map(|end| end.to_string());
        let greeting = self.agent.awaited(limit, ended).await?;
        self.log.info(&format!("the agent answers, version {}", greeting.version));
        let prepared = self.prepare(&greeting.features).await;
        prepared.map_err(|fault| format!("the agent of {} cannot be used: {fault}", self.machine.name))
    }

    async fn prepare(&mut self, features: &[String]) -> Result<(), Fault> {
        if features.iter().any(|feature| feature == "pinning") {
            match self.agent.pin().await {
                // By us, in an earlier run without a reset since: nobody else would be answered.
                Err(Fault::Refused { .. }) => self.log.info("the agent is pinned to this host already"),
                pinned => pinned?,
            }
        }
        // Without a reset since the last run it would be over at once.
        if self.agent.status().await?.status.is_some() {
            self.agent.set_status("init").await?;
        }
        // The first versions could not say.
        match self.agent.system().await {
            Ok(system) if !system.eq_ignore_ascii_case(self.machine.platform.name()) => {
                let wanted = self.machine.platform.name();
                self.fail(format!("the guest is {system} and not {wanted}, as its configuration says"));
                Ok(())
            }
            Ok(_) | Err(Fault::Refused { .. }) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// The guest's clock, if the task asks for one: the time of submission stands for none.
    fn clock(&self) -> Option<jiff::Timestamp> {
        let task = &self.run.task;
        let clock = (task.clock != task.added_on).then_some(task.clock.0);
        clock.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok())
    }

    /// Asks how far the analyzer is, until it is done or its time is over.
    async fn watch(&mut self, until: Instant) -> Result<(), String> {
        while Instant::now() < until {
            tokio::time::sleep(EVERY).await;
            match self.agent.status().await {
                Ok(status) => match status.status.as_deref() {
                    Some("complete") => {
                        self.log.info("the analyzer is done");
                        return Ok(());
                    }
                    Some("exception") => {
                        let why = status.description.unwrap_or_default();
                        return Err(format!("the analyzer failed: {why}"));
                    }
                    _ => {}
                },
                Err(fault) => self.log.error(&format!("{LOST} ({fault})")),
            }
        }
        self.log.info("the time is over: the analyzer did not say that it is done, and what it sent is kept");
        Ok(())
    }

    /// The last results, and no more of them.
    async fn end(&mut self, registration: Registration) {
        self.set_guest(GuestStatus::Stopping).await;
        let is_hosted = self.hosted.is_some() || self.machine.kind == Kind::Qemu;
        if self.run.task.memory && !is_hosted {
            self.fail(format!(
                "the memory was not written: nobody but its owner can read that of {}",
                self.machine.name
            ));
        }
        registration.settle().await;
        if let Some(hosted) = self.hosted.take() {
            self.end_own(hosted).await;
        }
        let remarks = registration.end().await;
        for text in &remarks.texts {
            self.log.warning(text);
        }
        if remarks.more > 0 {
            self.log.warning(&format!("{} more remarks on what the guest sent were left out", remarks.more));
        }
        // One that somebody else runs does so until it is reset.
        let status = if is_hosted { "poweroff" } else { "machete" };
        self.run.sandbox.pool.set_status(&self.machine.name, status);
        self.log.info("the analysis is over");
    }

    /// The last evidence from outside, and the power off.
    async fn end_own(&mut self, hosted: Hosted) {
        let folder = self.run.folder.path().to_owned();
        if self.run.task.memory && hosted.vm.end().is_none_or(|end| end == End::PoweredOff) {
            self.tell("dumping memory", "writing the memory of the machine");
            if let Err(error) = hosted.dump_memory(&folder).await {
                self.fail(error);
            }
        }
        let incoming = self.run.sandbox.samples.folders().1.to_owned();
        let results = self.configuration.results_for(&self.machine);
        for error in hosted.end(results, &folder, &incoming).await {
            self.fail(error);
        }
    }

    fn tell(&mut self, stage: &'static str, text: &str) {
        self.log.info(text);
        self.run.sandbox.notes.tell(self.run.task.id, stage, text);
    }

    fn fail(&mut self, text: String) {
        self.log.error(&text);
        self.errors.push(text);
    }

    async fn set_guest(&self, status: GuestStatus) {
        let id = self.run.task.id;
        if let Err(error) = self.run.sandbox.db.write(move |tx| guest::set_status(tx, id, status)).await {
            tracing::error!(target: "sandbox", task = id, %error, "the state of a machine was not written");
        }
    }
}
