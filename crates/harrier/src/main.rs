//! The `harrier` binary: command line, configuration, wiring.

mod cli;
mod config;
mod database;
mod log;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
