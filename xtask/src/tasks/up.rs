//! `up`: from a clone to a running server.

use std::os::unix::process::CommandExt;

use super::{Task, guest_agent, setup};
use crate::shell::{Result, cargo, command, run, target};

pub const TASK: Task = Task {
    name: "up",
    usage: "up [--data-dir DIR] [SERVER ARGUMENT…]",
    summary: "Build the release binary and run a server with it.",
    help: "
Sets up, builds `target/release/harrier` and runs `harrier server` in the foreground; Ctrl-C ends it.
State is kept in target/harrier-data unless --data-dir names another folder; the first start makes the
server's certificates and configuration there, and builds the guest in which samples run, in the background. Further arguments go to the server as they are, for example

  cargo xtask up --api-listen 127.0.0.1:9001",
    run: up,
};

fn up(args: &[String]) -> Result {
    setup::compiler()?;
    run(&mut cargo(&["build", "--release", "--package", "harrier"]))?;
    guest_agent::put_into(&target().join("release"))?;
    let mut server = command(target().join("release/harrier"), &["server"]);
    let names_dir = args.iter().any(|arg| arg == "--data-dir" || arg.starts_with("--data-dir="));
    if !names_dir {
        server.arg("--data-dir").arg(target().join("harrier-data"));
    }
    // Only a leading `--` is ours to drop.
    let args = args.strip_prefix(&["--".to_string()][..]).unwrap_or(args);
    server.args(args);
    // Without what machines take, all but running samples works.
    match setup::machines() {
        Ok(()) if !args.iter().any(|arg| arg == "--build-guest") => {
            server.arg("--build-guest");
        }
        Ok(()) => {}
        Err(error) => eprintln!("no samples can be run: {error}"),
    }
    // The server takes our place, so that signals reach it directly.
    let error = server.exec();
    Err(format!("cannot start the server: {error}"))
}
