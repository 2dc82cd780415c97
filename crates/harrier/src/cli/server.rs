//! `harrier server`: runs the servers until told to stop.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use plugins::artifact::repository::Repository;
use plugins::collection::Runtime;
use plugins::log_lines::LogLines;
use plugins::monitoring::Monitor;
use plugins::net::Network;
use plugins::net::policy::Policy;
use plugins::world::World;
use plugins::write_policy::WritePolicy;
use query::{Server, StoredSecrets};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serve::config::ServerConfig;
use serve::listener::{Incoming, Limits, Listener};
use serve::tls;
use store::DataDir;
use store::event::Retention;
use store::user::Users;
use tokio::sync::Semaphore;
use vql::cancel::Cancel;
use vql::permission::Permissions;
use vql::value::Value;

use super::Outcome;
use crate::config::{self, Loaded};
use crate::database;

mod cuckoo;
mod expiry;
mod fleet;

/// Open files that are asked of the system, as by the service that packages install.
const OPEN_FILES: u64 = 200_000;

/// Run the server.
///
/// Without --config the data directory's own server.config.yaml is used, and made on the first start: with a new
/// CA, certificates and keys.
#[derive(clap::Args)]
pub struct Args {
    /// Where all state is kept; made when missing. The default is the configuration's Datastore.location.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the gRPC API listens instead of API.bind_address and API.bind_port; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    api_listen: Option<SocketAddr>,
    #[command(flatten)]
    fleet: fleet::Args,
    #[command(flatten)]
    cuckoo: cuckoo::Args,
    #[command(flatten)]
    database: database::Args,
}

pub fn run(args: Args, config: Option<PathBuf>) -> Outcome {
    let logs = crate::log::start();
    allow_open_files();
    let (loaded, dir) = load(&args, config)?;
    loaded.config.validate().with_context(|| format!("in {}", loaded.path.display()))?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().max(2)))
        .build()?
        .block_on(serve(&args, loaded, dir, logs))?;
    Ok(ExitCode::SUCCESS)
}

/// Every agent keeps a connection open; shells allow 1,024 files unless asked for what the system allows.
fn allow_open_files() {
    let allowed = getrlimit(Resource::Nofile);
    let most = allowed.maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if allowed.current.is_some_and(|current| current < most) {
        // As many as before remain.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..allowed });
    }
}

fn load(args: &Args, config: Option<PathBuf>) -> anyhow::Result<(Loaded, DataDir)> {
    let Some(path) = config else {
        let dir =
            args.data_dir.as_ref().context("where is the data? Give --data-dir DIR (made when missing)")?;
        let dir = DataDir::open(dir)?;
        let (loaded, is_new) = config::in_data_dir(&dir)?;
        if is_new {
            println!("Made a new configuration with its own CA: {}", loaded.path.display());
        }
        return Ok((loaded, dir));
    };
    let loaded = config::read(&path)?;
    let dir = match &args.data_dir {
        Some(dir) => DataDir::open(dir)?,
        None => config::data_dir(&loaded)?,
    };
    Ok((loaded, dir))
}

async fn serve(args: &Args, loaded: Loaded, dir: DataDir, logs: Arc<LogLines>) -> anyhow::Result<()> {
    let stop = serve::shutdown::on_signals()?;
    let address = match args.api_listen {
        Some(address) => address,
        None => loaded.config.api_address()?,
    };
    let listener = Listener::bind(address, Limits::default())
        .await
        .with_context(|| format!("cannot listen on {address}; choose another with --api-listen"))?;
    let api = listener.local_addr()?;
    let location = args.database.of_server(&dir)?;
    let db = database::open(&location, &dir).await?;
    // A configuration that lies elsewhere names its own place for records.
    let named = config::data_dir(&loaded).ok().filter(|named| is_other(named, &dir));
    // It reads the database where it stands, which async code must not.
    let server =
        tokio::task::block_in_place(|| state(&loaded, &dir, named.as_ref(), Users::new(db.clone()), logs))?;
    let server = Arc::new(server);
    // The data directory is ours now; what a killed server left would name a port that nobody listens on.
    let _ = fs::remove_file(dir.path().join("run/listen.json"));
    let revocations = server.revocations.clone();
    let is_revoked: tls::IsRevoked =
        Arc::new(move |peer| revocations.iter().any(|list| list.is_revoked(&peer.serial, &peer.fingerprint)));
    let incoming: Incoming = listener.incoming(tls::server_config(&loaded.config.credentials(), is_revoked)?);
    let fleet = fleet::Running::start(&args.fleet, &loaded.config, &dir, db.clone(), stop.clone()).await?;
    let cuckoo = cuckoo::Running::start(&args.cuckoo, &loaded.config, &dir, db, stop.clone()).await?;
    database::announce(&location, &dir, named.as_ref())?;
    announce(&loaded, &dir, api, fleet.as_ref(), cuckoo.as_ref())?;
    let certificates = vec![dir.path().join("fleet-cert.pem")];
    tokio::spawn(expiry::watch(loaded.config.clone(), certificates));
    let served = query::serve(server, incoming, stop.clone().cancelled_owned()).await;
    // One server that failed ends the other as well.
    stop.cancel();
    if let Some(fleet) = fleet {
        fleet.ended().await;
    }
    if let Some(cuckoo) = cuckoo {
        cuckoo.ended().await;
    }
    served.context("the API server failed")?;
    // The file says who listens: nobody any more.
    let _ = fs::remove_file(dir.path().join("run/listen.json"));
    Ok(())
}

