//! `harrier config rotate-certs`: new certificates from the same CA. What clients and agents trust stays.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serve::ca;
use serve::config::ServerConfig;
use serve::web;

use super::Outcome;
use crate::config;

/// Give the servers new certificates and keys.
///
/// The CA stays, so API clients and agents go on without being told. The fleet server takes its new certificate within
/// seconds; the gRPC API does when it is started the next time.
#[derive(clap::Args)]
pub struct Args {
    /// The data directory, when it is not the configuration's Datastore.location.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub fn run(args: &Args, path: Option<PathBuf>) -> Outcome {
    let loaded = config::given(path)?;
    let text = fs::read_to_string(&loaded.path)?;
    let unknown = ServerConfig::parse(&text)?.unknown;
    if let Some(key) = unknown.first() {
        bail!("{}: the key {key} is not known and would be lost; take it out first", loaded.path.display());
    }
    let mut new = loaded.config.clone();
    let authority = new.authority().context("certificates are issued with the key of the CA")?;
    let days = new.defaults.as_ref().map_or(0, |defaults| defaults.certificate_validity_days);
    let days = if days == 0 { ca::DEFAULT_DAYS } else { days };
    let frontend = new.frontend.as_mut().context("the configuration has no Frontend")?;
    let issued = authority.issue_server(days)?;
    (frontend.certificate, frontend.private_key.0) = (issued.certificate, issued.private_key);
    if let Some(gui) = &mut new.gui {
        let issued = authority.issue_gateway(days)?;
        (gui.gw_certificate, gui.gw_private_key.0) = (issued.certificate, issued.private_key);
    }
    let dir = match &args.data_dir {
        Some(dir) => store::DataDir::open(dir)?,
        None => config::data_dir(&loaded)?,
    };
    config::write_private(&loaded.path, new.to_yaml().as_bytes())?;
    println!(
        "{}: new certificates for the gRPC API; start the server again to use them",
        loaded.path.display()
    );
    let current = dir.path().join("fleet-cert.pem");
    if let Ok(pem) = fs::read_to_string(&current) {
        let names = web::names(&pem).context("the fleet server's certificate cannot be read")?;
        web::renew(dir.path(), "fleet", &authority, &names)?;
        println!("{}: a new certificate for {}", current.display(), names.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}
