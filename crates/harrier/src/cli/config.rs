//! `harrier config …`: making configurations.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serve::config::ServerConfig;

use super::{Outcome, api_client, rotate_certs};

/// Make configuration files.
#[derive(Subcommand)]
pub enum Command {
    /// Print a new server configuration, with a new CA, as YAML.
    Generate,
    #[command(name = "api_client")]
    ApiClient(api_client::Args),
    #[command(name = "rotate-certs")]
    RotateCerts(rotate_certs::Args),
}

pub fn run(command: Command, config: Option<PathBuf>) -> Outcome {
    match command {
        Command::Generate => {
            let config = ServerConfig::generate()?;
            std::io::stdout().write_all(config.to_yaml().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::ApiClient(args) => api_client::run(&args, config),
        Command::RotateCerts(args) => rotate_certs::run(&args, config),
    }
}