/// Whether these are two directories, whatever they are called.
fn is_other(one: &DataDir, other: &DataDir) -> bool {
    fs::canonicalize(one.path()).ok() != fs::canonicalize(other.path()).ok()
}

/// What the API's calls share.
fn state(
    loaded: &Loaded,
    dir: &DataDir,
    named: Option<&DataDir>,
    users: Users,
    logs: Arc<LogLines>,
) -> anyhow::Result<Server> {
    let events = Arc::new(dir.events(retention(&loaded.config))?);
    // Certificates that were revoked there are revoked here.
    let revocations = [Some(dir), named].into_iter().flatten().map(DataDir::revocations).collect();
    let mut registry = plugins::registry();
    deny(&mut registry, &loaded.config);
    let stopping = Cancel::new();
    let client_config = client_config(&loaded.config);
    let kept =
        plugins::server::Server::open(dir, events, Some(users.clone()), client_config, stopping.clone())?;
    let kept = Arc::new(kept);
    plugins::collection::mark_interrupted(&kept)?;
    plugins::hunt::resume(&kept)?;
    plugins::user::forget_removed(&kept)?;
    let surroundings = World::of_process();
    let world = World {
        writes: write_policy(&loaded.config, &surroundings),
        runtime: Some(tokio::runtime::Handle::current()),
        network: Arc::new(network(&loaded.config)?),
        secrets: Some(Arc::new(StoredSecrets(dir.secrets()))),
        rights_of: Some(rights_of(users.clone())),
        artifacts: Arc::new(Repository::with(dir.definitions()?)),
        server: Some(kept.clone()),
        logs: Some(logs),
        ..surroundings
    };
    let (world, registry) = (Arc::new(world), Arc::new(registry));
    start_monitoring(&kept, &world, &registry, &loaded.config);
    Ok(Server {
        stopping,
        users,
        revocations: Arc::new(revocations),
        events: kept.events.clone(),
        files: kept.files.clone(),
        audit: kept.audit.clone(),
        registry,
        world,
        config: public_config(&loaded.config),
        running: Arc::new(Semaphore::new(query::MAX_QUERIES)),
    })
}

/// Runs the event artifacts of the table and those that the configuration names.
fn start_monitoring(
    kept: &Arc<plugins::server::Server>,
    world: &Arc<World>,
    registry: &Arc<vql::registry::Registry>,
    config: &ServerConfig,
) {
    let configured = config.frontend.as_ref().map(|f| f.default_server_monitoring_artifacts.clone());
    let runtime = Runtime {
        world: world.clone(),
        registry: registry.clone(),
        permissions: Permissions::all(),
        user: String::new(),
    };
    kept.monitor.get_or_init(|| Monitor::new(runtime, configured.unwrap_or_default())).refresh(kept);
}

/// How long events are kept: for ever, unless the configuration says otherwise.
fn retention(config: &ServerConfig) -> Retention {
    let Some(events) = &config.events else { return Retention::default() };
    let day = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    Retention {
        max_age: Some(events.max_age_days).filter(|days| *days > 0).map(day),
        max_bytes: Some(events.max_bytes).filter(|bytes| *bytes > 0),
    }
}

