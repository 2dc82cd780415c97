//! `harrier guest`: guests of the sandbox.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use sandbox::guest::build::{Plan, build, renew_agent};
use sandbox::guest::{Agent, Event, Guests, find_agent_file};
use sandbox::internet::Program;
use sandbox::machine::{Choice, Qemu, Settings, Spec, check};
use sandbox::protocol::{Exit, Limits, Owner, Run, Stream};
use sandbox::remote;

use super::Outcome;
use crate::config;

/// Build, list and try the guests that samples run in.
#[derive(Subcommand)]
pub enum Command {
    /// Build a guest from Debian's packages (needs root; takes a minute or more).
    Build(Build),
    /// List guests.
    List(Place),
    /// Restore a guest, run a command in it and print how long things took. Of a machine of the configuration (kind qemu): start it
    /// and wait for its agent.
    Check(On),
    /// Run commands in a restored guest, which is thrown away afterwards.
    Shell(Shell),
    /// Boot a guest and save its state anew, from which runs go on; or a machine of the configuration (kind qemu), once its agent
    /// answers.
    Snapshot(Snapshot),
}

#[derive(Args)]
pub struct Place {
    /// Where the server keeps its state; guests lie in its folder `guests`.
    #[arg(long, default_value = "harrier-data", value_name = "DIR")]
    data_dir: PathBuf,
}

#[derive(Args)]
pub struct Build {
    /// The guest's name: lower-case letters, digits and dashes.
    #[arg(default_value = "linux")]
    name: String,
    #[command(flatten)]
    place: Place,
    /// A further package, such as default-jre-headless or nodejs; may be given many times.
    #[arg(long = "package", value_name = "PACKAGE")]
    packages: Vec<String>,
    /// Debian's release.
    #[arg(long, default_value = "bookworm")]
    suite: String,
    /// Where packages come from, if not from Debian's own servers.
    #[arg(long, default_value = "", value_name = "URL")]
    mirror: String,
    /// What the guest's disk can hold.
    #[arg(long, default_value_t = 4, value_name = "GIB", value_parser = clap::value_parser!(u64).range(1..=64))]
    disk: u64,
    #[arg(long, default_value_t = 256, value_name = "MIB", value_parser = clap::value_parser!(u32).range(128..=16384))]
    memory: u32,
    /// The program that runs inside; else it is looked for beside harrier.
    #[arg(long, env = "HARRIER_GUEST_AGENT", value_name = "FILE")]
    agent: Option<PathBuf>,
    /// Only replace the agent of a guest that is there.
    #[arg(long, conflicts_with_all = ["packages", "suite", "mirror", "disk", "memory"])]
    agent_only: bool,
}

#[derive(Args)]
pub struct On {
    #[arg(default_value = "linux")]
    name: String,
    #[command(flatten)]
    place: Place,
    /// auto, kvm or tcg (emulation).
    #[arg(long, default_value = "auto")]
    accelerator: Choice,
    /// Whom QEMU runs as when this is root.
    #[arg(long, default_value = "nobody", value_name = "USER")]
    user: String,
}

#[derive(Args)]
pub struct Snapshot {
    #[command(flatten)]
    on: On,
    /// How long a machine of the configuration is left alone after its agent answered, for what else starts with its system.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    settle: u64,
}

#[derive(Args)]
pub struct Shell {
    #[command(flatten)]
    on: On,
    /// Run as root in the guest.
    #[arg(long)]
    root: bool,
    /// One command; without, each line of the input is one.
    #[arg(last = true)]
    command: Vec<String>,
}

pub fn run(command: Command, config: Option<PathBuf>) -> Outcome {
    match command {
        Command::Build(args) => build_guest(args),
        Command::List(place) => list(&place),
        Command::Check(on) => asynchronously(check_guest(on, config)),
        Command::Shell(args) => asynchronously(shell(args)),
        Command::Snapshot(args) => asynchronously(snapshot(args, config)),
    }
}

fn asynchronously(work: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Runtime::new().context("cannot start the runtime")?.block_on(work)
}

