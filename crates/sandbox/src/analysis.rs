//! One analysis: a machine is restored, gets the sample, runs it and is stopped; what it does is written down (the sandbox
//! reference, section 5).
//!
//! Hitting the time limit is not a failure. A machine that ends otherwise than it should is one, and what came out until then
//! is kept.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use guest_protocol::{Limits, Owner, Run as Command, Tracing};
use store::sandbox::{Category, GuestStatus, guest, task};
use tokio::time::Instant;

use crate::api::options;
use crate::guest::Event;
use crate::internet::Program;
use crate::machine::{Guest, Qemu, Spec};
use crate::pool::Machine;
use crate::results::MEMORY;
use crate::samples::chosen::{Choice, Chosen};
use crate::scheduler::{Analyst, Run};

mod allowance;
mod calls;
mod dropped;
pub mod left_behind;
mod log;
mod memory;
pub(crate) mod network;
pub mod package;
mod record;
pub(crate) mod screen;
mod told;

pub(crate) use log::Log;
use package::Plan;
use record::Recorder;

/// Bytes of a sample that reach an emulated machine in a second, at the least.
const UPLOAD: u64 = 2 << 20;
/// Seconds for writing the memory of processes, after the sample's time.
const FOR_DUMPS: u64 = 120;

/// Runs tasks in virtual machines of QEMU. The label of a machine is the name of the guest's image.
pub struct Detonator {
    qemu: Qemu,
    internet: Program,
}

impl Detonator {
    /// The networks of guests are this binary, by its command `internet`.
    pub fn new(qemu: Qemu) -> Arc<Self> {
        Self::with_internet(qemu, Program::own())
    }

    /// The networks of guests are another program, which calls [`crate::internet::run`].
    pub fn with_internet(qemu: Qemu, internet: Program) -> Arc<Self> {
        Arc::new(Self { qemu, internet })
    }
}

impl Analyst for Detonator {
    fn manager(&self, _: &Machine) -> &'static str {
        "QEMU"
    }

    fn analyse(&self, run: Run) -> BoxFuture<'static, Vec<String>> {
        let (qemu, internet) = (self.qemu.clone(), self.internet.clone());
        Box::pin(async move {
            let mut analysis = match Log::open(&run.folder) {
                Ok(log) => Analysis { run, qemu, internet, log, errors: Vec::new() },
                Err(error) => return vec![format!("the log of the analysis cannot be written: {error}")],
            };
            if let Err(text) = analysis.whole().await {
                analysis.log.error(&text);
                analysis.errors.push(text);
            }
            analysis.log.info("the analysis is over");
            analysis.errors
        })
    }
}

/// One run, and what went wrong so far.
struct Analysis {
    run: Run,
    qemu: Qemu,
    internet: Program,
    log: Log,
    errors: Vec<String>,
}

impl Analysis {
    /// Seconds that the sample may run.
    fn timeout(&self) -> u64 {
        let asked = self.run.task.timeout;
        u64::from(if asked == 0 { self.run.sandbox.settings.default_timeout } else { asked })
    }

    fn tell(&mut self, stage: &'static str, text: &str) {
        self.log.info(text);
        self.run.sandbox.notes.tell(self.run.task.id, stage, text);
    }

    async fn whole(&mut self) -> Result<(), String> {
        let wish = network::Wish::of(&self.run)?;
        let machine = self.run.machine.clone();
        self.tell("restoring", &format!("restoring the machine {} ({})", machine.name, machine.label));
        self.set_guest(GuestStatus::Starting).await;
        let guest = self.restore(&machine.label).await?;
        self.run.sandbox.pool.set_status(&machine.name, "running");
        let (internet, connected) = match network::connect(self, &guest, &wish).await {
            Ok(internet) => (internet, Ok(())),
            Err(error) => (None, Err(error)),
        };
        let result = match connected {
            Ok(()) => self.drive_in_time(&guest, &wish).await,
            Err(error) => Err(error),
        };
        self.set_guest(GuestStatus::Stopping).await;
        self.end(&guest).await;
        if let Some(Err(error)) = network::finish(internet).await {
            self.fail(error);
        }
        self.run.sandbox.pool.set_status(&machine.name, "poweroff");
        result
    }

