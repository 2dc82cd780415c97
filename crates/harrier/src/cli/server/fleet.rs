//! The fleet server among the servers: where it listens, and its parts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use fleet::forward::Destination;
use fleet::{Fleet, Settings};
use serve::ca::Authority;
use serve::config::ServerConfig;
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use serve::web;
use store::DataDir;
use store::db::Db;
use tokio::task::JoinHandle;

/// Connections of agents and users; an agent keeps one open.
const MAX_CONNECTIONS: usize = 65_536;

#[derive(clap::Args)]
#[group(id = "fleet")]
pub struct Args {
    /// Where the fleet server listens: osquery agents, fleetctl and browsers. Port 0 takes any free one, `off` none.
    #[arg(long, value_name = "ADDRESS:PORT|off", default_value = "127.0.0.1:8080")]
    fleet_listen: String,
    /// `off`: plain HTTP, for use behind a proxy that ends TLS.
    #[arg(long, value_name = "on|off", default_value = "on")]
    fleet_tls: Switch,
    /// A host name or address that the fleet server's certificate should be for, besides this machine's own.
    #[arg(long, value_name = "NAME")]
    fleet_name: Vec<String>,
    /// The certificate of the fleet server (PEM, with its chain) instead of one from Harrier's CA.
    #[arg(long, value_name = "FILE", requires = "fleet_key")]
    fleet_cert: Option<PathBuf>,
    /// The key of that certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "fleet_cert")]
    fleet_key: Option<PathBuf>,
    /// A proxy in front of the fleet server, whose X-Forwarded-For is believed.
    #[arg(long, value_name = "ADDRESS")]
    fleet_proxy: Vec<std::net::IpAddr>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

/// The fleet server while it runs.
pub struct Running {
    address: SocketAddr,
    is_plain: bool,
    task: JoinHandle<()>,
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
        if args.fleet_listen == "off" {
            return Ok(None);
        }
        let address: SocketAddr = args.fleet_listen.parse().with_context(|| {
            format!("--fleet-listen {}: give ADDRESS:PORT, such as 127.0.0.1:8080, or off", args.fleet_listen)
        })?;
        let limits = Limits { total: MAX_CONNECTIONS, per_peer: MAX_CONNECTIONS, ..Limits::default() };
        let listener = Listener::bind(address, limits).await;
        let listener = listener.with_context(|| {
            format!("cannot listen on {address}; choose another with --fleet-listen, or --fleet-listen off")
        })?;
        let address = listener.local_addr()?;
        let is_plain = args.fleet_tls == Switch::Off;
        let tls =
            if is_plain { None } else { Some(web::server_config(certificate(args, config, dir, address)?)?) };
        let mut settings = settings(config, dir)?;
        settings.trusted_proxies.clone_from(&args.fleet_proxy);
        let fleet = Fleet::open(db, settings).await;
        let fleet =
            fleet.map_err(|error| anyhow::anyhow!("the fleet server cannot start: {}", error.message))?;
        let incoming = listener.incoming(tls);
        let task = tokio::spawn(async move { fleet::serve(fleet, incoming, stop.cancelled_owned()).await });
        Ok(Some(Self { address, is_plain, task }))
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        let scheme = if self.is_plain { "http" } else { "https" };
        format!("{scheme}://{}", self.address)
    }

    /// Waits for its end.
    pub async fn ended(self) {
        let _ = self.task.await;
    }
}

/// Whether lines of agents go to standard output.
pub fn takes_stdout(config: &ServerConfig) -> bool {
    let destinations = config.fleet.as_ref().and_then(|told| told.destinations.as_ref());
    destinations.is_some_and(|all| all.iter().any(|one| one["kind"] == "stdout"))
}

/// The defaults, with what the section `Fleet` of the configuration says.
fn settings(config: &ServerConfig, dir: &DataDir) -> anyhow::Result<Settings> {
    let mut settings = Settings::in_dir(dir.path().to_owned());
    let Some(told) = &config.fleet else { return Ok(settings) };
    let day = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    if let Some(days) = told.results.max_age_days {
        settings.results.max_age = Some(days).filter(|days| *days > 0).map(day);
    }
    if let Some(bytes) = told.results.max_bytes {
        settings.results.max_bytes = Some(bytes).filter(|bytes| *bytes > 0);
    }
    if let Some(all) = told.destinations.clone() {
        let parsed = Destination::parse(all).map_err(anyhow::Error::msg);
        settings.destinations = parsed.context("in Fleet.destinations of the configuration")?;
    }
    if let Some(bytes) = i64::try_from(told.max_carve_bytes).ok().filter(|bytes| *bytes > 0) {
        settings.max_carve = settings.max_carve.min(bytes);
    }
    Ok(settings)
}

fn certificate(
    args: &Args,
    config: &ServerConfig,
    dir: &DataDir,
    address: SocketAddr,
) -> anyhow::Result<web::Files> {
    if let (Some(certificate), Some(private_key)) = (&args.fleet_cert, &args.fleet_key) {
        return Ok(web::Files { certificate: certificate.clone(), private_key: private_key.clone() });
    }
    let key = config.ca.as_ref().map(|ca| ca.private_key.0.as_str()).unwrap_or_default();
    let authority = Authority::load(key, config.ca_certificate()).context(
        "the fleet server needs a certificate: give --fleet-cert and --fleet-key, or the key of the CA",
    )?;
    let mut names = web::default_names(address.ip());
    names.extend(args.fleet_name.iter().cloned());
    Ok(web::ensure(dir.path(), "fleet", &authority, config.ca_certificate(), &names)?)
}
