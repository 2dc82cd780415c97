//! The sandbox among the servers: where its API listens, who may call, and its machines.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use sandbox::analysis::Detonator;
use sandbox::guest::{Guests, build, find_agent_file};
use sandbox::machine::{self, Qemu};
use sandbox::pool::{Machine, Pool};
use sandbox::scheduler::{Kinds, Nobody};
use sandbox::{Access, Sandbox, Settings, processor, scheduler};
use serve::config::ServerConfig;
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use store::DataDir;
use store::db::Db;
use tokio::task::JoinHandle;

use crate::config;

mod brought;

use brought::Brought;

/// The token of those who may call, in the data directory.
const TOKEN: &str = "cuckoo.token";
/// The guest that is built when there is none.
const GUEST: &str = "linux";
/// How often new guests are looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
#[group(id = "cuckoo")]
pub struct Args {
    /// Where the sandbox's API (Cuckoo's) listens. Port 0 takes any free one, `off` none.
    #[arg(long, value_name = "ADDRESS:PORT|off", default_value = "127.0.0.1:8090")]
    cuckoo_listen: String,
    /// Whether callers need the token in DIR/cuckoo.token. `auto`: unless it listens on a loopback address. `off` on any
    /// other address lets everybody who reaches it run programs and read results.
    #[arg(long, value_name = "auto|on|off", default_value = "auto")]
    cuckoo_token: Token,
    /// A name besides addresses and localhost under which clients without a token may call.
    #[arg(long, value_name = "NAME")]
    cuckoo_name: Vec<String>,
    /// How many machines of each guest run at once; by default as many as there are processors.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=256))]
    machines: Option<u32>,
    /// Build the guest `linux` from Debian's packages, in the background, when there is no guest (takes root and some minutes).
    #[arg(long)]
    build_guest: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Token {
    Auto,
    On,
    Off,
}

/// The sandbox while it runs.
pub struct Running {
    address: SocketAddr,
    has_token: bool,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts it, unless it is switched off.
    pub async fn start(
        args: &Args,
        config: &ServerConfig,
        dir: &DataDir,
        db: Db,
        stop: CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        if args.cuckoo_listen == "off" {
            return Ok(None);
        }
        let address: SocketAddr = args.cuckoo_listen.parse().with_context(|| {
            format!(
                "--cuckoo-listen {}: give ADDRESS:PORT, such as 127.0.0.1:8090, or off",
                args.cuckoo_listen
            )
        })?;
        let listener = Listener::bind(address, Limits::default()).await.with_context(|| {
            format!("cannot listen on {address}; choose another with --cuckoo-listen, or --cuckoo-listen off")
        })?;
        let address = listener.local_addr()?;
        let has_token = match args.cuckoo_token {
            Token::Auto => !address.ip().is_loopback(),
            Token::On => true,
            Token::Off => false,
        };
        let access = if has_token { Access::Token(token(dir.path())?) } else { Access::Open };
        let brought = Brought::read(config)?;
        let settings = Settings {
            access,
            names: args.cuckoo_name.clone(),
            proxies: brought.proxies(),
            ..Settings::in_dir(dir.path().join("sandbox"))
        };
        // Filled once all of them are known: a task that none of them can run would be given up.
        let pool = Pool::new(Vec::new());
        let sandbox =
            Sandbox::open(db, settings, pool.clone()).context("the sandbox's folders cannot be used")?;
        scheduler::recover(&sandbox).await.context("the sandbox's tasks cannot be read")?;
        let results = brought.take_results(&stop).await?;
        let mut tasks = vec![
            tokio::spawn(processor::run(sandbox.clone(), stop.clone())),
            tokio::spawn(run_machines(
                sandbox.clone(),
                dir.path().to_owned(),
                args.into(),
                brought,
                stop.clone(),
            )),
            tokio::spawn(sandbox::serve(sandbox, listener.incoming(None), stop.cancelled_owned())),
        ];
        tasks.extend(results);
        Ok(Some(Self { address, has_token, tasks }))
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What people should know of how to call.
    pub fn hint(&self, dir: &Path) -> String {
        if self.has_token { format!(" (token in {})", dir.join(TOKEN).display()) } else { String::new() }
    }

    /// Waits for its end, with all machines stopped.
    pub async fn ended(self) {
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// The token, made when there is none.
fn token(dir: &Path) -> anyhow::Result<String> {
    let path = dir.join(TOKEN);
    match fs::read_to_string(&path) {
        Ok(token) if token.trim().len() >= 16 => return Ok(token.trim().to_owned()),
        Ok(_) => {
            bail!("{}: a token has at least 16 characters; remove the file to have one made", path.display())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    let token = store::fleet::token::random(24);
    config::write_private(&path, format!("{token}\n").as_bytes())?;
    Ok(token)
}

/// Which machines there should be.
#[derive(Clone, Copy)]
struct Wanted {
    /// Of each guest.
    count: u32,
    build_guest: bool,
}

impl From<&Args> for Wanted {
    fn from(args: &Args) -> Self {
        let processors = || std::thread::available_parallelism().map_or(2, |count| count.get() as u32);
        Self { count: args.machines.unwrap_or_else(processors), build_guest: args.build_guest }
    }
}

/// Gives machines to tasks, once this host turns out to have any.
async fn run_machines(
    sandbox: Arc<Sandbox>,
    dir: std::path::PathBuf,
    wanted: Wanted,
    brought: Brought,
    stop: CancellationToken,
) {
    let machines = brought.machines.clone();
    let place = dir.clone();
    // Whether the processor helps is found out by trying, which takes a moment.
    let opened = tokio::task::spawn_blocking(move || {
        let qemu = Qemu::open(&place, &machine::Settings::default())?;
        renew_agents(qemu.guests());
        Ok::<_, sandbox::Error>(qemu)
    })
    .await;
    let qemu = match opened {
        Ok(Ok(qemu)) => qemu,
        Ok(Err(error)) => {
            tracing::warn!(target: "sandbox", %error, "no machines of this host: tasks for them wait");
            let text = format!("there are no machines of this host: {error}");
            sandbox.pool.set_absent(&text);
            sandbox.pool.set(machines);
            let remote = brought.analyst(Err(text));
            return scheduler::run(sandbox, Arc::new(Kinds { guests: Arc::new(Nobody), remote }), stop).await;
        }
        Err(error) => {
            tracing::error!(target: "sandbox", %error, "no machines");
            return;
        }
    };
    tracing::info!(target: "sandbox", qemu = qemu.version(), accelerator = %qemu.accelerator(), "machines are run by");
    if wanted.build_guest && qemu.guests().list().is_ok_and(|images| images.is_empty()) {
        // Before the pool is filled: a task for it would be given up.
        sandbox.pool.expect(machine(GUEST, 1));
        sandbox.pool.set_absent(&format!("the guest {GUEST} is being built"));
        let (sandbox, guests) = (sandbox.clone(), qemu.guests().clone());
        tokio::task::spawn_blocking(move || build_guest(&sandbox, &guests));
    }
    let remote = brought.analyst(Ok(qemu.clone()));
    let watch = tokio::spawn(watch_guests(sandbox.clone(), qemu.clone(), wanted.count, machines));
    scheduler::run(sandbox, Arc::new(Kinds { guests: Detonator::new(qemu), remote }), stop).await;
    watch.abort();
}

/// Guests that another version of Harrier built get the agent of this one: both sides must speak alike.
fn renew_agents(guests: &Guests) {
    let renewed = || -> sandbox::Result<()> {
        let agent = find_agent_file(std::env::var_os("HARRIER_GUEST_AGENT").map(Into::into))?;
        let sum = build::sum(&agent)?;
        for image in guests.list()? {
            if image.manifest.files.get(build::AGENT) != Some(&sum) {
                build::renew_agent(guests, &image.manifest.name, &agent)?;
                tracing::info!(target: "sandbox", guest = image.manifest.name, "the guest has a new agent");
            }
        }
        Ok(())
    };
    if let Err(error) = renewed() {
        tracing::warn!(target: "sandbox", %error, "guests keep their agents");
    }
}

/// Makes the first guest; tasks that wait meanwhile say how far it is.
fn build_guest(sandbox: &Sandbox, guests: &Guests) {
    let agent = find_agent_file(std::env::var_os("HARRIER_GUEST_AGENT").map(Into::into));
    let built = agent.and_then(|agent| {
        build::build(guests, &build::Plan::new(GUEST, agent), |line| {
            tracing::info!(target: "sandbox", guest = GUEST, "building: {line}");
            sandbox.pool.set_absent(&format!("the guest {GUEST} is being built: {line}"));
        })
    });
    match built {
        Ok(_) => tracing::info!(target: "sandbox", guest = GUEST, "the guest is built"),
        Err(error) => {
            tracing::warn!(target: "sandbox", %error, "the guest could not be built: tasks wait");
            sandbox.pool.set_absent(&format!("the guest {GUEST} could not be built: {error}"));
        }
    }
    sandbox.submitted.notify_one();
}

/// Guests that were built meanwhile become machines.
async fn watch_guests(sandbox: Arc<Sandbox>, qemu: Qemu, count: u32, brought: Vec<Machine>) {
    loop {
        let guests = qemu.guests().clone();
        let images = tokio::task::spawn_blocking(move || guests.list()).await;
        let names: Vec<String> = match images {
            Ok(Ok(images)) => images.into_iter().map(|image| image.manifest.name).collect(),
            Ok(Err(error)) => {
                tracing::warn!(target: "sandbox", %error, "guests cannot be listed");
                Vec::new()
            }
            Err(_) => return,
        };
        let machines = names.iter().flat_map(|name| (1..=count).map(move |number| machine(name, number)));
        if sandbox.pool.set(brought.iter().cloned().chain(machines).collect()) {
            sandbox.submitted.notify_one();
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn machine(guest: &str, number: u32) -> Machine {
    Machine {
        label: guest.to_owned(),
        ip: "10.0.2.15".into(),
        snapshot: Some("template".into()),
        resultserver_ip: "10.0.2.2".into(),
        ..Machine::new(&format!("{guest}{number}"), "linux", &["x64", guest])
    }
}
