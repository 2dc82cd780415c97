//! `harrier config api_client`: a certificate for a program that calls the API.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serve::config::{ApiClient, ServerConfig};
use store::role::{DEFAULT_CLIENT_GRANT, Grant};
use vql::permission::Permissions;

use super::Outcome;
use crate::config;

/// Issue a certificate for an API client and print its api_client.yaml.
///
/// The user is created when missing. Without --role it may query, read files and machine state, use the network
/// and push events; name a role for less or more. Needs a configuration that holds CA.private_key.
#[derive(clap::Args)]
pub struct Args {
    /// The user's name: the common name of the certificate, and what the audit log shows.
    #[arg(long)]
    name: String,
    /// Roles to grant: administrator, api, reader, analyst, investigator, artifact_writer, org_admin.
    #[arg(long, value_delimiter = ',', value_name = "ROLE[,ROLE]")]
    role: Vec<String>,
    /// Where to write it; standard output if absent or `-`.
    output: Option<PathBuf>,
}

pub fn run(args: &Args, config: Option<PathBuf>) -> Outcome {
    let config = config::given(config)?.config;
    store::user::check_name(&args.name)?;
    let authority = config.authority()?;
    grant(args, &config::data_dir(&config)?)?;
    let issued = authority.issue_client(&args.name, config.certificate_days())?;
    let address = running_server(&config).unwrap_or_else(|| config.connection_string());
    let client = ApiClient::new(&args.name, issued, config.ca_certificate(), address);
    write(args, client.to_yaml().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Where a server on this data directory listens now, if that is not what its configuration says
/// (`--api-listen`).
fn running_server(config: &ServerConfig) -> Option<String> {
    let dir = config::data_dir(config).ok()?;
    let listen = std::fs::read_to_string(dir.path().join("run/listen.json")).ok()?;
    let listen: serde_json::Value = serde_json::from_str(&listen).ok()?;
    let address: SocketAddr = listen.get("api")?.as_str()?.parse().ok()?;
    let reachable = if address.ip().is_unspecified() {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
    } else {
        address
    };
    TcpStream::connect_timeout(&reachable, Duration::from_millis(300)).ok()?;
    let configured = config.connection_string();
    if !address.ip().is_unspecified() {
        return Some(address.to_string());
    }
    // Bound to every address: the name from the configuration, the port that is really used.
    let (host, _) = configured.rsplit_once(':')?;
    Some(format!("{host}:{}", address.port()))
}

fn grant(args: &Args, dir: &store::DataDir) -> anyhow::Result<()> {
    let roles: Vec<&str> = args.role.iter().map(String::as_str).collect();
    let users = dir.users()?;
    let grant = match roles.is_empty() {
        // A user that has rights already keeps just those.
        true if users.find(&args.name)?.is_some_and(|u| u.effective() != Permissions::NONE) => return Ok(()),
        true => DEFAULT_CLIENT_GRANT,
        false => Grant { roles: &roles, permissions: Permissions::NONE },
    };
    let user = users.grant(&args.name, &grant)?;
    let rights: Vec<&str> = user.effective().iter().map(|p| p.name()).collect();
    eprintln!("{} may: {}", user.name, rights.join(", "));
    Ok(())
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