    /// Drives the guest until it is done, too late, or told to stop.
    async fn drive_in_time(&mut self, guest: &Guest, wish: &network::Wish) -> Result<(), String> {
        let (task, route) = (self.run.task.id, wish.name());
        let saved = self.run.sandbox.db.write(move |tx| task::set_route(tx, task, &route)).await;
        saved.map_err(|error| format!("the route cannot be noted: {error}"))?;
        let critical =
            Duration::from_secs(self.timeout() + u64::from(self.run.sandbox.settings.critical_timeout))
                + Duration::from_secs(if self.dumps() { FOR_DUMPS } else { 0 })
                + Duration::from_secs(
                    self.run.task.sample.as_ref().map_or(0, |sample| sample.digests.file_size) / UPLOAD,
                );
        let stop = self.run.stop.clone();
        let driven = tokio::select! {
            driven = tokio::time::timeout(critical, self.drive(guest)) => driven,
            () = stop.cancelled() => Ok(Err("the analysis was stopped: another task takes its place, or the server ends".into())),
        };
        driven.unwrap_or_else(|_| {
            Err(format!("the machine did not end within {} seconds and was given up", critical.as_secs()))
        })
    }

    /// The guest's clock, if the task asks for one: the time of submission stands for none.
    fn clock(&self) -> Option<jiff::Timestamp> {
        let task = &self.run.task;
        let clock = (task.clock != task.added_on).then_some(task.clock.0);
        clock.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok())
    }

    async fn set_guest(&self, status: GuestStatus) {
        let id = self.run.task.id;
        if let Err(error) = self.run.sandbox.db.write(move |tx| guest::set_status(tx, id, status)).await {
            tracing::error!(target: "sandbox", task = id, %error, "the state of a machine was not written");
        }
    }

    async fn restore(&mut self, image: &str) -> Result<Guest, String> {
        let spec = Spec { clock: self.clock(), ..Spec::new(image) };
        match self.qemu.restore(&spec).await {
            Ok(guest) => {
                let took = guest.timings().ready.as_secs_f64();
                self.log.info(&format!("the machine answers after {took:.2} s"));
                Ok(guest)
            }
            Err(error) => {
                self.log.error(&format!("the machine was not restored: {error}; it boots instead"));
                self.qemu.boot(&spec).await.map_err(|error| format!("the machine cannot be started: {error}"))
            }
        }
    }

    /// All that is done with the agent.
    async fn drive(&mut self, guest: &Guest) -> Result<(), String> {
        let member = self.member().await?;
        let mut plan = Plan::of(&self.run.task, member.as_ref());
        if let Some(text) = plan.not_as_asked(&self.run.task) {
            self.warn(text).await;
        }
        self.tell("uploading", &format!("the package is {}", plan.package));
        if plan.package == package::reboot::NAME {
            plan.command.extend(self.bring_back(guest).await?);
        } else {
            self.upload(guest, &plan, member).await?;
        }
        self.set_guest(GuestStatus::Running).await;
        let command = self.command(&plan);
        if command.trace == Tracing::Off {
            self.log.info("system calls are not recorded, as asked");
        }
        let words: Vec<String> = command.command.iter().map(|word| word.to_text().into_owned()).collect();
        self.tell("running", &format!("running {}", words.join(" ")));
        let began = Instant::now();
        let mut recorder = Recorder::begin(&self.run, words, &plan.folder, &command.limits)
            .map_err(|error| error.to_string())?;
        let screen = screen::Watch::new(&self.run);
        let ended = tokio::select! {
            ended = self.record(guest, command, &mut recorder) => ended,
            never = screen.watch(guest) => match never {},
        };
        let left_out =
            recorder.finish().map_err(|error| format!("the results cannot be written: {error}"))?;
        if left_out > 0 {
            self.fail(format!(
                "the guest sent {left_out} more files and memories than it was allowed, which were left out"
            ));
        }
        ended.map_err(|error| plan.explain(error, &self.run.machine.label))?;
        if self.run.task.enforce_timeout {
            let rest = Duration::from_secs(self.timeout()).saturating_sub(began.elapsed());
            self.log.info(&format!("nothing runs any more; waiting {} s as asked", rest.as_secs()));
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                never = screen.watch(guest) => match never {},
            }
        }
        screen.shoot(guest).await;
        Ok(())
    }

    /// What is attached to a mail, when the task is about that. Archives are unpacked in the guest.
    async fn member(&mut self) -> Result<Option<Chosen>, String> {
        let Some(choice) = Choice::of(&self.run.task).filter(|choice| choice.format.is_mail()) else {
            return Ok(None);
        };
        let text = format!("the sample is {}, out of {}", choice.member, self.run.task.file_name());
        let member = choice.taken(self.run.sandbox.samples.clone()).await?;
        self.log.info(&text);
        Ok(Some(member))
    }

    async fn upload(&mut self, guest: &Guest, plan: &Plan, member: Option<Chosen>) -> Result<(), String> {
        if self.run.task.category == Category::Url {
            return Ok(());
        }
        let put = async |file: File, length| {
            let content = tokio::fs::File::from_std(file);
            let put = guest.agent().put(plan.path.as_str(), 0o755, Owner::Guest, length, content).await;
            put.map_err(|error| format!("the sample did not reach the machine: {error}"))
        };
        if let Some(member) = member {
            return put(member.file, member.length).await;
        }
        let sample = self.run.task.sample.as_ref().ok_or("the task has no sample")?;
        let file = self.run.sandbox.samples.open_sample(&sample.digests.sha256);
        let file = file.map_err(|error| format!("the sample cannot be read: {error}"))?;
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        if length != sample.digests.file_size {
            return Err("the sample on disk is not the one that was submitted".into());
        }
        put(file, length).await
    }

    /// Puts back what another run left behind; gives the files that start with the machine.
    async fn bring_back(&mut self, guest: &Guest) -> Result<Vec<String>, String> {
        let number = self.run.task.custom.as_deref().and_then(|text| text.trim().parse().ok());
        let before: u32 =
            number.ok_or("the package reboot needs the number of a task in the field custom")?;
        let unreadable = |error| format!("the results of task {before} cannot be read: {error}");
        let folder = self.run.sandbox.analyses.find(before).map_err(unreadable)?;
        let folder = folder.ok_or_else(|| format!("the results of task {before} are gone"))?;
        let left = left_behind::of(&folder).map_err(unreadable)?;
        self.log.info(&format!("task {before} left {} files behind", left.len()));
        for (path, file) in &left {
            let content = folder.file(&file.member).map_err(unreadable)?;
            let length = content.metadata().map_err(unreadable)?.len();
            let mode = file.mode_with(&content).map_err(unreadable)?;
            let owner = if file.is_roots { Owner::Root } else { Owner::Guest };
            let content = tokio::fs::File::from_std(content);
            let put = guest.agent().put(path.as_str(), mode, owner, length, content).await;
            put.map_err(|error| format!("{path} did not reach the machine: {error}"))?;
        }
        Ok(left.into_keys().filter(|path| package::reboot::starts(path)).collect())
    }

    /// Whether the memory of processes is wanted.
    fn dumps(&self) -> bool {
        self.has_option("procmemdump")
    }

    fn tracing(&self) -> Tracing {
        let options = self.run.task.options.as_deref().unwrap_or_default();
        match options::pairs(options).find(|(name, _)| *name == "trace").map(|(_, value)| value) {
            _ if self.has_option("free") => Tracing::Off,
            Some(options::TRACE) => Tracing::Stops,
            _ => Tracing::Kernel,
        }
    }

    fn has_option(&self, wanted: &str) -> bool {
        let options = self.run.task.options.as_deref().unwrap_or_default();
        options::pairs(options).any(|(name, value)| name == wanted && options::is_on(value))
    }

    fn command(&self, plan: &Plan) -> Command {
        Command {
            command: plan.command.iter().map(|word| word.as_str().into()).collect(),
            environment: plan
                .environment
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect(),
            folder: plan.folder.as_str().into(),
            user: if plan.as_root { Owner::Root } else { Owner::Guest },
            watch: plan.watched().map(Into::into).collect(),
            limits: Limits {
                milliseconds: (self.timeout() + if self.dumps() { FOR_DUMPS } else { 0 }) * 1000,
                wait_for_all: true,
                memories: if self.dumps() { memory::MAX_ENDED } else { 0 },
                memory_of_one_bytes: memory::MAX_ENDED_BYTES,
                memory_total_bytes: memory::MAX_ENDED_TOTAL,
                ..Limits::default()
            },
            window: 0,
            trace: self.tracing(),
            stdin: "".into(),
        }
    }

    async fn record(
        &mut self,
        guest: &Guest,
        command: Command,
        recorder: &mut Recorder,
    ) -> Result<(), String> {
        let ended = |error| format!("the run broke off: {error}");
        let mut events = guest.agent().run(command).await.map_err(ended)?;
        let written = |error| format!("the results cannot be written: {error}");
        if self.dumps() {
            let time = tokio::time::sleep(Duration::from_secs(self.timeout()));
            tokio::pin!(time);
            loop {
                let event = tokio::select! {
                    event = events.next() => event.map_err(ended)?,
                    () = &mut time => break,
                };
                let Some(event) = event else {
                    self.log.info("no process lived until the time was over");
                    return Ok(());
                };
                self.listen(guest);
                self.take(event, recorder).map_err(written)?;
            }
            self.log.info("the time is over: memory is written, then all processes are killed");
            let living = recorder.living();
            for line in recorder.memory().dump(guest.agent(), &living).await {
                self.log.info(&line);
            }
            events.kill().await.map_err(ended)?;
        }
        while let Some(event) = events.next().await.map_err(ended)? {
            self.listen(guest);
            self.take(event, recorder).map_err(written)?;
        }
        Ok(())
    }

    /// Writes down what the agent had to say, when it said it.
    fn listen(&mut self, guest: &Guest) {
        for line in guest.agent().take_log() {
            self.log.guest(&line);
        }
    }

    fn take(&mut self, event: Event, recorder: &mut Recorder) -> std::io::Result<()> {
        self.say(&event);
        if let Event::MemoryEnd { cut } = event {
            recorder.memory().end(cut).inspect(|line| self.log.info(line));
        }
        recorder.take(event)
    }

    fn say(&mut self, event: &Event) {
        match event {
            Event::Started { pid } => self.log.info(&format!("the first process is {pid}")),
            Event::Exited(exit) => self.log.info(&told::ended(*exit)),
            Event::File(facts) => {
                self.log.info(&format!("dropped {} ({} bytes)", facts.path.to_text(), facts.size))
            }
            Event::Finished(counts) => told::over(counts).iter().for_each(|line| self.log.info(line)),
            Event::Process(_)
            | Event::Syscalls(_)
            | Event::Output { .. }
            | Event::FileData(_)
            | Event::FileEnd { .. }
            | Event::Memory { .. }
            | Event::MemoryData(_)
            | Event::MemoryEnd { .. } => {}
        }
    }

    /// The last evidence from outside, and the power off.
    async fn end(&mut self, guest: &Guest) {
        self.listen(guest);
        if self.run.task.memory && guest.end().is_none() {
            self.tell("dumping memory", "writing the memory of the machine");
            if let Err(error) = guest.dump_memory(&self.run.folder.path().join(MEMORY)).await {
                self.fail(format!("the memory was not written: {error}"));
            }
        }
        if let Err(error) = guest.stop().await {
            self.fail(format!("the machine was not stopped cleanly: {error}"));
        }
        // A copy of up to some gigabytes.
        let path = self.run.folder.path().join(crate::results::CAPTURE);
        if let Err(error) = tokio::task::block_in_place(|| guest.take_capture(&path)) {
            self.fail(format!("the capture was not kept: {error}"));
        }
    }

    /// Tells clients of what is done otherwise than asked; the run itself has not failed.
    async fn warn(&mut self, text: String) {
        self.log.warning(&text);
        let id = self.run.task.id;
        if let Err(error) = self.run.sandbox.db.write(move |tx| task::fail(tx, id, &text)).await {
            tracing::error!(target: "sandbox", task = id, %error, "a warning was not written");
        }
    }

    fn fail(&mut self, text: String) {
        self.log.error(&text);
        self.errors.push(text);
    }
}
