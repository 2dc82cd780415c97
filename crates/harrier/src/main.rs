//! The `harrier` binary: command line, configuration, wiring.

mod cli;
mod config;
mod log;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
