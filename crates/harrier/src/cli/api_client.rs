//! `harrier config api_client`: a certificate for a program that calls the API.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serve::config::ApiClient;
use store::rights::{DEFAULT_CLIENT_GRANT, Grant};
use store::user::{User, Users};
use vql::permission::Permissions;

use super::Outcome;
use crate::config::{self, Loaded};
use crate::database;

/// Issue a certificate for an API client and print its api_client.yaml.
///
/// The user is created when missing; give the mail address of a user of the fleet server to have the certificate be for that one.
/// Without --role a new user may query, read files and machine state, use the network
/// and push events; name a role for less or more. Needs a configuration that holds CA.private_key.
#[derive(clap::Args)]
pub struct Args {
    /// The user's name: the common name of the certificate, and what the audit log shows.
    #[arg(long)]
    name: String,
    /// Roles to grant: administrator, api, reader, analyst, investigator, artifact_writer, org_admin.
    #[arg(long, value_delimiter = ',', value_name = "ROLE[,ROLE]")]
    role: Vec<String>,
    #[command(flatten)]
    database: database::Args,
    /// Where to write it; standard output if absent or `-`.
    output: Option<PathBuf>,
}

pub fn run(args: &Args, config: Option<PathBuf>) -> Outcome {
    let loaded = config::given(config)?;
    let config = &loaded.config;
    store::user::check_name(&args.name)?;
    let authority = config.authority()?;
    grant(args, &args.database.users(&loaded)?)?;
    let issued = authority.issue_client(&args.name, config.certificate_days())?;
    let address = running_server(&loaded).unwrap_or_else(|| config.connection_string());
    let client = ApiClient::new(&args.name, issued, config.ca_certificate(), address);
    write(args, client.to_yaml().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Where a server on this data directory listens now, if that is not what its configuration says
/// (`--api-listen`).
fn running_server(loaded: &Loaded) -> Option<String> {
    let dir = config::data_dir(loaded).ok()?;
    let listen = std::fs::read_to_string(dir.path().join("run/listen.json")).ok()?;
    let listen: serde_json::Value = serde_json::from_str(&listen).ok()?;
    let address: SocketAddr = listen.get("api")?.as_str()?.parse().ok()?;
    let reachable = if address.ip().is_unspecified() {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
    } else {
        address
    };
    TcpStream::connect_timeout(&reachable, Duration::from_millis(300)).ok()?;
    let configured = loaded.config.connection_string();
    if !address.ip().is_unspecified() {
        return Some(address.to_string());
    }
    // Bound to every address: the name from the configuration, the port that is really used.
    let (host, _) = configured.rsplit_once(':')?;
    Some(format!("{host}:{}", address.port()))
}

fn grant(args: &Args, users: &Users) -> anyhow::Result<()> {
    let roles: Vec<&str> = args.role.iter().map(String::as_str).collect();
    let grant = match roles.is_empty() {
        true => match users.find(&args.name)? {
            // Whoever has rights already, here or in Fleet, keeps just those.
            Some(user) if user.effective() != Permissions::NONE || user.is_on_teams => {
                say(&user);
                return Ok(());
            }
            _ => DEFAULT_CLIENT_GRANT,
        },
        false => Grant { roles: &roles, permissions: Permissions::NONE },
    };
    say(&users.grant(&args.name, &grant)?);
    Ok(())
}

fn say(user: &User) {
    let rights: Vec<&str> = user.effective().iter().map(|p| p.name()).collect();
    match rights.is_empty() {
        true => eprintln!(
            "{} may do nothing over gRPC, since roles on teams do not count there; give --role",
            user.name
        ),
        false => eprintln!("{} may: {}", user.name, rights.join(", ")),
    }
}

fn write(args: &Args, yaml: &[u8]) -> anyhow::Result<()> {
    match &args.output {
        Some(path) if path.as_os_str() != "-" => {
            config::write_private(path, yaml)?;
            eprintln!("Creating API client file on {}.", path.display());
        }
        _ => std::io::stdout().write_all(yaml)?,
    }
    Ok(())
}
