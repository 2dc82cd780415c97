//! The command line: one file a command.

mod api_client;
mod artifacts;
mod backup;
mod check;
mod config;
mod fmt;
mod guest;
mod loadtest;
mod local;
mod output;
mod query;
mod rotate_certs;
mod server;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Ask every host, fetch the file, run it, act on the report.
#[derive(Parser)]
#[command(name = "harrier", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    /// The server's configuration file.
    #[arg(long, global = true, env = "VELOCIRAPTOR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
First steps:
  harrier query 'SELECT OSPath, Size FROM glob(globs=\"/etc/*.conf\") ORDER BY Size DESC LIMIT 5'
  harrier artifacts collect Linux.Sys.Users Linux.Network.Connections
  harrier server --data-dir ./data
  harrier --config ./data/server.config.yaml config api_client --name Fred > api_client.yaml
  harrier query --api-config api_client.yaml 'SELECT Hostname, OS FROM info()'";

#[derive(Subcommand)]
enum Command {
    Server(server::Args),
    #[command(subcommand)]
    Config(config::Command),
    User(user::Args),
    Query(query::Args),
    #[command(subcommand)]
    Artifacts(artifacts::Command),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    #[command(subcommand)]
    Guest(guest::Command),
    /// The network of one guest; started by the server, which hands it all that it works with.
    #[command(hide = true)]
    Internet,
    Loadtest(loadtest::Args),
    Fmt(fmt::Args),
    Check(check::Args),
    /// Print the version.
    Version,
}

/// Success, or the exit status of a command that found problems it has printed already.
type Outcome = anyhow::Result<ExitCode>;

/// Parses the command line and runs what it asks for.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Server(args) => server::run(args, cli.config),
        Command::Config(command) => config::run(command, cli.config),
        Command::User(args) => user::run(args, cli.config),
        Command::Query(args) => query::run(args),
        Command::Artifacts(command) => artifacts::run(command),
        Command::Backup(args) => backup::back_up(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Guest(command) => guest::run(command, cli.config),
        Command::Internet => sandbox::internet::run().map_err(anyhow::Error::msg).map(|()| ExitCode::SUCCESS),
        Command::Loadtest(args) => loadtest::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Version => {
            println!("harrier {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("harrier: {error:#}");
        ExitCode::FAILURE
    })
}
