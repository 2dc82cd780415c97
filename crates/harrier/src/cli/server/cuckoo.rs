//! The sandbox among the servers: where its API listens, who may call, and its machines.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use sandbox::analysis::Detonator;
use sandbox::machine::{self, Qemu};
use sandbox::pool::{Machine, Pool};
use sandbox::remote::{Configuration, Remote};
use sandbox::result_server::{self, ResultServer};
use sandbox::scheduler::{Analyst, Kinds, Nobody};
use sandbox::{Access, Sandbox, Settings, processor, scheduler};
use serve::config::ServerConfig;
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use store::DataDir;
use store::db::Db;
use tokio::task::JoinHandle;

use crate::config;

/// The token of those who may call, in the data directory.
const TOKEN: &str = "cuckoo.token";
/// How often new guests are looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Connections of guests that send results: in all, and of one guest.
const RESULTS: Limits = Limits { handshake: Duration::from_secs(10), total: 4096, per_peer: 300 };

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
        let settings = Settings {
            access,
            names: args.cuckoo_name.clone(),
            ..Settings::in_dir(dir.path().join("sandbox"))
        };
        let brought = Brought::read(config)?;
        let pool = Pool::new(brought.machines.clone());
        let sandbox =
            Sandbox::open(db, settings, pool.clone()).context("the sandbox's folders cannot be used")?;
        scheduler::recover(&sandbox).await.context("the sandbox's tasks cannot be read")?;
        let results = brought.take_results(&stop).await?;
        let mut tasks = vec![
            tokio::spawn(processor::run(sandbox.clone(), stop.clone())),
            tokio::spawn(run_machines(
                sandbox.clone(),
                dir.path().to_owned(),
                args.machines,
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

/// The machines that the configuration names.
struct Brought {
    listens: Option<SocketAddr>,
    results: Arc<ResultServer>,
    machines: Vec<Machine>,
    analyst: Arc<dyn Analyst>,
}

impl Brought {
    fn read(config: &ServerConfig) -> anyhow::Result<Self> {
        let section = config.cuckoo.clone().unwrap_or_else(|| serde_json::json!({}));
        let configuration = Configuration::read(section)
            .map_err(|why| anyhow::anyhow!("the configuration's Cuckoo: {why}"))?;
        let mut limits = result_server::Limits::default();
        limits.file = configuration.upload_max_size.unwrap_or(limits.file);
        let results = ResultServer::new(limits);
        let machines = configuration.machines.iter();
        let machines = machines.map(|machine| machine.listed(configuration.results_for(machine))).collect();
        let listens = configuration.result_server;
        Ok(Self { listens, results: results.clone(), machines, analyst: Remote::new(configuration, results) })
    }

    /// Takes what guests send, where the configuration says.
    async fn take_results(&self, stop: &CancellationToken) -> anyhow::Result<Option<JoinHandle<()>>> {
        let Some(address) = self.listens else { return Ok(None) };
        let listener = Listener::bind(address, RESULTS).await.with_context(|| {
            format!("cannot listen on {address}, where the configuration's Cuckoo.result_server says")
        })?;
        let taking = self.results.clone().serve(listener.incoming(None), stop.clone().cancelled_owned());
        Ok(Some(tokio::spawn(taking)))
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

/// Gives machines to tasks, once this host turns out to have any.
async fn run_machines(
    sandbox: Arc<Sandbox>,
    dir: std::path::PathBuf,
    machines: Option<u32>,
    brought: Brought,
    stop: CancellationToken,
) {
    let Brought { machines: brought, analyst: remote, .. } = brought;
    let place = dir.clone();
    // Whether the processor helps is found out by trying, which takes a moment.
    let opened = tokio::task::spawn_blocking(move || {
        let_machines_pass(&place);
        Qemu::open(&place, &machine::Settings::default())
    })
    .await;
    let qemu = match opened {
        Ok(Ok(qemu)) => qemu,
        Ok(Err(error)) => {
            tracing::warn!(target: "sandbox", %error, "no machines of this host: tasks for them wait");
            sandbox.pool.set_absent(&format!("there are no machines: {error}"));
            return scheduler::run(sandbox, Arc::new(Kinds { guests: Arc::new(Nobody), remote }), stop).await;
        }
        Err(error) => {
            tracing::error!(target: "sandbox", %error, "no machines");
            return;
        }
    };
    tracing::info!(target: "sandbox", qemu = qemu.version(), accelerator = %qemu.accelerator(), "machines are run by");
    let count =
        machines.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, |n| n.get() as u32));
    let watch = tokio::spawn(watch_guests(sandbox.clone(), qemu.clone(), count, brought));
    scheduler::run(sandbox, Arc::new(Kinds { guests: Detonator::new(qemu), remote }), stop).await;
    watch.abort();
}

/// QEMU runs as a user without rights, who must be able to pass to its own folders; what lies beside them is for the owner
/// alone in any case.
fn let_machines_pass(dir: &Path) {
    let Ok(about) = fs::metadata(dir) else { return };
    let mode = about.permissions().mode();
    if rustix::process::geteuid().is_root() && mode & 0o011 != 0o011 {
        let _ = fs::set_permissions(dir, fs::Permissions::from_mode(mode | 0o011));
    }
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