fn build_guest(args: Build) -> Outcome {
    let guests = Guests::open(&args.place.data_dir)?;
    let agent = find_agent_file(args.agent)?;
    if args.agent_only {
        let image = renew_agent(&guests, &args.name, &agent)?;
        println!("{}: new agent, in {}", image.manifest.name, image.folder.display());
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan {
        suite: args.suite,
        mirror: args.mirror,
        packages: args.packages,
        disk_bytes: args.disk << 30,
        memory_mib: args.memory,
        ..Plan::new(&args.name, agent)
    };
    let image = build(&guests, &plan, |line| eprintln!("{line}"))?;
    println!("{}: kernel {}, in {}", image.manifest.name, image.manifest.kernel, image.folder.display());
    Ok(ExitCode::SUCCESS)
}

fn list(place: &Place) -> Outcome {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["NAME", "SYSTEM", "KERNEL", "MEMORY", "PACKAGES", "BUILT ON"]);
    for image in Guests::open(&place.data_dir)?.list()? {
        let manifest = image.manifest;
        let (memory, packages) =
            (format!("{} MiB", manifest.memory_mib), manifest.packages.len().to_string());
        table.add_row([manifest.name, manifest.system, manifest.kernel, memory, packages, manifest.built_on]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}

fn machines(on: &On) -> anyhow::Result<Qemu> {
    let settings = Settings { accelerator: on.accelerator, user: on.user.clone() };
    Ok(Qemu::open(&on.place.data_dir, &settings)?)
}

/// The machine of that name in the configuration, if it is one that Harrier runs; a guest of that name comes first.
fn brought(on: &On, config: Option<PathBuf>) -> anyhow::Result<Option<remote::Machine>> {
    let path = config.unwrap_or_else(|| on.place.data_dir.join("server.config.yaml"));
    if on.place.data_dir.join("guests").join(&on.name).exists() || !path.exists() {
        return Ok(None);
    }
    let section = config::read(&path)?.config.cuckoo.unwrap_or_else(|| serde_json::json!({}));
    let read = remote::Configuration::read(section);
    let machines = read.map_err(|why| anyhow::anyhow!("{}: Cuckoo: {why}", path.display()))?.machines;
    Ok(machines.into_iter().find(|machine| machine.name == on.name && machine.kind == remote::Kind::Qemu))
}

fn host(on: &On) -> anyhow::Result<remote::Host> {
    Ok(remote::Host { qemu: machines(on)?, internet: Program::own() })
}

async fn check_guest(on: On, config: Option<PathBuf>) -> Outcome {
    if let Some(machine) = brought(&on, config)? {
        let found = remote::check(&host(&on)?, &machine).await.map_err(anyhow::Error::msg)?;
        let how = if found.is_restored { "went on from its saved state" } else { "booted" };
        println!("{}: {how}, agent {} after {:.1} s", on.name, found.version, found.took.as_secs_f64());
        return Ok(ExitCode::SUCCESS);
    }
    let report = check(&machines(&on)?, &on.name).await?;
    let show = |what: &str, took: Duration| println!("{what:<28}{:>8.3} s", took.as_secs_f64());
    println!("{} ({})", report.qemu, report.accelerator);
    show("template made in", report.template);
    show("QEMU started after", report.restore.process);
    show("state loaded after", report.restore.loaded);
    show("agent answered after", report.restore.answered);
    show("clock and random set after", report.restore.ready);
    show("a command took", report.run);
    print!("{}", report.output);
    Ok(ExitCode::SUCCESS)
}

async fn snapshot(Snapshot { on, settle }: Snapshot, config: Option<PathBuf>) -> Outcome {
    if let Some(machine) = brought(&on, config)? {
        let saved = remote::snapshot(&host(&on)?, &machine, Duration::from_secs(settle)).await;
        println!("{}", saved.map_err(anyhow::Error::msg)?.display());
        return Ok(ExitCode::SUCCESS);
    }
    let template = machines(&on)?.rebuild_template(&on.name).await?;
    println!("{} in {:.1} s", template.folder.display(), template.built_in.as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

async fn shell(args: Shell) -> Outcome {
    let qemu = machines(&args.on)?;
    let guest = qemu.restore(&Spec::new(&args.on.name)).await?;
    let user = if args.root { Owner::Root } else { Owner::Guest };
    let order = |run: Run| Run { user, limits: Limits { wait_for_all: false, ..Limits::default() }, ..run };
    if !args.command.is_empty() {
        let command = args.command.into_iter().map(Into::into).collect();
        return obey(guest.agent(), order(Run { command, ..Run::shell("") })).await;
    }
    eprintln!("each line is run by a shell of its own; end with Ctrl-D");
    let mut last = ExitCode::SUCCESS;
    loop {
        eprint!("{}> ", args.on.name);
        let line = tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next()).await?;
        let Some(line) = line.transpose()? else { return Ok(last) };
        last = obey(guest.agent(), order(Run::shell(line))).await?;
    }
}

/// Runs one command; its exit code is ours.
async fn obey(agent: &Agent, run: Run) -> Outcome {
    let mut events = agent.run(run).await?;
    let mut code = 0;
    while let Some(event) = events.next().await? {
        match event {
            Event::Output { stream: Stream::Stdout, bytes } => std::io::stdout().write_all(&bytes)?,
            Event::Output { stream: Stream::Stderr, bytes } => std::io::stderr().write_all(&bytes)?,
            Event::Exited(Exit::Code(found)) => code = found,
            // As shells do.
            Event::Exited(Exit::Signal(signal)) => code = 128 + signal,
            _ => {}
        }
    }
    Ok(ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1)))
}