/// Where queries may write: with `security.allowed_file_accessor_prefix`, only there and among temporary files.
fn write_policy(config: &ServerConfig, world: &World) -> WritePolicy {
    let allowed = config.security.as_ref().map(|s| &*s.allowed_file_accessor_prefix).unwrap_or_default();
    if allowed.is_empty() {
        return WritePolicy::anywhere();
    }
    WritePolicy::within(allowed.iter().map(PathBuf::from).chain([world.temp_dir.clone()]))
}

/// How queries may use the network.
fn network(config: &ServerConfig) -> anyhow::Result<Network> {
    let security = config.security.clone().unwrap_or_default();
    let policy = Policy::parse(&security.allowed_destinations, &security.denied_destinations);
    let proxy = config.frontend.as_ref().map(|frontend| frontend.proxy.clone());
    Ok(Network {
        policy: policy.map_err(anyhow::Error::msg).context("in the lists of destinations of `security`")?,
        proxy: proxy.filter(|proxy| !proxy.is_empty()),
        own_ca: Some(config.ca_certificate().to_owned()),
        always_verify: security.always_verify_certificates,
        must_use_secrets: security.vql_must_use_secrets,
    })
}

/// What `query(runas=)` asks; the server's own identity cannot be taken on.
fn rights_of(users: Users) -> plugins::world::Rights {
    Arc::new(move |name| {
        store::user::check_name(name).ok()?;
        users.find(name).ok().flatten().map(|user| user.effective())
    })
}

/// Takes out what the configuration denies.
fn deny(registry: &mut vql::registry::Registry, config: &ServerConfig) {
    let Some(defaults) = &config.defaults else { return };
    registry.deny(&defaults.denied_functions, &defaults.denied_plugins);
}

/// What queries may see of the configuration: nothing secret.
fn public_config(config: &ServerConfig) -> Value {
    let urls = config.client.iter().flat_map(|c| &c.server_urls).map(|u| Value::from(u.as_str())).collect();
    let version =
        Value::dict([("name", Value::from("harrier")), ("version", Value::from(env!("CARGO_PKG_VERSION")))]);
    Value::dict([("server_urls", Value::list(urls)), ("version", version)])
}

/// What clients have to know; the nonce is a secret that they share.
fn client_config(config: &ServerConfig) -> Value {
    let Some(client) = &config.client else { return Value::dict([]) };
    let urls = client.server_urls.iter().map(|url| Value::from(url.as_str())).collect();
    Value::dict([
        ("server_urls", Value::list(urls)),
        ("ca_certificate", Value::from(client.ca_certificate.as_str())),
        ("use_self_signed_ssl", Value::Bool(client.use_self_signed_ssl)),
    ])
}

/// Says where everything is, for people and for programs.
fn announce(
    loaded: &Loaded,
    dir: &DataDir,
    api: SocketAddr,
    fleet: Option<&fleet::Running>,
    cuckoo: Option<&cuckoo::Running>,
) -> anyhow::Result<()> {
    let run = dir.path().join("run");
    fs::create_dir_all(&run)?;
    let mut listen = serde_json::json!({ "api": api.to_string() });
    if let Some(fleet) = fleet {
        listen["fleet"] = fleet.url().into();
    }
    if let Some(cuckoo) = cuckoo {
        listen["cuckoo"] = cuckoo.url().into();
    }
    config::write_private(&run.join("listen.json"), listen.to_string().as_bytes())?;
    let config = loaded.path.display();
    let mut text = format!(
        "Configuration:  {config}\nData directory: {}\ngRPC API:       {api}\n",
        dir.path().display()
    );
    if let Some(fleet) = fleet {
        text += &format!("Fleet:          {}\n", fleet.url());
    }
    if let Some(cuckoo) = cuckoo {
        text += &format!("Cuckoo API:     {}{}\n", cuckoo.url(), cuckoo.hint(dir.path()));
    }
    text +=
        &format!("Next:           harrier --config {config} config api_client --name Fred > api_client.yaml");
    // Standard output belongs to what agents log when it is a destination of theirs.
    match fleet::takes_stdout(&loaded.config) {
        true => eprintln!("{text}"),
        false => println!("{text}"),
    }
    Ok(())
}
